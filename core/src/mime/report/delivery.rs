//! `message/delivery-status` (RFC 3464) and `message/global-delivery-status` (RFC 6533).
//!
//! Bounces are older than their standard. What is taken beyond it: no group about the message;
//! recipients without an empty line between them, or one after every field; addresses and
//! diagnostics without a type; actions in other words.

use alloc::{string::String, vec::Vec};

use super::{
    Extension, REPORT_RECIPIENTS, Status, Typed,
    fields::{Field, Fields},
};
use crate::mime::date::DateTime;

/// What became of a message, recipient by recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryStatus {
    /// Original-Envelope-Id: ENVID of the transaction that brought the message.
    pub envelope_id: Option<String>,
    /// Reporting-MTA: who tried to deliver it.
    pub reporting_mta: Option<Typed>,
    /// DSN-Gateway: who translated this report.
    pub gateway: Option<Typed>,
    /// Received-From-MTA: who brought the message.
    pub received_from: Option<Typed>,
    /// Arrival-Date: when it came.
    pub arrival: Option<DateTime>,
    /// Other fields about the message.
    pub extensions: Vec<Extension>,
    /// The recipients, the first [`REPORT_RECIPIENTS`] of them.
    pub recipients: Vec<Recipient>,
    /// There are more recipients.
    pub truncated: bool,
}

/// What became of a message for one recipient (RFC 3464 §2.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipient {
    /// Original-Recipient: the address as the sender wrote it.
    pub original: Option<Typed>,
    /// Final-Recipient: the address that was tried.
    pub tried: Option<Typed>,
    /// Action: what was done.
    pub action: Option<Action>,
    /// Status: why, as a code.
    pub status: Option<Status>,
    /// Remote-MTA: who said so.
    pub remote_mta: Option<Typed>,
    /// Diagnostic-Code: what it said, `smtp` being the usual type.
    pub diagnostic: Option<Typed>,
    /// Localized-Diagnostic (RFC 6533 §4): the same for people.
    pub localized: Option<String>,
    /// Last-Attempt-Date: when it was tried last.
    pub last_attempt: Option<DateTime>,
    /// Final-Log-ID: where the remote server notes it.
    pub log_id: Option<String>,
    /// Will-Retry-Until: when it will be given up.
    pub retry_until: Option<DateTime>,
    /// Other fields.
    pub extensions: Vec<Extension>,
}

/// What was done about a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing yet: it is tried again.
    Delayed,
    /// The message was delivered.
    Delivered,
    /// It was delivered to an alias with several recipients.
    Expanded,
    /// It was given up.
    Failed,
    /// It was passed to a system that does not report.
    Relayed,
}

impl DeliveryStatus {
    /// Reads the text of such a part.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        // The group of the recipient at hand, and how many fields it has there.
        let (mut group, mut count) = (0, 0);
        for field in Fields::new(text) {
            let Some(field) = found.about_message(field) else { continue };
            let name = RECIPIENT.iter().position(|known| field.is(known));
            let is_new = match found.recipients.last() {
                None => name.is_some(),
                Some(last) => {
                    let apart = field.group != group && count > 1 && last.address().is_some();
                    apart || name.is_some_and(|name| last.holds(name))
                }
            };
            if is_new {
                if found.recipients.len() == REPORT_RECIPIENTS {
                    found.truncated = true;
                    break;
                }
                found.recipients.push(Recipient::default());
                count = 0;
            }
            (group, count) = (field.group, if field.group == group { count + 1 } else { 1 });
            match found.recipients.last_mut() {
                Some(last) => last.take(name, field),
                None => field.extend(&mut found.extensions),
            }
        }
        found
    }

    /// Takes a field about the message; gives back any other.
    fn about_message<'t>(&mut self, field: Field<'t>) -> Option<Field<'t>> {
        if field.is("Reporting-MTA") {
            set(&mut self.reporting_mta, Typed::parse(&field.value));
        } else if field.is("Original-Envelope-Id") {
            set(&mut self.envelope_id, field.text());
        } else if field.is("DSN-Gateway") {
            set(&mut self.gateway, Typed::parse(&field.value));
        } else if field.is("Received-From-MTA") {
            set(&mut self.received_from, Typed::parse(&field.value));
        } else if field.is("Arrival-Date") {
            set(&mut self.arrival, DateTime::parse(field.value.as_bytes()));
        } else {
            return Some(field);
        }
        None
    }
}

impl Recipient {
    /// The address: the one that was tried, else the original one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.tried.as_ref().or(self.original.as_ref()).map(Typed::address)
    }

    /// The code of [`status`](Self::status), or, if that is missing, the one in the diagnostic.
    #[must_use]
    pub fn code(&self) -> Option<Status> {
        let diagnostic = || Status::find(&self.diagnostic.as_ref()?.value);
        self.status.or_else(diagnostic)
    }

    /// The SMTP reply code at the start of the diagnostic.
    #[must_use]
    pub fn reply(&self) -> Option<u16> {
        let text = self.diagnostic.as_ref()?.value.trim_start_matches(['<', '[', '"']);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let code: u16 = text.get(..digits).filter(|digits| digits.len() == 3)?.parse().ok()?;
        (200..600).contains(&code).then_some(code)
    }

    /// Whether it has the field at this place of [`RECIPIENT`].
    fn holds(&self, name: usize) -> bool {
        match name {
            0 => self.original.is_some(),
            1 => self.tried.is_some(),
            2 => self.action.is_some(),
            3 => self.status.is_some(),
            4 => self.remote_mta.is_some(),
            5 => self.diagnostic.is_some(),
            _ => false,
        }
    }

    fn take(&mut self, name: Option<usize>, field: Field<'_>) {
        match name {
            Some(0) => set(&mut self.original, Typed::parse(&field.value)),
            Some(1) => set(&mut self.tried, Typed::parse(&field.value)),
            Some(2) => match Action::parse(&field.value) {
                Some(action) => self.action = Some(action),
                None => field.extend(&mut self.extensions),
            },
            Some(3) => match Status::parse(&field.value) {
                Some(status) => self.status = Some(status),
                None => field.extend(&mut self.extensions),
            },
            Some(4) => set(&mut self.remote_mta, Typed::parse(&field.value)),
            Some(5) => set(&mut self.diagnostic, Typed::parse(&field.value)),
            Some(6) => set(&mut self.last_attempt, DateTime::parse(field.value.as_bytes())),
            Some(7) => set(&mut self.log_id, field.text()),
            Some(8) => set(&mut self.retry_until, DateTime::parse(field.value.as_bytes())),
            Some(9) => set(&mut self.localized, field.text()),
            _ => field.extend(&mut self.extensions),
        }
    }
}

impl Action {
    /// The action that `text` starts with, in the words of RFC 3464 or those that some use.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.trim().split(|letter: char| !letter.is_ascii_alphabetic()).next()?;
        WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, action)| *action)
    }
}

/// Keeps the first value.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// The fields about one recipient (RFC 3464 §2.3, RFC 6533 §4).
const RECIPIENT: [&str; 10] = [
    "Original-Recipient",
    "Final-Recipient",
    "Action",
    "Status",
    "Remote-MTA",
    "Diagnostic-Code",
    "Last-Attempt-Date",
    "Final-Log-ID",
    "Will-Retry-Until",
    "Localized-Diagnostic",
];

const WORDS: [(&str, Action); 13] = [
    ("delayed", Action::Delayed),
    ("delay", Action::Delayed),
    ("deferred", Action::Delayed),
    ("delivered", Action::Delivered),
    ("deliver", Action::Delivered),
    ("success", Action::Delivered),
    ("expanded", Action::Expanded),
    ("failed", Action::Failed),
    ("fail", Action::Failed),
    ("failure", Action::Failed),
    ("rejected", Action::Failed),
    ("relayed", Action::Relayed),
    ("forwarded", Action::Relayed),
];
