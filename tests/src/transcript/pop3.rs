//! Transcripts of the POP3 server machine.
//!
//! | setting | meaning |
//! |---|---|
//! | `hostname pop.test` | our name |
//! | `starttls` | STLS is offered |
//! | `no plaintext_auth` | passwords want TLS; in transcripts they do not by default |
//! | `auth PLAIN LOGIN` | the mechanisms, instead of the default |
//! | `tls 1.3` | TLS comes first, as [`sign_in::tls`] has it |
//! | `limit errors 2` | a limit by its name |
//! | `mail A: b\r\n\r\nc\r\n` | a message of the maildrop, in order; its unique id is `id` and its number |
//! | `long 120` | a message of that many octets, `X` and lines of `x` |
//! | `piece 7` | octets of a piece of a message |
//!
//! Answers: to the connection `yes`, `refusal`; to a sign-in see [`sign_in`];
//! to `Open` `ready`, `in-use`, `unavailable`, `broken`; to `Retr`, `Top` and `More` `piece`,
//! `unavailable`, `broken`, `utf8`; to `Update` `durable`, `unavailable`, `broken`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthaste_core::machine::Machine;
use posthaste_core::pop3::server::{Admission, Config, Event, Opened, Piece, Server, Updated};
use posthaste_core::pop3::{Maildrop, Uid};
use posthaste_core::sasl::Mechanism;

use super::file::unescape;
use super::run::{Answer, Speaker};
use crate::sign_in;

/// Answers the server machine.
#[derive(Debug)]
pub struct Pop3 {
    mails: Arc<Mails>,
    piece: usize,
    /// What is left of the message that is leaving.
    left: Bytes,
}

#[derive(Debug)]
struct Mails(Vec<Bytes>);

impl Maildrop for Mails {
    fn count(&self) -> u32 {
        self.0.len() as u32
    }

    fn size(&self, number: u32) -> u64 {
        self.0[number as usize - 1].len() as u64
    }

    fn uid(&self, number: u32, uid: &mut Uid<'_>) {
        uid.push(format!("id{number}").as_bytes());
    }
}

impl Pop3 {
    fn next(&mut self, text: Option<&str>) -> Result<Piece, String> {
        Ok(match text {
            None | Some("piece") => {
                let piece = self.left.split_to(self.piece.min(self.left.len()));
                if self.left.is_empty() { Piece::Last(piece) } else { Piece::Part(piece) }
            }
            Some("broken") => Piece::Broken,
            Some("unavailable") => Piece::Unavailable,
            Some("utf8") => Piece::Utf8,
            Some(_) => return Err("piece, unavailable, broken or utf8".into()),
        })
    }
}

impl Speaker for Pop3 {
    type Machine = Server;

    fn new(settings: &[(String, String)]) -> Result<(Self, Server), String> {
        let mut config = Config { plaintext_auth: true, ..Config::new("pop.test") };
        let mut mails = Vec::new();
        let mut piece = usize::MAX;
        let mut tls = None;
        for (name, value) in settings {
            match name.as_str() {
                "hostname" => config.hostname = value.as_str().into(),
                "starttls" => config.starttls = true,
                "tls" => tls = Some(sign_in::tls(value)?),
                "no" if value == "plaintext_auth" => config.plaintext_auth = false,
                "auth" => {
                    config.mechanisms = value
                        .split(' ')
                        .map(|word| Mechanism::parse(word.as_bytes()).ok_or("no such mechanism"))
                        .collect::<Result<_, _>>()?;
                }
                "limit" => limit(&mut config, value)?,
                "mail" => mails.push(unescape(value).ok_or("bad escape")?.into()),
                "long" => {
                    let size: usize = value.parse().map_err(|_| "a size is a number")?;
                    let lines = format!("X{}\r\n", "x".repeat(37)).repeat(size / 40 + 1);
                    let start = lines.len().checked_sub(size).ok_or("too long")?;
                    mails.push(Bytes::from(lines).slice(start..));
                }
                "piece" => piece = value.parse().map_err(|_| "a piece is a number")?,
                other => return Err(format!("no setting is called {other:?}")),
            }
        }
        let speaker = Self { mails: Arc::new(Mails(mails)), piece, left: Bytes::new() };
        let mut server = Server::new(Arc::new(config));
        if let Some(facts) = tls {
            server.secured(facts);
        }
        Ok((speaker, server))
    }

    fn run<'e>(_: &'e Event<'_>) -> Option<(&'static str, &'e [u8])> {
        None
    }

    fn answer(&mut self, event: Event<'_>, text: Option<&str>) -> Answer<Self> {
        Ok(Some(match event {
            Event::Connected(ask) => ask.with(match text {
                None | Some("yes") => Admission::Accept,
                Some("refusal") => Admission::Refuse,
                Some(_) => return Err("yes or refusal".into()),
            }),
            Event::SignIn(ask, _) => sign_in::verdict(ask, text)?,
            Event::Lookup(ask, identity) => sign_in::lookup(ask, &identity, text)?,
            Event::Bearer(ask, _) => sign_in::bearer(ask, text)?,
            Event::External(ask, _) => sign_in::verdict(ask, text)?,
            Event::Open(ask) => ask.with(match text {
                None | Some("ready") => Opened::Ready(self.mails.clone()),
                Some("in-use") => Opened::InUse,
                Some("unavailable") => Opened::Unavailable,
                Some("broken") => Opened::Broken,
                Some(_) => return Err("ready, in-use, unavailable or broken".into()),
            }),
            Event::Retr(ask, wanted) | Event::Top(ask, wanted, _) => {
                self.left = self.mails.0[wanted.number as usize - 1].clone();
                ask.with(self.next(text)?)
            }
            Event::More(ask) => ask.with(self.next(text)?),
            Event::Update(ask, _) => ask.with(match text {
                None | Some("durable") => Updated::Durable,
                Some("unavailable") => Updated::Unavailable,
                Some("broken") => Updated::Broken,
                Some(_) => return Err("durable, unavailable or broken".into()),
            }),
            _ => return Ok(None),
        }))
    }
}

fn limit(config: &mut Config, value: &str) -> Result<(), String> {
    let (name, number) = value.split_once(' ').ok_or("limit NAME NUMBER")?;
    let number: u32 = number.parse().map_err(|_| "a limit is a number")?;
    let wait = Duration::from_secs(number.into());
    let limits = &mut config.limits;
    match name {
        "line" => limits.line = number as usize,
        "auth_line" => limits.auth_line = number as usize,
        "idle" => limits.idle = wait,
        "answer_wait" => limits.answer_wait = wait,
        "errors" => limits.errors = number,
        "auth_failures" => limits.auth_failures = number,
        other => return Err(format!("no limit is called {other:?}")),
    }
    Ok(())
}
