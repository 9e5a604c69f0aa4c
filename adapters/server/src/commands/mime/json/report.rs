//! Reports: delivery status (RFC 3464), disposition notifications (RFC 8098), feedback (RFC 5965).

use posthaste_core::mime::report::{
    Body, DeliveryStatus, Disposed, DispositionNotification, FeedbackReport, Report, Typed,
};
use serde_json::{Value, json};

use super::super::Shown;
use super::head::rfc3339;

/// The report that a message is.
pub(super) fn of(shown: &Shown<'_>) -> Option<Value> {
    let report = Report::of(&shown.message)?;
    Some(match report.body(&shown.message)? {
        Body::Delivery(status) => delivery(&status),
        Body::Disposition(notification) => disposition(&notification),
        Body::Feedback(feedback) => of_feedback(&feedback),
    })
}

fn delivery(status: &DeliveryStatus) -> Value {
    let recipients: Vec<Value> = status
        .recipients
        .iter()
        .map(|of| {
            json!({
                "address": of.address(),
                "action": of.action.map(|action| format!("{action:?}").to_ascii_lowercase()),
                "status": of.status.map(|status| status.to_string()),
                "remote_mta": value(of.remote_mta.as_ref()),
                "diagnostic": value(of.diagnostic.as_ref()),
                "last_attempt": of.last_attempt.as_ref().map(rfc3339),
            })
        })
        .collect();
    json!({
        "about": "delivery",
        "reporting_mta": value(status.reporting_mta.as_ref()),
        "envelope_id": status.envelope_id,
        "arrival": status.arrival.as_ref().map(rfc3339),
        "recipients": recipients,
    })
}

fn disposition(notification: &DispositionNotification) -> Value {
    let disposed = notification.disposition.as_ref();
    json!({
        "about": "disposition",
        "disposition": disposed.map(|of| match &of.kind {
            Disposed::Other(kind) => kind.clone(),
            known => format!("{known:?}").to_ascii_lowercase(),
        }),
        "manual_action": disposed.and_then(|of| of.manual_action),
        "modifiers": disposed.map(|of| &of.modifiers),
        "recipient": value(notification.recipient.as_ref()),
        "message_id": notification.message_id,
    })
}

fn of_feedback(feedback: &FeedbackReport) -> Value {
    json!({
        "about": "feedback",
        "kind": feedback.kind,
        "user_agent": feedback.user_agent,
        "mail_from": feedback.mail_from,
        "rcpt_to": feedback.rcpt_to,
        "source_ip": feedback.source_ip.map(|ip| ip.to_string()),
        "domains": feedback.domains,
        "uris": feedback.uris,
    })
}

fn value(typed: Option<&Typed>) -> Option<&str> {
    typed.map(|typed| typed.value.as_str())
}
