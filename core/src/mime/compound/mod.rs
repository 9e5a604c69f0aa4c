//! Parts that mean more than their content: one of several, a piece, a pointer.
//!
//! | file | holds |
//! |---|---|
//! | here | [`related_root`]: `multipart/related` (RFC 2387); [`digest`]: `multipart/digest` (RFC 2046 §5.1.5) |
//! | `external.rs` | [`ExternalBody`]: `message/external-body` (RFC 2046 §5.2.3, RFC 2017) |
//! | `partial.rs` | [`Partial`]: `message/partial` (RFC 2046 §5.2.2) |

mod external;
mod partial;

pub use external::{Access, ExternalBody};
pub use partial::Partial;

use super::{Message, lexer::trim, structure::Kind, text::Media};

/// The part of `multipart/related` that is to be shown, the others being what it needs: the one that
/// `start` names, else the first (RFC 2387 §3.2). `None` for any other part.
#[must_use]
pub fn related_root(message: &Message<'_>, index: usize) -> Option<usize> {
    let media = Media::of(message, index);
    if !media.is("multipart", "related") {
        return None;
    }
    let structure = message.structure();
    let named = media.params.raw("start").and_then(|start| {
        let start = trim(&start);
        let start = start.strip_prefix(b"<").unwrap_or(start);
        let start = start.strip_suffix(b">").unwrap_or(start);
        structure
            .children(index)
            .find(|child| message.head(*child).content_id().is_some_and(|id| *id == *start))
    });
    named.or_else(|| structure.children(index).next())
}

/// The messages in a `multipart/digest`: the indexes of the parts that are the messages themselves.
/// Nothing for any other part.
pub fn digest<'a>(message: &Message<'a>, index: usize) -> impl Iterator<Item = usize> + use<'a> {
    let structure = message.structure();
    let is_digest = structure.part(index).is_some_and(|part| part.kind() == Kind::Digest);
    let index = if is_digest { index } else { usize::MAX };
    structure
        .children(index)
        .filter(|child| structure.part(*child).is_some_and(|part| part.kind() == Kind::Message))
        .filter_map(|child| structure.children(child).next())
}

#[cfg(test)]
mod tests;
