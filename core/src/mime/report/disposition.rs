//! `message/disposition-notification` (RFC 8098) and its form in UTF-8 (RFC 6533 §5): what the reader
//! of a message, or a program for them, did with it.

use alloc::{string::String, vec::Vec};

use super::{Extension, Typed, fields::Fields};

/// What was done with a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DispositionNotification {
    /// Reporting-UA: the program's host, and what it is.
    pub reporting_ua: Option<(String, Option<String>)>,
    /// MDN-Gateway: who translated this report.
    pub gateway: Option<Typed>,
    /// Original-Recipient: the address as the sender wrote it.
    pub original: Option<Typed>,
    /// Final-Recipient: the address that the message came to.
    pub recipient: Option<Typed>,
    /// Original-Message-ID, without its brackets.
    pub message_id: Option<String>,
    /// Disposition: what was done.
    pub disposition: Option<Disposition>,
    /// Failure, Error and Warning: what went wrong, in that order of gravity as they come.
    pub errors: Vec<Extension>,
    /// Other fields.
    pub extensions: Vec<Extension>,
}

/// What was done, and who said so (RFC 8098 §3.2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// A person did it (`manual-action`), not a program by itself; `None` if that is not said.
    pub manual_action: Option<bool>,
    /// A person let the report go (`MDN-sent-manually`); `None` if that is not said.
    pub sent_manually: Option<bool>,
    /// What was done.
    pub kind: Disposed,
    /// Modifiers in lower case, as `error`.
    pub modifiers: Vec<String>,
}

/// What was done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposed {
    /// Deleted, perhaps unread.
    Deleted,
    /// No report is wanted by the reader (RFC 3798 §3.2.6.2).
    Denied,
    /// Sent on.
    Dispatched,
    /// Shown to somebody; perhaps not read.
    Displayed,
    /// It could not be done (RFC 3798 §3.2.6.2).
    Failed,
    /// Worked upon by a program and not shown.
    Processed,
    /// Another word, in lower case.
    Other(String),
}

impl DispositionNotification {
    /// Reads the text of such a part.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for field in Fields::new(text) {
            if field.is("Reporting-UA") {
                let (name, product) = match field.value.split_once(';') {
                    Some((name, product)) => (name.trim(), Some(product.trim().into())),
                    None => (field.value.trim(), None),
                };
                found.reporting_ua.get_or_insert((name.into(), product));
            } else if field.is("MDN-Gateway") {
                found.gateway = found.gateway.or_else(|| Typed::parse(&field.value));
            } else if field.is("Original-Recipient") {
                found.original = found.original.or_else(|| Typed::parse(&field.value));
            } else if field.is("Final-Recipient") {
                found.recipient = found.recipient.or_else(|| Typed::parse(&field.value));
            } else if field.is("Original-Message-ID") {
                let id = field.value.trim().trim_start_matches('<').trim_end_matches('>');
                found.message_id.get_or_insert_with(|| id.into());
            } else if field.is("Disposition") {
                found.disposition = found.disposition.or_else(|| Disposition::parse(&field.value));
            } else if ["Failure", "Error", "Warning"].iter().any(|name| field.is(name)) {
                field.extend(&mut found.errors);
            } else {
                field.extend(&mut found.extensions);
            }
        }
        found
    }
}

impl Disposition {
    /// Reads the value of a Disposition field; the modes may be missing.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (modes, done) = match value.split_once(';') {
            Some((modes, done)) => (modes, done),
            None if value.to_ascii_lowercase().contains("-action") => return None,
            None => ("", value),
        };
        let (action, sending) = modes.split_once('/').unwrap_or((modes, ""));
        let is = |text: &str, no: &str, yes: &str| match text.trim().to_ascii_lowercase() {
            text if text == no => Some(false),
            text if text == yes => Some(true),
            _ => None,
        };
        let (kind, modifiers) = done.split_once('/').unwrap_or((done, ""));
        // A comment may follow.
        let kind = kind.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
        let modifiers = modifiers.split(',').map(|word| word.trim().to_ascii_lowercase());
        Some(Self {
            manual_action: is(action, "automatic-action", "manual-action"),
            sent_manually: is(sending, "mdn-sent-automatically", "mdn-sent-manually"),
            kind: match kind.as_str() {
                "" => return None,
                "deleted" => Disposed::Deleted,
                "denied" => Disposed::Denied,
                "dispatched" => Disposed::Dispatched,
                "displayed" | "read" => Disposed::Displayed,
                "failed" => Disposed::Failed,
                "processed" => Disposed::Processed,
                _ => Disposed::Other(kind),
            },
            modifiers: modifiers.filter(|word| !word.is_empty()).collect(),
        })
    }
}
