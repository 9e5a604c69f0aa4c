//! Why something cannot be written.

use core::fmt;

/// What cannot be part of a message, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What it was to be, in the words of the RFCs: `subject`, `display name`, `boundary` …
    pub what: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a value, or with a message as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not an address.
    Address(crate::grammar::address::AddressError),
    /// It needs octets above 127 in a header, and UTF-8 was not asked for (RFC 6532).
    Ascii,
    /// This character may not stand there; the offset in octets.
    Character(char, usize),
    /// It holds nothing.
    Empty,
    /// It needs lines of octets above 127, or lines without a bound, and the transport has none.
    EightBit,
    /// It has not the form that the RFC asks for.
    Form,
    /// It is longer, or they are more, or they stand deeper, than this.
    Long(usize),
    /// It has to be there (RFC 5322 §3.6).
    Missing,
    /// The name belongs to what the builder writes by itself.
    Reserved,
    /// It may stand in a header once only (RFC 5322 §3.6).
    Twice,
}

impl Unfit {
    pub(super) const fn new(what: &'static str, fault: Fault) -> Self {
        Self { what, fault }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.what)?;
        match &self.fault {
            Fault::Address(error) => error.fmt(f),
            Fault::Ascii => f.write_str("not ASCII, and UTF-8 was not asked for"),
            Fault::Character(found, at) => {
                write!(f, "U+{:04X} at octet {at} may not stand there", u32::from(*found))
            }
            Fault::Empty => f.write_str("holds nothing"),
            Fault::EightBit => f.write_str("does not fit the transport and cannot be encoded"),
            Fault::Form => f.write_str("is not well formed"),
            Fault::Long(limit) => write!(f, "exceeds {limit}"),
            Fault::Missing => f.write_str("is missing"),
            Fault::Reserved => f.write_str("is written by the builder itself"),
            Fault::Twice => f.write_str("stands there twice"),
        }
    }
}

impl core::error::Error for Unfit {}
