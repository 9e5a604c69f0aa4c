//! `message/partial` (RFC 2046 §5.2.2): a message that was sent in pieces.

use alloc::vec::Vec;

use crate::mime::{Message, lexer::trim, text::Media};

/// Which piece of which message a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// What all pieces of the message have in common.
    pub id: Vec<u8>,
    /// Which piece it is, from 1 on.
    pub number: u32,
    /// How many pieces there are; only the last one has to say it.
    pub total: Option<u32>,
}

impl Partial {
    /// Which piece part `index` is; `None` for other parts, and where `id` or `number` is missing or
    /// `number` is beyond `total`.
    #[must_use]
    pub fn of(message: &Message<'_>, index: usize) -> Option<Self> {
        let media = Media::of(message, index);
        if !media.is("message", "partial") {
            return None;
        }
        let number = |name| {
            let digits = media.params.raw(name)?;
            core::str::from_utf8(trim(&digits)).ok()?.parse::<u32>().ok()
        };
        let id = media.params.raw("id")?.into_owned();
        let (place, total) = (number("number")?, number("total"));
        let fits = place > 0 && total.is_none_or(|total| place <= total);
        (fits && !id.is_empty()).then_some(Self { id, number: place, total })
    }
}
