//! Mail addresses: local parts, mailboxes, the paths of SMTP.
//!
//! [`Mailbox`] is an address as it was written, borrowed; [`Address`] is its canonical form, owned:
//! the local part without quotes it does not need, the domain in lower-case A-labels.
//! [`ReversePath`] and [`ForwardPath`] are what MAIL and RCPT carry in angle brackets.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use memchr::memchr;

use super::domain::{DOMAIN_OCTETS, Domain, DomainError, Host, LABEL_OCTETS};

/// Octets of a local part at most. RFC 5321 §4.5.3.1.1 asks for 64 and for no limit where possible;
/// return addresses that name a recipient are longer.
pub const LOCAL_OCTETS: usize = 255;

/// What is wrong with an address or a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There are no angle brackets around the path, or one is missing.
    Brackets,
    /// The part behind the `@`.
    Domain(DomainError),
    /// The part before the `@` is not well formed.
    Local,
    /// The part before the `@` is too long.
    Long,
    /// There is no `@` and nothing behind it.
    NoDomain,
    /// The list of relays before the mailbox is not well formed.
    Route,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brackets => "the address wants angle brackets",
            Self::Domain(error) => return error.fmt(f),
            Self::Local => "the part before the @ is not well formed",
            Self::Long => "the part before the @ is too long",
            Self::NoDomain => "the address has no domain",
            Self::Route => "the source route is not well formed",
        })
    }
}

impl core::error::Error for AddressError {}

impl From<DomainError> for AddressError {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}

/// What stands left of the `@`, as written: a dot-string or a quoted string, RFC 5321 §4.1.2, with
/// UTF-8 as RFC 6531 §3.3 adds it.
///
/// Two are equal if they mean the same: `"joe"` and `joe` do, `Joe` and `joe` do not (RFC 5321 §2.4).
#[derive(Clone, Copy)]
pub struct LocalPart<'a>(&'a str);

impl<'a> LocalPart<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`AddressError::Local`] or [`AddressError::Long`].
    pub fn parse(text: &'a [u8]) -> Result<Self, AddressError> {
        if text.len() > LOCAL_OCTETS {
            return Err(AddressError::Long);
        }
        let sound = match text {
            [b'"', inner @ .., b'"'] => is_quoted_content(inner),
            _ => is_dot_string(text),
        };
        let written = core::str::from_utf8(text).map_err(|_| AddressError::Local)?;
        // Control characters above ASCII (NEL and its kin) are of no use in an address.
        if !sound || written.chars().any(char::is_control) {
            return Err(AddressError::Local);
        }
        Ok(Self(written))
    }

    /// As written, quotes and all.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it was written as a quoted string.
    #[must_use]
    pub fn is_quoted(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        !self.0.is_ascii()
    }

    /// What it means: without quotes and backslashes.
    #[must_use]
    pub fn content(self) -> Cow<'a, str> {
        let Some(inner) = self.0.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
            return Cow::Borrowed(self.0);
        };
        if !inner.contains('\\') {
            return Cow::Borrowed(inner);
        }
        let mut escaped = false;
        let keep = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        Cow::Owned(inner.chars().filter(keep).collect())
    }

    fn write_canonical(self, to: &mut String) {
        let content = self.content();
        if is_dot_string(content.as_bytes()) {
            to.push_str(&content);
            return;
        }
        to.push('"');
        for c in content.chars() {
            if matches!(c, '"' | '\\') {
                to.push('\\');
            }
            to.push(c);
        }
        to.push('"');
    }
}

impl PartialEq for LocalPart<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for LocalPart<'_> {}

impl Hash for LocalPart<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content().hash(state);
    }
}

impl fmt::Debug for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An address as it was written.
///
/// ```
/// use posthaste_core::grammar::address::Mailbox;
///
/// let written = Mailbox::parse(br#""joe"@EXAMPLE.test"#).unwrap();
/// assert_eq!(written, Mailbox::parse(b"joe@example.test").unwrap());
/// assert_eq!(written.to_address().as_str(), "joe@example.test");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox<'a> {
    /// Left of the `@`.
    pub local: LocalPart<'a>,
    /// Right of the `@`.
    pub host: Host<'a>,
}

impl<'a> Mailbox<'a> {
    /// Parses `local@host`; RFC 5321 §4.1.2 `Mailbox`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, AddressError> {
        let local = local_end(text);
        let (local, host) = text.split_at_checked(local).unwrap_or((text, b""));
        match host {
            [b'@', host @ ..] => {
                Ok(Self { local: LocalPart::parse(local)?, host: Host::parse(host)? })
            }
            [] => {
                LocalPart::parse(local)?;
                Err(AddressError::NoDomain)
            }
            _ => Err(AddressError::Local),
        }
    }

    /// The domain, unless the host is an address literal.
    #[must_use]
    pub const fn domain(self) -> Option<Domain<'a>> {
        self.host.domain()
    }

    /// Whether only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        self.local.is_utf8() || self.host.is_utf8()
    }

    /// The canonical form, owned.
    #[must_use]
    pub fn to_address(self) -> Address {
        let mut text = String::with_capacity(LOCAL_OCTETS.min(64));
        self.local.write_canonical(&mut text);
        // Two quotes and as many backslashes as octets at most.
        let at = u16::try_from(text.len()).unwrap_or(u16::MAX);
        text.push('@');
        self.host.write_canonical(&mut text);
        Address { text: text.into_boxed_str(), at }
    }
}

impl fmt::Display for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.host)
    }
}

/// An address in canonical form, owned. Equality is equality of addresses as RFC 5321 §2.4 has it:
/// the local part counts case. Accounts fold it ([`folded`](Self::folded)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: Box<str>,
    /// Where the `@` is that parts local part and host.
    at: u16,
}

impl Address {
    /// Parses `local@host` and keeps its canonical form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, AddressError> {
        Mailbox::parse(text).map(Mailbox::to_address)
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Left of the `@`, quoted if it has to be.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.get(..usize::from(self.at)).unwrap_or_default()
    }

    /// Right of the `@`: a domain in lower-case A-labels, or an address literal.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(usize::from(self.at) + 1..).unwrap_or_default()
    }

    /// With the ASCII letters of the local part in lower case: how accounts are found.
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { text: self.text.to_ascii_lowercase().into_boxed_str(), at: self.at }
    }

    /// The address, borrowed.
    ///
    /// # Errors
    /// None for an address that was made by this type.
    pub fn as_mailbox(&self) -> Result<Mailbox<'_>, AddressError> {
        Mailbox::parse(self.text.as_bytes())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Who sent a message, for reports: a mailbox or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath<'a> {
    /// A mailbox.
    Mailbox(Mailbox<'a>),
    /// `<>`: this is a report itself; send none about it.
    Null,
}

impl<'a> ReversePath<'a> {
    /// Parses `<...>` at the front of `text` and returns what follows it; RFC 5321 §4.1.2.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<(Self, &'a [u8]), AddressError> {
        if let Some((mailbox, rest)) = usual(text) {
            return Ok((Self::Mailbox(mailbox), rest));
        }
        let (inner, rest) = brackets(text)?;
        if inner.is_empty() {
            return Ok((Self::Null, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(without_route(inner)?)?), rest))
    }

    /// The mailbox, if there is one.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Null => None,
        }
    }
}

impl fmt::Display for ReversePath<'_> {
    /// With angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
            Self::Null => f.write_str("<>"),
        }
    }
}

/// Who is to get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath<'a> {
    /// A mailbox.
    Mailbox(Mailbox<'a>),
    /// `<Postmaster>` without a domain, in any case of letters; RFC 5321 §4.5.1.
    Postmaster,
}

impl<'a> ForwardPath<'a> {
    /// Parses `<...>` at the front of `text` and returns what follows it; RFC 5321 §4.1.2.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<(Self, &'a [u8]), AddressError> {
        if let Some((mailbox, rest)) = usual(text) {
            return Ok((Self::Mailbox(mailbox), rest));
        }
        let (inner, rest) = brackets(text)?;
        if inner.eq_ignore_ascii_case(b"postmaster") {
            return Ok((Self::Postmaster, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(without_route(inner)?)?), rest))
    }

    /// The mailbox, unless it is the bare postmaster.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Postmaster => None,
        }
    }
}

impl fmt::Display for ForwardPath<'_> {
    /// With angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
            Self::Postmaster => f.write_str("<Postmaster>"),
        }
    }
}

/// The path that almost all are, read in one pass: atoms and dots in ASCII, `@`, labels that
/// are no A-labels. `None` says nothing: it is read with more care then.
fn usual(text: &[u8]) -> Option<(Mailbox<'_>, &[u8])> {
    let [b'<', inner @ ..] = text else {
        return None;
    };
    let is = |kind: u8| move |c: &u8| KINDS[usize::from(*c)] & kind != 0;
    let mut at = 0;
    // Each turn passes an atom and what ends it.
    let local = loop {
        let atom = inner.get(at..)?.iter().position(|c| !is(ATEXT)(c))?;
        at += atom;
        match inner.get(at) {
            Some(b'@') if atom > 0 => break at,
            Some(b'.') if atom > 0 => at += 1,
            _ => return None,
        }
    };
    let end = loop {
        at += 1;
        let label = inner.get(at..)?;
        let length = label.iter().position(|c| !is(LABEL)(c))?;
        match label {
            [b'-', ..] | [_, _, b'-', b'-', ..] => return None,
            _ if length == 0 || length > LABEL_OCTETS => return None,
            _ if label.get(length - 1) == Some(&b'-') => return None,
            _ => {}
        }
        at += length;
        match inner.get(at) {
            Some(b'>') => break at,
            Some(b'.') => {}
            _ => return None,
        }
    };
    if local > LOCAL_OCTETS || end - local > DOMAIN_OCTETS + 1 {
        return None;
    }
    let (path, rest) = inner.split_at_checked(end)?;
    let (local, host) = posthaste_simd::text::ascii(path)?.split_at_checked(local)?;
    let host = Host::Domain(Domain::checked(host.get(1..)?));
    Some((Mailbox { local: LocalPart(local), host }, rest.get(1..)?))
}

/// Octets of atoms, in ASCII.
const ATEXT: u8 = 1;
/// Octets of labels, in ASCII.
const LABEL: u8 = 2;

/// What each octet may be in.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut c = 0_u8;
    while c < 128 {
        if is_atext(c) {
            kinds[c as usize] |= ATEXT;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_') {
            kinds[c as usize] |= LABEL;
        }
        c += 1;
    }
    kinds
};

/// What stands in the brackets at the front of `text`, and what follows them. Brackets in a quoted
/// string do not count.
fn brackets(text: &[u8]) -> Result<(&[u8], &[u8]), AddressError> {
    let [b'<', inner @ ..] = text else {
        return Err(AddressError::Brackets);
    };
    let mut quoted = false;
    let mut at = 0;
    while let Some(&c) = inner.get(at) {
        match c {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b'>' if !quoted => {
                let (inner, rest) = inner.split_at_checked(at).ok_or(AddressError::Brackets)?;
                return Ok((inner, rest.get(1..).unwrap_or_default()));
            }
            _ => {}
        }
        at += 1;
    }
    Err(AddressError::Brackets)
}

/// Drops `@a,@b:` from the front: accepted and ignored, RFC 5321 appendix C.
fn without_route(inner: &[u8]) -> Result<&[u8], AddressError> {
    if inner.first() != Some(&b'@') {
        return Ok(inner);
    }
    let colon = memchr(b':', inner).ok_or(AddressError::Route)?;
    let (route, mailbox) = inner.split_at_checked(colon).ok_or(AddressError::Route)?;
    for hop in route.split(|&c| c == b',') {
        match hop {
            [b'@', domain @ ..] if Domain::parse(domain).is_ok() => {}
            _ => return Err(AddressError::Route),
        }
    }
    Ok(mailbox.get(1..).unwrap_or_default())
}

/// Where the local part at the front of `text` ends: at the `@` that follows it, if one does.
fn local_end(text: &[u8]) -> usize {
    let mut at = 0;
    if text.first() == Some(&b'"') {
        at = 1;
        while let Some(&c) = text.get(at) {
            at += 1;
            match c {
                b'"' => break,
                b'\\' => at += 1,
                _ => {}
            }
        }
        return at.min(text.len());
    }
    at += memchr(b'@', text).unwrap_or(text.len());
    at
}

/// RFC 5321 §4.1.2 `Dot-string`, with octets above ASCII.
fn is_dot_string(text: &[u8]) -> bool {
    text.split(|&c| c == b'.').all(|atom| !atom.is_empty() && atom.iter().all(|&c| is_atext(c)))
}

/// RFC 5322 §3.2.3 `atext`, with octets above ASCII.
pub(crate) const fn is_atext(c: u8) -> bool {
    matches!(c,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 128..
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?'
        | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~')
}

/// RFC 5321 §4.1.2 `*QcontentSMTP`, with octets above ASCII.
fn is_quoted_content(inner: &[u8]) -> bool {
    let mut octets = inner.iter();
    while let Some(c) = octets.next() {
        let sound = match c {
            b'\\' => matches!(octets.next(), Some(32..=126)),
            b'"' => false,
            32.. => *c != 127,
            _ => false,
        };
        if !sound {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    // RFC: 5321-4.1.2-7 6531-3.2-3 6531-3.7-2
    #[test]
    fn canonical_forms() {
        for (written, canonical) in [
            ("Joe@Example.TEST", "Joe@example.test"),
            ("\"joe\"@a.test", "joe@a.test"),
            ("\"j\\o\\e\"@a.test", "joe@a.test"),
            ("\"a b\"@a.test", "\"a b\"@a.test"),
            ("\"a\\\"b\"@a.test", "\"a\\\"b\"@a.test"),
            ("\"a@b\"@c.test", "\"a@b\"@c.test"),
            ("\"\"@a.test", "\"\"@a.test"),
            ("a@[IPv6:2001:DB8:0:0::1]", "a@[IPv6:2001:db8::1]"),
            ("d\u{f6}rte@B\u{fc}cher.test", "d\u{f6}rte@xn--bcher-kva.test"),
            ("!#$%&'*+-/=?^_`{|}~@a.test", "!#$%&'*+-/=?^_`{|}~@a.test"),
        ] {
            let address = Address::parse(written.as_bytes()).expect(written);
            assert_eq!(address.as_str(), canonical, "{written}");
            assert_eq!(Address::parse(canonical.as_bytes()), Ok(address.clone()));
            assert_eq!(std::format!("{}@{}", address.local(), address.host()), canonical);
            assert_eq!(address.as_mailbox().map(Mailbox::to_address), Ok(address));
        }
    }

    // RFC: 5321-4.1.2-6
    #[test]
    fn what_is_equal() {
        let address = |text: &str| Address::parse(text.as_bytes()).unwrap();
        assert_eq!(address("\"joe\"@A.test"), address("joe@a.TEST"));
        assert_ne!(address("Joe@a.test"), address("joe@a.test"));
        assert_eq!(address("Joe@a.test").folded(), address("joe@a.test"));
        let parse = |text: &'static str| Mailbox::parse(text.as_bytes()).unwrap();
        assert_eq!(parse("\"j\\oe\"@A.test"), parse("joe@a.TEST"));
        assert_ne!(parse("Joe@a.test"), parse("joe@a.test"));
    }

    // RFC: 5321-3.3-2 5321-3.3-3 5321-3.6.1-1 5321-3.6.1-3 5321-4.1.1.3-1 5321-4.1.2-2
    #[test]
    fn what_is_wrong() {
        let long = std::format!("{}@a.test", "x".repeat(256));
        for (text, error) in [
            ("", AddressError::Local),
            ("a", AddressError::NoDomain),
            ("a@", AddressError::Domain(DomainError::Empty)),
            ("@a.test", AddressError::Local),
            (".a@b.test", AddressError::Local),
            ("a..b@c.test", AddressError::Local),
            ("a b@c.test", AddressError::Local),
            ("\"a@b.test", AddressError::Local),
            ("\"a\"b@c.test", AddressError::Local),
            ("a\u{85}b@c.test", AddressError::Local),
            ("a@b@c.test", AddressError::Domain(DomainError::Label)),
            (&long, AddressError::Long),
        ] {
            let found = Address::parse(text.as_bytes()).expect_err(text);
            assert_eq!(found, error, "{text:?}");
            assert!(!found.to_string().is_empty());
        }
    }

    /// The short way says nothing that the long one does not say.
    fn usual_is_right(text: &[u8]) {
        let Some((mailbox, rest)) = usual(text) else { return };
        let (inner, behind) = brackets(text).unwrap();
        assert_eq!(without_route(inner), Ok(inner));
        assert!(!inner.is_empty() && !inner.eq_ignore_ascii_case(b"postmaster"));
        let parsed = Mailbox::parse(inner).unwrap();
        assert_eq!(mailbox.local.as_str(), parsed.local.as_str());
        assert_eq!(mailbox.host.to_string(), parsed.host.to_string());
        assert_eq!((mailbox, rest), (parsed, behind));
    }

    proptest::proptest! {
        #[test]
        fn the_usual_path_is_the_path(
            local in "[aZ9.+_\"\\\\ -]{0,6}|[a.]{250,258}",
            between in "@|@@|\\.@|",
            host in "[aZ9._-]{0,8}|(xn--)?[a-]{1,5}\\.test|[a.]{0,4}[a]{60,66}\\.?|([a]{60}\\.){4}[a]{9,14}|\\[192\\.0\\.2\\.1\\]",
            rest in ">|> SIZE=1|",
        ) {
            usual_is_right(std::format!("<{local}{between}{host}{rest}").as_bytes());
        }

        #[test]
        fn the_usual_path_is_the_path_in_any_octets(
            text in proptest::collection::vec(
                proptest::prop_oneof![proptest::sample::select(b"ab.@@>-_\"\\:, ".to_vec()), 0..=255u8],
                0..16,
            ),
        ) {
            usual_is_right(&[b"<", &text[..], b">"].concat());
        }
    }

    #[test]
    fn the_usual_path_is_the_path_with_each_octet_anywhere() {
        let path = b"<a.bc@de.f-g.hi> SIZE=1";
        for at in 0..path.len() {
            for octet in 0..=255 {
                let mut text = *path;
                text[at] = octet;
                usual_is_right(&text);
                usual_is_right(&[&path[..at], &[octet], &path[at..]].concat());
            }
        }
    }

    #[test]
    fn the_usual_path_is_short() {
        for text in ["<a@b>", "<alice.b+c@client-1.example.test> SIZE=1", "<o'x@1.2_3>"] {
            assert!(usual(text.as_bytes()).is_some(), "{text}");
        }
        let long = "a".repeat(LABEL_OCTETS);
        assert!(usual(std::format!("<a@{long}.{long}>").as_bytes()).is_some());
        for text in [
            "",
            "<",
            "<>",
            "<@>",
            "<a@>",
            "<@b>",
            "<a@b",
            "<.a@b>",
            "<a.@b>",
            "<a..b@c>",
            "<a@.b>",
            "<a@b.>",
            "<a@-b>",
            "<a@b->",
            "<a@xn--b>",
            "<a@[192.0.2.1]>",
            "<\"a\"@b>",
            "<postmaster>",
            "<@r.test:a@b>",
            "<\u{fc}@b>",
            "<a@b\u{fc}>",
            "<a@b+c>",
            "<a b@c>",
            "a@b>",
        ] {
            assert!(usual(text.as_bytes()).is_none(), "{text}");
        }
    }

    /// A canonical address is what a client writes between angle brackets, and what relays decide by.
    #[test]
    fn a_canonical_address_is_one_address() {
        for text in [
            "victim@elsewhere.test\u{ff20}here.test",
            "victim@elsewhere.test\u{ff1e}\u{3000}NOTIFY=NEVER",
            "a@[x:b> SIZE=1]",
            "a@[x:b>]",
        ] {
            assert!(Address::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_into_a_path_is_read_from_it(
            local in "([a-z.\u{e9}]|\\PC){1,4}|\"([ -~]|\\\\[ -~]|\\PC){0,6}\"",
            host in "([a-z.-]|\\PC|[\u{ff01}-\u{ff5e}\u{2000}-\u{2fff}]){1,6}|\\[([0-9.]{7}|x:[!-~]{1,4}|IPv6:[0-9:]{1,5})\\]",
        ) {
            if let Ok(address) = Address::parse(std::format!("{local}@{host}").as_bytes()) {
                proptest::prop_assert_eq!(address.as_mailbox().map(Mailbox::to_address), Ok(address.clone()));
                let path = std::format!("<{address}> SIZE=1");
                let (read, rest) = ForwardPath::parse(path.as_bytes()).unwrap();
                proptest::prop_assert_eq!(read.mailbox().map(Mailbox::to_address), Some(address));
                proptest::prop_assert_eq!(rest, b" SIZE=1");
            }
        }
    }

    #[test]
    fn paths() {
        let path = |text: &'static [u8]| ForwardPath::parse(text);
        assert_eq!(path(b"<pOsTmAsTeR> X"), Ok((ForwardPath::Postmaster, b" X".as_slice())));
        assert!(matches!(path(b"<postmaster@a.test>"), Ok((ForwardPath::Mailbox(_), b""))));
        assert_eq!(path(b"<>"), Err(AddressError::Local));
        assert_eq!(ReversePath::parse(b"<> X"), Ok((ReversePath::Null, b" X".as_slice())));
        let (mailbox, rest) = path(b"<\"a>b\\\"c\"@d.test> NOTIFY=NEVER").unwrap();
        assert_eq!(mailbox.to_string(), "<\"a>b\\\"c\"@d.test>");
        assert_eq!(rest, b" NOTIFY=NEVER");
        let (routed, _) = path(b"<@a.test,@b.test:c@d.test>").unwrap();
        assert_eq!(routed.to_string(), "<c@d.test>");
        for bad in [&b"<a@b.test"[..], b"a@b.test", b"<\"a@b.test>", b""] {
            assert_eq!(ForwardPath::parse(bad), Err(AddressError::Brackets));
        }
        for bad in [&b"<@a.test c@d.test>"[..], b"<@:c@d.test>", b"<@a.test,b.test:c@d.test>"] {
            assert_eq!(ForwardPath::parse(bad), Err(AddressError::Route));
        }
    }
}
