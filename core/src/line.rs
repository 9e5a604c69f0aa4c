//! What ends a line, and what may stand in one: decided here for every protocol.
//!
//! Only CR LF ends a line. A bare CR, a bare LF or a NUL never ends one; inside a command it is
//! refused ([`find_stray`]), and what happens to one inside a message is the policy of the body
//! ([`smtp`](crate::smtp)). This is what makes smuggling impossible: no two parts of the server can
//! disagree about where a line ends.

use memchr::memchr3_iter;

/// The end of a line.
pub const CRLF: &[u8] = b"\r\n";

/// An octet that has no business where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// CR without LF.
    Cr,
    /// LF without CR.
    Lf,
    /// NUL.
    Nul,
}

impl core::fmt::Display for Stray {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Cr => "bare CR",
            Self::Lf => "bare LF",
            Self::Nul => "NUL",
        })
    }
}

/// The first stray octet of `text`, which holds whole lines with their CR LF, and its offset.
///
/// A CR as the last octet counts as bare: callers that scan piece by piece keep it back.
#[must_use]
pub fn find_stray(text: &[u8]) -> Option<(usize, Stray)> {
    let mut finds = memchr3_iter(b'\r', b'\n', 0, text);
    while let Some(at) = finds.next() {
        match text[at] {
            b'\r' if text.get(at + 1) == Some(&b'\n') => {
                finds.next();
            }
            b'\r' => return Some((at, Stray::Cr)),
            b'\n' => return Some((at, Stray::Lf)),
            _ => return Some((at, Stray::Nul)),
        }
    }
    None
}
