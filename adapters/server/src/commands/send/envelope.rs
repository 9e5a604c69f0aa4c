//! The envelope, from what the command line says.

use std::fmt::Display;

use posthaste_core::grammar::address::Address;
use posthaste_core::smtp::client::Envelope;
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::extension::{
    BodyKind, DeliverBy, ENVID_OCTETS, Notify, ORCPT_OCTETS, Priority, Release, Ret, Until,
};

use crate::cli::{Parameters, Send};
use crate::config::units::parse_duration;
use crate::exit::{Exit, Failure};

/// The envelope of every message of this run, but for size and body.
pub(super) fn envelope(
    send: &Send,
    sender: Option<Address>,
    to: &[Address],
) -> Result<Envelope, Failure> {
    let said = &send.parameters;
    let notify = said.notify.as_deref().map(notify).transpose()?;
    if said.orcpt.len() > to.len() {
        return Err(wrong("orcpt", &said.orcpt.len(), "one for each --to at most"));
    }
    let mut orcpt = said.orcpt.iter();
    let mut recipients = Vec::with_capacity(to.len());
    for address in to {
        let orcpt = orcpt.next().map(|text| original(text)).transpose()?;
        recipients.push(Recipient { address: address.clone(), notify, orcpt });
    }
    Ok(Envelope {
        sender,
        recipients,
        smtputf8: said.smtputf8,
        ret: said.ret.as_deref().map(|text| if text == "full" { Ret::Full } else { Ret::Headers }),
        envid: said.envid.as_deref().map(envid).transpose()?,
        requiretls: said.requiretls,
        priority: said.priority.map(priority).transpose()?,
        release: said.hold.as_deref().map(hold).transpose()?,
        by: said.by.as_deref().map(by).transpose()?,
        ..Envelope::default()
    })
}

/// What the octets of a message are: as was said, or as they look.
pub(super) fn body(said: &Parameters, message: &[u8]) -> BodyKind {
    match said.body.as_deref() {
        Some("7bit") => BodyKind::SevenBit,
        Some("8bitmime") => BodyKind::EightBitMime,
        Some("binarymime") => BodyKind::BinaryMime,
        _ if message.is_ascii() => BodyKind::SevenBit,
        _ => BodyKind::EightBitMime,
    }
}

fn notify(text: &str) -> Result<Notify, Failure> {
    Notify::parse(text.as_bytes())
        .ok_or_else(|| wrong("notify", &text, "never, or some of success,failure,delay"))
}

/// `kind;address`, RFC 3461 §4.2. It is encoded when it is sent.
fn original(text: &str) -> Result<Box<str>, Failure> {
    let kind = text.split_once(';').map_or("", |(kind, _)| kind);
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits = text.len() <= ORCPT_OCTETS && !text.contains(char::is_control);
    if kind.is_empty() || !kind.chars().all(sound) || !fits {
        return Err(wrong("orcpt", &text, "TYPE;ADDRESS, such as rfc822;ann@example.org"));
    }
    Ok(text.into())
}

/// RFC 3461 §4.4: printable ASCII, so many octets at most.
fn envid(text: &str) -> Result<Box<str>, Failure> {
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    if text.is_empty() || text.len() > ENVID_OCTETS || !text.chars().all(printable) {
        return Err(wrong("envid", &text, "1 to 100 characters of printable ASCII"));
    }
    Ok(text.into())
}

fn priority(level: i8) -> Result<Priority, Failure> {
    Priority::new(level).ok_or_else(|| wrong("priority", &level, "-9 to 9"))
}

fn hold(text: &str) -> Result<Release, Failure> {
    let seconds =
        |wait: std::time::Duration| Release::parse_for(wait.as_secs().to_string().as_bytes());
    let release = match parse_duration(text) {
        Some(wait) => seconds(wait),
        None => Until::parse(text.as_bytes()).map(Release::Until),
    };
    release.ok_or_else(|| wrong("hold", &text, "such as \"4h\", \"14d\" or 2027-01-31T08:00:00Z"))
}

fn by(text: &str) -> Result<DeliverBy, Failure> {
    DeliverBy::parse(text.as_bytes())
        .ok_or_else(|| wrong("by", &text, "SECONDS;R to return it, SECONDS;N to report"))
}

fn wrong(option: &str, value: &dyn Display, expected: &str) -> Failure {
    let what = format!("--{option} cannot be {:?}", value.to_string());
    Failure::new(Exit::Usage, what, format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_mean_something() {
        assert_eq!(notify("never").unwrap(), Notify::NEVER);
        assert!(notify("success,Failure").unwrap().has(Notify::SUCCESS.and(Notify::FAILURE)));
        assert_eq!(hold("4h").unwrap(), Release::For(14_400));
        assert!(matches!(hold("2027-01-31T08:00:00Z").unwrap(), Release::Until(_)));
        assert_eq!(by("3600;R").unwrap().to_string(), "3600;R");
        assert_eq!(&*original("rfc822;a b@example.org").unwrap(), "rfc822;a b@example.org");
        assert_eq!(&*envid("a+b = c").unwrap(), "a+b = c");
        assert_eq!(priority(-9).unwrap(), Priority::LEAST);
    }

    /// Nothing that is wrong is sent, and no parameter can bring a line of its own.
    #[test]
    fn values_that_mean_nothing() {
        for text in ["", "sometimes", "never,success", "success,"] {
            assert!(notify(text).is_err(), "{text}");
        }
        for text in ["", "4", "0s", "tomorrow", "2027-01-31", "99999d"] {
            assert!(hold(text).is_err(), "{text}");
        }
        for text in ["", "3600", "0;R", "1;X"] {
            assert!(by(text).is_err(), "{text}");
        }
        for text in ["", "ann@example.org", ";ann", "rfc 822;ann", "rfc822;a\r\nRSET"] {
            assert!(original(text).is_err(), "{text}");
        }
        for text in ["", "a\r\nRSET", "\u{fc}", &"x".repeat(101)] {
            assert!(envid(text).is_err(), "{text}");
        }
        assert!(priority(10).is_err());
    }
}
