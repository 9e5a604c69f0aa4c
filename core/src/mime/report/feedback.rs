//! `message/feedback-report`: complaints about messages (ARF, RFC 5965), and about how they failed to
//! prove where they come from (RFC 6591).

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::{
    Extension, REPORT_EXTENSIONS, Typed,
    fields::{Field, Fields},
};
use crate::mime::date::DateTime;

/// What somebody thinks of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedbackReport {
    /// Feedback-Type in lower case: `abuse`, `fraud`, `virus`, `other`, `not-spam`, `opt-out`,
    /// `auth-failure`.
    pub kind: Option<String>,
    /// User-Agent: the program that wrote the report.
    pub user_agent: Option<String>,
    /// Version, 1 so far.
    pub version: Option<String>,
    /// Original-Envelope-Id.
    pub envelope_id: Option<String>,
    /// Original-Mail-From, without its brackets: empty for the null path.
    pub mail_from: Option<String>,
    /// Original-Rcpt-To, without their brackets.
    pub rcpt_to: Vec<String>,
    /// Arrival-Date, or Received-Date: when the message came.
    pub arrival: Option<DateTime>,
    /// Reporting-MTA: who took it.
    pub reporting_mta: Option<Typed>,
    /// Source-IP: where it came from.
    pub source_ip: Option<IpAddr>,
    /// Source-Port (RFC 6692).
    pub source_port: Option<u16>,
    /// Incidents: how many messages this is about; 1 if it is not said.
    pub incidents: Option<u32>,
    /// Authentication-Results.
    pub authentication: Vec<String>,
    /// Reported-Domain: who is complained about.
    pub domains: Vec<String>,
    /// Reported-URI.
    pub uris: Vec<String>,
    /// What failed, for reports of the kind `auth-failure`.
    pub auth_failure: Option<AuthFailure>,
    /// Other fields.
    pub extensions: Vec<Extension>,
}

/// How a message failed to prove where it comes from (RFC 6591 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthFailure {
    /// Auth-Failure in lower case: `adsp`, `bodyhash`, `revoked`, `signature`, `spf`, `dmarc`.
    pub kind: Option<String>,
    /// Delivery-Result in lower case: `delivered`, `spam`, `policy`, `reject`, `other`.
    pub delivery: Option<String>,
    /// DKIM-Domain.
    pub dkim_domain: Option<String>,
    /// DKIM-Identity.
    pub dkim_identity: Option<String>,
    /// DKIM-Selector.
    pub dkim_selector: Option<String>,
    /// DKIM-Canonicalized-Header, in base64 as it stands.
    pub dkim_header: Option<String>,
    /// DKIM-Canonicalized-Body, in base64 as it stands.
    pub dkim_body: Option<String>,
    /// DKIM-ADSP-DNS: the policy that was found.
    pub adsp_dns: Option<String>,
    /// SPF-DNS: the records that were found.
    pub spf_dns: Vec<String>,
    /// Identity-Alignment (RFC 7489 §7.3).
    pub alignment: Option<String>,
}

impl FeedbackReport {
    /// Reads the text of such a part.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for field in Fields::new(text) {
            let Some(field) = found.about_failure(field) else { continue };
            found.take(field);
        }
        found
    }

    fn take(&mut self, field: Field<'_>) {
        if field.is("Feedback-Type") {
            set(&mut self.kind, field.text().map(|kind| kind.to_ascii_lowercase()));
        } else if field.is("User-Agent") {
            set(&mut self.user_agent, field.text());
        } else if field.is("Version") {
            set(&mut self.version, field.text());
        } else if field.is("Original-Envelope-Id") {
            set(&mut self.envelope_id, field.text());
        } else if field.is("Original-Mail-From") {
            set(&mut self.mail_from, Some(bare(&field.value)));
        } else if field.is("Original-Rcpt-To") {
            add(&mut self.rcpt_to, Some(bare(&field.value)));
        } else if field.is("Arrival-Date") || field.is("Received-Date") {
            set(&mut self.arrival, DateTime::parse(field.value.as_bytes()));
        } else if field.is("Reporting-MTA") {
            set(&mut self.reporting_mta, Typed::parse(&field.value));
        } else if field.is("Source-IP") {
            set(&mut self.source_ip, ip(&field.value));
        } else if field.is("Source-Port") {
            set(&mut self.source_port, field.value.parse().ok());
        } else if field.is("Incidents") {
            set(&mut self.incidents, field.value.parse().ok());
        } else if field.is("Authentication-Results") {
            add(&mut self.authentication, field.text());
        } else if field.is("Reported-Domain") {
            add(&mut self.domains, field.text());
        } else if field.is("Reported-URI") {
            add(&mut self.uris, field.text());
        } else {
            field.extend(&mut self.extensions);
        }
    }

    /// Takes a field of RFC 6591; gives back any other.
    fn about_failure<'t>(&mut self, field: Field<'t>) -> Option<Field<'t>> {
        let name = FAILURE.iter().position(|known| field.is(known));
        let Some(name) = name else { return Some(field) };
        let failure = self.auth_failure.get_or_insert_default();
        let place = match name {
            0 => &mut failure.kind,
            1 => &mut failure.delivery,
            2 => &mut failure.dkim_domain,
            3 => &mut failure.dkim_identity,
            4 => &mut failure.dkim_selector,
            5 => &mut failure.dkim_header,
            6 => &mut failure.dkim_body,
            7 => &mut failure.adsp_dns,
            8 => &mut failure.alignment,
            _ => {
                add(&mut failure.spf_dns, field.text());
                return None;
            }
        };
        let value = field.text();
        set(place, if name < 2 { value.map(|word| word.to_ascii_lowercase()) } else { value });
        None
    }
}

/// Keeps the first value.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

fn add(list: &mut Vec<String>, value: Option<String>) {
    if list.len() < REPORT_EXTENSIONS {
        list.extend(value);
    }
}

/// A path without its brackets.
fn bare(path: &str) -> String {
    let path = path.trim();
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path).into()
}

/// An address as people write it: with brackets, or as in SMTP (RFC 5321 §4.1.3).
fn ip(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let text = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => text.get(5..)?,
        _ => text,
    };
    text.parse().ok()
}

/// RFC 6591 §3.2, and `Identity-Alignment` of RFC 7489 §7.3.
const FAILURE: [&str; 10] = [
    "Auth-Failure",
    "Delivery-Result",
    "DKIM-Domain",
    "DKIM-Identity",
    "DKIM-Selector",
    "DKIM-Canonicalized-Header",
    "DKIM-Canonicalized-Body",
    "DKIM-ADSP-DNS",
    "Identity-Alignment",
    "SPF-DNS",
];
