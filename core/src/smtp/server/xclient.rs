//! XCLIENT: a filter or proxy says for whom it speaks (Postfix's extension; the words are those of its
//! `XCLIENT_README`). `LOGIN` is not among what it may say: who signs in proves it here.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::Server;
use super::event::{Event, Introduced};
use super::mail::{Fault, wrong};
use super::state::{Open, Phase, Stage};
use crate::smtp::command::{Command, Param, Params, number};
use crate::smtp::extension::Xtext;
use crate::smtp::reply::Enhanced;

/// What is offered in the reply to EHLO.
pub(super) const ATTRIBUTES: &[u8] = b"XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

impl Server {
    pub(super) fn xclient<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let fault = if !self.config.xclient {
            (550, Enhanced(5, 7, 0), "You may not say for whom you speak")
        } else if self.stage != Stage::None {
            (503, Enhanced(5, 5, 1), "XCLIENT cannot come inside a transaction")
        } else if command.args.is_empty() {
            wrong("XCLIENT wants attributes")
        } else {
            match introduced(command.args) {
                Ok(whom) => {
                    // As when somebody connects: what was said before is another's.
                    self.reset();
                    self.hello = None;
                    self.signed_in = false;
                    self.strained = false;
                    if let Some(tls) = &mut self.tls {
                        // It is the filter's TLS: its certificate is not theirs, and they cannot bind to it.
                        (tls.certificate, tls.exporter, tls.verified) = (None, None, false);
                    }
                    self.measure_anew();
                    self.phase = Phase::Fresh;
                    return Event::XClient(self.ask(Open::Connect), whom);
                }
                Err(fault) => fault,
            }
        };
        self.bad(command, out, fault.0, fault.1, fault.2)
    }
}

fn introduced(args: &[u8]) -> Result<Introduced<'_>, Fault> {
    let mut whom = Introduced::default();
    let mut seen = 0_u8;
    for param in Params(args) {
        let bit = attribute(&mut whom, param)?;
        if seen & bit != 0 {
            return Err(wrong("There is an attribute twice"));
        }
        seen |= bit;
    }
    Ok(whom)
}

/// Takes one attribute; says which.
fn attribute<'i>(whom: &mut Introduced<'i>, param: Param<'i>) -> Result<u8, Fault> {
    let bad = wrong("XCLIENT wants NAME=value, the value as xtext");
    let value = Xtext::parse(param.value.ok_or(bad)?).filter(|v| !v.encoded().is_empty());
    let value = value.ok_or(bad)?;
    // Both say that it is not known; the second, that it may be later.
    let unknown = [&b"[UNAVAILABLE]"[..], b"[TEMPUNAVAIL]"]
        .iter()
        .any(|word| value.encoded().eq_ignore_ascii_case(word));
    let value = (!unknown).then_some(value);
    Ok(if param.is("NAME") {
        whom.name = value;
        1
    } else if param.is("ADDR") {
        whom.address = value.map(address).transpose()?;
        2
    } else if param.is("PORT") {
        whom.port = value.map(port).transpose()?;
        4
    } else if param.is("PROTO") {
        let known = |v: Xtext<'_>| {
            v.encoded().eq_ignore_ascii_case(b"SMTP") || v.encoded().eq_ignore_ascii_case(b"ESMTP")
        };
        if !value.is_none_or(known) {
            return Err(wrong("PROTO wants SMTP or ESMTP"));
        }
        8
    } else if param.is("HELO") {
        whom.hello = value;
        16
    } else if param.is("DESTADDR") {
        whom.to = value.map(address).transpose()?;
        32
    } else if param.is("DESTPORT") {
        whom.to_port = value.map(port).transpose()?;
        64
    } else {
        return Err(wrong("There is an attribute that is not known here"));
    })
}

/// An IPv4 address, or an IPv6 address behind `IPV6:`.
fn address(value: Xtext<'_>) -> Result<IpAddr, Fault> {
    let bad = wrong("ADDR and DESTADDR want an address, IPV6: in front of the longer ones");
    let text = value.decoded();
    let text = core::str::from_utf8(&text).map_err(|_| bad)?;
    let prefix = text.get(..5).filter(|front| front.eq_ignore_ascii_case("IPV6:"));
    match prefix {
        Some(_) => {
            text.get(5..).unwrap_or_default().parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| bad)
        }
        None => text.parse::<IpAddr>().map_err(|_| bad).and_then(|address| match address {
            IpAddr::V4(_) => Ok(address),
            IpAddr::V6(_) => Err(bad),
        }),
    }
}

fn port(value: Xtext<'_>) -> Result<u16, Fault> {
    let port = number(value.encoded()).and_then(|n| u16::try_from(n).ok());
    port.ok_or(wrong("PORT and DESTPORT want a number"))
}
