//! A client that speaks lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::program::PATIENCE;

pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    #[track_caller]
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Connects, if somebody listens.
    pub(crate) fn try_connect(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// Sends `text` and CR LF.
    #[track_caller]
    pub(crate) fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(format!("{text}\r\n").as_bytes()).unwrap();
    }

    /// Sends octets, as far as somebody takes them.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        let _ = self.0.get_mut().write_all(octets);
    }

    /// One line; empty at the end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    /// A whole reply of SMTP.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self.line();
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Says something in SMTP or POP3, and hears the reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, text: &str) -> String {
        self.say(text);
        self.reply()
    }

    /// Gives commands of SMTP, and hears all their replies; `None` when the connection breaks.
    pub(crate) fn try_ask(&mut self, commands: &[&str]) -> Option<String> {
        let text = commands.join("\r\n") + "\r\n";
        self.0.get_mut().write_all(text.as_bytes()).ok()?;
        let mut last = String::new();
        let mut replies = 0;
        while replies < commands.len() {
            last.clear();
            if self.0.read_line(&mut last).ok()? == 0 {
                return None;
            }
            replies += usize::from(last.as_bytes().get(3) != Some(&b'-'));
        }
        Some(last)
    }

    /// Gives an IMAP command, and hears everything up to its end.
    #[track_caller]
    pub(crate) fn imap(&mut self, command: &str) -> String {
        self.say(&format!("a {command}"));
        let mut heard = String::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "closed after {command:?} and {heard:?}");
            heard.push_str(&line);
            if line.starts_with("a ") {
                return heard;
            }
        }
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8(rest).unwrap()
    }
}
