//! ENVELOPE: what IMAP shows of the header of a message (RFC 9051 §7.5.2).

use alloc::borrow::Cow;

use smallvec::SmallVec;

use super::{
    address::{self, Address, Addresses, Mailbox},
    header::{self, Field, Name},
    message::Message,
};

/// The values of an ENVELOPE, borrowed from the header they stand in.
#[derive(Clone, Debug, Default)]
pub struct Envelope<'a> {
    /// The octets of the first field of each name.
    first: [Option<&'a [u8]>; SHOWN],
    /// Those of further fields with recipients.
    more: SmallVec<[(Name, &'a [u8]); 2]>,
}

impl<'a> Envelope<'a> {
    /// The envelope of a message whose header has these fields: what each was taken for, and its
    /// octets.
    #[must_use]
    pub fn of(fields: impl Iterator<Item = (Name, &'a [u8])>) -> Self {
        let mut envelope = Self::default();
        fields.for_each(|(name, raw)| envelope.add(name, raw));
        envelope
    }

    fn add(&mut self, name: Name, raw: &'a [u8]) {
        let Some(first) = self.first.get_mut(slot(name)) else { return };
        if first.is_none() {
            *first = Some(raw);
        } else if takes_all(name) && self.more.len() < MOST_LISTS {
            self.more.push((name, raw));
        }
    }

    /// The envelope of a message with this header block.
    #[must_use]
    pub fn parse(header: &'a [u8]) -> Self {
        Self::of(header::fields(header).map(|field| (field.kind(), field.raw())))
    }

    /// The date as written, on one line; `None` if the field is missing.
    #[must_use]
    pub fn date(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::Date)
    }

    /// The subject as written, on one line, encoded words as they are.
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::Subject)
    }

    /// The In-Reply-To field as written, on one line.
    #[must_use]
    pub fn in_reply_to(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::InReplyTo)
    }

    /// The Message-ID field as written, on one line.
    #[must_use]
    pub fn message_id(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::MessageId)
    }

    /// The authors.
    #[must_use]
    pub fn from(&self) -> Entries<'_, 'a> {
        self.list(Name::From)
    }

    /// Who sent it: the authors, if the field is missing or empty.
    #[must_use]
    pub fn sender(&self) -> Entries<'_, 'a> {
        self.or_from(Name::Sender)
    }

    /// Where replies go: to the authors, if the field is missing or empty.
    #[must_use]
    pub fn reply_to(&self) -> Entries<'_, 'a> {
        self.or_from(Name::ReplyTo)
    }

    /// The recipients of To.
    #[must_use]
    pub fn to(&self) -> Entries<'_, 'a> {
        self.list(Name::To)
    }

    /// The recipients of Cc.
    #[must_use]
    pub fn cc(&self) -> Entries<'_, 'a> {
        self.list(Name::Cc)
    }

    /// The recipients of Bcc.
    #[must_use]
    pub fn bcc(&self) -> Entries<'_, 'a> {
        self.list(Name::Bcc)
    }

    fn text(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        Some(Field::listed(name, (*self.first.get(slot(name))?)?).unfolded())
    }

    /// RFC 5322 §3.6.2 allows authors and their kin once, so the first field counts; recipients of
    /// several fields are taken together (§4.5.3).
    pub(crate) fn list(&self, name: Name) -> Entries<'_, 'a> {
        let first = self.first.get(slot(name)).copied().flatten();
        Entries {
            name,
            more: if takes_all(name) { &self.more } else { &[] },
            open: address::addresses(first.map_or(&[], |raw| Field::listed(name, raw).value())),
        }
    }

    fn or_from(&self, name: Name) -> Entries<'_, 'a> {
        let list = self.list(name);
        if list.clone().next().is_some() { list } else { self.list(Name::From) }
    }
}

/// Walks one of the address lists of an envelope. Where it is empty IMAP shows NIL.
#[derive(Clone, Debug)]
pub struct Entries<'e, 'a> {
    name: Name,
    more: &'e [(Name, &'a [u8])],
    open: Addresses<'a>,
}

impl Entries<'_, '_> {
    /// Whether there are more addresses than [`HEADER_ADDRESSES`](super::HEADER_ADDRESSES), so that
    /// some are not shown: to be asked when the walk is over.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.open.is_truncated()
            || (self.open.left() == 0 && self.more.iter().any(|(name, _)| *name == self.name))
    }
}

impl<'a> Entries<'_, 'a> {
    /// No more than `left` of them.
    pub(crate) fn at_most(mut self, left: usize) -> Self {
        self.open = self.open.at_most(left);
        self
    }

    /// How many more may come.
    pub(crate) const fn left(&self) -> usize {
        self.open.left()
    }

    /// The next address as it stands.
    pub(crate) fn address(&mut self) -> Option<Address<'a>> {
        loop {
            let address = self.open.next();
            if address.is_some() {
                return address;
            }
            if self.open.left() == 0 {
                return None;
            }
            let at = self.more.iter().position(|(name, _)| *name == self.name)?;
            let (_, raw) = self.more.get(at)?;
            self.more = self.more.get(at + 1..)?;
            self.open =
                address::addresses(Field::listed(self.name, raw).value()).at_most(self.open.left());
        }
    }
}

impl<'a> Iterator for Entries<'_, 'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.address().map(|address| Entry::of(&address))
    }
}

/// An address as IMAP shows it. A group starts with an entry that has only a mailbox, which is the
/// name of the group, and ends with one that has nothing at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The display name, encoded words as they are.
    pub name: Option<Cow<'a, [u8]>>,
    /// The obsolete route.
    pub route: Option<Cow<'a, [u8]>>,
    /// What stands before the `@`, unquoted, or the name of the group that starts.
    pub mailbox: Option<Cow<'a, [u8]>>,
    /// What stands behind the `@`; `None` only around groups.
    pub host: Option<Cow<'a, [u8]>>,
}

impl<'a> Entry<'a> {
    fn of(address: &Address<'a>) -> Self {
        match address {
            Address::Mailbox(mailbox) => {
                let (local, host) = sides(mailbox);
                let (name, route) = (mailbox.name(), mailbox.route());
                Self { name, route, mailbox: Some(local), host: Some(host) }
            }
            Address::Group(group) => Self { mailbox: Some(group.name()), ..Self::default() },
            Address::GroupEnd => Self::default(),
        }
    }
}

/// What IMAP shows of the sides of the `@`.
#[inline]
pub(crate) fn sides<'a>(mailbox: &Mailbox<'a>) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
    let (local, domain) = (mailbox.local(), mailbox.domain());
    let local = if local.is_empty() { Cow::Borrowed(NO_MAILBOX) } else { local };
    (local, domain.unwrap_or(Cow::Borrowed(NO_HOST)))
}

impl<'a> Message<'a> {
    /// The envelope of the message whose header is that of part `index`: 0 for the whole message,
    /// the child of a message/rfc822 part for the message within.
    #[must_use]
    pub fn envelope(&self, index: usize) -> Envelope<'a> {
        let mut envelope = Envelope::default();
        self.head(index).each(Name::in_envelope, |name, raw| envelope.add(name, raw));
        envelope
    }
}

/// How many names ENVELOPE shows; they have the first numbers.
const SHOWN: usize = Name::MessageId as usize;

/// The place of a name among those that ENVELOPE shows.
fn slot(name: Name) -> usize {
    (name as usize).wrapping_sub(1)
}

/// Whether all fields with this name are taken together.
const fn takes_all(name: Name) -> bool {
    matches!(name, Name::To | Name::Cc | Name::Bcc)
}

/// How many further fields with recipients of one header are looked at.
const MOST_LISTS: usize = 1_000;
/// What is shown where an address lacks a part, as NIL would mean a group (RFC 9051 §7.5.2); the
/// words are Dovecot's, which clients know.
const NO_MAILBOX: &[u8] = b"MISSING_MAILBOX";
const NO_HOST: &[u8] = b"MISSING_DOMAIN";

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use super::*;

    fn shown(entries: Entries<'_, '_>) -> String {
        let part = |part: Option<Cow<'_, [u8]>>| {
            part.map_or("NIL".into(), |part| format!("{:?}", String::from_utf8_lossy(&part)))
        };
        let entries: Vec<String> = entries
            .map(|entry| {
                let [a, b, c, d] = [entry.name, entry.route, entry.mailbox, entry.host].map(part);
                format!("({a} {b} {c} {d})")
            })
            .collect();
        if entries.is_empty() { "NIL".into() } else { format!("({})", entries.concat()) }
    }

    /// The message of RFC 9051 §8, and its ENVELOPE.
    #[test]
    fn the_envelope_of_rfc_9051_section_8() {
        let envelope = Envelope::parse(
            b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
            From: Terry Gray <gray@cac.washington.edu>\r\n\
            Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
            To: imap@cac.washington.edu\r\n\
            cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
            Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n",
        );
        let gray = r#"(("Terry Gray" NIL "gray" "cac.washington.edu"))"#;
        assert_eq!(envelope.date().unwrap(), &b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"[..]);
        assert_eq!(envelope.subject().unwrap(), &b"IMAP4rev2 WG mtg summary and minutes"[..]);
        assert_eq!(shown(envelope.from()), gray);
        assert_eq!(shown(envelope.sender()), gray);
        assert_eq!(shown(envelope.reply_to()), gray);
        assert_eq!(shown(envelope.to()), r#"((NIL NIL "imap" "cac.washington.edu"))"#);
        assert_eq!(
            shown(envelope.cc()),
            r#"((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU"))"#
        );
        assert_eq!(shown(envelope.bcc()), "NIL");
        assert_eq!(envelope.in_reply_to(), None);
        assert_eq!(envelope.message_id().unwrap(), &b"<B27397-0100000@cac.washington.edu>"[..]);
    }

    /// RFC 9051 §7.5.2: absent is NIL, empty is the empty string; Sender and Reply-To fall back to
    /// From in both cases.
    #[test]
    fn absent_and_empty_fields() {
        let envelope =
            Envelope::parse(b"Subject:\r\nFrom: a@x.test\r\nSender:  \r\nReply-To: b@x.test\r\n");
        assert_eq!(envelope.subject().unwrap(), &b""[..]);
        assert_eq!(envelope.date(), None);
        assert_eq!(shown(envelope.sender()), r#"((NIL NIL "a" "x.test"))"#);
        assert_eq!(shown(envelope.reply_to()), r#"((NIL NIL "b" "x.test"))"#);
    }

    #[test]
    fn groups_and_what_is_missing() {
        let envelope = Envelope::parse(
            b"To: Friends: \"A. B\" <a@x.test>, bob;\r\nTo: c@x.test\r\nCc: Nobody:;\r\nFrom: <>\r\nFrom: z@x.test\r\n",
        );
        assert_eq!(
            shown(envelope.to()),
            r#"((NIL NIL "Friends" NIL)("A. B" NIL "a" "x.test")(NIL NIL "bob" "MISSING_DOMAIN")(NIL NIL NIL NIL)(NIL NIL "c" "x.test"))"#
        );
        assert_eq!(shown(envelope.cc()), r#"((NIL NIL "Nobody" NIL)(NIL NIL NIL NIL))"#);
        assert_eq!(shown(envelope.from()), r#"((NIL NIL "MISSING_MAILBOX" "MISSING_DOMAIN"))"#);
    }

    #[test]
    fn folds_are_undone() {
        let envelope =
            Envelope::parse(b"Subject: one\r\n two\r\n\tthree \r\nTo: a\r\n @x.test\r\n");
        assert_eq!(envelope.subject().unwrap(), &b"one two three"[..]);
        assert_eq!(shown(envelope.to()), r#"((NIL NIL "a" "x.test"))"#);
    }
}
