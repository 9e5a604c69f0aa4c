//! The SMTP server machine in memory: a session that says yes to everything, and what clients send it.
//!
//! What is counted is all that a driver does but the socket: `advance`, `event`, the answer, the reply written.

use std::hint::black_box;
use std::sync::Arc;

use posthaste_core::machine::{Advance, Input, Instant, Machine};
use posthaste_core::sasl::Mechanism;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};

/// A session behind its hello.
#[derive(Debug)]
pub struct Session {
    server: Server,
    input: Input,
    out: Vec<u8>,
    /// Commands that were accepted, and octets of messages.
    pub found: usize,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// One without limits, that offers everything.
    #[must_use]
    pub fn new() -> Self {
        let mut config = Config::new(Role::Smtp, "mx.example.test");
        config.dsn = true;
        config.binarymime = true;
        config.mt_priority = true;
        config.deliver_by = Some(0);
        // For AUTH= of MAIL; nobody signs in.
        config.mechanisms = vec![Mechanism::Plain];
        config.plaintext_auth = true;
        config.limits.transactions = u32::MAX;
        config.limits.junk_commands = u32::MAX;
        config.limits.recipients = u32::MAX;
        config.limits.errors = u32::MAX;
        config.limits.message_size = u64::MAX;
        let mut session = Self {
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            out: Vec::with_capacity(256 * 1024),
            found: 0,
        };
        session.hear(b"EHLO client.example.test\r\n");
        session
    }

    /// Hears these octets, which are copied into the input.
    pub fn hear(&mut self, octets: &[u8]) {
        self.input.push(octets);
        self.run();
    }

    /// Hears what stands in `buffer`, as if a socket had read it there: nothing is copied. Gives the buffer back.
    ///
    /// # Panics
    /// If something of an earlier read, or of this one, waits for more.
    pub fn read(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        let length = buffer.len();
        // The input has a buffer of its own, if it was pushed to.
        drop(self.input.take_back());
        assert!(self.input.is_empty(), "an earlier read ends in the middle of something");
        self.input.lend(buffer);
        self.input.filled(length);
        self.run();
        self.input.take_back().expect("the read ends with something whole")
    }

    fn run(&mut self) {
        self.out.clear();
        loop {
            match self.server.advance(Instant::ZERO, &mut self.input, &mut self.out) {
                Advance::Event => {}
                Advance::Flush => {
                    self.out.clear();
                    continue;
                }
                Advance::Read => return,
                other => panic!("{other:?}: {}", String::from_utf8_lossy(&self.out)),
            }
            let answered = match self.server.event(&self.input, &mut self.out) {
                Some(Event::Connected(ask)) => ask.with(Admission::Accept),
                Some(Event::Mail(ask, from)) => {
                    black_box(from);
                    self.found += 1;
                    ask.with(Decision::Accept)
                }
                Some(Event::Recipient(ask, to)) => {
                    black_box(to);
                    self.found += 1;
                    ask.with(Decision::Accept)
                }
                Some(Event::Data(ask, _)) => {
                    self.found += 1;
                    ask.with(Decision::Accept)
                }
                Some(Event::BodyEnd(ask, _)) => ask.with(Outcome::All(Reply::taken("Ok"))),
                Some(Event::Body(run)) => {
                    self.found += black_box(run.as_bytes()).len();
                    continue;
                }
                Some(Event::Bad { line, code, why }) => panic!("{line:?}: {code} {why}"),
                Some(_) => {
                    self.found += 1;
                    continue;
                }
                None => continue,
            };
            let _ = self.server.settle(answered, &mut self.out);
        }
    }
}

/// MAIL with what most clients say.
pub const MAIL: &str = "MAIL FROM:<alice@client.example.test> SIZE=10240 BODY=8BITMIME\r\n";
/// MAIL with every parameter that a stranger may give.
pub const MAIL_ALL: &str = "MAIL FROM:<alice@client.example.test> SIZE=10240 BODY=8BITMIME SMTPUTF8 RET=HDRS \
     ENVID=QQ314159 AUTH=alice+40example.test MT-PRIORITY=3 BY=120;R\r\n";
/// RCPT.
pub const RCPT: &str = "RCPT TO:<bob@example.test>\r\n";
/// RCPT with every parameter.
pub const RCPT_ALL: &str =
    "RCPT TO:<bob@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.test\r\n";

/// Lines of mail, `letters` each, with CR LF; of one in `dots`, if there are any, the first letter is a dot that is
/// stuffed.
#[must_use]
pub fn lines(octets: usize, letters: usize, dots: usize) -> Vec<u8> {
    const TEXT: &[u8] = b"The quick brown fox jumps over the lazy dog, and home! ";
    let mut text = Vec::with_capacity(octets + letters + 2);
    let mut line = 0;
    while text.len() < octets {
        let start = text.len();
        if dots > 0 && line % dots == 0 {
            text.extend_from_slice(b"..");
        }
        while text.len() < start + letters {
            text.push(TEXT[text.len() % TEXT.len()]);
        }
        text.extend_from_slice(b"\r\n");
        line += 1;
    }
    text
}

/// A whole transaction by DATA.
#[must_use]
pub fn data(message: &[u8]) -> Vec<u8> {
    [MAIL.as_bytes(), RCPT.as_bytes(), b"DATA\r\n", message, b".\r\n"].concat()
}

/// A whole transaction by BDAT, in one chunk.
#[must_use]
pub fn bdat(message: &[u8]) -> Vec<u8> {
    let chunk = format!("BDAT {} LAST\r\n", message.len());
    [MAIL.as_bytes(), RCPT.as_bytes(), chunk.as_bytes(), message].concat()
}

/// Hears everything in one read.
pub fn pipelined() -> impl FnMut(&[u8]) -> usize {
    let mut session = Session::new();
    move |octets| {
        session.found = 0;
        session.hear(octets);
        session.found
    }
}

/// Hears one command a read, and what follows DATA or BDAT in one.
pub fn in_turn() -> impl FnMut(&[u8]) -> usize {
    let mut session = Session::new();
    move |octets| {
        session.found = 0;
        let mut rest = octets;
        loop {
            let end = rest.iter().position(|&c| c == b'\n').map_or(rest.len(), |end| end + 1);
            let (line, behind) = rest.split_at(end);
            if line.is_empty() {
                return session.found;
            }
            session.hear(line);
            rest = behind;
            if matches!(line.first_chunk(), Some(b"DATA" | b"BDAT")) {
                session.hear(rest);
                return session.found;
            }
        }
    }
}
