//! A client that reads whole mailboxes by IMAP: written plainly, without the server's own grammar, so that
//! the two cannot agree on a mistake.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use posthaste_core::machine::{Input, Instant, Reason, Stale, TlsFacts};
use posthaste_core::session::{Session, Wait};

/// What was read: messages by UID. Filled when the session said goodbye.
pub type Read = Rc<RefCell<Option<BTreeMap<u32, Vec<u8>>>>>;

/// What the reader says, each when the one before was answered.
const COMMANDS: [&str; 4] = [
    "b SELECT INBOX\r\n",
    "c UID FETCH 1:* (BODY.PEEK[])\r\n",
    "d UID FETCH 1:* (FLAGS)\r\n",
    "e LOGOUT\r\n",
];

/// Signs in, reads INBOX, leaves.
pub struct Reader {
    sign_in: String,
    heard: Vec<u8>,
    /// Octets of `heard` up to which everything was understood.
    at: usize,
    said: usize,
    greeted: bool,
    messages: BTreeMap<u32, Vec<u8>>,
    read: Read,
    over: bool,
}

impl Reader {
    /// Reads the INBOX of this user.
    #[must_use]
    pub fn new(user: &str, password: &str, read: Read) -> Self {
        Self {
            sign_in: format!("a LOGIN {user} {password}\r\n"),
            heard: Vec::new(),
            at: 0,
            said: 0,
            greeted: false,
            messages: BTreeMap::new(),
            read,
            over: false,
        }
    }

    /// One response with its literals, if it is whole.
    fn response(&mut self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let rest = &self.heard[self.at..];
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let line = &rest[..end];
        let Some(open) = line.iter().rposition(|&c| c == b'{').filter(|_| line.ends_with(b"}"))
        else {
            let line = line.to_vec();
            self.at += end + 2;
            return Some((line, None));
        };
        let size: usize =
            std::str::from_utf8(&line[open + 1..line.len() - 1]).ok()?.parse().ok()?;
        let body = end + 2;
        let tail = rest.get(body + size..)?;
        let tail_end = tail.windows(2).position(|w| w == b"\r\n")?;
        let line = [line, &tail[..tail_end]].concat();
        let literal = rest[body..body + size].to_vec();
        self.at += body + size + tail_end + 2;
        Some((line, Some(literal)))
    }

    fn hear(&mut self, line: &[u8], literal: Option<Vec<u8>>, out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line).into_owned();
        if let Some(body) = literal {
            let uid = text.split("UID ").nth(1).expect("a UID");
            let uid = uid.split([' ', ')']).next().unwrap_or_default();
            let before = self.messages.insert(uid.parse().expect("a number"), body);
            assert!(before.is_none(), "UID {uid} came twice");
        } else if !self.greeted {
            assert!(text.starts_with("* OK"), "the greeting is {text}");
            self.greeted = true;
            out.extend_from_slice(self.sign_in.as_bytes());
        } else if !text.starts_with('*') {
            if text.get(1..18) == Some(" NO [UNAVAILABLE]") {
                // A busy server: the same again, and what came of it so far does not count.
                if self.said == 2 {
                    self.messages.clear();
                }
                let again = self.said.checked_sub(1).map_or(self.sign_in.as_str(), |n| COMMANDS[n]);
                out.extend_from_slice(again.as_bytes());
                return;
            }
            assert!(text.get(1..5) == Some(" OK "), "command {} got {text}", self.said);
            match COMMANDS.get(self.said) {
                Some(command) => out.extend_from_slice(command.as_bytes()),
                None => *self.read.borrow_mut() = Some(std::mem::take(&mut self.messages)),
            }
            self.said += 1;
        }
    }
}

impl Session for Reader {
    type Note = ();

    fn turn(&mut self, _: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        self.heard.extend_from_slice(input.bytes());
        input.discard(input.len());
        while let Some((line, literal)) = self.response() {
            self.hear(&line, literal, out);
        }
        if self.over || input.is_ended() { Wait::Closed } else { Wait::Read }
    }

    fn note(&mut self, (): (), _: &mut Vec<u8>) -> Result<(), Stale> {
        Ok(())
    }

    fn poke(&mut self) {}

    fn close(&mut self, _: Reason, _: &mut Vec<u8>) {
        self.over = true;
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn secured(&mut self, _: TlsFacts) {}
}
