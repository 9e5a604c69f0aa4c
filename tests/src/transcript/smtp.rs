//! Transcripts of the SMTP server machine, in all its roles.
//!
//! | setting | meaning |
//! |---|---|
//! | `role smtp` | or `submission`, `lmtp` |
//! | `hostname mx.test` | our name |
//! | `starttls`, `require_tls`, `plaintext_auth`, `require_auth`, `dsn`, `binarymime`, `requiretls`, `mt_priority`, `xclient` | on |
//! | `future_release 86400 2027-01-01T00:00:00Z` | longest hold, last time |
//! | `deliver_by 60` | least seconds for a return |
//! | `recipient_domains 5` | RCPTDOMAINMAX |
//! | `no chunking` | or `eight_bit`, `pipelining`, `smtputf8`, `require_auth`: off |
//! | `auth PLAIN LOGIN` | the mechanisms |
//! | `tls 1.3` | TLS comes first, as [`sign_in::tls`] has it |
//! | `limit recipients 2` | a limit by its name |
//!
//! Answers: a reply (`550 5.1.1 no such user`), several for LMTP parted by ` | `, `yes`, `refusal`,
//! `strained`; for sign-ins see [`sign_in`].

use std::sync::Arc;
use std::time::Duration;

use posthaste_core::machine::Machine;
use posthaste_core::sasl::Mechanism;
use posthaste_core::smtp::extension::{FutureRelease, Until};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};

use super::run::{Answer, Speaker};
use crate::sign_in;

/// Answers the server machine.
#[derive(Debug)]
pub struct Smtp;

impl Speaker for Smtp {
    type Machine = Server;

    fn new(settings: &[(String, String)]) -> Result<(Self, Server), String> {
        let value = |name: &str| settings.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let role = match value("role") {
            None | Some("smtp") => Role::Smtp,
            Some("submission") => Role::Submission,
            Some("lmtp") => Role::Lmtp,
            Some(other) => return Err(format!("no role is called {other:?}")),
        };
        let mut config = Config::new(role, value("hostname").unwrap_or("mx.test"));
        for (name, value) in settings {
            match name.as_str() {
                "role" | "hostname" | "tls" => {}
                "starttls" => config.starttls = true,
                "require_tls" => config.require_tls = true,
                "plaintext_auth" => config.plaintext_auth = true,
                "require_auth" => config.require_auth = true,
                "dsn" => config.dsn = true,
                "expn" => config.expn = true,
                "binarymime" => config.binarymime = true,
                "requiretls" => config.requiretls = true,
                "xclient" => config.xclient = true,
                "mt_priority" => config.mt_priority = true,
                "future_release" => config.future_release = Some(hold(value)?),
                "deliver_by" => config.deliver_by = Some(count(value)?),
                "recipient_domains" => config.recipient_domains = Some(count(value)?),
                "no" => match value.as_str() {
                    "chunking" => config.chunking = false,
                    "eight_bit" => config.eight_bit = false,
                    "pipelining" => config.pipelining = false,
                    "smtputf8" => config.smtputf8 = false,
                    "require_auth" => config.require_auth = false,
                    other => return Err(format!("{other:?} cannot be switched off")),
                },
                "auth" => {
                    for word in value.split(' ') {
                        let mechanism = Mechanism::parse(word.as_bytes());
                        config.mechanisms.push(mechanism.ok_or("no such mechanism")?);
                    }
                }
                "limit" => limit(&mut config, value)?,
                other => return Err(format!("no setting is called {other:?}")),
            }
        }
        let mut server = Server::new(Arc::new(config));
        if let Some(text) = value("tls") {
            server.secured(sign_in::tls(text)?);
        }
        Ok((Self, server))
    }

    fn run<'e>(event: &'e Event<'_>) -> Option<(&'static str, &'e [u8])> {
        match event {
            Event::Body(run) => Some(("Body", run.as_bytes())),
            Event::Skipped(run) => Some(("Skipped", run.as_bytes())),
            _ => None,
        }
    }

    fn answer(&mut self, event: Event<'_>, text: Option<&str>) -> Answer<Self> {
        Ok(Some(match event {
            Event::Connected(ask) | Event::XClient(ask, _) => ask.with(match text {
                None | Some("yes") => Admission::Accept,
                Some("strained") => Admission::Strained,
                Some(other) => Admission::Refuse(reply(other)?),
            }),
            Event::Mail(ask, _) => ask.with(decision(text)?),
            Event::Recipient(ask, _) => ask.with(decision(text)?),
            Event::Data(ask, _) => ask.with(decision(text)?),
            Event::BodyEnd(ask, _) => match text {
                None | Some("yes") => ask.with(Outcome::All(Reply::taken("Ok"))),
                Some("refusal") => ask.refused(),
                Some(many) if many.contains(" | ") => {
                    let each: Result<_, String> = many.split(" | ").map(reply).collect();
                    ask.with(Outcome::Each(each?))
                }
                Some(one) => ask.with(Outcome::All(reply(one)?)),
            },
            Event::Verify(ask, _) => match text {
                None | Some("refusal") => ask.refused(),
                Some(other) => ask.with(reply(other)?),
            },
            Event::Expand(ask, _) => match text {
                None | Some("refusal") => ask.refused(),
                Some(other) => ask.with(reply(other)?),
            },
            Event::SignIn(ask, _) => sign_in::verdict(ask, text)?,
            Event::Lookup(ask, identity) => sign_in::lookup(ask, &identity, text)?,
            Event::Bearer(ask, _) => sign_in::bearer(ask, text)?,
            Event::External(ask, _) => sign_in::verdict(ask, text)?,
            _ => return Ok(None),
        }))
    }
}

fn decision(text: Option<&str>) -> Result<Decision, String> {
    Ok(match text {
        None | Some("yes") => Decision::Accept,
        Some("refusal") => Decision::Refuse(Reply::later()),
        Some(other) => Decision::Refuse(reply(other)?),
    })
}

/// Reads `550 5.1.1 text` or `550 text`.
fn reply(text: &str) -> Result<Reply, String> {
    let (code, rest) = text.split_once(' ').ok_or("a reply is a code and a text")?;
    let code = code.parse().map_err(|_| "a reply begins with a code")?;
    let enhanced = rest.split_once(' ').and_then(|(status, words)| {
        let mut numbers = status.split('.').map(|n| n.parse::<u16>().ok());
        let class = u8::try_from(numbers.next()??).ok()?;
        Some((Enhanced(class, numbers.next()??, numbers.next()??), words.to_string()))
    });
    Ok(match enhanced {
        Some((status, words)) => Reply::new(code, status, words),
        None => Reply::bare(code, rest.to_string()),
    })
}

fn count(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("{value:?} is not a number"))
}

fn hold(value: &str) -> Result<FutureRelease, String> {
    let (seconds, until) = value.split_once(' ').ok_or("seconds and a time")?;
    let until = Until::parse(until.as_bytes()).ok_or("a time of RFC 3339")?;
    Ok(FutureRelease { seconds: count(seconds)?, until })
}

fn limit(config: &mut Config, value: &str) -> Result<(), String> {
    let (name, number) = value.split_once(' ').ok_or("limit NAME NUMBER")?;
    let number: u32 = number.parse().map_err(|_| "a limit is a number")?;
    let wait = Duration::from_secs(number.into());
    for limits in [&mut config.limits, &mut config.strained] {
        match name {
            "message_size" => limits.message_size = number.into(),
            "recipients" => limits.recipients = number,
            "transactions" => limits.transactions = number,
            "command_line" => limits.command_line = number as usize,
            "text_line" => limits.text_line = number as usize,
            "command_wait" => limits.command_wait = wait,
            "hello_wait" => limits.hello_wait = wait,
            "transaction_wait" => limits.transaction_wait = wait,
            "tarpit_errors" => limits.tarpit_errors = number,
            "tarpit_delay" => limits.tarpit_delay = wait,
            "body_wait" => limits.body_wait = wait,
            "answer_wait" => limits.answer_wait = wait,
            "errors" => limits.errors = number,
            "junk_commands" => limits.junk_commands = number,
            "auth_failures" => limits.auth_failures = number,
            other => return Err(format!("no limit is called {other:?}")),
        }
    }
    Ok(())
}
