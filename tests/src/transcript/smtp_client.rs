//! Transcripts of the SMTP client machine: its peer (`C:`) is a server.
//!
//! | setting | meaning |
//! |---|---|
//! | `name me.test` | our name |
//! | `tls never` | or `offered`, `required` |
//! | `lmtp`, `dsn`, `plaintext_auth`, `smtputf8` | on |
//! | `no pipelining` | or `chunking`: off |
//! | `body 7bit`, `8bit`, `binary` | what the message is; by default as its octets are |
//! | `eight_bit_anyway`, `requiretls` | on |
//! | `priority 3`, `by 60;R`, `hold 60`, `submitter a@b.test` | parameters of MAIL |
//! | `auth PLAIN user password` | sign in so; `OAUTHBEARER user token`, `EXTERNAL` or `EXTERNAL user` |
//! | `connected a.test 587` | to this server, which OAUTHBEARER tells |
//! | `secured 1.3` | TLS comes first, as [`sign_in::tls`] has it, with a server that proved who it is |
//! | `from a@b.test`, `to c@d.test` | the envelope; `to` for each recipient, none `from` for a report |
//! | `message text` | the message; lines add up |
//!
//! Answers: to `Ready`, `send`, `noop` or `quit` (by default the message is sent once); to `Source`, `abort` (by
//! default the whole message).

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::grammar::address::Address;
use posthaste_core::machine::{Machine, TlsFacts};
use posthaste_core::sasl::Mechanism;
use posthaste_core::sasl::client::Account;
use posthaste_core::smtp::client::{Client, Config, Envelope, Event, Order, Piece, TlsPolicy};
use posthaste_core::smtp::extension::{BodyKind, DeliverBy, Notify, Priority, Release, Ret};

use super::file::unescape;
use super::run::{Answer, Speaker};
use crate::sign_in;

/// Answers the client machine.
#[derive(Debug)]
pub struct SmtpClient {
    envelope: Envelope,
    message: Vec<u8>,
    sent: bool,
}

impl Speaker for SmtpClient {
    type Machine = Client;

    fn new(settings: &[(String, String)]) -> Result<(Self, Client), String> {
        let mut config = Config::new("me.test");
        let mut envelope = Envelope::default();
        let mut body = None;
        let mut message = Vec::new();
        let mut tls = None;
        for (name, value) in settings {
            let address = || value.parse::<Address>().map_err(|error| error.to_string());
            match (name.as_str(), value.as_str()) {
                ("hostname", _) => config.hostname = value.as_str().into(),
                ("tls", "never") => config.tls = TlsPolicy::Never,
                ("tls", "offered") => config.tls = TlsPolicy::Offered,
                ("tls", "required") => config.tls = TlsPolicy::Required,
                ("lmtp", _) => config.lmtp = true,
                ("plaintext_auth", _) => config.plaintext_auth = true,
                ("smtputf8", _) => envelope.smtputf8 = true,
                ("dsn", _) => {
                    envelope.ret = Some(Ret::Headers);
                    envelope.envid = Some("QQ=1".into());
                }
                ("eight_bit_anyway", _) => config.eight_bit_anyway = true,
                ("body", "7bit") => body = Some(BodyKind::SevenBit),
                ("body", "8bit") => body = Some(BodyKind::EightBitMime),
                ("body", "binary") => body = Some(BodyKind::BinaryMime),
                ("requiretls", _) => envelope.requiretls = true,
                ("priority", _) => {
                    envelope.priority =
                        Some(Priority::parse(value.as_bytes()).ok_or("no such priority")?);
                }
                ("by", _) => {
                    envelope.by = Some(DeliverBy::parse(value.as_bytes()).ok_or("no such time")?);
                }
                ("hold", _) => {
                    envelope.release =
                        Some(Release::parse_for(value.as_bytes()).ok_or("no such time")?);
                }
                ("submitter", _) => envelope.auth = Some(value.as_str().into()),
                ("no", "pipelining") => config.pipelining = false,
                ("no", "chunking") => config.chunking = false,
                ("auth", _) => {
                    let mut words = value.split(' ');
                    let mut word = || words.next().ok_or("auth MECHANISM USER PASSWORD");
                    // Several have a sign between them.
                    config.mechanisms = word()?
                        .split('/')
                        .map(|name| Mechanism::parse(name.as_bytes()).ok_or("no such mechanism"))
                        .collect::<Result<_, _>>()?;
                    let account = match config.mechanisms[0] {
                        Mechanism::External => match words.next() {
                            Some(other) => Account::certificate().acting_as(other),
                            None => Ok(Account::certificate()),
                        },
                        Mechanism::OauthBearer | Mechanism::Xoauth2 => {
                            Account::bearer(word()?, word()?)
                        }
                        _ => Account::new(word()?, word()?),
                    };
                    config.account = Some(account.map_err(|error| error.to_string())?);
                }
                ("connected", _) => {
                    let (host, port) = value.split_once(' ').ok_or("connected HOST PORT")?;
                    let port = port.parse().map_err(|_| "a port is a number")?;
                    let account = config.account.take().ok_or("auth comes first")?;
                    config.account = Some(account.connected_to(host, port));
                }
                ("secured", _) => tls = Some(sign_in::tls(value)?),
                ("from", _) => envelope.sender = Some(address()?),
                ("to", _) => envelope.recipients.push(address()?.into()),
                ("message", _) => {
                    message.extend(unescape(value).ok_or("bad escape in the message")?);
                }
                (other, _) => return Err(format!("no setting is called {other:?}")),
            }
        }
        if envelope.ret.is_some() {
            for recipient in &mut envelope.recipients {
                recipient.notify = Some(Notify::SUCCESS.and(Notify::FAILURE));
                recipient.orcpt = Some(format!("rfc822;{}", recipient.address).into());
            }
        }
        let eight_bit =
            if message.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBitMime };
        envelope.body = body.unwrap_or(eight_bit);
        envelope.size = Some(message.len() as u64);
        let mut client = Client::new(Arc::new(config), [7; 18]);
        if let Some(facts) = tls {
            client.secured(TlsFacts { verified: true, ..facts });
        }
        Ok((Self { envelope, message, sent: false }, client))
    }

    fn run<'e>(_: &'e Event<'_>) -> Option<(&'static str, &'e [u8])> {
        None
    }

    fn answer(&mut self, event: Event<'_>, text: Option<&str>) -> Answer<Self> {
        Ok(Some(match event {
            Event::Ready(ask) => match text {
                Some("quit") => ask.with(Order::Quit),
                Some("noop") => ask.with(Order::Noop),
                None if self.sent => ask.with(Order::Quit),
                None | Some("send") => {
                    self.sent = true;
                    ask.with(Order::Send(Box::new(self.envelope.clone())))
                }
                Some(_) => return Err("send, noop or quit".into()),
            },
            Event::Source(ask) => ask.with(match text {
                None => Piece::Last(Bytes::copy_from_slice(&self.message)),
                Some("abort") => Piece::Abort,
                Some(_) => return Err("abort".into()),
            }),
            _ => return Ok(None),
        }))
    }
}
