//! No way of writing an address makes us send anything elsewhere, or lose it: what is accepted is for somebody who
//! lives here, and that is where it is then.
//!
//! `tests/relay/forms.txt` has the forms. Each is tried by strangers, over LMTP and by a user who has signed in; then
//! 10,000 mutations of them. For mutations an [oracle](meaning) of its own mind says whom a path means.

use std::collections::BTreeMap;

use posthaste_core::smtp::server::Role;
use posthaste_tests::safety::town::{Talk, Town, sign_in};
use posthaste_tests::simulator::random::Random;

const ROLES: [Role; 3] = [Role::Smtp, Role::Lmtp, Role::Submission];
const MUTATIONS: u64 = 10_000;

/// A form and who gets the message.
struct Form {
    text: String,
    octets: Vec<u8>,
    who: Vec<String>,
}

fn forms() -> Vec<Form> {
    let lines = include_str!("../relay/forms.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    let form = |line: &str| {
        let (text, who) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("{line:?}"));
        let who = who.split(' ').filter(|who| *who != "nobody").map(str::to_owned).collect();
        Form { text: text.to_owned(), octets: unescaped(text), who }
    };
    lines.map(form).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('\\') {
        octets.extend_from_slice(before.as_bytes());
        let hex =
            |digits: &str| u32::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{text:?}"));
        let used = match behind.as_bytes()[0] {
            b'u' => {
                let (digits, _) = behind[2..].split_once('}').expect("a closing brace");
                let c = char::from_u32(hex(digits)).expect("a character");
                octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                digits.len() + 3
            }
            b'x' => {
                octets.push(hex(&behind[1..3]) as u8);
                3
            }
            c => {
                let escapes = [(b'0', 0), (b't', b'\t'), (b'r', b'\r'), (b'n', b'\n'), (b'e', 27)];
                let plain = escapes.iter().find(|(escape, _)| *escape == c);
                octets.push(plain.map_or(c, |(_, octet)| *octet));
                1
            }
        };
        rest = &behind[used..];
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}

/// One role's session in a town of its own; another one when it is over.
struct Tries {
    town: Town,
    role: Role,
    talk: Talk,
    before: BTreeMap<String, u64>,
    accepted: usize,
    refused: usize,
}

impl Tries {
    fn new(role: Role) -> Self {
        let town = Town::new();
        let (talk, before) = (town.greeted(role), town.counts());
        Self { town, role, talk, before, accepted: 0, refused: 0 }
    }

    /// Sends a message to what is written like this; gives who got it, which is nobody if it was refused.
    fn send(&mut self, form: &[u8], context: &str) -> Vec<String> {
        if self.talk.is_over() {
            self.talk = self.town.greeted(self.role);
        }
        let from = if self.role == Role::Submission { "alice@local.test" } else { "x@far.test" };
        let reply = self.talk.say(format!("MAIL FROM:<{from}> SMTPUTF8\r\n").as_bytes());
        assert!(reply.starts_with("250 "), "{context}: {reply}");
        let reply = self.talk.say(&[b"RCPT TO:", form, b"\r\n"].concat());
        assert_eq!(
            reply.matches("\r\n").count(),
            1,
            "one reply to one command: {context}: {reply}"
        );
        let accepted = reply.starts_with("250 ");
        if accepted {
            assert!(self.talk.say(b"DATA\r\n").starts_with("354 "), "{context}");
            let reply = self.talk.say(b"Subject: relay\r\n\r\ntext\r\n.\r\n");
            assert!(reply.starts_with("250 "), "{context}: {reply}");
            self.accepted += 1;
        } else {
            assert!(reply.starts_with('5'), "{context}: {reply}");
            self.refused += 1;
            let _ = self.talk.say(b"RSET\r\n");
        }
        let now = self.town.counts();
        let mut got = Vec::new();
        for (name, count) in &now {
            match count - self.before[name] {
                0 => {}
                1 => got.push(name.clone()),
                more => panic!("{context}: {name} got it {more} times"),
            }
        }
        self.before = now;
        assert_eq!(accepted, !got.is_empty(), "{context}: {got:?}");
        got
    }
}

#[test]
fn every_form_as_the_list_has_it() {
    let forms = forms();
    assert!(forms.len() >= 125, "{}", forms.len());
    let (mut accepted, mut refused) = (0, 0);
    for role in ROLES {
        let mut tries = Tries::new(role);
        for form in &forms {
            let context = format!("{role:?} RCPT TO:{}", form.text);
            assert_eq!(tries.send(&form.octets, &context), form.who, "{context}");
        }
        accepted += tries.accepted;
        refused += tries.refused;
    }
    println!(
        "{} forms in 3 roles: {refused} refused, {accepted} accepted for who lives here, 0 for elsewhere",
        forms.len()
    );
}

#[test]
fn every_mutation_means_somebody_here_or_nobody() {
    let forms = forms();
    let mut tries = ROLES.map(Tries::new);
    for seed in 0..MUTATIONS {
        let octets = mutation(&forms, &mut Random::new(seed));
        for tries in &mut tries {
            let context =
                format!("seed {seed}, {:?} RCPT TO:{}", tries.role, octets.escape_ascii());
            let got = tries.send(&octets, &context);
            if !got.is_empty() {
                assert_eq!(meaning(&octets), Some(got), "{context}");
            }
        }
    }
    let sum = |of: fn(&Tries) -> usize| tries.iter().map(of).sum::<usize>();
    let (accepted, refused) = (sum(|t| t.accepted), sum(|t| t.refused));
    assert!(accepted > 1_000, "mutations that mean nobody prove little: {accepted}");
    println!(
        "{MUTATIONS} mutations in 3 roles: {refused} refused, {accepted} accepted for who lives here, 0 for elsewhere"
    );
}

/// A user may send as nobody else, however the name is written.
#[test]
fn nobody_sends_as_somebody_else() {
    let town = Town::new();
    let mut talk = town.connect(Role::Submission, [127, 0, 0, 1].into(), |_| {});
    talk.say(b"EHLO a.test\r\n");
    assert!(talk.say(sign_in("bob@local.test").as_bytes()).contains("235 "));
    let (mut owned, mut refused) = (0, 0);
    for form in forms() {
        let reply = talk.say(&[b"MAIL FROM:", form.octets.as_slice(), b" SMTPUTF8\r\n"].concat());
        if reply.starts_with("250 ") {
            // Nobody at all is allowed: that is a notification's sender (RFC 8098 §2.1).
            assert!(form.text == "<>" || form.who.contains(&"bob".to_owned()), "{}", form.text);
            owned += 1;
        } else {
            assert!(reply.starts_with('5'), "{}: {reply}", form.text);
            refused += 1;
        }
        talk.say(b"RSET\r\n");
    }
    println!("bob as sender: {owned} forms are his or nobody's, {refused} refused");
    assert!(owned > 2);
}

/// Whom a path means, read slowly and plainly: the accounts, if they live here.
fn meaning(octets: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(octets).ok()?;
    let text = text.trim_start_matches([' ', '\t']).strip_prefix('<')?;
    // Up to the bracket that is not in quotes; what an `@` is, too, depends on quotes.
    let (mut quoted, mut escaped, mut inner, mut ats) = (false, false, String::new(), Vec::new());
    let mut closed = false;
    for c in text.chars() {
        if c == '>' && !quoted {
            closed = true;
            break;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => ats.push(inner.len()),
            _ => {}
        }
        inner.push(c);
    }
    if !closed {
        return None;
    }
    if inner.eq_ignore_ascii_case("postmaster") {
        return Some(vec!["alice".to_owned()]);
    }
    if inner.starts_with('@') {
        // A route: what counts is behind the colon.
        let colon = inner.find(':')?;
        ats.retain(|at| *at > colon);
        ats.iter_mut().for_each(|at| *at -= colon + 1);
        inner.drain(..=colon);
    }
    let [at] = ats[..] else { return None };
    let (local, domain) = (&inner[..at], &inner[at + 1..]);
    let local = match local.strip_prefix('"') {
        Some(rest) => {
            let (mut plain, mut escaped) = (String::new(), false);
            for c in rest.strip_suffix('"')?.chars() {
                if c == '\\' && !escaped {
                    escaped = true;
                    continue;
                }
                escaped = false;
                plain.push(c);
            }
            plain
        }
        None => local.to_owned(),
    };
    let (local, domain) = (local.to_ascii_lowercase(), spelled_plainly(domain));
    let base = match local.split_once('+') {
        Some((base, _)) => base,
        None => &local,
    };
    let who: &[&str] = match (base, &*domain) {
        ("alice" | "root", "local.test") => &["alice"],
        ("bob" | "robert", "local.test") => &["bob"],
        ("all", "local.test") => &["alice", "bob"],
        ("carol" | "office", "b\u{fc}cher.test") => &["carol"],
        ("postmaster", "local.test" | "b\u{fc}cher.test") if local == base => &["alice"],
        _ => return None,
    };
    Some(who.iter().map(|who| (*who).to_owned()).collect())
}

/// A domain in the one spelling of it that [`meaning`] knows. Of the letters that IDNA takes for others these are the
/// ones that forms and mutations have.
fn spelled_plainly(domain: &str) -> String {
    let mut plain = String::new();
    for c in domain.chars() {
        match c {
            '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => plain.push('.'),
            '\u{ff01}'..='\u{ff5e}' => {
                let ascii = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
                plain.push(ascii.to_ascii_lowercase());
            }
            '\u{17f}' => plain.push('s'),
            '\u{2113}' => plain.push('l'),
            // Ignored altogether.
            '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
            '\u{308}' if plain.ends_with('u') => {
                plain.pop();
                plain.push('\u{fc}');
            }
            '\u{dc}' => plain.push('\u{fc}'),
            _ => plain.push(c.to_ascii_lowercase()),
        }
    }
    plain.replace("xn--bcher-kva", "b\u{fc}cher")
}

/// What mutations put in, whole.
const SCRAPS: [&str; 52] = [
    "%",
    "!",
    "@",
    ":",
    ",",
    "<",
    ">",
    "\"",
    "\\",
    "(",
    ")",
    "[",
    "]",
    ".",
    " ",
    "\t",
    "+",
    "/",
    "|",
    "=",
    ";",
    "&",
    "\0",
    "\r",
    "\n",
    "\x7f",
    "\u{85}",
    "\u{ad}",
    "\u{200b}",
    "\u{ff0e}",
    "\u{3002}",
    "\u{ff20}",
    "\u{17f}",
    "\u{308}",
    "\u{430}",
    "\u{fc}",
    "@local.test",
    "@elsewhere.test",
    "%elsewhere.test",
    "elsewhere.test!",
    "@elsewhere.test:",
    "@local.test,@elsewhere.test:",
    "local.test",
    "elsewhere.test",
    "alice",
    "victim",
    "postmaster",
    "\"\"",
    "\\\"",
    "(x)",
    "[127.0.0.1]",
    "xn--",
];

/// A form with one to three changes.
fn mutation(forms: &[Form], random: &mut Random) -> Vec<u8> {
    let any = |random: &mut Random| random.below(forms.len() as u64) as usize;
    // Half of them begin with one that is accepted: these are near to something.
    let near: Vec<usize> = (0..forms.len()).filter(|at| !forms[*at].who.is_empty()).collect();
    let start = match random.chance(500) {
        true => near[random.below(near.len() as u64) as usize],
        false => any(random),
    };
    let mut octets = forms[start].octets.clone();
    for _ in 0..1 + random.below(3) {
        let place =
            |random: &mut Random, octets: &[u8]| random.below(octets.len() as u64 + 1) as usize;
        let at = place(random, &octets);
        match random.below(9) {
            0..=2 => {
                let scrap = SCRAPS[random.below(SCRAPS.len() as u64) as usize];
                octets.splice(at..at, scrap.bytes());
            }
            3 => {
                let end = (at + 1 + random.below(4) as usize).min(octets.len());
                octets.drain(at..end);
            }
            4 => {
                let end = (at + 1 + random.below(12) as usize).min(octets.len());
                let piece = octets[at..end].to_vec();
                octets.splice(at..at, piece);
            }
            5 => {
                // The rest of another form.
                let other = &forms[any(random)].octets;
                let from = place(random, other);
                octets.truncate(at);
                octets.extend_from_slice(&other[from..]);
            }
            6 => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= if octet.is_ascii_alphabetic() { 0x20 } else { 1 << random.below(8) };
                }
            }
            7 => {
                if let Some(octet) = octets.get(at).copied() {
                    octets.splice(at..=at, format!("%{octet:02x}").bytes());
                }
            }
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet = b' ' + random.below(95) as u8;
                }
            }
        }
    }
    // One command is one line.
    while let Some(at) = octets.windows(2).position(|two| two == b"\r\n") {
        octets.remove(at);
    }
    if octets.last() == Some(&b'\r') {
        octets.pop();
    }
    octets
}

/// Nobody hears of mail that they did not send: who is refused is refused while the sender waits, and what is
/// accepted is kept.
#[test]
fn strangers_get_no_reports() {
    let town = Town::new();
    town.host.set_quota("bob@local.test", Some(2_000)).unwrap();
    let (mut taken, mut refused) = (0, 0);
    let mut talk = town.greeted(Role::Smtp);
    for number in 0..10_000 {
        let sender = format!("victim{number}@elsewhere.test");
        let to = match number % 5 {
            0 => "nobody@local.test".to_owned(),
            1 => format!("user{number}@local.test"),
            2 => format!("x{number}@elsewhere.test"),
            // Full, sooner or later; told at RCPT where a size was given, and behind the data where not.
            _ => "bob@local.test".to_owned(),
        };
        let size = if number % 5 == 3 { " SIZE=900" } else { "" };
        let mail = talk.say(format!("MAIL FROM:<{sender}>{size}\r\n").as_bytes());
        assert!(mail.starts_with("250 "), "{mail}");
        let mut reply = talk.say(format!("RCPT TO:<{to}>\r\n").as_bytes());
        if reply.starts_with("250 ") {
            assert!(talk.say(b"DATA\r\n").starts_with("354 "));
            let text = "x".repeat(600);
            reply = talk.say(format!("Subject: {number}\r\n\r\n{text}\r\n.\r\n").as_bytes());
        } else {
            talk.say(b"RSET\r\n");
        }
        match &reply[..1] {
            "2" => taken += 1,
            _ => refused += 1,
        }
    }
    let counts = town.counts();
    assert_eq!(counts.values().sum::<u64>(), taken, "{counts:?}");
    let kept = town.inbox("bob@local.test");
    assert_eq!(kept.len() as u64, taken);
    for message in &kept {
        let head = String::from_utf8_lossy(message);
        assert!(head.starts_with("Return-Path: <victim"), "{head}");
    }
    println!(
        "10,000 messages to unknown, foreign and full users: {taken} kept, {refused} refused, 0 reports"
    );
    assert!(taken > 0);
}
