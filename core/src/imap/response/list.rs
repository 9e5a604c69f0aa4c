//! What the server says about mailboxes: LIST, LSUB, STATUS, NAMESPACE.

use alloc::vec::Vec;

use super::words::{number, string};
use super::{Mode, Responses};
use crate::imap::utf7;

/// A mailbox attribute. RFC 9051 §7.3.1, RFC 6154 §2 for the special uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListAttribute {
    /// Special use: all messages.
    All,
    /// Special use: messages kept for later.
    Archive,
    /// Special use: drafts.
    Drafts,
    /// Special use: flagged messages.
    Flagged,
    /// There are inferiors.
    HasChildren,
    /// There are none.
    HasNoChildren,
    /// Special use: spam.
    Junk,
    /// Perhaps there is something new.
    Marked,
    /// There can be no inferiors.
    NoInferiors,
    /// There is no such mailbox: only the name, which has inferiors or is subscribed to.
    NonExistent,
    /// It cannot be selected.
    NoSelect,
    /// It is on another server.
    Remote,
    /// Special use: sent messages.
    Sent,
    /// The user subscribed to it.
    Subscribed,
    /// Special use: deleted messages.
    Trash,
    /// There is nothing new.
    Unmarked,
}

impl ListAttribute {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Junk => "\\Junk",
            Self::Marked => "\\Marked",
            Self::NoInferiors => "\\Noinferiors",
            Self::NonExistent => "\\NonExistent",
            Self::NoSelect => "\\Noselect",
            Self::Remote => "\\Remote",
            Self::Sent => "\\Sent",
            Self::Subscribed => "\\Subscribed",
            Self::Trash => "\\Trash",
            Self::Unmarked => "\\Unmarked",
        }
    }
}

/// One mailbox of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'l> {
    /// Its attributes.
    pub attributes: &'l [ListAttribute],
    /// `CHILDINFO ("SUBSCRIBED")`: an inferior that was not listed is subscribed to (RECURSIVEMATCH,
    /// RFC 5258 §3.5). Extended LIST only.
    pub child_info: bool,
    /// What separates levels of the hierarchy; ASCII.
    pub delimiter: Option<char>,
    /// Its name, in UTF-8.
    pub name: &'l str,
    /// `OLDNAME`: the name it had before (RFC 9051 §6.3.9.7). Clients of IMAP4rev2 only.
    pub old_name: Option<&'l str>,
}

/// One item of a STATUS response. RFC 9051 §7.3.4, RFC 7162 §3.1.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusValue {
    /// Messages that have `\Deleted`.
    Deleted(u32),
    /// The highest mod-sequence.
    HighestModSeq(u64),
    /// All messages.
    Messages(u32),
    /// Messages that have `\Recent`; not for clients of IMAP4rev2.
    Recent(u32),
    /// Octets in all.
    Size(u64),
    /// The UID that the next message gets, at the least.
    UidNext(u32),
    /// The validity of the UIDs.
    UidValidity(u32),
    /// Messages that lack `\Seen`.
    Unseen(u32),
}

impl StatusValue {
    const fn word(self) -> (&'static [u8], u64) {
        match self {
            Self::Deleted(n) => (b"DELETED ", n as u64),
            Self::HighestModSeq(n) => (b"HIGHESTMODSEQ ", n),
            Self::Messages(n) => (b"MESSAGES ", n as u64),
            Self::Recent(n) => (b"RECENT ", n as u64),
            Self::Size(n) => (b"SIZE ", n),
            Self::UidNext(n) => (b"UIDNEXT ", n as u64),
            Self::UidValidity(n) => (b"UIDVALIDITY ", n as u64),
            Self::Unseen(n) => (b"UNSEEN ", n as u64),
        }
    }
}

impl Responses {
    /// `* LIST (…) "/" name`, RFC 9051 §7.3.1.
    pub fn list(&mut self, listed: &Listed<'_>) -> &mut Self {
        if self.between() {
            let mode = self.mode;
            let out = &mut self.octets;
            out.extend_from_slice(b"* LIST ");
            mailbox_line(out, listed, mode);
            let old = listed.old_name.filter(|_| mode.rev2);
            if listed.child_info || old.is_some() {
                out.extend_from_slice(b" (");
                if listed.child_info {
                    out.extend_from_slice(b"\"CHILDINFO\" (\"SUBSCRIBED\")");
                }
                if let Some(old) = old {
                    out.extend_from_slice(if listed.child_info { b" " } else { b"" });
                    out.extend_from_slice(b"\"OLDNAME\" (");
                    mailbox(out, old, mode);
                    out.push(b')');
                }
                out.push(b')');
            }
            out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// `* LSUB (…) "/" name`, RFC 3501 §7.2.3.
    pub fn lsub(&mut self, listed: &Listed<'_>) -> &mut Self {
        if self.between() {
            self.octets.extend_from_slice(b"* LSUB ");
            mailbox_line(&mut self.octets, listed, self.mode);
            self.octets.extend_from_slice(b"\r\n");
        }
        self
    }

    /// `* STATUS name (…)`, RFC 9051 §7.3.4.
    pub fn status(&mut self, of: &str, values: &[StatusValue]) -> &mut Self {
        if self.between() {
            let out = &mut self.octets;
            out.extend_from_slice(b"* STATUS ");
            mailbox(out, of, self.mode);
            out.extend_from_slice(b" (");
            for (i, value) in values.iter().enumerate() {
                let (word, n) = value.word();
                out.extend_from_slice(if i == 0 { b"" } else { b" " });
                out.extend_from_slice(word);
                number(out, n);
            }
            out.extend_from_slice(b")\r\n");
        }
        self
    }

    /// `* NAMESPACE (("" "/")) NIL NIL`: personal, other users', shared; each a prefix and a
    /// separator. RFC 9051 §7.3.5.
    pub fn namespace(
        &mut self,
        personal: &[(&str, char)],
        others: &[(&str, char)],
        shared: &[(&str, char)],
    ) -> &mut Self {
        if self.between() {
            let out = &mut self.octets;
            out.extend_from_slice(b"* NAMESPACE");
            for kind in [personal, others, shared] {
                if kind.is_empty() {
                    out.extend_from_slice(b" NIL");
                    continue;
                }
                out.extend_from_slice(b" (");
                for &(prefix, separator) in kind {
                    out.push(b'(');
                    mailbox(out, prefix, self.mode);
                    out.push(b' ');
                    delimiter(out, Some(separator));
                    out.push(b')');
                }
                out.push(b')');
            }
            out.extend_from_slice(b"\r\n");
        }
        self
    }
}

fn mailbox_line(out: &mut Vec<u8>, listed: &Listed<'_>, mode: Mode) {
    out.push(b'(');
    for (i, attribute) in listed.attributes.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b" " });
        out.extend_from_slice(attribute.name().as_bytes());
    }
    out.extend_from_slice(b") ");
    delimiter(out, listed.delimiter);
    out.push(b' ');
    mailbox(out, listed.name, mode);
}

fn delimiter(out: &mut Vec<u8>, delimiter: Option<char>) {
    match delimiter.filter(|c| c.is_ascii() && !c.is_ascii_control()) {
        None => out.extend_from_slice(b"NIL"),
        Some(c) => string(out, &[c as u8], false),
    }
}

/// A mailbox name as this client reads it. Always quoted: some clients want it so, none minds.
fn mailbox(out: &mut Vec<u8>, name: &str, mode: Mode) {
    // The encoding of plain ASCII is itself but for `&`.
    if mode.utf8() || (name.is_ascii() && !name.contains('&')) {
        string(out, name.as_bytes(), mode.utf8());
    } else {
        string(out, utf7::encode(name).as_bytes(), false);
    }
}
