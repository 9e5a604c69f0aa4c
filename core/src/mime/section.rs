//! Section paths of IMAP (RFC 9051 §6.4.5.1): which octets of a message `BODY[4.2.MIME]` means.

use super::{
    Span,
    structure::{Kind, Structure},
};

/// What of a part is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Nothing is said: `BODY[]`, the whole message, or `BODY[1.2]`, the body of a part.
    #[default]
    Whole,
    /// `HEADER`, and what HEADER.FIELDS selects from.
    Header,
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}

impl Structure {
    /// The index of the part that the numbers of a section path name; 0 for the empty path.
    ///
    /// RFC 9051 §6.4.5.1: a message that is no multipart has one part, 1, which is its own body; the
    /// parts of a message/rfc822 part are those of the message within.
    #[must_use]
    pub fn find(&self, path: &[u32]) -> Option<usize> {
        let (mut at, mut is_message) = (0, true);
        for number in path {
            if !is_message && self.part(at)?.kind() == Kind::Message {
                at = self.children(at).next()?;
                is_message = true;
            }
            if self.part(at)?.kind().is_multipart() {
                at = self.children(at).nth((*number as usize).checked_sub(1)?)?;
            } else if !is_message || *number != 1 {
                return None;
            }
            is_message = false;
        }
        Some(at)
    }

    /// Which octets a section names; `None` if the message has no such section.
    #[must_use]
    pub fn section(&self, path: &[u32], wanted: Wanted) -> Option<Span> {
        let index = self.find(path)?;
        let part = self.part(index)?;
        match wanted {
            Wanted::Whole if path.is_empty() => Some(part.whole()),
            Wanted::Whole => Some(part.body()),
            Wanted::Mime if path.is_empty() => None,
            Wanted::Mime => Some(part.header()),
            Wanted::Header | Wanted::Text => {
                let message = self.message_at(path, index)?;
                let message = self.part(message)?;
                Some(if wanted == Wanted::Header { message.header() } else { message.body() })
            }
        }
    }

    /// The message that `path`, which names part `index`, stands for: the whole one, or the one
    /// within a message/rfc822 part.
    fn message_at(&self, path: &[u32], index: usize) -> Option<usize> {
        if path.is_empty() {
            return Some(index);
        }
        let is_message = self.part(index)?.kind() == Kind::Message;
        is_message.then(|| self.children(index).next()).flatten()
    }
}

#[cfg(test)]
mod tests;
