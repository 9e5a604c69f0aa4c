//! Reports that programs write to programs, in mail (RFC 6522): what became of a message.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Report`]: where in a message a report and its three parts are |
//! | `delivery.rs` | [`DeliveryStatus`]: `message/delivery-status` (RFC 3464), also in UTF-8 (RFC 6533) |
//! | `disposition.rs` | [`DispositionNotification`]: `message/disposition-notification` (RFC 8098) |
//! | `feedback.rs` | [`FeedbackReport`]: `message/feedback-report` (RFC 5965, RFC 6591) |
//! | `status.rs` | [`Status`]: codes such as `5.1.1` (RFC 3463) |
//! | `typed.rs` | [`Typed`]: values such as `rfc822; ann@example.org` |
//! | `fields.rs` | the groups of fields that all of them are made of |
//!
//! Every value is owned, as reports are small: no more than [`REPORT_OCTETS`] are read, no more than
//! [`REPORT_RECIPIENTS`] recipients listed. What cannot be read is missing or stands among the
//! `extensions`; nothing fails.
//!
//! ```
//! use posthaste_core::mime::{Message, Structure, report::{Action, Body, Report}};
//!
//! let bytes = b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n\
//!     --x\r\n\r\nSorry.\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\
//!     Reporting-MTA: dns; mx.example.org\r\n\r\n\
//!     Final-Recipient: rfc822; ann@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n--x--\r\n";
//! let tree = Structure::of(bytes);
//! let message = Message::new(&tree, bytes);
//! let report = Report::of(&message).unwrap();
//! let Some(Body::Delivery(status)) = report.body(&message) else { panic!() };
//! assert_eq!(status.recipients[0].action, Some(Action::Failed));
//! assert_eq!(status.recipients[0].address(), Some("ann@example.org"));
//! ```

mod delivery;
mod disposition;
mod feedback;
mod fields;
mod status;
mod typed;

use alloc::{borrow::Cow, boxed::Box, string::String};

pub use delivery::{Action, DeliveryStatus, Recipient};
pub use disposition::{Disposed, Disposition, DispositionNotification};
pub use feedback::{AuthFailure, FeedbackReport};
pub use status::Status;
pub use typed::Typed;

use super::{
    Message,
    structure::Kind,
    text::{self, Media},
};

/// How many octets of the text of a report are read.
pub const REPORT_OCTETS: usize = 1 << 20;
/// How many recipients of a report are listed.
pub const REPORT_RECIPIENTS: usize = 1_000;
/// How many fields of a report are kept that this crate does not know.
pub const REPORT_EXTENSIONS: usize = 1_000;

/// A field that is not known: its name and its value.
pub type Extension = (String, String);

/// Where a report is in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is about.
    pub about: About,
    /// The part that holds the report itself.
    pub part: usize,
    /// The part that tells people the same (RFC 6522 §3, its first part).
    pub explanation: Option<usize>,
    /// The part that holds the message that the report is about, or its header: see
    /// [`original_header`].
    pub original: Option<usize>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The delivery of a message (RFC 3464, RFC 6533).
    Delivery,
    /// What its reader did with it (RFC 8098, RFC 6533).
    Disposition,
    /// What somebody thinks of it (RFC 5965).
    Feedback,
}

/// A report as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Of [`About::Delivery`].
    Delivery(Box<DeliveryStatus>),
    /// Of [`About::Disposition`].
    Disposition(Box<DispositionNotification>),
    /// Of [`About::Feedback`].
    Feedback(Box<FeedbackReport>),
}

impl About {
    /// What a part of this type is about, if it is a report.
    #[must_use]
    pub fn of(kind: &[u8], subtype: &[u8]) -> Option<Self> {
        if !kind.eq_ignore_ascii_case(b"message") {
            return None;
        }
        const SUBTYPES: [(&[u8], About); 5] = [
            (b"delivery-status", About::Delivery),
            (b"disposition-notification", About::Disposition),
            (b"feedback-report", About::Feedback),
            (b"global-delivery-status", About::Delivery),
            (b"global-disposition-notification", About::Disposition),
        ];
        let found = SUBTYPES.iter().find(|(known, _)| subtype.eq_ignore_ascii_case(known));
        found.map(|(_, about)| *about)
    }
}

impl Report {
    /// The report that a message is: that of its first part which holds one, where that is not
    /// within another message.
    ///
    /// The `multipart/report` around it is not asked for, as some programs write
    /// `multipart/mixed`, or the report alone.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        let structure = message.structure();
        let mut at = 0;
        while let Some(part) = structure.part(at) {
            match part.kind() {
                Kind::Message if at > 0 => {
                    at = structure.after(at)?;
                    continue;
                }
                Kind::Other => {
                    let media = Media::of(message, at);
                    if let Some(about) = About::of(media.kind, media.subtype) {
                        return Some(Self::at(message, about, at));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn at(message: &Message<'_>, about: About, part: usize) -> Self {
        let structure = message.structure();
        let mut report = Self { about, part, explanation: None, original: None };
        let Some(parent) = structure.parent(part) else { return report };
        for child in structure.children(parent) {
            let is_original = || {
                let media = Media::of(message, child);
                structure.part(child).is_some_and(|part| part.kind() == Kind::Message)
                    || is_header(&media)
            };
            if child < part && report.explanation.is_none() {
                report.explanation = Some(child);
            } else if child > part && is_original() {
                report.original = Some(child);
                break;
            }
        }
        report
    }

    /// Reads the report; `None` without the bytes of the message.
    #[must_use]
    pub fn body(&self, message: &Message<'_>) -> Option<Body> {
        let text = limited(message, self.part)?;
        Some(match self.about {
            About::Delivery => Body::Delivery(Box::new(DeliveryStatus::parse(&text))),
            About::Disposition => {
                Body::Disposition(Box::new(DispositionNotification::parse(&text)))
            }
            About::Feedback => Body::Feedback(Box::new(FeedbackReport::parse(&text))),
        })
    }
}

/// The header of the message that part `index` returns, whether the part is that message, only its
/// header (`text/rfc822-headers`, RFC 6522 §4; `message/global-headers`, RFC 6533) or neither
/// (`None`).
#[must_use]
pub fn original_header<'a>(message: &Message<'a>, index: usize) -> Option<Cow<'a, [u8]>> {
    if message.part(index)?.kind() == Kind::Message {
        let within = message.structure().children(index).next()?;
        return message.header(within).map(Cow::Borrowed);
    }
    if is_header(&Media::of(message, index)) { message.content(index) } else { None }
}

fn is_header(media: &Media<'_>) -> bool {
    media.is("text", "rfc822-headers")
        || media.is("message", "global-headers")
        || media.is("message", "rfc822-headers")
}

/// The start of the text of a part.
fn limited<'a>(message: &Message<'a>, index: usize) -> Option<Cow<'a, str>> {
    let body = message.body(index)?;
    let body = body.get(..REPORT_OCTETS).unwrap_or(body);
    // RFC 6533 §3: UTF-8; older ones are ASCII, or whatever a mail server was told.
    Some(text::decode(message.part(index)?.encoding(), b"", body))
}

#[cfg(test)]
mod tests;
