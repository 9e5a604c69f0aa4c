//! Reads a list of `name TAB path` lines and prints what mail-parser makes of each message, one JSON
//! object a line in the normal form of `../README.md`.

use mail_parser::{Address, AddressList, Mailbox, MessageParser, MessagePart, MessageRef, PartKind};
use serde_json::{Value, json};

fn main() {
    let list = std::env::args().nth(1).expect("a list of files");
    let list = std::fs::read_to_string(list).expect("the list");
    for line in list.lines() {
        let (name, path) = line.split_once('\t').expect("name TAB path");
        let octets = std::fs::read(path).expect("a message");
        let mut shown = match MessageParser::new().parse(&octets) {
            Some(message) => show(message.root()),
            None => json!({"failed": "nothing to parse"}),
        };
        shown["file"] = name.into();
        println!("{shown}");
    }
}

fn show(message: MessageRef<'_>) -> Value {
    let (mut structure, mut sizes, mut names) = (String::new(), Vec::new(), Vec::new());
    walk(message.root_part(), false, &mut structure, &mut sizes, &mut names);
    let text = message.parts().find_map(|part| part.text());
    json!({
        "text": text.map(|text| text.chars().take(200).collect::<String>()),
        "structure": structure,
        "sizes": sizes,
        "names": names,
        "subject": message.subject().unwrap_or_default(),
        "date": message.date().map(|date| date.to_timestamp()),
        "from": addresses(message.from()),
        "sender": addresses(message.sender()),
        "reply_to": addresses(message.reply_to()),
        "to": addresses(message.all_to()),
        "cc": addresses(message.all_cc()),
        "bcc": addresses(message.all_bcc()),
    })
}

fn walk(
    part: MessagePart<'_>,
    in_digest: bool,
    structure: &mut String,
    sizes: &mut Vec<usize>,
    names: &mut Vec<String>,
) {
    let of = part.content_type();
    let declared = of.and_then(|of| Some((of.ctype().to_owned(), of.subtype()?.to_owned())));
    let default = if in_digest { ("message", "rfc822") } else { ("text", "plain") };
    let (kind, subtype) = declared.unwrap_or((default.0.into(), default.1.into()));
    structure.push_str(&format!("{kind}/{subtype}").to_lowercase());
    names.extend(part.attachment_name().map(str::to_owned));
    let inner: Vec<MessagePart<'_>> = match part.kind() {
        PartKind::Multipart => part.children().collect(),
        PartKind::Message(nested) => vec![nested.root_part()],
        _ => Vec::new(),
    };
    if inner.is_empty() {
        // What has the type of a multipart and no parts has no content of its own.
        if !kind.eq_ignore_ascii_case("multipart") {
            sizes.push(part.decoded_len());
        }
        return;
    }
    structure.push('(');
    for (n, child) in inner.into_iter().enumerate() {
        if n > 0 {
            structure.push(' ');
        }
        let in_digest = part.is_multipart() && subtype.eq_ignore_ascii_case("digest");
        walk(child, in_digest, structure, sizes, names);
    }
    structure.push(')');
}

fn addresses<'m>(lists: impl IntoIterator<Item = AddressList<'m>>) -> Vec<Value> {
    let mut all = Vec::new();
    for address in lists.into_iter().flat_map(|list| list.iter()) {
        match address {
            Address::Mailbox(mailbox) => all.push(entry(None, mailbox)),
            Address::Group(group) => {
                let name = group.name().unwrap_or_default();
                let before = all.len();
                all.extend(group.mailboxes().map(|mailbox| entry(Some(name), mailbox)));
                if all.len() == before {
                    all.push(json!([name, null, null]));
                }
            }
        }
    }
    all
}

fn entry(group: Option<&str>, mailbox: Mailbox<'_>) -> Value {
    json!([group, mailbox.name().unwrap_or_default(), mailbox.address().unwrap_or_default()])
}
