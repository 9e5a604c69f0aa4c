//! Reports (RFC 6522): a part for people, one for programs, and what they are about.
//!
//! The values are those that [`mime::report`](crate::mime::report) reads; here they have to be whole.
//! A report whose values are ASCII, as all of them can be, is `message/delivery-status` and its kin;
//! else it is what RFC 6533 has for UTF-8, with a transfer encoding where the transport wants one.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt::Write;

use super::{
    error::{Fault, Unfit},
    field,
    part::{Body, Part, Value},
    value::{FieldName, MediaType, Text},
};
use crate::mime::{
    date::DateTime,
    report::{
        Action, DeliveryStatus, Disposed, DispositionNotification, Extension, FeedbackReport,
        REPORT_OCTETS, REPORT_RECIPIENTS, Recipient, Typed,
    },
};

impl<'a> Part<'a> {
    /// What became of a message (RFC 3464), `explained` to people; `original` is the message, or its
    /// [`header`](Self::header_of), if the sender is to have it back.
    ///
    /// # Errors
    /// No Reporting-MTA, no recipient, or one without its address, action or status; a value that
    /// cannot stand in a field; more than is [read](REPORT_OCTETS).
    pub fn delivery_report(
        explained: Self,
        status: &DeliveryStatus,
        original: Option<Self>,
    ) -> Result<Self, Unfit> {
        if status.recipients.is_empty() {
            return Err(Unfit::new("Final-Recipient", Fault::Missing));
        }
        if status.recipients.len() > REPORT_RECIPIENTS {
            return Err(Unfit::new("Final-Recipient", Fault::Long(REPORT_RECIPIENTS)));
        }
        // RFC 3464 §2.2
        let mut out = Fields::default();
        out.text("Original-Envelope-Id", status.envelope_id.as_deref())?;
        out.typed("Reporting-MTA", Some(wanted("Reporting-MTA", status.reporting_mta.as_ref())?))?;
        out.typed("DSN-Gateway", status.gateway.as_ref())?;
        out.typed("Received-From-MTA", status.received_from.as_ref())?;
        out.date("Arrival-Date", status.arrival)?;
        out.extensions(&status.extensions)?;
        for recipient in &status.recipients {
            out.recipient(recipient)?;
        }
        let name = "message/delivery-status";
        out.report("delivery-status", explained, name, original)
    }

    /// What the reader of a message, or a program for them, did with it (RFC 8098).
    ///
    /// # Errors
    /// No Final-Recipient, no Disposition or one without its modes; a value that cannot stand in a
    /// field; more than is [read](REPORT_OCTETS).
    pub fn disposition_report(
        explained: Self,
        notification: &DispositionNotification,
        original: Option<Self>,
    ) -> Result<Self, Unfit> {
        let mut out = Fields::default();
        if let Some((name, product)) = &notification.reporting_ua {
            let product = product.as_ref().map(|product| format!("{name}; {product}"));
            out.text("Reporting-UA", Some(product.as_deref().unwrap_or(name)))?;
        }
        out.typed("MDN-Gateway", notification.gateway.as_ref())?;
        out.typed("Original-Recipient", notification.original.as_ref())?;
        let recipient = wanted("Final-Recipient", notification.recipient.as_ref())?;
        out.typed("Final-Recipient", Some(recipient))?;
        if let Some(id) = &notification.message_id {
            out.text("Original-Message-ID", Some(&format!("<{id}>")))?;
        }
        // RFC 8098 §3.2.6
        let done = wanted("Disposition", notification.disposition.as_ref())?;
        let action = match wanted("Disposition", done.manual_action)? {
            true => "manual-action",
            false => "automatic-action",
        };
        let sending = match wanted("Disposition", done.sent_manually)? {
            true => "MDN-sent-manually",
            false => "MDN-sent-automatically",
        };
        let mut value = format!("{action}/{sending}; {}", disposed(&done.kind));
        for (at, modifier) in done.modifiers.iter().enumerate() {
            value.push(if at == 0 { '/' } else { ',' });
            value.push_str(modifier);
        }
        out.text("Disposition", Some(&value))?;
        out.extensions(&notification.errors)?;
        out.extensions(&notification.extensions)?;
        let name = "message/disposition-notification";
        out.report("disposition-notification", explained, name, original)
    }

    /// What somebody thinks of a message (RFC 5965, RFC 6591); `original` is the message or its
    /// [`header`](Self::header_of).
    ///
    /// # Errors
    /// No Feedback-Type, User-Agent or Version; a value that cannot stand in a field; more than is
    /// [read](REPORT_OCTETS).
    pub fn feedback_report(
        explained: Self,
        report: &FeedbackReport,
        original: Self,
    ) -> Result<Self, Unfit> {
        // It is ASCII and nothing else: RFC 5965 §7.2.
        let mut out = Fields { ascii: true, ..Fields::default() };
        // RFC 5965 §3.1
        out.text("Feedback-Type", Some(wanted("Feedback-Type", report.kind.as_deref())?))?;
        out.text("User-Agent", Some(wanted("User-Agent", report.user_agent.as_deref())?))?;
        out.text("Version", Some(wanted("Version", report.version.as_deref())?))?;
        out.text("Original-Envelope-Id", report.envelope_id.as_deref())?;
        if let Some(from) = &report.mail_from {
            out.text("Original-Mail-From", Some(&format!("<{from}>")))?;
        }
        for to in &report.rcpt_to {
            out.text("Original-Rcpt-To", Some(&format!("<{to}>")))?;
        }
        out.date("Arrival-Date", report.arrival)?;
        out.typed("Reporting-MTA", report.reporting_mta.as_ref())?;
        out.shown("Source-IP", report.source_ip)?;
        out.shown("Source-Port", report.source_port)?;
        out.shown("Incidents", report.incidents)?;
        out.texts("Authentication-Results", &report.authentication)?;
        out.texts("Reported-Domain", &report.domains)?;
        out.texts("Reported-URI", &report.uris)?;
        if let Some(failure) = &report.auth_failure {
            for (name, value) in [
                ("Auth-Failure", &failure.kind),
                ("Delivery-Result", &failure.delivery),
                ("DKIM-Domain", &failure.dkim_domain),
                ("DKIM-Identity", &failure.dkim_identity),
                ("DKIM-Selector", &failure.dkim_selector),
                ("DKIM-Canonicalized-Header", &failure.dkim_header),
                ("DKIM-Canonicalized-Body", &failure.dkim_body),
                ("DKIM-ADSP-DNS", &failure.adsp_dns),
                ("Identity-Alignment", &failure.alignment),
            ] {
                out.text(name, value.as_deref())?;
            }
            out.texts("SPF-DNS", &failure.spf_dns)?;
        }
        out.extensions(&report.extensions)?;
        out.report("feedback-report", explained, "message/feedback-report", Some(original))
    }

    /// The header of a message that was not built here, as reports return it (RFC 6522 §4): without
    /// the body; in UTF-8 if it is not ASCII (RFC 6533 §4.3).
    #[must_use]
    pub fn header_of(message: &'a [u8]) -> Self {
        let mut octets = 0;
        let fields = crate::mime::header::fields(message);
        fields.for_each(|field| octets += field.raw().len());
        let header = message.get(..octets).unwrap_or_default();
        let media =
            if header.is_ascii() { "text/rfc822-headers" } else { "message/global-headers" };
        Self::of_text(MediaType::known(media), String::from_utf8_lossy(header))
    }
}

/// The groups of fields of a report.
#[derive(Default)]
struct Fields {
    out: Vec<u8>,
    /// Text that is not ASCII becomes encoded words.
    ascii: bool,
}

impl Fields {
    fn recipient(&mut self, recipient: &Recipient) -> Result<(), Unfit> {
        // RFC 3464 §2.3
        self.out.extend_from_slice(b"\r\n");
        self.typed("Original-Recipient", recipient.original.as_ref())?;
        let tried = wanted("Final-Recipient", recipient.tried.as_ref())?;
        self.typed("Final-Recipient", Some(tried))?;
        self.text("Action", Some(action(wanted("Action", recipient.action)?)))?;
        self.shown("Status", Some(wanted("Status", recipient.status)?))?;
        self.typed("Remote-MTA", recipient.remote_mta.as_ref())?;
        self.typed("Diagnostic-Code", recipient.diagnostic.as_ref())?;
        self.text("Localized-Diagnostic", recipient.localized.as_deref())?;
        self.date("Last-Attempt-Date", recipient.last_attempt)?;
        self.text("Final-Log-ID", recipient.log_id.as_deref())?;
        self.date("Will-Retry-Until", recipient.retry_until)?;
        self.extensions(&recipient.extensions)
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) -> Result<(), Unfit> {
        let Some(value) = value else { return Ok(()) };
        let value = Text::new(value).map_err(|unfit| Unfit::new(name, unfit.fault))?;
        field::write(name, &Value::Text(value), !self.ascii, &mut self.out)
    }

    fn texts(&mut self, name: &'static str, values: &[String]) -> Result<(), Unfit> {
        values.iter().try_for_each(|value| self.text(name, Some(value)))
    }

    fn typed(&mut self, name: &'static str, value: Option<&Typed>) -> Result<(), Unfit> {
        let Some(Typed { kind, value }) = value else { return Ok(()) };
        if kind.is_empty() {
            return Err(Unfit::new(name, Fault::Form));
        }
        let value = if kind == "utf-8" { xtext(value) } else { Cow::Borrowed(value.as_str()) };
        self.text(name, Some(&format!("{kind}; {value}")))
    }

    fn shown(
        &mut self,
        name: &'static str,
        value: Option<impl core::fmt::Display>,
    ) -> Result<(), Unfit> {
        value.map_or(Ok(()), |value| self.text(name, Some(&format!("{value}"))))
    }

    fn date(&mut self, name: &str, value: Option<DateTime>) -> Result<(), Unfit> {
        let Some(date) = value else { return Ok(()) };
        field::write(name, &Value::Date(date), false, &mut self.out)
    }

    fn extensions(&mut self, extensions: &[Extension]) -> Result<(), Unfit> {
        for (name, value) in extensions {
            let value = Value::Text(Text::new(value.as_str())?);
            field::write(FieldName::new(name)?.as_str(), &value, !self.ascii, &mut self.out)?;
        }
        Ok(())
    }

    /// The parts together.
    fn report<'a>(
        self,
        kind: &'static str,
        explained: Part<'a>,
        media: &'static str,
        original: Option<Part<'a>>,
    ) -> Result<Part<'a>, Unfit> {
        if self.out.len() > REPORT_OCTETS {
            return Err(Unfit::new(kind, Fault::Long(REPORT_OCTETS)));
        }
        // RFC 6533 §4, §5
        let media = match (self.out.is_ascii(), kind) {
            (true, _) => media,
            (false, "delivery-status") => "message/global-delivery-status",
            (false, _) => "message/global-disposition-notification",
        };
        let machine = Part::leaf(MediaType::known(media), Body::Text(Cow::Owned(self.out)));
        Ok(Part::report(kind, [explained, machine].into_iter().chain(original)))
    }
}

fn wanted<T>(what: &'static str, value: Option<T>) -> Result<T, Unfit> {
    value.ok_or(Unfit::new(what, Fault::Missing))
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::Delayed => "delayed",
        Action::Delivered => "delivered",
        Action::Expanded => "expanded",
        Action::Failed => "failed",
        Action::Relayed => "relayed",
    }
}

fn disposed(kind: &Disposed) -> &str {
    match kind {
        Disposed::Deleted => "deleted",
        Disposed::Denied => "denied",
        Disposed::Dispatched => "dispatched",
        Disposed::Displayed => "displayed",
        Disposed::Failed => "failed",
        Disposed::Processed => "processed",
        Disposed::Other(word) => word,
    }
}

/// An address in UTF-8 as ASCII (RFC 6533 §3, `utf-8-addr-xtext`).
fn xtext(address: &str) -> Cow<'_, str> {
    let stands = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=');
    if address.chars().all(stands) {
        return Cow::Borrowed(address);
    }
    let mut out = String::with_capacity(address.len() * 2);
    for c in address.chars() {
        if stands(c) {
            out.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    Cow::Owned(out)
}
