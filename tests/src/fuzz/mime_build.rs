//! The message builder: arbitrary values are built, parsed and found again, and nothing else is.

use posthaste_core::{
    grammar::address as grammar,
    mime::{
        Message as Parsed, Structure, address as addresses,
        build::{
            Address, DisplayName, FieldName, FileName, Mailbox, MediaType, Message, MessageId,
            Multipart, Options, PARAMETER_OCTETS, Part, Structured, Text, Token, Transport, Unfit,
        },
        date::DateTime,
        encoded_word, message_id,
        parameter::{ContentType, Disposition, Params},
        structure::{Encoding, Kind},
        transfer,
    },
};

/// Octets choose a message and how it is written. It is built, whole and in pieces, parsed, and
/// compared with what was chosen; then again with its own boundaries within a part.
pub fn build(octets: &[u8]) {
    let mut choice = Choice(octets);
    let options = Options {
        seed: choice.below(3) as u64,
        utf8: choice.below(4) == 0,
        transport: match choice.below(4) {
            0 => Transport::EightBit,
            1 => Transport::Binary,
            _ => Transport::SevenBit,
        },
        guarded: choice.below(8) == 0,
    };
    let mut letter = Letter::choose(&mut choice, &options, 0);
    let first = letter.check(&options);
    // Whoever knows the seed knows the boundaries.
    let lines: String = first
        .split(|octet| *octet == b'\n')
        .filter(|line| line.starts_with(b"--"))
        .flat_map(|line| [String::from_utf8_lossy(line), "\n".into()])
        .collect();
    if !lines.is_empty() && letter.body.plant(&lines) {
        letter.check(&options);
    }
}

/// A message in ASCII that octets choose, in hexadecimal, and the values that another parser has to
/// find in it.
#[must_use]
pub fn sample(octets: &[u8]) -> serde_json::Value {
    let options = Options::seeded(1);
    let letter = Letter::choose(&mut Choice(octets), &options, 0);
    let message = letter.check(&options);
    let mut parts = Vec::new();
    letter.body.leaves(true, &mut parts);
    serde_json::json!({ "message": hex(&message), "fields": letter.values(), "parts": parts })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What the octets say next; zeros where they are at their end.
struct Choice<'a>(&'a [u8]);

impl Choice<'_> {
    fn octet(&mut self) -> u8 {
        let Some((octet, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *octet
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet()) % bound
    }

    fn number(&mut self) -> u32 {
        u32::from_be_bytes([self.octet(), self.octet(), self.octet(), self.octet()])
    }

    /// Any text, of characters that mean something in headers more often than not.
    fn anything(&mut self, most: usize) -> String {
        const PIECES: [&str; 48] = [
            "a",
            "B",
            "7",
            "Word",
            " ",
            " ",
            " ",
            "  ",
            "\t",
            "\"",
            "\\",
            ",",
            ";",
            ":",
            "<",
            ">",
            "@",
            "(",
            ")",
            ".",
            "=",
            "?",
            "_",
            "=?",
            "?=",
            "=?utf-8?Q?=41?=",
            "%41",
            "'",
            "*",
            "/",
            "\u{fc}",
            "\u{df}",
            "\u{4e2d}\u{6587}",
            "\u{1f600}",
            "\u{301}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{7f}",
            "\u{1}",
            "\r\n",
            "\r\nBcc: <x@example.org>",
            "\n",
            "\r",
            "\0",
            "--",
            "From ",
            "averylongwordthatgoesonandonandonandonwithoutanyblankatall",
        ];
        let mut text = String::new();
        for _ in 0..self.below(most + 1) {
            match self.octet() {
                octet @ 0..=239 => text += PIECES[usize::from(octet) % PIECES.len()],
                240..=247 => text.extend(char::from_u32(self.number() % 0x11_0000)),
                248..=253 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    text += &piece.repeat(self.below(90));
                }
                _ => text += &PIECES[47].repeat(self.below(30)),
            }
        }
        text
    }

    /// A line of text: what ends a line was refused, and goes.
    fn line(&mut self, most: usize) -> String {
        let mut text = self.anything(most);
        if text.contains(['\r', '\n', '\0']) {
            assert!(Text::new(text.as_str()).is_err() && DisplayName::new(text.as_str()).is_err());
            assert!(
                FileName::new(text.as_str()).is_err() && FieldName::new(text.as_str()).is_err()
            );
            assert!(Structured::new(text.as_str()).is_err() && Token::new(text.as_str()).is_err());
            assert!(MessageId::received(text.as_str()).is_err());
            assert!(MediaType::new(text.as_str()).is_err());
            assert!(Mailbox::parse(&text).is_err());
            text.retain(|c| !matches!(c, '\r' | '\n' | '\0'));
        }
        // A header takes many of them.
        text.truncate(text.floor_char_boundary(2_000));
        assert!(Text::lossy(&text).as_str().chars().all(|c| !c.is_control()));
        text
    }

    fn token(&mut self) -> String {
        let len = 1 + self.below(12);
        (0..len).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz-_.0123"[self.below(33)])).collect()
    }

    fn mailbox(&mut self, options: &Options) -> (Option<String>, String) {
        let name = Some(self.line(8)).filter(|name| !name.is_empty() && self.below(4) > 0);
        let mut local = match self.below(4) {
            0 => format!("\"{} {}\"", self.token(), self.token()),
            1 if options.utf8 => format!("{}\u{fc}", self.token().replace('.', "")),
            _ => self.token().replace('.', "x"),
        };
        if self.below(20) == 0 {
            local = "\"a\\\"b\\\\c<,>;:@d\"".into();
        }
        let domain = match self.below(4) {
            0 => "[192.0.2.1]".into(),
            1 => "b\u{fc}cher.example".into(),
            _ => format!("{}x.example", self.token().replace(['.', '_', '-'], "y")),
        };
        (name, format!("{local}@{domain}"))
    }
}

/// A message as it was chosen.
struct Letter {
    fields: Vec<(String, Value)>,
    body: Body,
}

#[derive(Debug)]
enum Value {
    Addresses(Vec<Entry>),
    Date(DateTime),
    Ids(Vec<String>),
    Structured(String),
    Text(String),
}

/// The name of a group, if it is one, and its mailboxes: their names and addresses.
type Entry = (Option<String>, Vec<(Option<String>, String)>);

/// A part as it was chosen.
struct Body {
    kind: Content,
    id: Option<String>,
    description: Option<String>,
    /// Parameters of its type.
    params: Vec<(String, String)>,
    name: Option<String>,
}

enum Content {
    Text(&'static str, String),
    Octets(Vec<u8>),
    Multipart(Multipart, Vec<Body>),
    Message(Box<Letter>),
    Foreign(String),
}

impl Letter {
    fn choose(choice: &mut Choice<'_>, options: &Options, depth: usize) -> Self {
        let mut fields = Vec::new();
        let seconds = i64::from(choice.number());
        let date = DateTime::from_unix(seconds, choice.octet().into());
        fields.push(("Date".into(), Value::Date(date)));
        let author = choice.mailbox(options);
        fields.push(("From".into(), Value::Addresses(vec![(None, vec![author])])));
        for name in ["Sender", "To", "Cc", "Bcc", "Reply-To"] {
            let many = if name == "Sender" { choice.below(2) } else { choice.below(3) };
            let list: Vec<_> = (0..many)
                .map(|_| match choice.below(6) {
                    0 if name != "Sender" => {
                        let group = Some(choice.line(5)).filter(|group| !group.is_empty());
                        let members = choice.below(4);
                        let group = group.unwrap_or_else(|| "g".into());
                        (Some(group), (0..members).map(|_| choice.mailbox(options)).collect())
                    }
                    _ => (None, vec![choice.mailbox(options)]),
                })
                .collect();
            if !list.is_empty() {
                fields.push((name.into(), Value::Addresses(list)));
            }
        }
        for name in ["Message-ID", "References"] {
            let many = if name == "References" { choice.below(9) } else { choice.below(2) };
            let ids: Vec<_> = (0..many)
                .map(|_| format!("{}{}@{}x", choice.number(), "0", choice.number()))
                .collect();
            if !ids.is_empty() {
                fields.push((name.into(), Value::Ids(ids)));
            }
        }
        if choice.below(4) > 0 {
            fields.push(("Subject".into(), Value::Text(choice.line(20))));
        }
        for _ in 0..choice.below(3) {
            let name =
                format!("{}{}", ["X-", "--", "Comments", "="][choice.below(4)], choice.token());
            fields.push((name, Value::Text(choice.line(30))));
        }
        if choice.below(4) == 0 {
            let words: Vec<_> = (0..=choice.below(20)).map(|_| choice.token()).collect();
            fields.push(("List-Unsubscribe".into(), Value::Structured(words.join("; "))));
        }
        Self { fields, body: Body::choose(choice, options, depth, true) }
    }

    fn make(&self) -> Result<Message<'_>, Unfit> {
        let mut message = Message::new(self.body.make()?);
        for (name, value) in &self.fields {
            let field = || FieldName::new(name.as_str());
            message = match value {
                Value::Addresses(list) => {
                    let list = list.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
                    match (name.as_str(), list) {
                        ("From", list) => message.from(list.into_iter().filter_map(single)),
                        ("Sender", list) => match list.into_iter().find_map(single) {
                            Some(sender) => message.sender(sender),
                            None => message,
                        },
                        ("To", list) => list.into_iter().fold(message, |m, one| m.to([one])),
                        ("Cc", list) => message.cc(list),
                        ("Bcc", list) => message.bcc(list),
                        ("Reply-To", list) => message.reply_to(list),
                        (_, list) => message.addresses(field()?, list),
                    }
                }
                Value::Date(date) => message.date(*date),
                Value::Ids(ids) => {
                    let ids = ids.iter().map(|id| MessageId::new(id.as_str()));
                    let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
                    if name == "References" {
                        message.references(ids)
                    } else {
                        message.id(ids.remove(0))
                    }
                }
                Value::Structured(value) => {
                    message.structured(field()?, Structured::new(value.as_str())?)
                }
                Value::Text(text) if name == "Subject" => {
                    message.subject(Text::new(text.as_str())?)
                }
                Value::Text(text) => message.text(field()?, Text::new(text.as_str())?),
            };
        }
        Ok(message)
    }

    /// Names and values of its fields as people read them.
    fn values(&self) -> serde_json::Value {
        let values = self.fields.iter().map(|(name, value)| {
            let value = match value {
                Value::Addresses(list) => {
                    let list = list.iter().map(|(group, members)| {
                        let members = members.iter().map(|(name, address)| {
                            (
                                name,
                                grammar::Address::parse(address.as_bytes())
                                    .map_or(String::new(), |a| a.to_string()),
                            )
                        });
                        (group, members.collect::<Vec<_>>())
                    });
                    serde_json::json!(list.collect::<Vec<_>>())
                }
                Value::Date(date) => serde_json::json!([date.unix(), date.offset]),
                Value::Ids(ids) => serde_json::json!(format!("<{}>", ids.join("> <"))),
                Value::Structured(text) | Value::Text(text) => serde_json::json!(text),
            };
            serde_json::json!([name, value])
        });
        values.collect()
    }

    /// Builds it, finds it again, and returns its octets.
    fn check(&self, options: &Options) -> Vec<u8> {
        let message = self.make().expect("the values fit");
        let plan = message.plan(options).expect("the message can be written");
        let mut whole = Vec::new();
        plan.write(&mut whole);
        assert_eq!(plan.size(), whole.len() as u64);
        let (mut pieces, mut piece, mut source) = (Vec::new(), Vec::new(), plan.pieces());
        loop {
            let more = source.next(&mut piece);
            pieces.append(&mut piece);
            if !more {
                break;
            }
        }
        assert_eq!(pieces, whole);
        lines(&whole, options, plan.needs());
        assert!(plan.needs() > Transport::SevenBit || whole.is_ascii());
        let tree = Structure::of(&whole);
        assert!(!tree.is_truncated());
        let parsed = Parsed::new(&tree, &whole);
        let count = self.find(parsed, 0, options, true);
        assert_eq!(count, tree.parts().len(), "parts that nobody built");
        whole
    }

    /// Compares it with the part `index`; returns how many parts it is.
    fn find(&self, parsed: Parsed<'_>, index: usize, options: &Options, alone: bool) -> usize {
        let mut names: Vec<String> = self.body.names();
        names.extend(self.fields.iter().map(|(name, _)| name.clone()));
        names.push("MIME-Version".into());
        let count = self.body.find(parsed, index, options, alone, names);
        let fields: Vec<_> = parsed.fields(index).collect();
        for (name, value) in &self.fields {
            let field = fields.iter().find(|field| {
                field.name() == name.as_bytes()
                    && match value {
                        Value::Text(text) => encoded_word::decode(field.value()) == text.as_str(),
                        _ => true,
                    }
            });
            let field = field.unwrap_or_else(|| {
                let as_read = fields.iter().find(|field| field.name() == name.as_bytes());
                let as_read = as_read.map(|field| encoded_word::decode(field.value()));
                panic!("{name} is not there as it was: {as_read:?}, {value:?}")
            });
            match value {
                Value::Date(date) => {
                    assert_eq!(DateTime::parse(field.value()).as_ref(), Some(date))
                }
                Value::Ids(ids) => {
                    let found: Vec<_> = message_id::message_ids(field.value()).collect();
                    assert_eq!(found.len(), ids.len());
                    assert!(found.iter().zip(ids).all(|(found, id)| **found == *id.as_bytes()));
                }
                Value::Structured(value) => assert_eq!(field.unfolded(), value.as_bytes()),
                Value::Addresses(list) => same_addresses(list, field.value()),
                Value::Text(_) => {}
            }
        }
        count
    }
}

impl Body {
    fn choose(choice: &mut Choice<'_>, options: &Options, depth: usize, root: bool) -> Self {
        let deep = depth >= 4;
        let kind = match choice.below(8) {
            0 | 1 if !deep => {
                let kind = [
                    Multipart::Mixed,
                    Multipart::Alternative,
                    Multipart::Related,
                    Multipart::Parallel,
                    Multipart::Digest,
                ][choice.below(5)];
                let many = 1 + choice.below(3);
                let parts = (0..many).map(|_| Self::choose(choice, options, depth + 1, false));
                Content::Multipart(kind, parts.collect())
            }
            2 if !deep => Content::Message(Letter::choose(choice, options, depth + 1).into()),
            3 => {
                let mut text = choice.anything(20);
                let longest = text.split('\n').map(str::len).max().unwrap_or(0);
                let fits = match options.transport {
                    Transport::Binary => !options.guarded,
                    Transport::EightBit => {
                        !options.guarded && longest < 990 && !text.contains('\0')
                    }
                    Transport::SevenBit => false,
                };
                if !fits {
                    text.retain(|c| matches!(c, ' '..='~' | '\n'));
                    text.truncate(700);
                }
                Content::Foreign(format!("Subject: x\n\n{text}"))
            }
            4 | 5 => {
                let many = usize::from(choice.octet()) * (1 + choice.below(8));
                Content::Octets((0..many).map(|_| choice.octet()).collect())
            }
            _ => {
                let media = ["text/plain", "text/html", "application/json"][choice.below(3)];
                Content::Text(media, choice.anything(60))
            }
        };
        let leaf = matches!(kind, Content::Octets(_));
        let mut params: Vec<(String, String)> = Vec::new();
        for _ in 0..if leaf { choice.below(3) } else { 0 } {
            params.push((
                format!("x{}{}", params.len(), choice.token().replace('*', "")),
                short(choice.line(20)),
            ));
        }
        let mut name = short(choice.line(8));
        name.retain(|c| !c.is_control() && !matches!(c, '/' | '\\'));
        Self {
            kind,
            params,
            name: Some(name).filter(|name| leaf && !name.is_empty()),
            id: (!root && choice.below(3) == 0)
                .then(|| format!("{}@part", choice.token().replace('.', "x"))),
            description: (choice.below(3) == 0).then(|| choice.line(9)),
        }
    }

    fn make(&self) -> Result<Part<'_>, Unfit> {
        let mut part = match &self.kind {
            Content::Text(media, text) => Part::of_text(MediaType::new(*media)?, text.as_str()),
            Content::Octets(octets) => {
                let mut media = MediaType::new("application/x-posthaste")?;
                for (name, value) in &self.params {
                    media = media.with(Token::new(name.as_str())?, Text::new(value.as_str())?)?;
                }
                match &self.name {
                    Some(name) => {
                        Part::attachment(FileName::new(name.as_str())?, media, octets.as_slice())
                    }
                    None => Part::octets(media, octets.as_slice()),
                }
            }
            Content::Multipart(kind, parts) => {
                let parts = parts.iter().map(Self::make).collect::<Result<Vec<_>, _>>()?;
                Part::multipart(*kind, parts)
            }
            Content::Message(letter) => Part::message(letter.make()?),
            Content::Foreign(text) => Part::foreign_message(text.as_bytes()),
        };
        if let Some(id) = &self.id {
            part = part.with_id(MessageId::new(id.as_str())?);
        }
        if let Some(text) = &self.description {
            part = part.with_description(Text::new(text.as_str())?);
        }
        Ok(part)
    }

    /// The names of the fields that it asks for.
    fn names(&self) -> Vec<String> {
        let mut names = vec!["Content-Type".to_string()];
        names.extend(self.id.as_ref().map(|_| "Content-ID".into()));
        names.extend(self.description.as_ref().map(|_| "Content-Description".into()));
        names.extend(self.name.as_ref().map(|_| "Content-Disposition".into()));
        names
    }

    /// Type, file name and content of the parts that hold no parts, in their order.
    fn leaves(&self, alone: bool, out: &mut Vec<serde_json::Value>) {
        match &self.kind {
            Content::Text(media, text) => {
                out.push(serde_json::json!([media, null, hex(canonical(text).as_bytes()), alone]));
            }
            Content::Octets(octets) => {
                let media = "application/x-posthaste";
                out.push(serde_json::json!([media, self.name, hex(octets), false]));
            }
            Content::Multipart(_, parts) => parts.iter().for_each(|part| part.leaves(false, out)),
            Content::Message(letter) => letter.body.leaves(alone, out),
            Content::Foreign(text) => {
                let (_, body) = text.split_once("\n\n").unwrap_or_default();
                let body = hex(canonical(body).as_bytes());
                out.push(serde_json::json!(["text/plain", null, body, alone]));
            }
        }
    }

    /// Puts `lines` into its first text; `false` if it has none.
    fn plant(&mut self, lines: &str) -> bool {
        match &mut self.kind {
            Content::Text(_, text) => {
                text.insert_str(0, lines);
                true
            }
            Content::Multipart(_, parts) => parts.iter_mut().any(|part| part.plant(lines)),
            Content::Message(letter) => letter.body.plant(lines),
            Content::Octets(_) | Content::Foreign(_) => false,
        }
    }

    fn find(
        &self,
        parsed: Parsed<'_>,
        index: usize,
        options: &Options,
        alone: bool,
        mut names: Vec<String>,
    ) -> usize {
        let part = parsed.part(index).expect("the part is there");
        let body = parsed.body(index).expect("the message is at hand");
        let content = || transfer::decode(part.encoding(), body).expect("a known encoding");
        let fields: Vec<_> = parsed.fields(index).collect();
        let field = |name: &str| {
            fields.iter().find(|field| field.name() == name.as_bytes()).expect("the field is there")
        };
        // Injection shows as a field that nobody asked for.
        let mut found: Vec<String> = fields
            .iter()
            .map(|field| String::from_utf8(field.name().to_vec()).expect("ASCII"))
            .collect();
        found.retain(|name| name != "Content-Transfer-Encoding");
        found.sort();
        names.sort();
        assert_eq!(found, names);
        if let Some(id) = &self.id {
            let found: Vec<_> = message_id::message_ids(field("Content-ID").value()).collect();
            assert_eq!(found, [id.as_bytes()]);
        }
        if let Some(text) = &self.description {
            assert_eq!(encoded_word::decode(field("Content-Description").value()), text.as_str());
        }
        let media = ContentType::parse(field("Content-Type").value()).expect("a media type");
        if let Some(name) = &self.name {
            let shown = Disposition::parse(field("Content-Disposition").value()).expect("one");
            same_params(&[("filename".into(), name.clone())], shown.params);
        }
        match &self.kind {
            Content::Text(essence, text) => {
                let (kind, subtype) = essence.split_once('/').expect("a slash");
                assert!(media.is(kind, subtype));
                let mut text = canonical(text);
                let ends = text.is_empty() || text.ends_with("\r\n");
                if alone
                    && !ends
                    && matches!(
                        part.encoding(),
                        Encoding::SevenBit | Encoding::EightBit | Encoding::QuotedPrintable
                    )
                {
                    text += "\r\n";
                }
                assert_eq!(String::from_utf8_lossy(&content()), text);
                1
            }
            Content::Octets(octets) => {
                assert!(media.is("application", "x-posthaste"));
                same_params(&self.params, media.params);
                assert_eq!(&*content(), octets);
                assert_eq!(
                    part.encoding() == Encoding::Binary,
                    options.transport == Transport::Binary
                );
                1
            }
            Content::Foreign(text) => {
                assert!(part.encoding().is_identity() && part.kind() == Kind::Message);
                let mut text = canonical(text);
                if alone && !text.ends_with("\r\n") && part.encoding() != Encoding::Binary {
                    text += "\r\n";
                }
                assert_eq!(String::from_utf8_lossy(body), text);
                2
            }
            Content::Multipart(_, parts) => {
                assert!(part.encoding().is_identity() && part.kind().is_multipart());
                let mut at = index + 1;
                for part in parts {
                    at += part.find(parsed, at, options, false, part.names());
                }
                assert_eq!(parsed.structure().children(index).count(), parts.len());
                at - index
            }
            Content::Message(letter) => {
                assert!(part.encoding().is_identity() && part.kind() == Kind::Message);
                assert!(options.utf8 || media.is("message", "rfc822"));
                1 + letter.find(parsed, index + 1, options, alone)
            }
        }
    }
}

/// What a parameter can hold of `text`.
fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(PARAMETER_OCTETS));
    text
}

fn single(address: Address<'_>) -> Option<Mailbox<'_>> {
    match address {
        Address::Mailbox(mailbox) => Some(mailbox),
        Address::Group(..) => None,
    }
}

fn entry(entry: &Entry) -> Result<Address<'_>, Unfit> {
    let (group, members) = entry;
    let members = members.iter().map(|(name, address)| match name {
        Some(name) => Mailbox::named(name.as_str(), address),
        None => Mailbox::parse(address),
    });
    let mut members = members.collect::<Result<Vec<_>, _>>()?;
    match group {
        Some(group) => Ok(Address::Group(DisplayName::new(group.as_str())?, members)),
        None => Ok(Address::Mailbox(members.remove(0))),
    }
}

fn same_addresses(list: &[Entry], value: &[u8]) {
    let mut all = addresses::addresses(value);
    for (group, members) in list {
        if let Some(group) = group {
            let Some(addresses::Address::Group(found)) = all.next() else { panic!("no group") };
            assert_eq!(encoded_word::decode_line(found.name()), group.as_str());
        }
        for (name, address) in members {
            let Some(addresses::Address::Mailbox(found)) = all.next() else {
                panic!("{address} is missing in {:?}", String::from_utf8_lossy(value));
            };
            // A name of blanks alone is none.
            let name = name.as_deref().filter(|name| !name.trim_ascii().is_empty());
            let shown = found.display();
            assert_eq!(shown.as_deref().filter(|name| !name.trim_ascii().is_empty()), name);
            let address = grammar::Address::parse(address.as_bytes()).expect("it was built");
            let meant = address.as_mailbox().expect("a canonical address").local.content();
            assert_eq!(String::from_utf8_lossy(&found.local()), meant);
            assert_eq!(found.domain().as_deref(), Some(address.host().as_bytes()));
        }
        if group.is_some() {
            assert_eq!(all.next(), Some(addresses::Address::GroupEnd));
        }
    }
    assert!(all.next().is_none(), "addresses that nobody built");
}

fn same_params(wanted: &[(String, String)], found: Params<'_>) {
    for (name, value) in wanted {
        assert_eq!(found.decoded(name).as_deref(), Some(value.as_str()), "{name}");
    }
    assert_eq!(found.joined().len(), wanted.len());
}

/// Text with CR LF for every line end.
fn canonical(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// What holds for the lines of every message.
fn lines(message: &[u8], options: &Options, needs: Transport) {
    assert!(needs <= options.transport || options.utf8);
    let binary = needs == Transport::Binary;
    if options.transport == Transport::SevenBit && !options.utf8 {
        assert!(message.is_ascii());
    }
    let header = message.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(message.len());
    let mut at = 0;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let in_header = at < header;
        at += line.len();
        if binary && !in_header {
            continue;
        }
        let text = line.strip_suffix(b"\r\n").expect("a line ends in CR LF");
        assert!(!text.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
        assert!(text.len() <= 998);
        if !in_header {
            continue;
        }
        if text.windows(10).any(|start| start == b"=?utf-8?Q?" || start == b"=?utf-8?B?") {
            assert!(text.len() <= 76, "{}", String::from_utf8_lossy(text));
        }
        let words = text.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
        let words = words.count() - usize::from(!text.starts_with(b" "));
        assert!(text.len() <= 78 || words <= 1, "{}", String::from_utf8_lossy(text));
    }
    assert!(binary || message.ends_with(b"\r\n"));
}
