//! MIME against real mail: every message of the corpus scanned at several cuttings and walked, and
//! the field vectors of mail-parser compared value by value.
//!
//! The corpus is found by `POSTHASTE_CORPUS`, else beside the checkout. Without it these checks
//! count as not run and say so.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use posthaste_core::mime::{
    Limits, Message, Scanner, Structure,
    address::{self, Address},
    body::Step,
    date::DateTime,
    encoded_word, header, message_id,
    parameter::{ContentType, Disposition, Params},
    structure::Kind,
    transfer,
};
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let path = env::var_os("POSTHASTE_CORPUS").map_or_else(beside, PathBuf::from);
    if !path.join("messages.lst").is_file() {
        println!("no corpus at {}: 0 messages, 0 fields; not run", path.display());
        return None;
    }
    Some(path)
}

/// The messages as the server meets them: every bare CR or LF turned into CR LF, NULs dropped.
fn messages(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let list = fs::read_to_string(corpus.join("messages.lst")).unwrap();
    list.lines()
        .filter(|name| !name.trim().is_empty())
        .map(|name| (name.to_owned(), with_crlf(&fs::read(corpus.join(name)).unwrap())))
        .collect()
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut octets = raw.iter().copied().filter(|octet| *octet != 0).peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' | b'\n' => {
                if octet == b'\r' {
                    octets.next_if_eq(&b'\n');
                }
                out.extend(b"\r\n");
            }
            _ => out.push(octet),
        }
    }
    out
}

fn scan(message: &[u8], piece: usize) -> Structure {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    message.chunks(piece).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

#[test]
fn every_message_gives_one_tree_at_every_cutting() {
    let Some(corpus) = corpus() else { return };
    let (mut count, mut parts, mut truncated) = (0, 0, 0);
    for (name, message) in messages(&corpus) {
        let whole = scan(&message, message.len().max(1));
        for piece in [1, 2, 3, 7, 61, 4096] {
            assert_eq!(scan(&message, piece), whole, "{name} in pieces of {piece}");
        }
        let mut stored = Vec::new();
        whole.encode(&mut stored);
        assert_eq!(Structure::decode(&stored).as_ref(), Ok(&whole), "{name}");
        walk(&name, &whole, &message);
        count += 1;
        parts += whole.parts().len();
        truncated += usize::from(whole.is_truncated());
    }
    println!("{count} messages, {parts} parts, {truncated} truncated");
    assert!(count > 0);
}

/// Looks at everything that IMAP would show of a message, with its bytes and without.
fn walk(name: &str, tree: &Structure, bytes: &[u8]) {
    let shown = |message: Message<'_>| {
        let mut text = String::new();
        for step in message.body_structure() {
            if let Step::Part(part) | Step::MultipartEnd(part) | Step::MessageEnd(part) = &step {
                text += &format!("{:?} {:?} ", part.media_type(), part.parameters());
                text += &format!("{:?} {:?} ", part.disposition(), part.languages());
                text += &format!("{:?} {:?} {:?}", part.id(), part.description(), part.lines());
            }
            if let Step::Message(_, envelope) = &step {
                text += &format!("{:?} {:?}", envelope.subject(), envelope.to().count());
            }
        }
        let envelope = message.envelope(0);
        text += &format!("{:?} {:?}", envelope.date(), envelope.subject());
        for list in [envelope.from(), envelope.sender(), envelope.reply_to(), envelope.to()] {
            text += &format!("{:?}", list.collect::<Vec<_>>());
        }
        text
    };
    assert_eq!(shown(Message::kept(tree)), shown(Message::new(tree, bytes)), "{name}");
    for part in tree.parts() {
        if matches!(part.kind(), Kind::Text | Kind::Other) {
            let _ = transfer::decode(part.encoding(), part.body().of(bytes));
        }
        if matches!(part.kind(), Kind::Text | Kind::Message) {
            let lines = part.body().of(bytes).iter().filter(|octet| **octet == b'\n').count();
            assert_eq!(part.lines() as usize, lines, "{name}");
        }
        for field in header::fields(part.header().of(bytes)) {
            let _ = encoded_word::decode(field.value());
        }
    }
}

/// Our reading of a field's value, in the form of what was expected.
type Reading = fn(&[u8], &Value) -> Value;

/// The vectors of mail-parser, and where we mean something else.
#[test]
fn the_field_vectors() {
    let Some(corpus) = corpus() else { return };
    let kinds: [(&str, Reading); 5] = [
        ("address", read_addresses),
        ("content_type", read_content_type),
        ("date", read_date),
        ("unstructured", read_unstructured),
        ("id", read_ids),
    ];
    let (mut unexpected, mut known) = (Vec::new(), 0);
    for (kind, read) in kinds {
        let text = fs::read(corpus.join(format!("fields/{kind}.json"))).unwrap();
        let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
        let mut same = 0;
        for vector in &vectors {
            let header = vector["header"].as_str().unwrap();
            let raw = format!("X:{header}");
            let value =
                header::fields(raw.as_bytes()).next().map_or(&b""[..], |field| field.value());
            let found = read(value, &vector["expected"]);
            if found == vector["expected"] {
                same += 1;
            } else if DIFFERENCES.iter().any(|(of, text, _)| *of == kind && header.contains(text)) {
                known += 1;
            } else {
                let expected = &vector["expected"];
                unexpected
                    .push(format!("{kind} {header:?}:\n  expected {expected}\n  found    {found}"));
            }
        }
        println!("{kind}: {same} of {} alike", vectors.len());
    }
    println!("{known} known differences, {} others", unexpected.len());
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

/// Where we mean something else than mail-parser: which vectors, by a text in them, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("address", "chap)", "comments are no part of a name (RFC 5322 §3.2.2)"),
    ("address", "(Some people)", "comments are no part of a name"),
    ("address", "(nobody(that I know))", "a comment is no address"),
    ("address", "(comment)", "comments are no part of a name"),
    ("address", "7eXs+SDv4SDp7Oj08A==", "comments are no part of a name"),
    ("address", "test  . example", "blanks around dots are no part of a domain (RFC 5322 §4.4)"),
    ("address", "(Web Archive)", "only addresses without angle brackets are named by a comment"),
    ("address", "(Postings are Moderated)", "as above"),
    ("address", "(Use this command", "as above"),
    ("address", "(FTP)", "as above"),
    ("address", "(Contact Person for Help)", "as above"),
    ("address", "<a@b.com> =?utf-8?q?Doe?=", "what follows an address names nobody"),
    ("content_type", "title*", "the language of RFC 2231 is no parameter"),
    ("content_type", "key3*0*", "as above; a missing piece ends a value (RFC 2231 §3)"),
    (
        "content_type",
        "iso-8859-1'%20r%E1pido",
        "only the first piece names a charset (RFC 2231 §4.1)",
    ),
    ("content_type", "w6k=", "blanks between encoded words are not shown (RFC 2047 §6.2)"),
    ("content_type", "=\n", "no type/subtype"),
    ("content_type", "name=value", "a disposition is a token"),
    ("content_type", "name=  ", "an empty value is a value"),
    ("content_type", "malicious/attempt", "names that are not of RFC 2231 stay as they are"),
    ("content_type", "text/plain/format", "a subtype is a token (RFC 2045 §5.1)"),
    ("date", " 4 8 15 16 23 42", "no colon, no time"),
    ("date", "((invalid)", "the header ends there, so that the comment has no end"),
    ("date", "by 2002:aa7", "this is a Received field and no date"),
    ("unstructured", "\n \n", "folding takes out line ends only (RFC 5322 §2.2.3)"),
    ("unstructured", "Fwd: \n", "as above"),
    ("unstructured", "FWD: \n", "as above"),
    ("unstructured", "from x.y.test\n", "as above"),
    ("unstructured", "the \n parser", "as above"),
    ("unstructured", "_there!?=", "as above"),
    ("unstructured", "[SUSPECTED SPAM]", "nothing is put between a word and what it touches"),
    ("unstructured", "=?utf-8?Q??=here", "as above"),
];

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

fn attributes(params: Params<'_>) -> Value {
    let all: Vec<Value> = params
        .joined()
        .iter()
        .map(|(name, _)| {
            let name = String::from_utf8_lossy(name).to_lowercase();
            let name = name.trim_end_matches('*');
            serde_json::json!([name, params.decoded(name)])
        })
        .collect();
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
