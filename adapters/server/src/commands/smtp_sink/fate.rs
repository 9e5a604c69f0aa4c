//! What goes wrong on purpose: delays, refusals, connections that break; each with its likelihood.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::config::units::{DURATION_FORM, parse_duration};
use crate::random::Random;

/// Where something can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The greeting.
    Connect,
    /// A sign-in.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, or the first BDAT.
    Data,
    /// The octets of a message.
    Body,
    /// The reply to a message.
    Message,
}

impl Stage {
    /// All of them, in the order in which they come.
    pub(super) const ALL: [Self; 7] =
        [Self::Connect, Self::Auth, Self::Mail, Self::Rcpt, Self::Data, Self::Body, Self::Message];

    /// As the command line and reports call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Message => "message",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|stage| stage.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// A stage that answers late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Delay {
    stage: Stage,
    least: Duration,
    most: Duration,
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("expected STAGE=TIME or STAGE=LEAST-MOST, where a time is {DURATION_FORM}");
        let (stage, wait) = text.split_once('=').ok_or_else(form)?;
        let stage: Stage = stage.parse()?;
        if stage == Stage::Body {
            return Err("octets of a message are not answered: delay data or message".into());
        }
        let (least, most) = wait.split_once('-').unwrap_or((wait, wait));
        let read = |text| parse_duration(text).ok_or_else(form);
        let (least, most) = (read(least)?, read(most)?);
        if least > most {
            return Err(form());
        }
        Ok(Self { stage, least, most })
    }
}

/// A stage that refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fail {
    stage: Stage,
    code: u16,
    likelihood: f64,
}

impl FromStr for Fail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected STAGE=CODE or STAGE=CODE:PERCENT%, such as rcpt=450:5%".to_owned();
        let (stage, what) = text.split_once('=').ok_or_else(form)?;
        let stage: Stage = stage.parse()?;
        let (code, likelihood) = match what.split_once(':') {
            Some((code, percent)) => (code, percentage(percent).ok_or_else(form)?),
            None => (what, 1.0),
        };
        let code = code.parse().ok().filter(|code| (400..600).contains(code)).ok_or_else(form)?;
        match stage {
            // RFC 5321 §3.1.
            Stage::Connect if !matches!(code, 421 | 554) => {
                Err("a server refuses connections with 421 or 554".into())
            }
            Stage::Auth if !matches!(code, 454 | 535) => {
                Err("a sign-in is refused with 454 or 535".into())
            }
            Stage::Body => Err("octets of a message are not answered: fail data or message".into()),
            _ => Ok(Self { stage, code, likelihood }),
        }
    }
}

/// A stage at which connections break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Disconnect {
    stage: Stage,
    likelihood: f64,
}

impl FromStr for Disconnect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (stage, percent) = text.split_once('=').unwrap_or((text, "100%"));
        let form = || "expected STAGE or STAGE=PERCENT%, such as body=0.5%".to_owned();
        let likelihood = percentage(percent).ok_or_else(form)?;
        Ok(Self { stage: stage.parse()?, likelihood })
    }
}

fn percentage(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// What becomes of one stage of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    /// How long it waits before that.
    pub(super) delay: Duration,
    /// What happens.
    pub(super) turn: Turn,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What should.
    Accept,
    /// The connection breaks.
    Disconnect,
    /// A refusal with this code.
    Fail(u16),
}

/// What may go wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Fates {
    /// Answers that are late.
    pub(super) delays: Vec<Delay>,
    /// Refusals; the first that comes up counts.
    pub(super) fails: Vec<Fail>,
    /// Connections that break; before refusals.
    pub(super) disconnects: Vec<Disconnect>,
}

impl Fates {
    /// What becomes of this stage now.
    pub(super) fn draw(&self, stage: Stage, random: &mut Random) -> Fate {
        let mut delay = Duration::ZERO;
        for late in self.delays.iter().filter(|delay| delay.stage == stage) {
            let spread = u64::try_from((late.most - late.least).as_micros()).unwrap_or(u64::MAX);
            delay += late.least + Duration::from_micros(random.up_to(spread));
        }
        let breaks = self
            .disconnects
            .iter()
            .any(|break_| break_.stage == stage && random.chance(break_.likelihood));
        if breaks {
            return Fate { delay, turn: Turn::Disconnect };
        }
        let fail =
            self.fails.iter().find(|fail| fail.stage == stage && random.chance(fail.likelihood));
        Fate { delay, turn: fail.map_or(Turn::Accept, |fail| Turn::Fail(fail.code)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(delays: &[&str], fails: &[&str], disconnects: &[&str]) -> Fates {
        fn all<T: FromStr<Err = String>>(texts: &[&str]) -> Vec<T> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        }
        Fates { delays: all(delays), fails: all(fails), disconnects: all(disconnects) }
    }

    #[test]
    fn what_is_said_happens() {
        let mut random = Random::new(1);
        let fates = fates(&["mail=1s", "mail=2s"], &["rcpt=550", "data=451:0%"], &["message"]);
        let mut draw = |stage| fates.draw(stage, &mut random);
        let seconds = Duration::from_secs;
        assert_eq!(draw(Stage::Connect), Fate { delay: seconds(0), turn: Turn::Accept });
        assert_eq!(draw(Stage::Mail), Fate { delay: seconds(3), turn: Turn::Accept });
        assert_eq!(draw(Stage::Rcpt).turn, Turn::Fail(550));
        assert_eq!(draw(Stage::Data).turn, Turn::Accept);
        assert_eq!(draw(Stage::Message).turn, Turn::Disconnect);
    }

    #[test]
    fn likelihoods_are_kept() {
        let mut random = Random::new(4);
        let fates = fates(&["rcpt=10ms-20ms"], &["rcpt=450:25%", "rcpt=550:50%"], &["rcpt=20%"]);
        let drawn: Vec<_> = (0..20_000).map(|_| fates.draw(Stage::Rcpt, &mut random)).collect();
        let share = |turn| drawn.iter().filter(|fate| fate.turn == turn).count() as f64 / 20_000.0;
        // 20 %; 25 % of what is left; 50 % of what is left then.
        for (turn, wanted) in
            [(Turn::Disconnect, 0.2), (Turn::Fail(450), 0.2), (Turn::Fail(550), 0.3)]
        {
            assert!((share(turn) - wanted).abs() < 0.02, "{turn:?}: {}", share(turn));
        }
        let waits = drawn.iter().map(|fate| fate.delay);
        assert!(waits.clone().all(|wait| (10..=20).contains(&wait.as_millis())));
        assert!(waits.clone().min() < Some(Duration::from_millis(11)));
        assert!(waits.max() > Some(Duration::from_millis(19)));
    }

    #[test]
    fn forms() {
        for wrong in ["", "mail", "mail=", "mail=5", "mail=2s-1s", "body=1s", "quit=1s"] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "mail",
            "mail=250",
            "mail=600",
            "mail=450:5",
            "mail=450:101%",
            "mail=450:-1%",
            "connect=450",
            "auth=550",
            "body=550",
            "quit=550",
        ] {
            assert!(wrong.parse::<Fail>().is_err(), "{wrong}");
        }
        for wrong in ["", "quit", "mail=5", "mail=x%"] {
            assert!(wrong.parse::<Disconnect>().is_err(), "{wrong}");
        }
        assert_eq!("mail".parse(), Ok(Disconnect { stage: Stage::Mail, likelihood: 1.0 }));
        assert_eq!("body=0.5%".parse(), Ok(Disconnect { stage: Stage::Body, likelihood: 0.005 }));
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!((stage as usize, stage.name().parse()), (place, Ok(stage)));
        }
    }
}
