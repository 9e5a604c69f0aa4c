//! smtp-proto in a server: what has to happen around a parser before a command may be answered.
//!
//! It is the least that does it, written for speed: the state is five words, replies are constants, nothing is
//! kept of a command. What Posthaste does and this does not: typed parameters that are held against what is offered,
//! labels of domains, deadlines, time, limits for strained hours, questions that may be answered later, AUTH, TLS.

use std::hint::black_box;

use posthaste_core::line::find_stray;
use smtp_proto::request::receiver::{BdatReceiver, DataReceiver, RequestReceiver};
use smtp_proto::{Error, Request};

/// A session.
#[derive(Default)]
pub struct Around {
    receiver: RequestReceiver,
    message: Vec<u8>,
    out: Vec<u8>,
    hello: bool,
    mail: bool,
    recipients: u32,
    junk: u32,
}

/// Whether text holds no bare CR, no bare LF and no NUL.
pub fn is_sound(text: &[u8]) -> bool {
    find_stray(text).is_none()
}

/// As in ours, but nothing reaches them.
const RECIPIENTS: u32 = u32::MAX;
const JUNK: u32 = u32::MAX;
const SIZE: usize = usize::MAX;

impl Around {
    /// Hears octets, and gives how many commands and octets of messages were taken.
    pub fn hear(&mut self, octets: &[u8]) -> usize {
        self.out.clear();
        let mut bytes = octets.iter();
        let mut found = 0;
        loop {
            let before = bytes.as_slice();
            let request = match self.receiver.ingest(&mut bytes) {
                Ok(request) => request,
                Err(Error::NeedsMoreData { .. }) => return found,
                Err(error) => panic!("{error:?}"),
            };
            let line = &before[..before.len() - bytes.len()];
            // RFC 5321 §2.3.8 and §4.1.2: only CR LF ends a line, and what stands in it is no CR, LF or NUL.
            assert!(line.strip_suffix(b"\r\n").is_some_and(is_sound), "a stray octet");
            let reply: &[u8] = match black_box(&request) {
                Request::Ehlo { .. } => {
                    self.hello = true;
                    b"250 mx.example.test\r\n"
                }
                Request::Mail { from } if self.hello && !self.mail && from.size <= SIZE => {
                    self.mail = true;
                    b"250 2.1.0 Sender ok\r\n"
                }
                Request::Rcpt { .. } if self.mail && self.recipients < RECIPIENTS => {
                    self.recipients = self.recipients.saturating_add(1);
                    b"250 2.1.5 Recipient ok\r\n"
                }
                Request::Data if self.recipients > 0 => {
                    self.out.extend_from_slice(b"354 Go ahead\r\n");
                    self.message.clear();
                    assert!(DataReceiver::new().ingest(&mut bytes, &mut self.message));
                    found += taken(&self.message);
                    self.reset();
                    b"250 2.0.0 Ok\r\n"
                }
                Request::Bdat { chunk_size, is_last } if self.recipients > 0 => {
                    self.message.clear();
                    let mut receiver = BdatReceiver::new(*chunk_size, *is_last);
                    assert!(receiver.ingest(&mut bytes, &mut self.message));
                    found += taken(&self.message);
                    if *is_last {
                        self.reset();
                    }
                    b"250 2.0.0 Ok\r\n"
                }
                Request::Noop { .. } if self.junk < JUNK => {
                    self.junk = self.junk.saturating_add(1);
                    b"250 2.0.0 Ok\r\n"
                }
                Request::Rset if self.junk < JUNK => {
                    self.reset();
                    b"250 2.0.0 Ok\r\n"
                }
                other => panic!("{other:?} is out of order"),
            };
            self.out.extend_from_slice(reply);
            found += 1;
        }
    }

    fn reset(&mut self) {
        self.mail = false;
        self.recipients = 0;
    }
}

/// Looks at what was received of a message.
fn taken(message: &[u8]) -> usize {
    assert!(is_sound(message), "a stray octet in the message");
    black_box(message).len()
}
