//! Response codes: what stands in brackets behind OK, NO, BAD and BYE. RFC 9051 §7.1.

use alloc::vec::Vec;

use super::words::{number, string};
use super::{ranges, row};
use crate::imap::Flag;

/// A response code.
#[derive(Clone, Copy, Debug)]
pub enum Code<'c> {
    /// Show the text to the user.
    Alert,
    /// The mailbox exists already.
    AlreadyExists,
    /// Where an appended message went: UIDVALIDITY and UID. RFC 4315 §3.
    AppendUid(u32, u32),
    /// Wrong name or password, or not allowed in; one code, so that nobody learns which.
    AuthenticationFailed,
    /// Signed in, but may not act as who they asked to be.
    AuthorizationFailed,
    /// The charset of a SEARCH is not known; these are.
    BadCharset(&'c [&'c str]),
    /// It can never be done: a name that cannot exist, say.
    Cannot,
    /// The client has a bug.
    ClientBug,
    /// The mailbox selected before is closed now; what follows is of the next.
    Closed,
    /// Ask the administrator.
    ContactAdmin,
    /// Where copied messages went: UIDVALIDITY there, UIDs here, UIDs there, in step. RFC 4315 §3.
    CopyUid(u32, &'c [(u32, u32)], &'c [(u32, u32)]),
    /// What was asked for is damaged.
    Corruption,
    /// The password or account has expired.
    Expired,
    /// Some of the messages are gone.
    ExpungeIssued,
    /// The mailbox has inferior names, and so cannot go.
    HasChildren,
    /// The highest mod-sequence of the mailbox. RFC 7162 §3.1.2.1.
    HighestModSeq(u64),
    /// Somebody else uses it.
    InUse,
    /// A limit was passed.
    Limit,
    /// These were changed since, and not stored. RFC 7162 §3.1.3.
    Modified(&'c [(u32, u32)]),
    /// The mailbox keeps no mod-sequences. RFC 7162 §3.1.2.2.
    NoModSeq,
    /// There is no such mailbox.
    NonExistent,
    /// The user may not do that.
    NoPerm,
    /// The search result was not saved.
    NotSaved,
    /// The user has no room left.
    OverQuota,
    /// A message could not be parsed.
    Parse,
    /// The flags that can be stored, and whether new keywords can be made (`\*`).
    PermanentFlags(&'c [Flag<'c>], bool),
    /// TLS is wanted first.
    PrivacyRequired,
    /// The mailbox is selected for reading.
    ReadOnly,
    /// The mailbox is selected for reading and writing.
    ReadWrite,
    /// The server has a bug.
    ServerBug,
    /// The mailbox for COPY or APPEND does not exist, and CREATE would help.
    TryCreate,
    /// The UID that the next message gets, at the least.
    UidNext(u32),
    /// UIDs do not last.
    UidNotSticky,
    /// The validity of the mailbox's UIDs.
    UidValidity(u32),
    /// It does not work now.
    Unavailable,
    /// The part's transfer encoding is not known, so that it cannot be decoded.
    UnknownCte,
    /// The sequence number of the first unseen message. RFC 3501 §7.1.
    Unseen(u32),
}

impl Code<'_> {
    /// Writes it with its brackets.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        match *self {
            Self::Alert => word(out, b"ALERT"),
            Self::AlreadyExists => word(out, b"ALREADYEXISTS"),
            Self::AppendUid(validity, uid) => {
                one(out, b"APPENDUID ", u64::from(validity));
                one(out, b" ", u64::from(uid));
            }
            Self::AuthenticationFailed => word(out, b"AUTHENTICATIONFAILED"),
            Self::AuthorizationFailed => word(out, b"AUTHORIZATIONFAILED"),
            Self::BadCharset(known) => {
                word(out, b"BADCHARSET");
                for (i, name) in known.iter().enumerate() {
                    out.extend_from_slice(if i == 0 { b" (" } else { b" " });
                    string(out, name.as_bytes(), false);
                }
                if !known.is_empty() {
                    out.push(b')');
                }
            }
            Self::Cannot => word(out, b"CANNOT"),
            Self::ClientBug => word(out, b"CLIENTBUG"),
            Self::Closed => word(out, b"CLOSED"),
            Self::ContactAdmin => word(out, b"CONTACTADMIN"),
            // An empty set cannot be written, and nothing was copied then.
            Self::CopyUid(_, here, there) if here.is_empty() || there.is_empty() => {
                word(out, b"NOTSAVED");
            }
            Self::CopyUid(validity, here, there) => {
                one(out, b"COPYUID ", u64::from(validity));
                out.push(b' ');
                ranges(out, here);
                out.push(b' ');
                ranges(out, there);
            }
            Self::Corruption => word(out, b"CORRUPTION"),
            Self::Expired => word(out, b"EXPIRED"),
            Self::ExpungeIssued => word(out, b"EXPUNGEISSUED"),
            Self::HasChildren => word(out, b"HASCHILDREN"),
            Self::HighestModSeq(modseq) => one(out, b"HIGHESTMODSEQ ", modseq),
            Self::InUse => word(out, b"INUSE"),
            Self::Limit => word(out, b"LIMIT"),
            Self::Modified([]) => word(out, b"NOTSAVED"),
            Self::Modified(set) => {
                word(out, b"MODIFIED ");
                ranges(out, set);
            }
            Self::NoModSeq => word(out, b"NOMODSEQ"),
            Self::NonExistent => word(out, b"NONEXISTENT"),
            Self::NoPerm => word(out, b"NOPERM"),
            Self::NotSaved => word(out, b"NOTSAVED"),
            Self::OverQuota => word(out, b"OVERQUOTA"),
            Self::Parse => word(out, b"PARSE"),
            Self::PermanentFlags(flags, new) => {
                word(out, b"PERMANENTFLAGS ");
                row::flag_list(out, flags.iter().copied());
                if new {
                    out.pop();
                    out.extend_from_slice(if flags.is_empty() { b"\\*)" } else { b" \\*)" });
                }
            }
            Self::PrivacyRequired => word(out, b"PRIVACYREQUIRED"),
            Self::ReadOnly => word(out, b"READ-ONLY"),
            Self::ReadWrite => word(out, b"READ-WRITE"),
            Self::ServerBug => word(out, b"SERVERBUG"),
            Self::TryCreate => word(out, b"TRYCREATE"),
            Self::UidNext(uid) => one(out, b"UIDNEXT ", u64::from(uid)),
            Self::UidNotSticky => word(out, b"UIDNOTSTICKY"),
            Self::UidValidity(validity) => one(out, b"UIDVALIDITY ", u64::from(validity)),
            Self::Unavailable => word(out, b"UNAVAILABLE"),
            Self::UnknownCte => word(out, b"UNKNOWN-CTE"),
            Self::Unseen(seq) => one(out, b"UNSEEN ", u64::from(seq)),
        }
        out.push(b']');
    }
}

fn word(out: &mut Vec<u8>, word: &[u8]) {
    out.extend_from_slice(word);
}

fn one(out: &mut Vec<u8>, word: &[u8], n: u64) {
    out.extend_from_slice(word);
    number(out, n);
}
