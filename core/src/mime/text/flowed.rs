//! `format=flowed` (RFC 3676): paragraphs that were broken into lines, and back.
//!
//! ```
//! use posthaste_core::mime::text::flowed;
//!
//! let text = "> To be, or \r\n> not to be.\r\nThat is \r\nthe question.\r\n";
//! assert_eq!(flowed::unflow(text, false), "> To be, or not to be.\nThat is the question.\n");
//! ```

use alloc::{borrow::Cow, string::String};

use super::Lines;

/// A paragraph of flowed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paragraph<'t> {
    /// How often it was quoted: the number of `>` before each of its lines.
    pub depth: usize,
    /// Its text on one line, without quote marks and stuffing.
    pub text: Cow<'t, str>,
    /// It is the line before a signature (`-- `, RFC 3676 §4.3).
    pub signature: bool,
}

/// The paragraphs of flowed text; `delsp` if the type said `DelSp=yes`.
#[must_use]
pub const fn paragraphs(text: &str, delsp: bool) -> Paragraphs<'_> {
    Paragraphs { lines: Lines::new(text), next: None, delsp }
}

/// Walks flowed text; see [`paragraphs`].
#[derive(Clone, Debug)]
pub struct Paragraphs<'t> {
    lines: Lines<'t>,
    /// The line that ended the paragraph before.
    next: Option<Line<'t>>,
    delsp: bool,
}

impl<'t> Iterator for Paragraphs<'t> {
    type Item = Paragraph<'t>;

    fn next(&mut self) -> Option<Paragraph<'t>> {
        let first = self.next.take().or_else(|| self.lines.next().map(Line::of))?;
        let (mut text, mut flows) = first.text(self.delsp);
        while flows && let Some(line) = self.lines.next().map(Line::of) {
            // RFC 3676 §4.5: a change of depth ends the paragraph; §4.3: so does a signature.
            if line.depth != first.depth || line.is_signature() {
                self.next = Some(line);
                break;
            }
            let (more, again) = line.text(self.delsp);
            text.to_mut().push_str(&more);
            flows = again;
        }
        Some(Paragraph { depth: first.depth, text, signature: first.is_signature() })
    }
}

/// A line without its quote marks and stuffing.
#[derive(Clone, Copy, Debug)]
struct Line<'t> {
    depth: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    /// RFC 3676 §4.5 and §4.4: first the quote marks, then the stuffed space.
    fn of(line: &'t str) -> Self {
        let text = line.trim_start_matches('>');
        Self { depth: line.len() - text.len(), text: text.strip_prefix(' ').unwrap_or(text) }
    }

    fn is_signature(&self) -> bool {
        self.text == SIGNATURE
    }

    /// What it adds to its paragraph, and whether the next line does too (RFC 3676 §4.1, §4.2).
    fn text(&self, delsp: bool) -> (Cow<'t, str>, bool) {
        let flows = self.text.ends_with(' ') && !self.is_signature();
        let text = match self.text.strip_suffix(' ') {
            Some(text) if flows && delsp => text,
            _ => self.text,
        };
        (Cow::Borrowed(text), flows)
    }
}

/// Flowed text with each paragraph on a line of its own, `>` and a space before what is quoted. Lines
/// end in LF.
#[must_use]
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for paragraph in paragraphs(text, delsp) {
        out.extend(core::iter::repeat_n('>', paragraph.depth));
        if paragraph.depth > 0 && !paragraph.text.is_empty() {
            out.push(' ');
        }
        out.push_str(&paragraph.text);
        out.push('\n');
    }
    out
}

/// Breaks the lines of `text`, each a paragraph, into lines of [`WIDTH`] letters where blanks allow:
/// what a body with `format=flowed` and `DelSp=no` holds. Lines end in CR LF.
///
/// Blanks at the end of a line of `text` go, as they would join it to the next one.
#[must_use]
pub fn flow(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    for line in Lines::new(text) {
        if line == SIGNATURE {
            out.push_str(SIGNATURE);
        } else {
            flow_line(line.trim_end_matches(' '), &mut out);
        }
        out.push_str("\r\n");
    }
    out
}

/// How many letters a line has that is broken by [`flow`] (RFC 3676 §4.2: 78 or less).
pub const WIDTH: usize = 72;

fn flow_line(line: &str, out: &mut String) {
    let (mut start, mut letters) = (0, 0);
    // Where the line may be broken: behind the last space.
    let mut last = None;
    for (at, letter) in line.char_indices() {
        letters += 1;
        if letters > WIDTH
            && let Some(end) = last.take()
        {
            stuff(line.get(start..end).unwrap_or_default(), out);
            out.push_str("\r\n");
            letters = line.get(end..at).map_or(0, |kept| kept.chars().count()) + 1;
            start = end;
        }
        // Not such that `-- ` stands alone, nor within a run of spaces.
        let next = at + letter.len_utf8();
        let more = line.as_bytes().get(next).is_some_and(|octet| *octet != b' ');
        if letter == ' ' && more && line.get(start..next) != Some(SIGNATURE) {
            last = Some(next);
        }
    }
    stuff(line.get(start..).unwrap_or_default(), out);
}

/// RFC 3676 §4.4: what would be read as a quote mark or stuffing, or be changed on its way.
fn stuff(line: &str, out: &mut String) {
    if line.starts_with([' ', '>']) || line.starts_with("From ") {
        out.push(' ');
    }
    out.push_str(line);
}

/// The line before a signature (RFC 3676 §4.3).
pub(super) const SIGNATURE: &str = "-- ";
