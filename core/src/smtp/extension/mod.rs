//! What service extensions add to MAIL and RCPT, typed.
//!
//! | module | holds |
//! |---|---|
//! | `deliver_by` | [`DeliverBy`]: `BY=`, RFC 2852 |
//! | `dsn` | [`Ret`], [`Notify`], [`OriginalRecipient`]: DSN, RFC 3461 |
//! | `priority` | [`Priority`]: `MT-PRIORITY=`, RFC 6710 |
//! | `release` | [`Release`]: `HOLDFOR=` and `HOLDUNTIL=`, and what a server allows, RFC 4865 |
//! | `submitter` | [`Submitter`]: `AUTH=`, RFC 4954 |
//! | `xtext` | [`Xtext`]: any octets as one word, RFC 3461 §4 |

mod deliver_by;
mod dsn;
mod priority;
mod release;
mod submitter;
mod xtext;

pub use deliver_by::{ByMode, DeliverBy};
pub use dsn::{ENVID_OCTETS, Notify, ORCPT_OCTETS, OriginalRecipient, Ret};
pub use priority::Priority;
pub use release::{FutureRelease, HOLD_MOST, Release, Until};
pub use submitter::Submitter;
pub use xtext::Xtext;

/// `BODY=`: what the octets of a message may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME`, RFC 6152.
    EightBitMime,
    /// `BINARYMIME`, RFC 3030: lines mean nothing, and only BDAT can carry it.
    BinaryMime,
}

/// One to nine digits, which is what times in parameters have.
fn nine_digits(text: &[u8]) -> Option<u32> {
    if text.len() > 9 {
        return None;
    }
    super::command::number(text).and_then(|n| u32::try_from(n).ok())
}
