//! The first words of a message, for lists of messages (PREVIEW, RFC 8970).
//!
//! What is chosen, in this order: the text parts of the message as they come, `text/plain` before
//! `text/html` where they are alternatives; then those of the first message within. Attachments and
//! what is encrypted are passed over. The first part that gives anything wins.
//!
//! What is left out: quoted lines and the line that announces them, signatures, the armour of PGP,
//! rulers, characters that nobody sees. Only where nothing else is there, quotes are shown. Blanks
//! and line ends become one space.
//!
//! ```
//! use posthaste_core::mime::{Message, Structure, text::preview};
//!
//! let bytes = b"\r\nAnn wrote:\r\n> Lunch?\r\n\r\nYes,  at\r\nnoon.\r\n-- \r\nBob\r\n";
//! let tree = Structure::of(bytes);
//! let preview = Message::new(&tree, bytes).preview(preview::USUAL);
//! assert_eq!(preview.as_deref(), Some("Yes, at noon."));
//! ```

use alloc::{string::String, vec::Vec};
use core::mem;

use unicode_normalization::char::is_combining_mark;

use super::{
    Form, Format, Lines, Media, Reader, flowed,
    html::{Show, Stripper},
};
use crate::mime::{message::Message, structure::Kind};

/// How many letters a preview has at most (RFC 8970 §3.1).
pub const LONGEST: usize = 256;
/// How many letters a preview should have (RFC 8970 §3.1).
pub const USUAL: usize = 200;
/// How many octets of a body are read for a preview.
pub const BODY_OCTETS: usize = 256 << 10;
/// How many parts are tried for a preview.
pub const PARTS: usize = 8;

impl Message<'_> {
    /// The first words of the message, `letters` (code points) at most, and never more than
    /// [`LONGEST`]; empty if it has none, `None` without its bytes.
    ///
    /// The work is bounded by [`PARTS`] and [`BODY_OCTETS`], whatever the size of the message.
    #[must_use]
    pub fn preview(&self, letters: usize) -> Option<String> {
        self.body(0)?;
        let parts = parts(self);
        for quotes in [false, true] {
            for index in &parts {
                let Some((form, body)) = Form::of(self, *index).zip(self.body(*index)) else {
                    continue;
                };
                let mut writer = Writer::new(&form, letters, quotes);
                for piece in body.get(..BODY_OCTETS).unwrap_or(body).chunks(PIECE) {
                    if !writer.feed(piece) {
                        break;
                    }
                }
                let preview = writer.finish();
                if !preview.is_empty() {
                    return Some(preview);
                }
            }
        }
        Some(String::new())
    }
}

/// The parts that a preview is made of, best first, [`PARTS`] at most; the bytes of the message are
/// not needed.
#[must_use]
pub fn parts(message: &Message<'_>) -> Vec<usize> {
    let structure = message.structure();
    let mut from = 0;
    loop {
        let end = structure.after(from).unwrap_or(0);
        let (mut found, mut within) = (Vec::new(), None);
        // Where the alternatives at hand end, and the first of them in what was found.
        let mut alternatives = (0, 0);
        let mut at = from;
        while at < end
            && found.len() < PARTS
            && let Some(part) = structure.part(at)
        {
            if at >= alternatives.0 {
                sort(&mut found, alternatives.1);
                alternatives.1 = found.len();
            }
            let media = Media::of(message, at);
            let mut skipped = false;
            match part.kind() {
                Kind::Message => {
                    within = within.or_else(|| structure.children(at).next());
                    skipped = true;
                }
                Kind::Multipart | Kind::Digest => {
                    skipped = media.is("multipart", "encrypted");
                    if structure.children(at).next().is_none() && !skipped {
                        found.push((false, at));
                    } else if media.is("multipart", "alternative") && at >= alternatives.0 {
                        alternatives.0 = structure.after(at).unwrap_or(at + 1);
                    }
                }
                Kind::Text if is_shown(message, at, &media) => {
                    found.push((media.is("text", "html"), at));
                }
                Kind::Text | Kind::Other => {}
            }
            at = if skipped { structure.after(at).unwrap_or(end) } else { at + 1 };
        }
        sort(&mut found, alternatives.1);
        match within {
            Some(within) if found.is_empty() => from = within,
            _ => return found.into_iter().map(|(_, at)| at).collect(),
        }
    }
}

/// Puts pages behind plain text among the alternatives from `first` on.
fn sort(found: &mut [(bool, usize)], first: usize) {
    if let Some(alternatives) = found.get_mut(first..) {
        alternatives.sort_by_key(|(html, _)| *html);
    }
}

fn is_shown(message: &Message<'_>, index: usize, media: &Media<'_>) -> bool {
    let disposition = message.head(index).disposition();
    let attached = disposition.is_some_and(|found| found.kind.eq_ignore_ascii_case(b"attachment"));
    let readable: [&[u8]; 5] = [b"plain", b"html", b"enriched", b"richtext", b"markdown"];
    !attached && readable.iter().any(|subtype| media.subtype.eq_ignore_ascii_case(subtype))
}

/// Makes a preview of one part, whose body comes in pieces.
#[derive(Debug)]
pub struct Writer {
    reader: Reader,
    page: Option<Stripper>,
    lines: Filter,
    text: String,
    stripped: String,
    short: Short,
}

impl Writer {
    /// A writer for a part of this form, whose preview has `letters` code points at most; `quotes` if
    /// quoted lines are shown.
    #[must_use]
    pub fn new(form: &Form, letters: usize, quotes: bool) -> Self {
        let delsp = form.format == Format::Flowed { delsp: true };
        Self {
            reader: Reader::new(form.encoding, &form.label, BODY_OCTETS),
            page: (form.format == Format::Html)
                .then(|| Stripper::new(Show { images: false, links: false, quotes })),
            lines: Filter { quotes, delsp, ..Filter::default() },
            text: String::new(),
            stripped: String::new(),
            short: Short { left: letters.min(LONGEST), ..Short::default() },
        }
    }

    /// Reads the next piece of the body; whether more of it is wanted.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        self.reader.feed(piece, &mut self.text);
        self.take(false);
        !self.short.full && !self.lines.over
    }

    /// Ends the body and gives the preview, which may be empty.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.reader.finish(&mut self.text);
        self.take(true);
        self.short.finish()
    }

    fn take(&mut self, last: bool) {
        match &mut self.page {
            Some(page) => {
                page.feed(&self.text, &mut self.stripped);
                self.text.clear();
                if last {
                    page.finish(&mut self.stripped);
                }
                self.lines.take(&mut self.stripped, last, &mut self.short);
            }
            None => self.lines.take(&mut self.text, last, &mut self.short),
        }
    }
}

/// Lets lines through that are worth showing.
#[derive(Debug, Default)]
struct Filter {
    quotes: bool,
    delsp: bool,
    /// A line that perhaps announces a quote.
    held: String,
    armour: Armour,
    /// The start of the line at hand was too long to wait for its end.
    within: bool,
    /// A signature came: nothing else is wanted.
    over: bool,
}

/// Where in the armour of PGP a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Armour {
    #[default]
    Outside,
    /// The fields before signed text.
    Fields,
    /// What only programs read.
    Data,
}

impl Filter {
    /// Takes the whole lines of `text`, or all of it if it is the last; what is left stays there.
    fn take(&mut self, text: &mut String, last: bool, short: &mut Short) {
        let whole = if last || text.len() > LONGEST_LINE {
            text.len()
        } else {
            // A CR at the end may be followed by its LF.
            let kept = text.strip_suffix('\r').unwrap_or(text);
            kept.rfind(['\n', '\r']).map_or(0, |at| at + 1)
        };
        let mut lines = Lines::new(text.get(..whole).unwrap_or_default());
        while let Some(line) = lines.next()
            && !self.over
            && !short.full
        {
            let begun = mem::replace(&mut self.within, !lines.ended);
            if begun { short.line(line, false) } else { self.line(line, short) }
        }
        if last && !self.over {
            short.line(&mem::take(&mut self.held), false);
        }
        text.drain(..whole);
    }

    fn line(&mut self, line: &str, short: &mut Short) {
        if let Some(mark) = line.strip_prefix("-----") {
            let mark = mark.trim_end().trim_end_matches('-').trim();
            match mark {
                "BEGIN PGP SIGNED MESSAGE" => return self.armour = Armour::Fields,
                _ if mark.starts_with("BEGIN PGP ") => return self.armour = Armour::Data,
                _ if mark.starts_with("END PGP ") => return self.armour = Armour::Outside,
                "Original Message" if !self.quotes && !short.text.is_empty() => {
                    return self.over = true;
                }
                _ => {}
            }
        }
        match self.armour {
            Armour::Data => return,
            Armour::Fields if line.trim().is_empty() => return self.armour = Armour::Outside,
            Armour::Fields => return,
            Armour::Outside => {}
        }
        if line == flowed::SIGNATURE {
            return self.over = true;
        }
        if line.trim().is_empty() {
            return short.line("", false);
        }
        let quoted = line.starts_with('>') && !self.quotes;
        let held = mem::take(&mut self.held);
        if quoted {
            return;
        }
        if !held.is_empty() {
            short.line(&held, false);
        }
        if line.trim_end().ends_with(':') && !self.quotes && line.len() <= LONGEST_LINE {
            self.held.push_str(line);
            return;
        }
        let line = if self.quotes { line.trim_start_matches('>') } else { line };
        match line.strip_suffix(' ') {
            Some(joined) if self.delsp => short.line(joined, true),
            _ => short.line(line, false),
        }
    }
}

/// A text of few letters, its blanks collapsed.
#[derive(Debug, Default)]
struct Short {
    text: String,
    left: usize,
    blank: bool,
    full: bool,
}

impl Short {
    /// Takes a line; `joined` if the next one follows without a blank.
    fn line(&mut self, line: &str, joined: bool) {
        for word in line.split(is_blank) {
            if !is_ruler(word) {
                word.chars().for_each(|letter| self.letter(letter));
            }
            self.blank = true;
        }
        if joined {
            self.blank = line.ends_with(is_blank);
        }
    }

    fn letter(&mut self, letter: char) {
        if self.full
            || letter.is_control()
            || letter == char::REPLACEMENT_CHARACTER && self.text.is_empty()
        {
            return;
        }
        let apart = self.blank && !self.text.is_empty();
        // Pages are filled up with these, so that nothing but their first words is shown.
        if is_unseen(letter) && (apart || self.text.is_empty() || self.text.ends_with(is_unseen)) {
            return;
        }
        if self.left < 1 + usize::from(apart) {
            self.full = true;
            if !apart && joins(&self.text, letter) {
                self.cut();
            }
            return;
        }
        if apart {
            self.text.push(' ');
            self.left -= 1;
        }
        self.blank = false;
        self.text.push(letter);
        self.left -= 1;
    }

    /// Takes away the last letter with its marks.
    fn cut(&mut self) {
        while let Some(letter) = self.text.pop() {
            if !is_mark(letter) && !self.text.ends_with(JOINER) {
                return;
            }
        }
    }

    fn finish(mut self) -> String {
        let seen = self.text.trim_end_matches(|letter| is_unseen(letter) || letter == ' ').len();
        self.text.truncate(seen);
        self.text
    }
}

/// Whether `letter` belongs to the letter that `text` ends with.
fn joins(text: &str, letter: char) -> bool {
    let is_flag = |letter: &char| matches!(letter, '\u{1f1e6}'..='\u{1f1ff}');
    is_mark(letter)
        || text.ends_with(JOINER)
        // Two letters make a flag.
        || (is_flag(&letter) && text.chars().rev().take_while(is_flag).count() % 2 == 1)
}

/// Whether it changes the letter before it: accents, variants, colours of skin.
fn is_mark(letter: char) -> bool {
    is_combining_mark(letter)
        || matches!(letter, JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\0'..='\u{1f}' | '\u{2800}')
}

/// Letters that take no room: soft hyphens, joiners, directions.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a word is only there to be seen as a line.
fn is_ruler(word: &str) -> bool {
    word.len() >= 4
        && word.chars().all(|letter| {
            matches!(
                letter,
                '-' | '=' | '_' | '*' | '~' | '#' | '+' | '\u{2013}' | '\u{2014}' | '\u{2500}'
                    ..='\u{257f}'
            )
        })
}

const JOINER: char = '\u{200d}';
/// How many octets of a body are decoded before it is asked whether it is enough.
const PIECE: usize = 2 << 10;
/// How long a line may be for its end to be waited for.
const LONGEST_LINE: usize = 4 << 10;

#[cfg(test)]
mod tests;
