//! The header of a message or a part, looked at field by field.
//!
//! [`Head`] holds nothing but the place where the fields stand. What it is asked for is looked up
//! and read then, and what it gives borrows the octets of the message:
//!
//! ```
//! use posthaste_core::mime::head::Head;
//!
//! let head = Head::parse(
//!     b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n\
//!       Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
//!       Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\n",
//! );
//! let author = head.from().mailboxes().next().unwrap();
//! assert_eq!(author.display().unwrap(), "J\u{f6}rg");
//! assert_eq!(author.address(), "joerg@example.org");
//! assert_eq!(head.subject().unwrap(), "Gr\u{fc}\u{df}e");
//! assert_eq!(head.date().unwrap().unix(), 880_127_706);
//! assert!(head.to().next().is_none());
//! assert_eq!(head.first("X-Mailer"), None);
//! ```
//!
//! Where a field may stand once and stands several times, the first one counts, as in ENVELOPE;
//! address lists of recipients are taken together (RFC 5322 §4.5.3). [`Head::all`] reaches the
//! others.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Head`]: what each field says |
//! | `fields.rs` | [`Wanted`] and [`All`]: which fields are meant, and the walk |
//! | `addresses.rs` | [`List`]: the addresses of one field or of several |

mod addresses;
mod fields;

use alloc::borrow::Cow;

use memchr::memchr;

use super::{
    address::{self, Mailbox},
    authentication::AuthenticationResults,
    date::DateTime,
    header::{self, Field, Name},
    list::{self, ListId, Uris},
    mark::{self, AutoSubmitted, Importance},
    message_id::{self, MessageIds},
    parameter::{ContentType, Disposition, Params},
    received::Received,
    structure::{self, Encoding, Structure},
};
use crate::grammar::tag_list::TagList;

pub use addresses::List;
pub(super) use fields::Raw;
pub use fields::{All, Wanted};

/// The fields of one header.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// No tree: the fields are found by walking the octets.
    Octets(&'a [u8]),
    /// The fields that a tree lists, in the message it belongs to.
    Listed(&'a [structure::Field], &'a [u8]),
    /// Those that the tree kept of the part with this index.
    Kept(&'a Structure, usize),
}

impl<'a> Head<'a> {
    /// The header block `header`, up to its empty line or its end.
    #[must_use]
    pub const fn parse(header: &'a [u8]) -> Self {
        Self(Source::Octets(header))
    }

    /// The header of part `index` of a message.
    pub(super) fn listed(structure: &'a Structure, index: usize, bytes: &'a [u8]) -> Self {
        Self(Source::Listed(structure.fields(index), bytes))
    }

    /// What the tree kept of the header of part `index`.
    pub(super) const fn kept(structure: &'a Structure, index: usize) -> Self {
        Self(Source::Kept(structure, index))
    }

    /// All fields in order; lines that are no field have no name.
    #[must_use]
    pub fn fields(&self) -> All<'a, 'static> {
        All { raw: self.raw(), wanted: None }
    }

    /// The octets of all fields and what they were taken for.
    pub(super) fn raw(&self) -> Raw<'a> {
        match self.0 {
            Source::Octets(header) => Raw::Octets(header::fields(header)),
            Source::Listed(fields, bytes) => Raw::Listed(fields.iter(), bytes),
            Source::Kept(structure, index) => Raw::Kept(structure.kept_fields(index)),
        }
    }

    /// Shows the fields whose names are wanted, in order: what each was taken for, and its octets.
    #[inline]
    pub(super) fn each(&self, wanted: impl Fn(Name) -> bool, mut show: impl FnMut(Name, &'a [u8])) {
        if let Source::Listed(fields, bytes) = self.0 {
            let wanted = fields.iter().filter(|field| wanted(field.name()));
            return wanted.for_each(|field| show(field.name(), field.span().of(bytes)));
        }
        self.raw().filter(|(name, _)| wanted(*name)).for_each(|(name, raw)| show(name, raw));
    }

    /// The fields with this name, in order.
    ///
    /// ```
    /// use posthaste_core::mime::{head::Head, header::Name};
    ///
    /// let head = Head::parse(b"X-Tag: a\r\nTo: b@example.org\r\nx-tag: c\r\n\r\n");
    /// let tags: Vec<_> = head.all("X-TAG").map(|field| field.unfolded()).collect();
    /// assert_eq!(tags, [&b"a"[..], b"c"]);
    /// assert_eq!(head.all(Name::To).count(), 1);
    /// ```
    #[must_use]
    pub fn all<'n>(&self, name: impl Into<Wanted<'n>>) -> All<'a, 'n> {
        All { raw: self.raw(), wanted: Some(name.into()) }
    }

    /// The first field with this name.
    #[must_use]
    pub fn first<'n>(&self, name: impl Into<Wanted<'n>>) -> Option<Field<'a>> {
        self.nth(name, 0)
    }

    /// The last field with this name.
    #[must_use]
    pub fn last<'n>(&self, name: impl Into<Wanted<'n>>) -> Option<Field<'a>> {
        self.all(name).last()
    }

    /// The field with this name that has `at` of them before it.
    #[must_use]
    pub fn nth<'n>(&self, name: impl Into<Wanted<'n>>, at: usize) -> Option<Field<'a>> {
        self.all(name).nth(at)
    }

    /// Subject: encoded words decoded (RFC 5322 §3.6.5).
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'a, str>> {
        self.text(Name::Subject)
    }

    /// Comments: what each of the fields says (RFC 5322 §3.6.5).
    pub fn comments(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.all(Name::Comments).map(|field| field.decoded())
    }

    /// Content-Description (RFC 2045 §8).
    #[must_use]
    pub fn description(&self) -> Option<Cow<'a, str>> {
        self.text(Name::ContentDescription)
    }

    /// What an unstructured field says: the first one with this name, decoded.
    #[must_use]
    pub fn text<'n>(&self, name: impl Into<Wanted<'n>>) -> Option<Cow<'a, str>> {
        self.first(name).map(|field| field.decoded())
    }

    /// Date: when the author finished it (RFC 5322 §3.6.1); `None` also where it cannot be read.
    #[must_use]
    pub fn date(&self) -> Option<DateTime> {
        self.moment(Name::Date)
    }

    /// Resent-Date of the last time it was resent (RFC 5322 §3.6.6).
    #[must_use]
    pub fn resent_date(&self) -> Option<DateTime> {
        self.moment(Name::ResentDate)
    }

    fn moment(&self, name: Name) -> Option<DateTime> {
        DateTime::parse(self.first(name)?.value())
    }

    /// From: the authors (RFC 5322 §3.6.2).
    #[must_use]
    pub fn from(&self) -> List<'a> {
        self.list(Name::From)
    }

    /// Sender: who sent it on behalf of the authors; empty if they did.
    #[must_use]
    pub fn sender(&self) -> List<'a> {
        self.list(Name::Sender)
    }

    /// Reply-To: where replies go; empty if to the authors.
    #[must_use]
    pub fn reply_to(&self) -> List<'a> {
        self.list(Name::ReplyTo)
    }

    /// To (RFC 5322 §3.6.3).
    #[must_use]
    pub fn to(&self) -> List<'a> {
        self.list(Name::To)
    }

    /// Cc.
    #[must_use]
    pub fn cc(&self) -> List<'a> {
        self.list(Name::Cc)
    }

    /// Bcc.
    #[must_use]
    pub fn bcc(&self) -> List<'a> {
        self.list(Name::Bcc)
    }

    /// Resent-From of the last time it was resent (RFC 5322 §3.6.6).
    #[must_use]
    pub fn resent_from(&self) -> List<'a> {
        self.list(Name::ResentFrom)
    }

    /// Resent-Sender of the last time it was resent.
    #[must_use]
    pub fn resent_sender(&self) -> List<'a> {
        self.list(Name::ResentSender)
    }

    /// Resent-To of all times it was resent.
    #[must_use]
    pub fn resent_to(&self) -> List<'a> {
        self.list(Name::ResentTo)
    }

    /// Resent-Cc of all times it was resent.
    #[must_use]
    pub fn resent_cc(&self) -> List<'a> {
        self.list(Name::ResentCc)
    }

    /// Resent-Bcc of all times it was resent.
    #[must_use]
    pub fn resent_bcc(&self) -> List<'a> {
        self.list(Name::ResentBcc)
    }

    /// Disposition-Notification-To: who asks for a receipt (RFC 8098 §2.1).
    #[must_use]
    pub fn disposition_notification_to(&self) -> List<'a> {
        self.list(Name::DispositionNotificationTo)
    }

    /// The addresses of the fields with this name: of all of them for recipients, else of the
    /// first.
    #[must_use]
    pub fn list(&self, name: Name) -> List<'a> {
        let takes_all = matches!(
            name,
            Name::To | Name::Cc | Name::Bcc | Name::ResentTo | Name::ResentCc | Name::ResentBcc
        );
        List { fields: self.all(name), takes_all, open: address::addresses(b"") }
    }

    /// Return-Path: where failures go (RFC 5321 §4.4); the null path has an empty
    /// [`local`](Mailbox::local) part and no domain.
    #[must_use]
    pub fn return_path(&self) -> Option<Mailbox<'a>> {
        address::mailboxes(self.first(Name::ReturnPath)?.value()).next()
    }

    /// Message-ID without its brackets (RFC 5322 §3.6.4).
    #[must_use]
    pub fn message_id(&self) -> Option<Cow<'a, [u8]>> {
        self.ids(Name::MessageId).next()
    }

    /// In-Reply-To: the messages that this one answers.
    #[must_use]
    pub fn in_reply_to(&self) -> MessageIds<'a> {
        self.ids(Name::InReplyTo)
    }

    /// References: the messages of the thread, oldest first.
    #[must_use]
    pub fn references(&self) -> MessageIds<'a> {
        self.ids(Name::References)
    }

    /// Resent-Message-ID of the last time it was resent.
    #[must_use]
    pub fn resent_message_id(&self) -> Option<Cow<'a, [u8]>> {
        self.ids(Name::ResentMessageId).next()
    }

    /// Content-ID without its brackets (RFC 2045 §7).
    #[must_use]
    pub fn content_id(&self) -> Option<Cow<'a, [u8]>> {
        self.ids(Name::ContentId).next()
    }

    /// The message identifiers of the first field with this name.
    #[must_use]
    pub fn ids<'n>(&self, name: impl Into<Wanted<'n>>) -> MessageIds<'a> {
        message_id::message_ids(self.first(name).map_or(&[], |field| field.value()))
    }

    /// Content-Type; `None` also where no `type/subtype` can be read (RFC 2045 §5).
    #[must_use]
    pub fn content_type(&self) -> Option<ContentType<'a>> {
        ContentType::parse(self.first(Name::ContentType)?.value())
    }

    /// Content-Disposition (RFC 2183).
    #[must_use]
    pub fn disposition(&self) -> Option<Disposition<'a>> {
        Disposition::parse(self.first(Name::ContentDisposition)?.value())
    }

    /// Content-Transfer-Encoding; 7bit if there is none (RFC 2045 §6.1).
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        let field = self.first(Name::ContentTransferEncoding);
        field.map_or(Encoding::SevenBit, |field| Encoding::parse(field.value()))
    }

    /// The name of the file that a part is: `filename` of its disposition, else `name` of its type.
    ///
    /// In both the form of RFC 2231 wins over the plain one, and encoded words, which RFC 2047 §5
    /// forbids there and many mailers write, are decoded. The name is what the sender wrote: paths
    /// and dots in it are to be dealt with before it names a file.
    ///
    /// ```
    /// use posthaste_core::mime::head::Head;
    ///
    /// let head = Head::parse(
    ///     b"Content-Type: text/plain; name=\"=?utf-8?q?na=C3=AFve.txt?=\"\r\n\
    ///       Content-Disposition: attachment; filename*0*=utf-8''na%C3%AFve;\r\n filename*1=.txt\r\n\r\n",
    /// );
    /// assert_eq!(head.file_name().unwrap(), "na\u{ef}ve.txt");
    /// ```
    #[must_use]
    pub fn file_name(&self) -> Option<Cow<'a, str>> {
        let of_disposition = self.disposition().and_then(|found| found.params.decoded("filename"));
        let named = of_disposition.filter(|name| !name.is_empty());
        named.or_else(|| {
            let value = self.first(Name::ContentType)?.value();
            let params = match ContentType::parse(value) {
                Some(found) => found.params,
                // A type that cannot be read may still name a file.
                None => Params::new(value.get(memchr(b';', value)?..)?),
            };
            params.decoded("name")
        })
    }

    /// Received: the hops of the message, the last one first (RFC 5321 §4.4).
    pub fn received(&self) -> impl Iterator<Item = Received<'a>> + use<'a> {
        self.all(Name::Received).map(|field| Received::parse(field.value()))
    }

    /// Authentication-Results: what servers found out about the sender (RFC 8601).
    pub fn authentication_results(
        &self,
    ) -> impl Iterator<Item = AuthenticationResults<'a>> + use<'a> {
        self.all(Name::AuthenticationResults)
            .map(|field| AuthenticationResults::parse(field.value()))
    }

    /// ARC-Authentication-Results: what each ARC set says of them (RFC 8617 §4.1.1).
    pub fn arc_authentication_results(
        &self,
    ) -> impl Iterator<Item = AuthenticationResults<'a>> + use<'a> {
        self.all(Name::ArcAuthenticationResults)
            .map(|field| AuthenticationResults::parse(field.value()))
    }

    /// DKIM-Signature: the tags of each signature (RFC 6376 §3.5).
    pub fn dkim_signatures(&self) -> impl Iterator<Item = TagList<'a>> + use<'a> {
        self.tag_lists(Name::DkimSignature)
    }

    /// ARC-Message-Signature: the tags of each (RFC 8617 §4.1.2).
    pub fn arc_message_signatures(&self) -> impl Iterator<Item = TagList<'a>> + use<'a> {
        self.tag_lists(Name::ArcMessageSignature)
    }

    /// ARC-Seal: the tags of each (RFC 8617 §4.1.3).
    pub fn arc_seals(&self) -> impl Iterator<Item = TagList<'a>> + use<'a> {
        self.tag_lists(Name::ArcSeal)
    }

    fn tag_lists(&self, name: Name) -> impl Iterator<Item = TagList<'a>> + use<'a> {
        self.all(name).map(|field| TagList::new(field.value()))
    }

    /// List-Id: which mailing list it came through (RFC 2919).
    #[must_use]
    pub fn list_id(&self) -> Option<ListId<'a>> {
        ListId::parse(self.first(Name::ListId)?.value())
    }

    /// List-Unsubscribe: how to leave the list (RFC 2369 §3.2).
    #[must_use]
    pub fn list_unsubscribe(&self) -> Uris<'a> {
        self.uris(Name::ListUnsubscribe)
    }

    /// Whether List-Unsubscribe-Post lets one leave the list with one POST (RFC 8058 §3.1).
    #[must_use]
    pub fn list_unsubscribes_in_one_click(&self) -> bool {
        let field = self.first(Name::ListUnsubscribePost);
        field.is_some_and(|field| list::is_one_click(field.value()))
    }

    /// List-Subscribe: how to join the list (RFC 2369 §3.3).
    #[must_use]
    pub fn list_subscribe(&self) -> Uris<'a> {
        self.uris(Name::ListSubscribe)
    }

    /// List-Post: where to write to the list (RFC 2369 §3.4); empty also if
    /// [nobody may](list::is_no).
    #[must_use]
    pub fn list_post(&self) -> Uris<'a> {
        self.uris(Name::ListPost)
    }

    /// List-Help (RFC 2369 §3.1).
    #[must_use]
    pub fn list_help(&self) -> Uris<'a> {
        self.uris(Name::ListHelp)
    }

    /// List-Owner: who runs the list (RFC 2369 §3.5).
    #[must_use]
    pub fn list_owner(&self) -> Uris<'a> {
        self.uris(Name::ListOwner)
    }

    /// List-Archive (RFC 2369 §3.6).
    #[must_use]
    pub fn list_archive(&self) -> Uris<'a> {
        self.uris(Name::ListArchive)
    }

    fn uris(&self, name: Name) -> Uris<'a> {
        list::uris(self.first(name).map_or(&[], |field| field.value()))
    }

    /// Keywords: the phrases of all such fields (RFC 5322 §3.6.5).
    pub fn keywords(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.all(Name::Keywords).flat_map(|field| list::phrases(field.value()))
    }

    /// Auto-Submitted: whether a program sent it (RFC 3834 §5); `None` if that is not told.
    #[must_use]
    pub fn auto_submitted(&self) -> Option<AutoSubmitted> {
        AutoSubmitted::parse(self.first(Name::AutoSubmitted)?.value())
    }

    /// Precedence, as in `bulk` or `list`: of no RFC, and a sign that nobody waits for an answer.
    #[must_use]
    pub fn precedence(&self) -> Option<Cow<'a, [u8]>> {
        Some(self.first(Name::Precedence)?.unfolded())
    }

    /// How important the sender thinks it is: Importance, else Priority (RFC 2156 §5.3), else
    /// X-Priority; `None` if none of them tells.
    #[must_use]
    pub fn importance(&self) -> Option<Importance> {
        [Name::Importance, Name::Priority, Name::XPriority]
            .into_iter()
            .find_map(|name| Importance::parse(self.first(name)?.value()))
    }

    /// MIME-Version, as in (1, 0) (RFC 2045 §4).
    #[must_use]
    pub fn mime_version(&self) -> Option<(u8, u8)> {
        mark::mime_version(self.first(Name::MimeVersion)?.value())
    }
}

#[cfg(test)]
mod tests;
