//! The state table of RFC 5321 (§4.1.4, codes of §4.3.2) with STARTTLS (RFC 3207), AUTH (RFC 4954), BDAT and BINARYMIME
//! (RFC 3030), LMTP (RFC 2033) and submission (RFC 6409), written down a second time: slowly, from the RFCs, knowing
//! nothing of the machine that it is held against. It hears octets and says which codes are due.
//!
//! Where an RFC leaves a choice, the comment says what is chosen.

use super::wire::{find, strays, unstuffed};

/// What a listener is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// LHLO instead of EHLO, a reply for each recipient.
    pub lmtp: bool,
    /// Bare CRs and LFs of messages are mended, not refused; MAIL wants sign-in.
    pub submission: bool,
    /// STARTTLS is offered.
    pub starttls: bool,
    /// Nothing goes without TLS.
    pub require_tls: bool,
    /// AUTH is offered: PLAIN and LOGIN, without TLS too if `auth_in_clear`.
    pub auth: bool,
    /// See `auth`.
    pub auth_in_clear: bool,
    /// BDAT is offered, and BODY=BINARYMIME.
    pub chunking: bool,
    /// Recipients of a message.
    pub recipients: usize,
    /// Octets of a message.
    pub message_size: usize,
}

/// Octets of a command with its CR LF.
pub const COMMAND_LINE: usize = 2_048;
/// Octets of a line of AUTH.
pub const AUTH_LINE: usize = 12_288;

/// What the host of the model, and of what is held against it, thinks: names and words decide.
#[must_use]
pub fn opinion(text: &str) -> Option<u16> {
    [("no@", 550), ("later@", 451), ("unwanted", 554)]
        .into_iter()
        .find_map(|(word, code)| text.contains(word).then_some(code))
}

/// The model of one session.
#[derive(Clone, Debug)]
pub struct Model {
    settings: Settings,
    /// Octets that are no whole line, or chunk, yet.
    pending: Vec<u8>,
    expects: Expects,
    tls: bool,
    hello: bool,
    signed_in: bool,
    transaction: Option<Transaction>,
    /// Messages that were taken.
    pub messages: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expects {
    Chunk {
        left: usize,
        last: bool,
        wanted: bool,
        text: Vec<u8>,
    },
    Command,
    /// LOGIN; the name, if it was given.
    Login(Option<Vec<u8>>),
    Nothing,
    Plain,
    Text(Vec<u8>),
    Tls,
}

#[derive(Clone, Debug)]
struct Transaction {
    sender: String,
    binary: bool,
    recipients: usize,
    /// What chunks brought.
    chunks: Option<Vec<u8>>,
}

impl Model {
    /// A session that begins; the greeting is said already.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            pending: Vec::new(),
            expects: Expects::Command,
            tls: false,
            hello: false,
            signed_in: false,
            transaction: None,
            messages: 0,
        }
    }

    /// Whether TLS is to start now.
    #[must_use]
    pub fn wants_tls(&self) -> bool {
        self.expects == Expects::Tls
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.expects == Expects::Nothing
    }

    /// TLS is up. RFC 3207 §4.2: everything that was said is forgotten.
    pub fn secured(&mut self) {
        self.tls = true;
        self.hello = false;
        self.signed_in = false;
        self.transaction = None;
        self.expects = Expects::Command;
    }

    /// Octets arrive: the codes of the replies to them.
    pub fn hear(&mut self, octets: &[u8]) -> Vec<u16> {
        self.pending.extend_from_slice(octets);
        let mut codes = Vec::new();
        loop {
            if let Expects::Chunk { left, text, .. } = &mut self.expects {
                let here = (*left).min(self.pending.len());
                text.extend(self.pending.drain(..here));
                *left -= here;
                if *left > 0 {
                    return codes;
                }
                self.chunk_ended(&mut codes);
                continue;
            }
            if matches!(self.expects, Expects::Nothing | Expects::Tls) {
                return codes;
            }
            let end = match &self.expects {
                // RFC 5321 §4.1.1.4: the CR LF of DATA is the first of the end's.
                Expects::Text(_) if self.pending.starts_with(b".\r\n") => Some(3),
                Expects::Text(_) => find(&self.pending, b"\r\n.\r\n").map(|at| at + 5),
                _ => find(&self.pending, b"\r\n").map(|at| at + 2),
            };
            let Some(end) = end else { return codes };
            let unit: Vec<u8> = self.pending.drain(..end).collect();
            match self.expects.clone() {
                Expects::Text(_) => {
                    self.expects = Expects::Command;
                    let text = unstuffed(&unit[..unit.len() - 3]);
                    let doubtful = text.ends_with(b"\r\r\n");
                    self.message_ended(&text, &mut codes);
                    if doubtful {
                        self.expects = Expects::Nothing;
                    }
                }
                Expects::Login(_) | Expects::Plain => {
                    let line = unit[..unit.len() - 2].to_vec();
                    codes.push(self.sign_in_line(&line, unit.len()));
                }
                _ => self.command(&unit[..unit.len() - 2], &mut codes),
            }
        }
    }

    /// RFC 4954 §4: a line of an exchange.
    fn sign_in_line(&mut self, line: &[u8], octets: usize) -> u16 {
        let expected = std::mem::replace(&mut self.expects, Expects::Command);
        if octets > AUTH_LINE {
            return 500;
        }
        if line == b"*" {
            return 501;
        }
        let Some(decoded) = decode(line) else { return 501 };
        match expected {
            Expects::Plain => self.plain(&decoded),
            Expects::Login(None) => {
                self.expects = Expects::Login(Some(decoded));
                334
            }
            Expects::Login(Some(name)) => self.judged(&[&name, &decoded]),
            _ => 501,
        }
    }

    /// RFC 4616 §2: authorization NUL name NUL password. Neither of the last two is empty.
    fn plain(&mut self, message: &[u8]) -> u16 {
        let parts: Vec<&[u8]> = message.split(|octet| *octet == 0).collect();
        match parts[..] {
            [b"", name, password] => self.judged(&[name, password]),
            [authorization, name, password] if is_text(authorization) => {
                self.judged(&[name, password])
            }
            _ => 501,
        }
    }

    /// A name and a password. RFC 4013 §2.3: neither is empty or holds control characters.
    fn judged(&mut self, parts: &[&[u8]; 2]) -> u16 {
        if !parts.iter().all(|part| is_text(part)) {
            return 501;
        }
        self.signed_in = parts[1] == b"b";
        if self.signed_in { 235 } else { 535 }
    }

    fn command(&mut self, line: &[u8], codes: &mut Vec<u16>) {
        let text = String::from_utf8_lossy(line).into_owned();
        let (verb, args) = text.split_once([' ', '\t']).unwrap_or((&text, ""));
        let (verb, args) = (verb.to_ascii_uppercase(), args.trim());
        let most = if verb == "AUTH" && text.len() > 4 { AUTH_LINE } else { COMMAND_LINE };
        if line.len() + 2 > most {
            // RFC 5321 §4.3.2 and §4.5.3.1.9: the line is too long.
            return codes.push(500);
        }
        let strays = strays(line);
        if strays.cr + strays.lf + strays.nul > 0 {
            // RFC 5321 §4.1.2: octets that no command holds.
            return codes.push(501);
        }
        // RFC 3207 §4: every command but NOOP, EHLO, STARTTLS and QUIT; HELO and RSET do no harm, and BDAT's octets
        // have to be read.
        let free = ["NOOP", "EHLO", "HELO", "LHLO", "STARTTLS", "QUIT", "RSET", "BDAT"];
        if self.settings.require_tls && !self.tls && !free.contains(&verb.as_str()) {
            return codes.push(530);
        }
        let code = match verb.as_str() {
            "EHLO" | "HELO" | "LHLO" => self.said_hello(&verb, args),
            "STARTTLS" => self.starttls(args),
            "AUTH" => self.auth(args),
            "MAIL" => self.mail(args),
            "RCPT" => self.rcpt(args),
            "DATA" => self.data(args),
            "BDAT" => return self.bdat(args, codes),
            "RSET" if args.is_empty() => {
                self.transaction = None;
                250
            }
            "NOOP" => 250,
            "HELP" => 214,
            // RFC 5321 §3.5.3: 252 tells nothing.
            "VRFY" if !args.is_empty() => 252,
            "QUIT" if args.is_empty() => {
                self.expects = Expects::Nothing;
                221
            }
            "RSET" | "VRFY" | "QUIT" => 501,
            // Known, and not offered.
            "ETRN" | "EXPN" => 502,
            _ => 500,
        };
        codes.push(code);
    }

    /// RFC 5321 §4.1.1.1 and §4.1.4, RFC 2033 §4.1.
    fn said_hello(&mut self, verb: &str, args: &str) -> u16 {
        if (verb == "LHLO") != self.settings.lmtp {
            return 500;
        }
        if args.is_empty() || args.contains([' ', '<', '(', '@']) {
            return 501;
        }
        self.hello = true;
        self.transaction = None;
        250
    }

    /// RFC 3207 §4 and §4.2.
    fn starttls(&mut self, args: &str) -> u16 {
        match () {
            () if !self.settings.starttls => 502,
            () if self.tls => 503,
            () if !args.is_empty() => 501,
            () => {
                self.transaction = None;
                self.expects = Expects::Tls;
                220
            }
        }
    }

    /// RFC 4954 §4: after EHLO, once, not in a transaction.
    fn auth(&mut self, args: &str) -> u16 {
        let (name, initial) = args.split_once(' ').unwrap_or((args, ""));
        let known = ["PLAIN", "LOGIN"].contains(&name.to_ascii_uppercase().as_str());
        match () {
            () if !self.settings.auth => 502,
            () if !self.hello || self.signed_in || self.transaction.is_some() => 503,
            () if name.is_empty() => 501,
            () if !known => 504,
            // RFC 4954 §6, 538 as RFC 2554 had it.
            () if !self.tls && !self.settings.auth_in_clear => 538,
            () => {
                let plain = name.eq_ignore_ascii_case("PLAIN");
                self.expects = if plain { Expects::Plain } else { Expects::Login(None) };
                match initial.trim() {
                    "" => 334,
                    initial => self.sign_in_line(initial.as_bytes(), 0),
                }
            }
        }
    }

    /// RFC 5321 §3.3 and §4.1.1.2, RFC 6409 §4.3, RFC 1870 §6.1, RFC 6531 §3.5, RFC 3030 §3.
    fn mail(&mut self, args: &str) -> u16 {
        if !self.hello {
            return 503;
        }
        if self.settings.submission && !self.signed_in {
            return 530;
        }
        if self.transaction.is_some() {
            return 503;
        }
        let Some((path, params)) = path(args, "FROM:") else { return 501 };
        let mut utf8 = false;
        let mut binary = false;
        for param in params.split(' ').filter(|param| !param.is_empty()) {
            match param.to_ascii_uppercase().as_str() {
                "SMTPUTF8" => utf8 = true,
                "BODY=7BIT" | "BODY=8BITMIME" => {}
                "BODY=BINARYMIME" if self.settings.chunking => binary = true,
                "BODY=BINARYMIME" => return 501,
                size if size.starts_with("SIZE=") => match size[5..].parse::<usize>() {
                    Ok(size) if size > self.settings.message_size => return 552,
                    Ok(_) => {}
                    Err(_) => return 501,
                },
                // RFC 5321 §4.1.1.11.
                _ => return 555,
            }
        }
        // RFC 6531 §3.5: 550 for a sender, 553 for a recipient.
        if !path.is_ascii() && !utf8 {
            return 550;
        }
        if let Some(code) = opinion(path) {
            return code;
        }
        self.transaction =
            Some(Transaction { sender: path.to_owned(), binary, recipients: 0, chunks: None });
        250
    }

    /// RFC 5321 §3.3 and §4.1.1.3.
    fn rcpt(&mut self, args: &str) -> u16 {
        let most = self.settings.recipients;
        let Some(transaction) = &mut self.transaction else { return 503 };
        if transaction.chunks.is_some() {
            return 503;
        }
        if transaction.recipients >= most {
            // RFC 5321 §4.5.3.1.10.
            return 452;
        }
        let Some((path, params)) = path(args, "TO:") else { return 501 };
        if !params.is_empty() {
            return 555;
        }
        if path.is_empty() {
            return 501;
        }
        if let Some(code) = opinion(path) {
            return code;
        }
        transaction.recipients += 1;
        250
    }

    /// RFC 5321 §3.3 and §4.1.1.4, RFC 3030 §2 and §3.
    fn data(&mut self, args: &str) -> u16 {
        match &self.transaction {
            None => 503,
            Some(transaction) if transaction.recipients == 0 => 503,
            Some(transaction) if transaction.chunks.is_some() || transaction.binary => 503,
            Some(_) if !args.is_empty() => 501,
            Some(transaction) => match data_opinion(&transaction.sender) {
                Some(code) => {
                    self.transaction = None;
                    code
                }
                None => {
                    self.expects = Expects::Text(Vec::new());
                    354
                }
            },
        }
    }

    /// RFC 3030 §2, RFC 2033 §4.3.
    fn bdat(&mut self, args: &str, codes: &mut Vec<u16>) {
        let words: Vec<&str> = args.split(' ').filter(|word| !word.is_empty()).collect();
        let parsed = match words[..] {
            [octets] => octets.parse().ok().map(|octets: usize| (octets, false)),
            [octets, last] if last.eq_ignore_ascii_case("LAST") => {
                octets.parse().ok().map(|octets: usize| (octets, true))
            }
            _ => None,
        };
        let Some((left, last)) = parsed else {
            // Nobody knows what is octets and what is commands: it is over.
            self.expects = Expects::Nothing;
            return codes.push(501);
        };
        // Nobody waits for so much, wanted or not: it has its answer, and then the connection closes (RFC 5321 §3.8).
        let far_too_big = left > 2 * self.settings.message_size;
        let refusal = match &self.transaction {
            _ if !self.settings.chunking => Some(502),
            _ if self.settings.require_tls && !self.tls => Some(530),
            None => Some(503),
            Some(transaction) if transaction.recipients == 0 => Some(503),
            Some(_) if far_too_big => Some(552),
            Some(transaction) if transaction.chunks.is_none() => data_opinion(&transaction.sender),
            Some(_) => None,
        };
        self.expects = Expects::Chunk { left, last, wanted: refusal.is_none(), text: Vec::new() };
        let Some(code) = refusal else {
            let transaction = self.transaction.as_mut();
            transaction.map(|transaction| transaction.chunks.get_or_insert_default());
            return;
        };
        let recipients = self.transaction.as_ref().map(|transaction| transaction.recipients);
        match recipients {
            // One reply for each recipient, and none for none.
            Some(recipients) if self.settings.lmtp && last && self.settings.chunking => {
                codes.extend(vec![code; recipients]);
                self.transaction = None;
            }
            _ => {
                codes.push(code);
                // The host did not want it: the transaction is over. A command out of order leaves it.
                if recipients > Some(0) && self.settings.chunking {
                    self.transaction = None;
                }
            }
        }
        if far_too_big {
            self.expects = Expects::Nothing;
            codes.push(421);
        }
    }

    fn chunk_ended(&mut self, codes: &mut Vec<u16>) {
        let expected = std::mem::replace(&mut self.expects, Expects::Command);
        let Expects::Chunk { last, wanted: true, text, .. } = expected else { return };
        let Some(transaction) = &mut self.transaction else { return };
        let binary = transaction.binary;
        let before = transaction.chunks.clone().unwrap_or_default();
        let whole = [before.as_slice(), &text].concat();
        transaction.chunks = Some(whole.clone());
        let kept = self.measure(sure(&before, binary), binary).unwrap_or(0);
        // What is announced to be too much is too much, whatever else it is.
        let most = self.settings.message_size;
        let defect = (kept + text.len() > most).then_some(552);
        if last {
            let defect = defect.or(self.measure(&whole, binary).err());
            return self.message_judged(&whole, defect, codes);
        }
        match defect.or(self.measure(sure(&whole, binary), binary).err()) {
            Some(code) => {
                self.transaction = None;
                codes.push(code);
            }
            None => codes.push(250),
        }
    }

    /// How many octets of a message are kept; or what spoils it first, as a code.
    fn measure(&self, text: &[u8], binary: bool) -> Result<usize, u16> {
        let (mut kept, mut rest) = (0, text);
        loop {
            let (adds, takes) = match rest {
                [] => return Ok(kept),
                _ if binary => (1, 1),
                [b'\r', b'\n', ..] => (2, 2),
                // Mended: a CR LF.
                [b'\r' | b'\n', ..] if self.settings.submission => (2, 1),
                [b'\r' | b'\n' | 0, ..] => return Err(550),
                _ => (1, 1),
            };
            kept += adds;
            if kept > self.settings.message_size {
                return Err(552);
            }
            rest = &rest[takes..];
        }
    }

    /// A message that came by DATA is whole.
    fn message_ended(&mut self, text: &[u8], codes: &mut Vec<u16>) {
        let doubtful = text.ends_with(b"\r\r\n").then_some(550);
        let defect = doubtful.or(self.measure(text, false).err());
        self.message_judged(text, defect, codes);
    }

    fn message_judged(&mut self, text: &[u8], defect: Option<u16>, codes: &mut Vec<u16>) {
        let Some(transaction) = self.transaction.take() else { return };
        let opinion = || opinion(&String::from_utf8_lossy(text));
        let code = defect.or_else(opinion).unwrap_or(250);
        self.messages += usize::from(code == 250);
        let replies = if self.settings.lmtp { transaction.recipients } else { 1 };
        codes.extend(vec![code; replies]);
    }
}

/// What is known of chunks: a CR at their end may be the first half of a CR LF.
fn sure(chunks: &[u8], binary: bool) -> &[u8] {
    if binary { chunks } else { chunks.strip_suffix(b"\r").unwrap_or(chunks) }
}

/// What the same host thinks of a message before it comes: its sender decides.
#[must_use]
pub fn data_opinion(sender: &str) -> Option<u16> {
    sender.contains("nodata@").then_some(554)
}

/// The path behind `word`, without its brackets, and what follows it. Simple paths only.
fn path<'a>(args: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (front, rest) = args.split_at_checked(word.len())?;
    if !front.eq_ignore_ascii_case(word) {
        return None;
    }
    let (path, params) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    if !params.is_empty() && !params.starts_with(' ') {
        return None;
    }
    let whole = path.is_empty()
        || path.eq_ignore_ascii_case("postmaster") && word == "TO:"
        || path.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
    whole.then_some((path, params.trim()))
}

/// Whether this can be a name or a password.
fn is_text(octets: &[u8]) -> bool {
    !octets.is_empty()
        && std::str::from_utf8(octets).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Base64, RFC 4648 §4, padded and canonical.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut octets = Vec::new();
    for (number, four) in text.chunks(4).enumerate() {
        let padding = four.iter().rev().take_while(|octet| **octet == b'=').count();
        if padding > 2 || (padding > 0 && (number + 1) * 4 < text.len()) {
            return None;
        }
        let mut bits = 0u32;
        for octet in &four[..4 - padding] {
            let value = ALPHABET.iter().position(|letter| letter == octet)?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * padding;
        octets.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(octets)
}
