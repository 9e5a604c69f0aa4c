//! Values of header fields.

use posthaste_core::grammar::tag_list::TagList;
use posthaste_core::mime::address::{Address, Group, Mailbox};
use posthaste_core::mime::authentication::{self, AuthenticationResults};
use posthaste_core::mime::date::DateTime;
use posthaste_core::mime::encoded_word;
use posthaste_core::mime::head::{self, Head};
use posthaste_core::mime::header::{Field, Name};
use posthaste_core::mime::mark;
use posthaste_core::mime::received::Received;
use serde::Serialize;
use serde_json::{Map, Value};

use super::text;

#[derive(Serialize)]
pub(super) struct Date {
    raw: String,
    /// RFC 3339; `null` if it is no date.
    rfc3339: Option<String>,
    /// Seconds since 1970.
    unix: Option<i64>,
}

pub(super) fn date(field: Field<'_>) -> Date {
    let found = DateTime::parse(field.value());
    Date {
        raw: text(&field.unfolded()),
        rfc3339: found.map(|at| rfc3339(&at)),
        unix: found.map(|at| at.unix()),
    }
}

pub(super) fn rfc3339(at: &DateTime) -> String {
    let (sign, offset) = (if at.offset < 0 { '-' } else { '+' }, at.offset.unsigned_abs());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        at.year,
        at.month,
        at.day,
        at.hour,
        at.minute,
        at.second,
        offset / 60,
        offset % 60
    )
}

/// A mailbox or a group.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Mailbox {
        name: Option<String>,
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
    },
    Group {
        group: String,
        members: Vec<Entry>,
    },
}

/// The addresses of all fields of a name, where there may be several (RFC 5322 §3.6, §4.5.3).
pub(super) fn entries(list: head::List<'_>) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut open: Option<(String, Vec<Entry>)> = None;
    for address in list {
        match (address, &mut open) {
            (Address::Group(found), _) => open = Some((group(&found), Vec::new())),
            (Address::GroupEnd, _) => {
                let closed = open.take();
                all.extend(closed.map(|(group, members)| Entry::Group { group, members }));
            }
            (Address::Mailbox(mailbox), Some((_, members))) => members.push(entry(&mailbox)),
            (Address::Mailbox(mailbox), None) => all.push(entry(&mailbox)),
        }
    }
    all.extend(open.map(|(group, members)| Entry::Group { group, members }));
    all
}

fn group(found: &Group<'_>) -> String {
    encoded_word::decode(&found.name()).into_owned()
}

fn entry(mailbox: &Mailbox<'_>) -> Entry {
    Entry::Mailbox {
        name: mailbox.display().map(Into::into),
        address: mailbox.address().into(),
        route: mailbox.route().map(|route| text(&route)),
    }
}

/// One server that a message passed.
#[derive(Serialize)]
pub(super) struct Hop {
    from: Option<String>,
    helo: Option<String>,
    ip: Option<String>,
    by: Option<String>,
    with: Option<String>,
    id: Option<String>,
    recipients: Vec<String>,
    tls: Option<String>,
    date: Option<String>,
}

pub(super) fn hop(hop: &Received<'_>) -> Hop {
    Hop {
        from: hop.from().map(text),
        helo: hop.helo().map(text),
        ip: hop.ip().map(|ip| ip.to_string()),
        by: hop.by().map(text),
        with: hop.with().map(|with| text(&with)),
        id: hop.id().map(text),
        recipients: hop.recipients().map(|mailbox| mailbox.address().into()).collect(),
        tls: hop
            .tls()
            .map(|tls| format!("{} {}", text(tls.version), text(tls.cipher)).trim().into()),
        date: hop.date().map(|at| rfc3339(&at)),
    }
}

/// What a server found out about the sender.
#[derive(Serialize)]
pub(super) struct Authentication {
    server: Option<String>,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    method: String,
    result: String,
    reason: Option<String>,
    /// Names as in `header.d`.
    properties: Map<String, Value>,
}

pub(super) fn authentication(of: &AuthenticationResults<'_>) -> Authentication {
    let outcome = |found: authentication::Outcome<'_>| Outcome {
        method: text(found.method).to_ascii_lowercase(),
        result: text(found.result).to_ascii_lowercase(),
        reason: found.reason().map(|reason| text(&reason)),
        properties: found
            .properties()
            .map(|one| {
                (format!("{}.{}", text(one.kind), text(one.name)), text(&one.value()).into())
            })
            .collect(),
    };
    Authentication {
        server: of.server().map(|server| text(&server)),
        results: of.results().map(outcome).collect(),
    }
}

pub(super) fn tags(list: TagList<'_>) -> Map<String, Value> {
    list.iter().map(|tag| (text(tag.name), text(&tag.compact()).into())).collect()
}

/// What the fields of a mailing list say.
#[derive(Serialize)]
pub(super) struct List {
    id: Option<String>,
    description: Option<String>,
    post: Vec<String>,
    unsubscribe: Vec<String>,
    one_click: bool,
    archive: Vec<String>,
}

pub(super) fn list(head: &Head<'_>) -> Option<List> {
    let names = [Name::ListId, Name::ListPost, Name::ListUnsubscribe, Name::ListArchive];
    names.iter().find(|name| head.first(**name).is_some())?;
    let id = head.list_id();
    Some(List {
        id: id.as_ref().map(|id| text(&id.id())),
        description: id.and_then(|id| id.description().map(String::from)),
        post: head.list_post().map(|uri| text(&uri)).collect(),
        unsubscribe: head.list_unsubscribe().map(|uri| text(&uri)).collect(),
        one_click: head.list_unsubscribes_in_one_click(),
        archive: head.list_archive().map(|uri| text(&uri)).collect(),
    })
}

pub(super) const fn auto_submitted(how: mark::AutoSubmitted) -> &'static str {
    match how {
        mark::AutoSubmitted::Generated => "auto-generated",
        mark::AutoSubmitted::No => "no",
        mark::AutoSubmitted::Notified => "auto-notified",
        mark::AutoSubmitted::Other => "other",
        mark::AutoSubmitted::Replied => "auto-replied",
    }
}

pub(super) const fn importance(how: mark::Importance) -> &'static str {
    match how {
        mark::Importance::High => "high",
        mark::Importance::Low => "low",
        mark::Importance::Normal => "normal",
    }
}
