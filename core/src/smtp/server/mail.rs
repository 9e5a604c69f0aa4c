//! MAIL, RFC 5321 §4.1.1.2, with the parameters of RFC 1870, 2852, 3030, 3461, 4865, 4954, 6152, 6531, 6710
//! and 8689.

use alloc::vec::Vec;

use super::Server;
use super::event::{Decision, Event, MailFrom};
use super::limit::Limit;
use super::state::{Open, Phase, Stage};
use crate::grammar::address::{AddressError, ReversePath};
use crate::machine::End;
use crate::smtp::command::{Command, Param, Params, number};
use crate::smtp::extension::{
    BodyKind, ByMode, DeliverBy, ENVID_OCTETS, Priority, Release, Ret, Submitter, Xtext,
};
use crate::smtp::reply::{Enhanced, ready};

/// Why a command is refused: code, enhanced code, words.
pub(super) type Fault = (u16, Enhanced, &'static str);

impl Server {
    pub(super) fn mail<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let fault = if self.hello.is_none() {
            (503, Enhanced(5, 5, 1), "Say hello first")
        } else if self.config.require_auth && !self.signed_in {
            // RFC 6409 §4.3.
            (530, Enhanced(5, 7, 0), "Sign in first")
        } else if self.stage != Stage::None {
            (503, Enhanced(5, 5, 1), "There is a sender already: say RSET first")
        } else if self.transactions >= self.limits().transactions {
            // RFC 9422 §4.1.
            (421, Enhanced(4, 7, 0), "Too many messages for one session, connect again")
        } else {
            match self.mail_from(command.args) {
                Ok(from) => {
                    self.smtputf8 = from.smtputf8;
                    self.binary = from.body == BodyKind::BinaryMime;
                    return Event::Mail(self.ask(Open::Mail), from);
                }
                Err(fault) => fault,
            }
        };
        if fault.0 == 421 {
            Self::say(out, fault.0, fault.1, fault.2);
            self.reach(Limit::Transactions);
            self.end(End::Closed(crate::machine::Reason::Overload));
            return Event::Bad { line: command.shown().into(), code: fault.0, why: fault.2 };
        }
        if fault == TOO_BIG {
            self.reach(Limit::MessageSize);
        }
        self.bad(command, out, fault.0, fault.1, fault.2)
    }

    pub(super) fn mail_decided(&mut self, decision: &Decision, out: &mut Vec<u8>) {
        if self.agreed(decision, out) {
            self.stage = Stage::Envelope;
            self.transactions = self.transactions.saturating_add(1);
            out.extend_from_slice(ready::SENDER);
        } else {
            self.smtputf8 = false;
            self.binary = false;
            let for_now = matches!(decision, Decision::Refuse(reply) if !reply.is_permanent());
            if for_now && !matches!(self.phase, Phase::Ending(_)) {
                // No error of the peer, but it could try on and on.
                self.may_idle(out);
            }
        }
    }

    fn mail_from<'i>(&self, args: &'i [u8]) -> Result<MailFrom<'i>, Fault> {
        let path =
            behind(args, b"FROM:").ok_or((501, Enhanced(5, 5, 4), "MAIL wants FROM:<address>"))?;
        let (path, params) = ReversePath::parse(path).map_err(|error| path_fault(error, 7))?;
        let mut from = MailFrom {
            path,
            size: None,
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
            auth: None,
            requiretls: false,
            priority: None,
            release: None,
            by: None,
        };
        let mut seen = Seen::default();
        for param in params_behind(params)? {
            self.mail_param(&mut from, &mut seen, param)?;
        }
        if from.path.mailbox().is_some_and(|mailbox| mailbox.is_utf8()) && !from.smtputf8 {
            return Err(self.needs_utf8(7));
        }
        // RFC 4865 §5.2.2. A time of the clock is the host's to compare.
        if let (Some(Release::For(held)), Some(by)) = (from.release, from.by)
            && i64::from(held) > i64::from(by.seconds())
        {
            return Err(wrong("HOLDFOR is longer than BY"));
        }
        Ok(from)
    }

    fn mail_param<'i>(
        &self,
        from: &mut MailFrom<'i>,
        seen: &mut Seen,
        param: Param<'i>,
    ) -> Result<(), Fault> {
        let config = &*self.config;
        if param.is("SIZE") {
            seen.once(1)?;
            let wrong = wrong("SIZE wants a number");
            let size = number(param.value.ok_or(wrong)?).ok_or(wrong)?;
            // RFC 1870 §6.1.
            if size > self.limits().message_size {
                return Err(TOO_BIG);
            }
            from.size = Some(size);
        } else if param.is("BODY") {
            seen.once(2)?;
            from.body = self.body_kind(param.value)?;
        } else if param.is("SMTPUTF8") && config.smtputf8 {
            seen.once(4)?;
            if param.value.is_some() {
                return Err(wrong("SMTPUTF8 takes no value"));
            }
            from.smtputf8 = true;
        } else if param.is("RET") && config.dsn {
            seen.once(8)?;
            from.ret = Some(match param.value {
                Some(much) if much.eq_ignore_ascii_case(b"FULL") => Ret::Full,
                Some(much) if much.eq_ignore_ascii_case(b"HDRS") => Ret::Headers,
                _ => return Err(wrong("RET wants FULL or HDRS")),
            });
        } else if param.is("ENVID") && config.dsn {
            seen.once(16)?;
            let envid = param.value.filter(|v| !v.is_empty() && v.len() <= 3 * ENVID_OCTETS);
            let wrong = wrong("ENVID wants at most 100 octets of xtext");
            // RFC 3461 §4.4: printable ASCII.
            from.envid = Some(envid.and_then(Xtext::parse_ascii).ok_or(wrong)?);
        } else if param.is("AUTH") && !config.mechanisms.is_empty() {
            seen.once(32)?;
            let wrong = wrong("AUTH wants <> or xtext");
            from.auth = Some(param.value.and_then(Submitter::parse).ok_or(wrong)?);
        } else if param.is("REQUIRETLS") && config.requiretls {
            seen.once(64)?;
            if param.value.is_some() {
                return Err(wrong("REQUIRETLS takes no value"));
            }
            // RFC 8689 §2: only in a session that has TLS itself.
            if self.tls.is_none() {
                return Err((530, Enhanced(5, 7, 10), "REQUIRETLS wants TLS: say STARTTLS first"));
            }
            from.requiretls = true;
        } else if param.is("MT-PRIORITY") && config.mt_priority {
            seen.once(128)?;
            let wrong = wrong("MT-PRIORITY wants a number from -9 to 9");
            from.priority = Some(param.value.and_then(Priority::parse).ok_or(wrong)?);
        } else if let (true, Some(limit)) = (param.is("HOLDFOR"), self.future_release()) {
            // RFC 4865 §4: one of the two, once.
            seen.once(256)?;
            let release = param.value.and_then(Release::parse_for);
            let release = release.ok_or(wrong("HOLDFOR wants seconds, at least 1"))?;
            if !limit.allows(release) {
                return Err(wrong("HOLDFOR is longer than a message is held here"));
            }
            from.release = Some(release);
        } else if let (true, Some(limit)) = (param.is("HOLDUNTIL"), self.future_release()) {
            seen.once(256)?;
            let release = param.value.and_then(Release::parse_until);
            let release = release.ok_or(wrong("HOLDUNTIL wants a date and time of RFC 3339"))?;
            if !limit.allows(release) {
                return Err(wrong("HOLDUNTIL is later than a message is held here"));
            }
            from.release = Some(release);
        } else if let (true, Some(least)) = (param.is("BY"), config.deliver_by) {
            seen.once(512)?;
            let by = param.value.and_then(DeliverBy::parse);
            let by = by.ok_or(wrong("BY wants seconds, a semicolon, N or R, perhaps T"))?;
            let in_time = u32::try_from(by.seconds()).is_ok_and(|seconds| seconds >= least);
            if by.mode() == ByMode::Return && !in_time {
                // RFC 2852 §4.
                return Err((555, Enhanced(5, 4, 7), "BY is sooner than is promised here"));
            }
            from.by = Some(by);
        } else {
            return Err(UNKNOWN_PARAM);
        }
        Ok(())
    }

    /// Why an address in UTF-8 is refused where MAIL did not say SMTPUTF8; `detail` is that of RFC 3463 §3.2.
    pub(super) fn needs_utf8(&self, detail: u16) -> Fault {
        if self.config.smtputf8 {
            // RFC 6531 §3.5.
            let code = if detail == 7 { 550 } else { 553 };
            (code, Enhanced(5, 6, 7), "The address wants SMTPUTF8, which MAIL did not say")
        } else {
            // RFC 5321 §4.1.2.
            (501, Enhanced(5, 1, detail), "The address holds octets that are not ASCII")
        }
    }

    fn body_kind(&self, value: Option<&[u8]>) -> Result<BodyKind, Fault> {
        // RFC 3030 §3: only BDAT carries it, so it is not offered without.
        let binary = self.config.binarymime && self.config.chunking;
        match value {
            // RFC 6152 §2: the parameter comes with the extension.
            _ if !binary && !self.config.eight_bit => Err(UNKNOWN_PARAM),
            Some(kind) if kind.eq_ignore_ascii_case(b"7BIT") => Ok(BodyKind::SevenBit),
            Some(kind) if kind.eq_ignore_ascii_case(b"8BITMIME") => Ok(BodyKind::EightBitMime),
            Some(kind) if binary && kind.eq_ignore_ascii_case(b"BINARYMIME") => {
                Ok(BodyKind::BinaryMime)
            }
            _ if binary => Err(wrong("BODY wants 7BIT, 8BITMIME or BINARYMIME")),
            _ => Err(wrong("BODY wants 7BIT or 8BITMIME")),
        }
    }
}

/// A parameter whose value is not what it has to be.
pub(super) const fn wrong(why: &'static str) -> Fault {
    (501, Enhanced(5, 5, 4), why)
}

/// RFC 5321 §4.1.1.11.
/// RFC 1870 §6.1.
const TOO_BIG: Fault = (552, Enhanced(5, 3, 4), "The message is too big");

pub(super) const UNKNOWN_PARAM: Fault =
    (555, Enhanced(5, 5, 4), "There is a parameter that is not known here");

/// Which parameters came already: each may come once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u16);

impl Seen {
    pub(super) const fn once(&mut self, bit: u16) -> Result<(), Fault> {
        if self.0 & bit != 0 {
            return Err((501, Enhanced(5, 5, 4), "There is a parameter twice"));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// What stands behind `FROM:` or `TO:`. Blanks behind the colon are against RFC 5321 §3.3, common, and
/// harmless.
pub(super) fn behind<'i>(args: &'i [u8], word: &[u8]) -> Option<&'i [u8]> {
    let (front, rest) = args.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then(|| rest.trim_ascii_start())
}

/// Parameters, parted from the path by a blank.
pub(super) const fn params_behind(rest: &[u8]) -> Result<Params<'_>, Fault> {
    match rest {
        [] | [b' ' | b'\t', ..] => Ok(Params(rest)),
        _ => Err((501, Enhanced(5, 5, 4), "There is something right behind the address")),
    }
}

/// What is told about an address that cannot be read; `detail` is that of RFC 3463 §3.2.
pub(super) const fn path_fault(error: AddressError, detail: u16) -> Fault {
    let why = match error {
        AddressError::Brackets => "The address wants angle brackets around it",
        AddressError::Domain(_) => "The part behind the @ is not a domain",
        AddressError::Local => "The part before the @ is not well formed",
        AddressError::Long => "The part before the @ is too long",
        AddressError::NoDomain => "The address has no domain",
        AddressError::Route => "The source route is not well formed",
    };
    (501, Enhanced(5, 1, detail), why)
}
