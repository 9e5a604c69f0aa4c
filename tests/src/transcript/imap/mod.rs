//! Transcripts of the IMAP server machine, with a small account in memory behind it ([`account`]).
//!
//! | setting | meaning |
//! |---|---|
//! | `hostname imap.test` | our name |
//! | `plaintext_auth` | passwords may come without TLS |
//! | `no starttls` | STARTTLS is not offered |
//! | `auth PLAIN LOGIN` | the mechanisms, instead of the default |
//! | `tls 1.3` | TLS comes first, as [`sign_in::tls`] has it |
//! | `limit line 20` | a limit by its name |
//! | `mailbox Sent \Sent` | a mailbox beside INBOX, perhaps with a special use |
//! | `mails INBOX 3` | so many short messages in a mailbox, `Subject: 1` and up |
//! | `mail INBOX (\Seen) "17-Jul-1996 02:44:25 -0700" text` | one message; `\r\n` and so on in its text |
//!
//! UIDVALIDITY of INBOX is 1, of each mailbox made later one more. Answers: to a command and to the head and the end
//! of an APPEND `no CODE text`, `bad text`, `refusal`; to Sync `mail`, `expunge SEQ` (what somebody else did);
//! to a sign-in see [`sign_in`].

pub mod account;

use std::sync::Arc;

use posthaste_core::imap::response::{Code, Reply, Responses};
use posthaste_core::imap::server::{Admission, Config, Decision, Event, Server, Update};
use posthaste_core::machine::Machine;
use posthaste_core::sasl::Mechanism;

use self::account::Account;
use super::run::{Answer, Speaker};
use crate::sign_in;

/// Answers the server machine.
#[derive(Debug)]
pub struct Imap {
    account: Account,
}

impl Speaker for Imap {
    type Machine = Server;

    fn new(settings: &[(String, String)]) -> Result<(Self, Server), String> {
        let value = |name: &str| settings.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let mut config = Config::new(value("hostname").unwrap_or("imap.test"));
        let mut account = Account::default();
        for (name, value) in settings {
            match name.as_str() {
                "hostname" | "tls" => {}
                "plaintext_auth" => config.plaintext_auth = true,
                "no" if value == "starttls" => config.starttls = false,
                "auth" => {
                    let named = |word: &str| Mechanism::parse(word.as_bytes());
                    let all: Option<Vec<_>> = value.split(' ').map(named).collect();
                    config.mechanisms = all.ok_or("no such mechanism")?;
                }
                "limit" => limit(&mut config, value)?,
                "mailbox" => account.setting_mailbox(value)?,
                "mails" => account.setting_mails(value)?,
                "mail" => account.setting_mail(value)?,
                other => return Err(format!("no setting is called {other:?} {value:?}")),
            }
        }
        let mut server = Server::new(Arc::new(config));
        if let Some(text) = value("tls") {
            server.secured(sign_in::tls(text)?);
        }
        Ok((Self { account }, server))
    }

    fn run<'e>(event: &'e Event<'_>) -> Option<(&'static str, &'e [u8])> {
        match event {
            Event::Body(run) => Some(("Body", run.as_bytes())),
            Event::Skipped(run) => Some(("Skipped", run.expose())),
            _ => None,
        }
    }

    fn answer(&mut self, event: Event<'_>, text: Option<&str>) -> Answer<Self> {
        let account = &mut self.account;
        Ok(Some(match event {
            Event::Connected(ask) => ask.with(match text {
                None => Admission::Accept,
                Some("refuse") => Admission::Refuse,
                Some(_) => return Err("refuse".into()),
            }),
            Event::SignIn(ask, _) => sign_in::verdict(ask, text)?,
            Event::Lookup(ask, identity) => sign_in::lookup(ask, &identity, text)?,
            Event::Bearer(ask, _) => sign_in::bearer(ask, text)?,
            Event::External(ask, _) => sign_in::verdict(ask, text)?,
            Event::Append(ask, context, head) => match text {
                None => ask.with(account.append(&head, context.mode)),
                Some("refusal") => ask.refused(),
                Some(text) => ask.with(Decision::Refuse(reply(text)?)),
            },
            Event::Body(run) => {
                account.stage(run.as_bytes());
                return Ok(None);
            }
            Event::BodyLost => {
                account.unstage();
                return Ok(None);
            }
            Event::Appended(ask) => match text {
                None => ask.with(account.appended()),
                Some("refusal") => ask.refused(),
                Some(text) => ask.with(reply(text)?),
            },
            Event::Command(ask, context, command) => match text {
                None => ask.with(account.command(&command, &context)),
                Some("refusal") => ask.refused(),
                Some(text) => ask.with(reply(text)?),
            },
            Event::Next(ask) => ask.with(account.next()),
            Event::Sync(ask, mode, allowed) => {
                if let Some(text) = text {
                    account.meddle(text)?;
                }
                ask.with(Update::of(account.sync(mode, allowed)))
            }
            _ => return Ok(None),
        }))
    }
}

/// Reads `no CODE text` or `bad text`.
fn reply(text: &str) -> Result<Reply, String> {
    if let Some(text) = text.strip_prefix("bad ") {
        return Ok(Responses::new().bad(text));
    }
    let rest = text.strip_prefix("no ").ok_or("no CODE text, bad text or refusal")?;
    let (code, text) = rest.split_once(' ').ok_or("a code wants a text")?;
    let code = match code {
        "CANNOT" => Code::Cannot,
        "INUSE" => Code::InUse,
        "NOPERM" => Code::NoPerm,
        "OVERQUOTA" => Code::OverQuota,
        "SERVERBUG" => Code::ServerBug,
        "TRYCREATE" => Code::TryCreate,
        "UNAVAILABLE" => Code::Unavailable,
        _ => return Err(format!("no code is called {code:?} here")),
    };
    Ok(Responses::new().no(code, text))
}

fn limit(config: &mut Config, value: &str) -> Result<(), String> {
    let (name, number) = value.split_once(' ').ok_or("a limit is a name and a number")?;
    let number: u32 = number.parse().map_err(|_| "a limit is a number")?;
    let limits = &mut config.limits;
    match name {
        "auth_failures" => limits.auth_failures = number,
        "errors" => limits.errors = number,
        "junk_commands" => limits.junk_commands = number,
        "line" => limits.line = number as usize,
        "line_before_login" => limits.line_before_login = number as usize,
        "literal" => limits.literal = number as usize,
        "literal_before_login" => limits.literal_before_login = number as usize,
        "literals" => limits.literals = number as usize,
        "message_size" => limits.message_size = u64::from(number),
        _ => return Err(format!("no limit is called {name:?} here")),
    }
    Ok(())
}
