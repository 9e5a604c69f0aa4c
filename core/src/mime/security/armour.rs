//! PGP between lines of text: signed text, encrypted text and keys in their ASCII armour
//! (RFC 9580 §6.2, §7).

use alloc::string::String;
use core::ops::Range;

use crate::mime::text::Lines;

/// What an armour holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armour {
    /// `PGP MESSAGE`: encrypted, or signed with its content within.
    Message,
    /// `PGP PRIVATE KEY BLOCK`: somebody made a mistake.
    PrivateKey,
    /// `PGP PUBLIC KEY BLOCK`.
    PublicKey,
    /// `PGP SIGNATURE` without the text that it signs.
    Signature,
    /// `PGP SIGNED MESSAGE`: text in clear with its signature behind it.
    Signed,
}

/// An armour within a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it holds.
    pub armour: Armour,
    /// All its octets, from the first mark on.
    pub whole: Range<usize>,
    /// What stands behind its fields: the data in base64, or the signed text with its dashes escaped
    /// (see [`clear_text`]).
    pub data: Range<usize>,
    /// Whether its last mark came.
    pub closed: bool,
}

/// The armours in a text, in order.
///
/// ```
/// use posthaste_core::mime::security::{Armour, blocks};
///
/// let text = "Hi\n-----BEGIN PGP MESSAGE-----\n\nabc=\n-----END PGP MESSAGE-----\n";
/// let found: Vec<_> = blocks(text).collect();
/// assert_eq!(found[0].armour, Armour::Message);
/// assert_eq!(&text[found[0].data.clone()], "abc=\n");
/// ```
#[must_use]
pub const fn blocks(text: &str) -> Blocks<'_> {
    Blocks { lines: Lines::new(text), text, open: None }
}

/// Walks the armours of a text; see [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'t> {
    lines: Lines<'t>,
    text: &'t str,
    /// The first mark of the next armour, if that has been read: its place and what it is.
    open: Option<(usize, Armour)>,
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (start, armour) = match self.open.take() {
            Some(open) => open,
            None => loop {
                let (start, line) = self.line()?;
                if let Some(armour) = begins(line) {
                    break (start, armour);
                }
            },
        };
        // Where the fields end and the data starts, and where the signature does.
        let (mut data, mut signature) = (None, None);
        while let Some((at, line)) = self.line() {
            if data.is_none() && (line.trim().is_empty() || !line.contains(':')) {
                data = Some(if line.trim().is_empty() { self.at() } else { at });
            }
            if line.starts_with("-----END PGP ") {
                let data = data.unwrap_or(at);
                let end = signature.unwrap_or(at).max(data);
                return Some(Block {
                    armour,
                    whole: start..self.at(),
                    data: data..end,
                    closed: true,
                });
            }
            match begins(line) {
                Some(Armour::Signature) if armour == Armour::Signed && signature.is_none() => {
                    signature = Some(at);
                }
                Some(next) if at > start => {
                    self.open = Some((at, next));
                    return Some(open_block(armour, start, data, at));
                }
                _ => {}
            }
        }
        Some(open_block(armour, start, data, self.text.len()))
    }
}

impl<'t> Blocks<'t> {
    /// The next line and its place.
    fn line(&mut self) -> Option<(usize, &'t str)> {
        let at = self.at();
        self.lines.next().map(|line| (at, line))
    }

    /// Where the next line starts.
    const fn at(&self) -> usize {
        self.text.len().saturating_sub(self.lines.left())
    }
}

/// A block whose last mark never came.
fn open_block(armour: Armour, start: usize, data: Option<usize>, end: usize) -> Block {
    Block { armour, whole: start..end, data: data.unwrap_or(end)..end, closed: false }
}

/// What a first mark announces.
fn begins(line: &str) -> Option<Armour> {
    let mark = line.strip_prefix("-----BEGIN PGP ")?.trim_end().strip_suffix("-----")?;
    Some(match mark {
        "MESSAGE" => Armour::Message,
        "PRIVATE KEY BLOCK" => Armour::PrivateKey,
        "PUBLIC KEY BLOCK" => Armour::PublicKey,
        "SIGNATURE" => Armour::Signature,
        "SIGNED MESSAGE" => Armour::Signed,
        // `MESSAGE, PART 1/2`
        _ if mark.starts_with("MESSAGE, PART ") => Armour::Message,
        _ => return None,
    })
}

/// Signed text as its author wrote it: lines that were escaped with `- ` lose that
/// (RFC 9580 §7.1), and lines end in LF.
#[must_use]
pub fn clear_text(data: &str) -> String {
    let mut out = String::with_capacity(data.len());
    for line in Lines::new(data) {
        out.push_str(line.strip_prefix("- ").unwrap_or(line));
        out.push('\n');
    }
    out
}
