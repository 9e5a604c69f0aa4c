//! What the server says: `+OK`, `-ERR`, and response codes (RFC 2449 §8).

use alloc::vec::Vec;
use core::fmt;

use crate::line::CRLF;

/// A response code: why something failed, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `[AUTH]`: something about the credentials (RFC 3206 §4).
    Auth,
    /// `[IN-USE]`: another session has the maildrop (RFC 2449 §8.1.2).
    InUse,
    /// `[SYS/PERM]`: our fault, and trying again will not help (RFC 3206 §5).
    SysPerm,
    /// `[SYS/TEMP]`: our fault, and trying again may help (RFC 3206 §5).
    SysTemp,
    /// `[UTF8]`: only in UTF-8 mode (RFC 6856 §5).
    Utf8,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Code {
    /// As it stands in a reply.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "[AUTH]",
            Self::InUse => "[IN-USE]",
            Self::SysPerm => "[SYS/PERM]",
            Self::SysTemp => "[SYS/TEMP]",
            Self::Utf8 => "[UTF8]",
        }
    }
}

/// Appends `+OK text`.
pub fn ok(text: &str, out: &mut Vec<u8>) {
    for part in ["+OK ", text] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(CRLF);
}

/// Appends `-ERR text`.
pub fn err(text: &str, out: &mut Vec<u8>) {
    for part in ["-ERR ", text] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(CRLF);
}

/// Appends `-ERR [code] text`.
pub fn err_with(code: Code, text: &str, out: &mut Vec<u8>) {
    for part in ["-ERR ", code.as_str(), " ", text] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(CRLF);
}

/// Appends the line that ends a reply of many lines.
pub fn dot(out: &mut Vec<u8>) {
    out.extend_from_slice(b".\r\n");
}
