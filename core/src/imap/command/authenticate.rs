use super::super::Atom;
use super::super::cursor::{BASE64, Cursor, Read};
use super::super::encode::Encoder;
use crate::text::Secret;

/// AUTHENTICATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticate<'i> {
    /// The SASL mechanism.
    pub mechanism: Atom<'i>,
    /// What the client says first, if it did not wait to be asked (RFC 4959).
    pub initial: Option<Initial<'i>>,
}

/// A response of the client in base64, not decoded; empty for `=`.
#[derive(Clone, Copy, Debug)]
pub struct Initial<'i>(pub Secret<'i>);

impl PartialEq for Initial<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Initial<'_> {}

/// What a client says to a challenge: one line (RFC 9051 §6.2.2).
#[derive(Clone, Copy, Debug)]
pub enum Response<'i> {
    /// `*`: it gives up.
    Cancel,
    /// Base64, not decoded.
    Data(Secret<'i>),
}

impl<'i> Authenticate<'i> {
    /// Reads what follows `AUTHENTICATE`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mechanism = cursor.atom("expected a mechanism")?;
        if !cursor.eat(b' ') {
            return Ok(Self { mechanism, initial: None });
        }
        let from = cursor.at();
        // RFC 4959 §3: "=" is an initial response of no octets.
        let response = match cursor.take(BASE64) {
            b"=" => &[][..],
            [] => return cursor.fault_at(from, "expected base64 or ="),
            base64 => base64,
        };
        Ok(Self { mechanism, initial: Some(Initial(Secret::new(response))) })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        to.atom(self.mechanism);
        if let Some(Initial(response)) = self.initial {
            to.octet(b' ');
            match response.expose() {
                [] => to.octet(b'='),
                base64 => to.raw(base64),
            }
        }
    }
}

impl<'i> Response<'i> {
    /// Reads a line with its CR LF. Whether it is base64 is for the mechanism to see.
    #[must_use]
    pub fn read(line: &'i [u8]) -> Self {
        match line.strip_suffix(b"\r\n").unwrap_or(line) {
            b"*" => Self::Cancel,
            base64 => Self::Data(Secret::new(base64)),
        }
    }
}
