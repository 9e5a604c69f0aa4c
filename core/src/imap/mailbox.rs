//! Names of mailboxes and patterns of names (RFC 9051 §5.1, §6.3.9; RFC 3501 §5.1.3).
//!
//! On the wire a name is modified UTF-7 until UTF-8 was enabled. Everywhere else it is UTF-8, with INBOX in
//! capitals: [`Mailbox::name`] gives that form.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::AString;
use super::cursor::{Cursor, Read};
use super::encode::Encoder;
use super::list::Element;
use super::utf7;

/// What stands between the levels of a name.
pub const SEPARATOR: char = '/';

/// The mailbox that every account has, and that any case of its name means.
pub const INBOX: &str = "INBOX";

/// A mailbox as a command names it.
#[derive(Clone, Copy, Default)]
pub struct Mailbox<'i> {
    octets: &'i [u8],
    escaped: bool,
    utf8: bool,
}

/// Why a string names no mailbox. The command was well-formed: the reply is NO, not BAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// It holds a control character, or one that ends lines.
    Control,
    /// It is empty, or one of its levels is.
    Empty,
    /// It is longer than [`Mailbox::MOST`].
    Long,
    /// It is not modified UTF-7 (and UTF-8 was not enabled).
    Utf7,
    /// It is not UTF-8.
    Utf8,
    /// It holds `*` or `%`, which no pattern could name.
    Wildcard,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "the name holds a control character",
            Self::Empty => "the name or one of its levels is empty",
            Self::Long => "the name is too long",
            Self::Utf7 => "the name is not modified UTF-7",
            Self::Utf8 => "the name is not UTF-8",
            Self::Wildcard => "the name holds * or %",
        })
    }
}

impl<'i> Mailbox<'i> {
    /// Octets of a name in UTF-8 at most.
    pub const MOST: usize = 1024;

    /// INBOX.
    pub const INBOX: Mailbox<'static> =
        Mailbox { octets: INBOX.as_bytes(), escaped: false, utf8: true };

    /// The mailbox with this name in UTF-8, if there is no NUL in it.
    #[must_use]
    pub fn new(name: &'i str) -> Option<Self> {
        AString::new(name.as_bytes()).map(|wire| Self::of(wire, true))
    }

    /// The octets as they were sent.
    #[must_use]
    pub const fn wire(&self) -> AString<'i> {
        if self.escaped { AString::escaped(self.octets) } else { AString::plain(self.octets) }
    }

    const fn of(wire: AString<'i>, utf8: bool) -> Self {
        let (octets, escaped) = wire.parts();
        Self { octets, escaped, utf8 }
    }

    /// Whether they are UTF-8 rather than modified UTF-7.
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Whether the string is empty, as the reference of LIST mostly is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Whether it is INBOX in any case.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.wire().is(INBOX)
    }

    /// The name in UTF-8, with INBOX (also as the first of several levels) in capitals. Borrowed for plain
    /// ASCII names.
    ///
    /// # Errors
    /// If it cannot be the name of a mailbox. Empty levels and wildcards pass: they can be asked for, in
    /// vain; [`new_name`](Self::new_name) refuses them.
    pub fn name(&self) -> Result<Cow<'i, str>, BadName> {
        let name = self.text()?;
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > Self::MOST {
            return Err(BadName::Long);
        }
        // RFC 9051 §5.1: C0 and C1 controls, and line and paragraph separators, are not allowed.
        if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(BadName::Control);
        }
        Ok(fold_inbox(name))
    }

    /// The name for CREATE or RENAME: as [`name`](Self::name), without the separator that says "more will
    /// come below" (RFC 9051 §6.3.4).
    ///
    /// # Errors
    /// If no mailbox can be made with it.
    pub fn new_name(&self) -> Result<Cow<'i, str>, BadName> {
        let name = match self.name()? {
            Cow::Borrowed(name) => Cow::Borrowed(name.strip_suffix(SEPARATOR).unwrap_or(name)),
            Cow::Owned(mut name) => {
                if name.ends_with(SEPARATOR) {
                    name.pop();
                }
                Cow::Owned(name)
            }
        };
        if name.split(SEPARATOR).any(str::is_empty) {
            return Err(BadName::Empty);
        }
        if name.contains(['*', '%']) {
            return Err(BadName::Wildcard);
        }
        Ok(name)
    }

    /// The string in UTF-8, whatever it is.
    pub(super) fn text(&self) -> Result<Cow<'i, str>, BadName> {
        let octets = self.wire().decode();
        let plain = octets.is_ascii() && (self.utf8 || !octets.contains(&b'&'));
        if !self.utf8 && !plain {
            return utf7::decode(&octets).map(Cow::Owned).ok_or(BadName::Utf7);
        }
        match octets {
            Cow::Borrowed(octets) => {
                core::str::from_utf8(octets).map(Cow::Borrowed).map_err(|_| BadName::Utf8)
            }
            Cow::Owned(octets) => {
                String::from_utf8(octets).map(Cow::Owned).map_err(|_| BadName::Utf8)
            }
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let wire = cursor.astring("expected the name of a mailbox")?;
        Ok(Self::of(wire, cursor.syntax.utf8))
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        write(self, to, Encoder::astring);
    }
}

/// Writes in the form that the conversation is in.
fn write<'o>(
    mailbox: &Mailbox<'_>,
    to: &mut Encoder<'o>,
    put: impl Fn(&mut Encoder<'o>, AString<'_>),
) {
    if mailbox.utf8 == to.utf8() {
        return put(to, mailbox.wire());
    }
    match mailbox.text() {
        Ok(text) if to.utf8() => put(to, AString::plain(text.as_bytes())),
        Ok(text) => put(to, AString::plain(utf7::encode(&text).as_bytes())),
        // What is no name in one form is none in the other.
        Err(_) => put(to, mailbox.wire()),
    }
}

impl PartialEq for Mailbox<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.utf8 == other.utf8 {
            return self.wire() == other.wire();
        }
        matches!((self.text(), other.text()), (Ok(a), Ok(b)) if a == b)
    }
}

impl Eq for Mailbox<'_> {}

impl fmt::Debug for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Ok(text) => fmt::Debug::fmt(&crate::text::Text(text.as_bytes()), f),
            Err(_) => fmt::Debug::fmt(&self.wire(), f),
        }
    }
}

/// A pattern of LIST and LSUB, in which `*` stands for anything and `%` for anything within one level.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pattern<'i>(Mailbox<'i>);

impl<'i> Pattern<'i> {
    /// The pattern with this text in UTF-8, if there is no NUL in it.
    #[must_use]
    pub fn new(text: &'i str) -> Option<Self> {
        Mailbox::new(text).map(Self)
    }

    /// Whether it is the empty string, which asks for the separator and the root (RFC 9051 §6.3.9).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pattern in UTF-8 behind the reference, to be matched with names. None if either is in no
    /// encoding that a name could have: then it matches nothing.
    #[must_use]
    pub fn behind(&self, reference: &Mailbox<'_>) -> Option<Matcher> {
        let mut text = reference.text().ok()?.into_owned();
        let pattern = self.0.text().ok()?;
        // A pattern that starts at the root leaves the reference out (RFC 9051 §6.3.9).
        if pattern.starts_with(SEPARATOR) {
            text.clear();
        }
        text.push_str(&pattern);
        Some(Matcher { text })
    }
}

impl fmt::Debug for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'i> Element<'i> for Pattern<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let wire = cursor.list_mailbox("expected a pattern of names")?;
        Ok(Self(Mailbox::of(wire, cursor.syntax.utf8)))
    }

    fn write(&self, to: &mut Encoder<'_>) {
        write(&self.0, to, Encoder::list_mailbox);
    }
}

/// A pattern ready to be matched with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    text: String,
}

impl Matcher {
    /// A pattern in UTF-8, reference included.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// The pattern.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is no wildcard in it, so that it means one name.
    #[must_use]
    pub fn is_name(&self) -> bool {
        !self.text.contains(['*', '%'])
    }

    /// Whether it matches a name as [`Mailbox::name`] gives it. INBOX matches in any case.
    ///
    /// Takes time in proportion to the product of both lengths at worst, and no memory.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.text.as_bytes(), name.as_bytes());
        let inbox = inbox_prefix(name);
        let same = |p: u8, at: usize| match name.get(at) {
            Some(n) if at < inbox => n.eq_ignore_ascii_case(&p),
            Some(n) => *n == p,
            None => false,
        };
        let (mut p, mut n) = (0, 0);
        // Where to go on when the way taken fails: behind the last wildcard of each kind in the pattern,
        // and how far it reaches in the name. Within one level only the last `%` can reach further, and
        // across levels only the last `*` can.
        let (mut star, mut percent) = (None, None);
        loop {
            match pattern.get(p) {
                Some(b'*') => {
                    p += 1;
                    (star, percent) = (Some((p, n)), None);
                    continue;
                }
                Some(b'%') => {
                    p += 1;
                    percent = Some((p, n));
                    continue;
                }
                Some(&c) if same(c, n) => {
                    p += 1;
                    n += 1;
                    continue;
                }
                None if n == name.len() => return true,
                _ => {}
            }
            if let Some((behind, reach)) = percent
                && name.get(reach).is_some_and(|&c| c != SEPARATOR as u8)
            {
                (p, n) = (behind, reach + 1);
                percent = Some((behind, reach + 1));
                continue;
            }
            match star {
                Some((behind, reach)) if reach < name.len() => {
                    (p, n) = (behind, reach + 1);
                    (star, percent) = (Some((behind, reach + 1)), None);
                }
                _ => return false,
            }
        }
    }
}

/// Octets at the front of a name that are INBOX, as the whole or as the first level.
fn inbox_prefix(name: &[u8]) -> usize {
    match name.split_at_checked(INBOX.len()) {
        Some((first, rest)) if first.eq_ignore_ascii_case(INBOX.as_bytes()) => {
            let level = rest.first().is_none_or(|&c| c == SEPARATOR as u8);
            if level { INBOX.len() } else { 0 }
        }
        _ => 0,
    }
}

fn fold_inbox(name: Cow<'_, str>) -> Cow<'_, str> {
    let n = inbox_prefix(name.as_bytes());
    if n == 0 || name.starts_with(INBOX) {
        return name;
    }
    if name.len() == n {
        return Cow::Borrowed(INBOX);
    }
    let mut folded = name.into_owned();
    folded.replace_range(..n, INBOX);
    Cow::Owned(folded)
}
