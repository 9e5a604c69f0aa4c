//! What a server said: replies of one line or several, and what it offers.

use core::fmt;

use crate::sasl::Mechanism;
use crate::smtp::command::{Param, Params, number, word};
use crate::smtp::extension::{FutureRelease, Until};
use crate::smtp::reply::Enhanced;
use crate::text::Text;

/// A reply of the server, borrowed from the input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response<'i> {
    code: u16,
    /// All its lines, with codes and CR LF.
    raw: &'i [u8],
}

impl<'i> Response<'i> {
    /// Reads one whole reply: lines of `raw` with the same code, the last with a blank behind it (RFC 5321
    /// §4.2.1), nothing behind them.
    #[must_use]
    pub fn parse(raw: &'i [u8]) -> Option<Self> {
        let mut code = None;
        let mut rest = raw;
        loop {
            let end = memchr::memmem::find(rest, b"\r\n")?;
            let (line, behind) = rest.split_at_checked(end)?;
            rest = behind.get(2..)?;
            let (this, last) = head(line)?;
            if *code.get_or_insert(this) != this || (last && !rest.is_empty()) {
                return None;
            }
            if last {
                return Some(Self { code: this, raw });
            }
        }
    }

    /// The code, 200 to 599.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.code
    }

    /// Whether it says yes: 2xx. Not so 3xx, which says "go on".
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.code < 300
    }

    /// The first digit of the code.
    pub(super) const fn class(self) -> u16 {
        self.code / 100
    }

    /// Whether it says "not now": 4xx.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        self.code >= 400 && self.code < 500
    }

    /// Whether it says "never": 5xx.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        self.code >= 500
    }

    /// The enhanced status code in front of its first line, RFC 2034, if its class fits the code.
    #[must_use]
    pub fn enhanced(self) -> Option<Enhanced> {
        let (status, _) = word(self.lines().next()?.0);
        let mut numbers = status.split(|&c| c == b'.').map(|digits| {
            number(digits).filter(|_| digits.len() <= 3).and_then(|n| u16::try_from(n).ok())
        });
        let class = u8::try_from(numbers.next()??).ok()?;
        let status = Enhanced(class, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && u16::from(class) == self.code / 100).then_some(status)
    }

    /// Its lines, without code and CR LF.
    pub fn lines(self) -> impl Iterator<Item = Text<'i>> {
        self.raw
            .split(|&c| c == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| Text(line.get(4..).unwrap_or_default().trim_ascii_end()))
    }

    /// As it came, with codes and CR LF.
    #[must_use]
    pub const fn raw(self) -> Text<'i> {
        Text(self.raw)
    }
}

impl fmt::Display for Response<'_> {
    /// The code and its lines, with blanks between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for line in self.lines() {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Code of a line (without CR LF), and whether it is the last of its reply.
pub(super) fn head(line: &[u8]) -> Option<(u16, bool)> {
    let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else {
        return None;
    };
    let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    match rest {
        [] | [b' ', ..] => Some((code, true)),
        [b'-', ..] => Some((code, false)),
        _ => None,
    }
}

/// What a server offers in its reply to EHLO or LHLO. Nothing, after HELO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// PIPELINING, RFC 2920.
    pub pipelining: bool,
    /// 8BITMIME, RFC 6152.
    pub eight_bit: bool,
    /// SMTPUTF8, RFC 6531.
    pub smtputf8: bool,
    /// CHUNKING, RFC 3030.
    pub chunking: bool,
    /// BINARYMIME, RFC 3030.
    pub binarymime: bool,
    /// DSN, RFC 3461.
    pub dsn: bool,
    /// REQUIRETLS, RFC 8689.
    pub requiretls: bool,
    /// MT-PRIORITY, RFC 6710.
    pub mt_priority: bool,
    /// FUTURERELEASE, RFC 4865.
    pub future_release: Option<FutureRelease>,
    /// DELIVERBY, RFC 2852: the least seconds for `BY=` with return; zero if none are named.
    pub deliver_by: Option<u32>,
    /// STARTTLS, RFC 3207.
    pub starttls: bool,
    /// SIZE, RFC 1870: octets of the largest message; zero if none is named.
    pub size: Option<u64>,
    /// RCPTMAX of LIMITS, RFC 9422.
    pub recipients: Option<u64>,
    /// RCPTDOMAINMAX of LIMITS, RFC 9422.
    pub recipient_domains: Option<u64>,
    /// MAILMAX of LIMITS, RFC 9422.
    pub transactions: Option<u64>,
    /// AUTH, RFC 4954: a bit for each of [`Mechanism::ALL`].
    mechanisms: u16,
}

impl Offer {
    /// Reads a reply to EHLO or LHLO: one extension a line, behind the first.
    #[must_use]
    pub fn parse(response: Response<'_>) -> Self {
        let mut offer = Self::default();
        for line in response.lines().skip(1) {
            let (keyword, args) = word(line.0);
            let is = |name: &str| keyword.eq_ignore_ascii_case(name.as_bytes());
            if is("PIPELINING") {
                offer.pipelining = true;
            } else if is("8BITMIME") {
                offer.eight_bit = true;
            } else if is("SMTPUTF8") {
                offer.smtputf8 = true;
            } else if is("CHUNKING") {
                offer.chunking = true;
            } else if is("BINARYMIME") {
                offer.binarymime = true;
            } else if is("DSN") {
                offer.dsn = true;
            } else if is("REQUIRETLS") {
                offer.requiretls = true;
            } else if is("MT-PRIORITY") {
                offer.mt_priority = true;
            } else if is("FUTURERELEASE") {
                offer.future_release = future_release(args);
            } else if is("DELIVERBY") {
                let least = number(args.trim_ascii()).and_then(|n| u32::try_from(n).ok());
                offer.deliver_by = Some(least.unwrap_or(0));
            } else if is("STARTTLS") {
                offer.starttls = true;
            } else if is("SIZE") {
                offer.size = Some(number(args.trim_ascii()).unwrap_or(0));
            } else if is("LIMITS") {
                offer.limits(args);
            } else if is("AUTH") {
                for name in args.split(|&c| c == b' ') {
                    offer.mechanisms |= Mechanism::parse(name).map_or(0, bit);
                }
            }
        }
        offer
    }

    /// Whether a mechanism is offered.
    #[must_use]
    pub const fn has(&self, mechanism: Mechanism) -> bool {
        self.mechanisms & bit(mechanism) != 0
    }

    /// Whether any mechanism that we know is offered.
    pub(super) const fn signs_in(&self) -> bool {
        self.mechanisms != 0
    }

    fn limits(&mut self, args: &[u8]) {
        // RFC 9422 §3.7: what is not well formed says nothing.
        if !Params(args).all(is_limit) {
            return;
        }
        for param in Params(args) {
            let value = param.value.and_then(limit);
            if param.is("RCPTMAX") {
                self.recipients = value;
            } else if param.is("RCPTDOMAINMAX") {
                self.recipient_domains = value;
            } else if param.is("MAILMAX") {
                self.transactions = value;
            }
        }
    }
}

/// RFC 9422 §3 `limit-name-value`.
fn is_limit(param: Param<'_>) -> bool {
    let name = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let value = |c: &u8| matches!(c, 33..=58 | 60..=126);
    !param.keyword.is_empty()
        && param.keyword.iter().all(name)
        && param.value.is_none_or(|text| !text.is_empty() && text.iter().all(value))
}

/// RFC 9422 §4: a number from 1 to 999999; any other is no limit.
fn limit(digits: &[u8]) -> Option<u64> {
    number(digits).filter(|_| digits.len() <= 6 && !digits.starts_with(b"0"))
}

/// RFC 4865 §3: seconds, a blank, a time.
fn future_release(args: &[u8]) -> Option<FutureRelease> {
    let (seconds, until) = word(args.trim_ascii());
    let seconds = number(seconds).and_then(|n| u32::try_from(n).ok())?;
    Some(FutureRelease { seconds, until: Until::parse(until.trim_ascii())? })
}

const fn bit(mechanism: Mechanism) -> u16 {
    1 << mechanism as u16
}
