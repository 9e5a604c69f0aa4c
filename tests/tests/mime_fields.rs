//! Header fields against the vectors of mail-parser (the corpus's `fields/*.json`), value by value.
//!
//! Where we mean something else there is a reason, with the section of the RFC that it rests on. A
//! difference without a reason fails, and so does a reason that no vector needs any more.

use std::fs;

use posthaste_core::mime::{
    address::{self, Address},
    date::DateTime,
    encoded_word, header, list, message_id,
    parameter::{ContentType, Disposition, Params},
};
use posthaste_tests::corpus;
use serde_json::Value;

/// Our reading of a field's value, in the form of what was expected.
type Reading = fn(&[u8], &Value) -> Value;

#[test]
fn the_field_vectors() {
    let Some(corpus) = corpus::folder() else { return };
    let kinds: [(&str, Reading); 6] = [
        ("address", read_addresses),
        ("content_type", read_content_type),
        ("date", read_date),
        ("unstructured", read_unstructured),
        ("id", read_ids),
        ("list", read_list),
    ];
    let mut unexplained = Vec::new();
    let mut needed = vec![false; DIFFERENCES.len()];
    let (mut all, mut alike) = (0, 0);
    for (kind, read) in kinds {
        let text = fs::read(corpus.join(format!("fields/{kind}.json"))).unwrap();
        let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
        let mut same = 0;
        for vector in &vectors {
            let header = vector["header"].as_str().unwrap();
            let raw = format!("X:{header}");
            let value =
                header::fields(raw.as_bytes()).next().map_or(&b""[..], |field| field.value());
            let (expected, found) = (&vector["expected"], read(value, &vector["expected"]));
            if found == *expected {
                same += 1;
                continue;
            }
            let known =
                DIFFERENCES.iter().position(|(of, text, _)| *of == kind && header.contains(text));
            match known {
                Some(at) => {
                    needed[at] = true;
                    println!("  {kind} {header:?}: {}", DIFFERENCES[at].2);
                }
                None => unexplained
                    .push(format!("{kind} {header:?}:\n  expected {expected}\n  found    {found}")),
            }
        }
        println!("{kind}: {same} of {} alike", vectors.len());
        all += vectors.len();
        alike += same;
    }
    println!("{alike} of {all} alike, {} explained", all - alike - unexplained.len());
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    let idle: Vec<_> =
        DIFFERENCES.iter().zip(needed).filter(|(_, needed)| !needed).map(|(d, _)| d).collect();
    assert!(idle.is_empty(), "reasons that nothing needs: {idle:#?}");
}

/// A kind of vector, a text in its header, and why our reading of it differs.
type Difference = (&'static str, &'static str, &'static str);

/// Where we mean something else than mail-parser.
const DIFFERENCES: &[Difference] = &[
    ("address", "chap) <pete(his account)", COMMENT),
    ("address", "chap) <pete(his\n account)", COMMENT),
    ("address", "(Some people)", COMMENT),
    ("address", "(nobody(that I know))", COMMENT),
    ("address", "machine(comment)", COMMENT),
    ("address", "Name (comment)", COMMENT),
    ("address", "7eXs+SDv4SDp7Oj08A==", COMMENT),
    ("address", "(Web Archive)", COMMENT),
    ("address", "(Postings are Moderated)", COMMENT),
    ("address", "(Use this command to join the list)", COMMENT),
    ("address", "(Use this command to get off the list)", COMMENT),
    ("address", "(FTP)", COMMENT),
    ("address", "(Contact Person for Help)", COMMENT),
    (
        "address",
        "test  . example",
        "blanks around the dots of a domain are no part of it (RFC 5322 §4.4)",
    ),
    ("address", "<a@b.com> =?utf-8?q?Doe?=", "a name stands before its address (RFC 5322 §3.4)"),
    (
        "content_type",
        "iso-8859-1'%20r%E1pido",
        "only the first piece names a charset (RFC 2231 §4.1), so that what looks like one in the others is text",
    ),
    (
        "content_type",
        "\"=?iso-8859-1?B?4Q==?= =?utf-8?B?w6k=?=",
        "blanks between encoded words are not shown (RFC 2047 §6.2)",
    ),
    ("content_type", "=\n", TOKEN),
    ("content_type", "name=value\n", TOKEN),
    ("content_type", "name=  ", "the parameter is there, and its value is empty (RFC 2045 §5.1)"),
    (
        "content_type",
        "key*9999=ba%",
        "numbers count up one by one, so a gap ends a value (RFC 2231 §3); plain parameters stand first",
    ),
    (
        "content_type",
        "malicious/attempt",
        "these names are no pieces (RFC 2231 §3), so they stay as they are",
    ),
    ("content_type", "text/plain/format", "a subtype is a token (RFC 2045 §5.1), without a `/`"),
    ("date", " 4 8 15 16 23 42", "a time has a colon (RFC 5322 §3.3), so these numbers are none"),
    (
        "date",
        "((invalid)\ncomment)",
        "the line end has no blank behind it, so that the field ends there (RFC 5322 §2.2.3) and its comment does not",
    ),
    ("date", "by 2002:aa7", "a Received field; its date is read from it (RFC 5321 §4.4)"),
    ("unstructured", "Fwd: \n\tSaying", FOLD),
    ("unstructured", "FWD: \n Saying", FOLD),
    ("unstructured", "from x.y.test\n", FOLD),
    ("unstructured", "the \n parser", FOLD),
    (
        "unstructured",
        "[SUSPECTED SPAM]=?utf-8?B?VGhp",
        "what touches an encoded word (which RFC 2047 §5 forbids) touches its text too",
    ),
    (
        "unstructured",
        "=?utf-8?Q??=here",
        "what touches an encoded word (which RFC 2047 §5 forbids) touches its text too",
    ),
];

const TOKEN: &str = "a disposition is a token (RFC 2183 §2), which has no `=` in it";
const COMMENT: &str = "a comment is no part of a name or an address (RFC 5322 §3.2.2); it names only \
    an address without angle brackets, and `Mailbox::comments` reaches it";
const FOLD: &str =
    "undoing a fold takes out the line end alone, so all blanks stay (RFC 5322 §2.2.3)";

fn read_addresses(value: &[u8], _: &Value) -> Value {
    let mut groups: Vec<(Option<String>, Vec<Value>)> = Vec::new();
    let mut grouped = false;
    let mut open = false;
    for address in address::addresses(value) {
        match address {
            Address::Group(group) => {
                (grouped, open) = (true, true);
                groups.push((Some(encoded_word::decode(&group.name()).into_owned()), Vec::new()));
            }
            Address::GroupEnd => open = false,
            Address::Mailbox(mailbox) => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                let mut address = text(&mailbox.local());
                if let Some(domain) = mailbox.domain() {
                    address += &format!("@{}", text(&domain));
                }
                if let Some(route) = mailbox.route() {
                    address = format!("{}:{address}", text(&route));
                }
                let name = mailbox.display().map(|name| name.into_owned());
                if !open && groups.last().is_none_or(|(name, _)| name.is_some()) {
                    groups.push((None, Vec::new()));
                }
                let entry = serde_json::json!({"name": name, "address": address});
                groups.last_mut().unwrap().1.push(entry);
            }
        }
    }
    if grouped {
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(name, list)| serde_json::json!({"name": name, "addresses": list}))
            .collect();
        serde_json::json!({ "Group": groups })
    } else {
        let list = groups.into_iter().next().map_or(Vec::new(), |(_, list)| list);
        serde_json::json!({ "List": list })
    }
}

fn read_content_type(value: &[u8], expected: &Value) -> Value {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).to_lowercase();
    let (kind, subtype, params) = if expected["c_subtype"].is_null() && !expected.is_null() {
        let Some(found) = Disposition::parse(value) else { return Value::Null };
        (text(found.kind), None, found.params)
    } else {
        let Some(found) = ContentType::parse(value) else { return Value::Null };
        (text(found.kind), Some(text(found.subtype)), found.params)
    };
    let mut shown = serde_json::json!({"c_type": kind, "c_subtype": subtype});
    if expected.get("attributes").is_some() {
        shown["attributes"] = attributes(params);
    }
    shown
}

/// Names and decoded values, a language in front of the value that is in it.
fn attributes(params: Params<'_>) -> Value {
    let mut all = Vec::new();
    for (name, _) in params.joined() {
        let name = String::from_utf8_lossy(&name).to_lowercase();
        let name = name.trim_end_matches('*');
        let value = params.value(name);
        if let Some(language) = value.as_ref().and_then(|value| value.language.as_ref()) {
            let language = String::from_utf8_lossy(language);
            all.push(serde_json::json!([format!("{name}-language"), language]));
        }
        all.push(serde_json::json!([name, value.map(|value| value.text)]));
    }
    if all.is_empty() { Value::Null } else { Value::Array(all) }
}

fn read_date(value: &[u8], _: &Value) -> Value {
    let Some(date) = DateTime::parse(value) else { return Value::Null };
    let offset = date.offset.unsigned_abs();
    serde_json::json!({
        "year": date.year, "month": date.month, "day": date.day,
        "hour": date.hour, "minute": date.minute, "second": date.second,
        "tz_before_gmt": date.offset < 0, "tz_hour": offset / 60, "tz_minute": offset % 60,
    })
}

fn read_unstructured(value: &[u8], _: &Value) -> Value {
    encoded_word::decode(value).into_owned().into()
}

fn read_ids(value: &[u8], _: &Value) -> Value {
    let ids: Vec<Value> = message_id::message_ids(value)
        .map(|id| String::from_utf8_lossy(&id).into_owned().into())
        .collect();
    if ids.is_empty() { Value::Null } else { Value::Array(ids) }
}

fn read_list(value: &[u8], _: &Value) -> Value {
    let all: Vec<Value> = list::phrases(value).map(|text| text.into_owned().into()).collect();
    all.into()
}
