//! HTML to plain text: what of it a person reads, for previews and indexes.
//!
//! This is no parser of documents: no tree is built, nothing nests, and each octet is looked at once.
//! Tags and comments go; so do scripts, style sheets and titles; elements that stand on their own
//! lines become line ends; blanks are collapsed, but in `pre`; character references are resolved.
//! The rules for where a tag, a comment or a script ends are those of browsers, so that nothing is
//! hidden here that they would show.
//!
//! ```
//! use posthaste_core::mime::text::html::{self, Show};
//!
//! let page = "<title>x</title><p>Caf&eacute;<br>&lt;open&gt; <!-- not today --></p>";
//! assert_eq!(html::text(page, Show::default()), "Caf\u{e9}\n<open>");
//! ```

use alloc::string::String;
use core::mem;

use memchr::{memchr, memchr2};

use super::reference;

/// What is shown beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show {
    /// What pictures are said to show (`alt`).
    pub images: bool,
    /// Where links lead (`href`), in angle brackets behind their text.
    pub links: bool,
    /// What stands in `blockquote`, which is how mail quotes what it answers.
    pub quotes: bool,
}

impl Default for Show {
    /// Quotes, but neither pictures nor links.
    fn default() -> Self {
        Self { images: false, links: false, quotes: true }
    }
}

/// The text of a page.
#[must_use]
pub fn text(page: &str, show: Show) -> String {
    let (mut stripper, mut out) = (Stripper::new(show), String::with_capacity(page.len() / 4));
    stripper.feed(page, &mut out);
    stripper.finish(&mut out);
    out
}

/// The charset that the start of a page says it is in, in `<meta charset=x>` or
/// `<meta http-equiv=Content-Type content="text/html; charset=x">`; nothing if it does not.
///
/// That it is UTF-16 cannot be true where this can be read, and is not believed.
#[must_use]
pub fn charset(page: &[u8]) -> &[u8] {
    let mut rest = page;
    while let Some(at) = memchr(b'<', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let is_meta = rest.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"meta"));
        if !is_meta {
            continue;
        }
        let tag = rest.get(..memchr(b'>', rest).unwrap_or(rest.len())).unwrap_or_default();
        let named = tag.windows(7).position(|word| word.eq_ignore_ascii_case(b"charset"));
        let Some(value) = named.and_then(|at| tag.get(at + 7..)) else { continue };
        let Some(value) = value.trim_ascii_start().strip_prefix(b"=") else { continue };
        let start = value.iter().position(|octet| !is_around(*octet)).unwrap_or(value.len());
        let value = value.get(start..).unwrap_or_default();
        let end = value.iter().position(|octet| is_around(*octet)).unwrap_or(value.len());
        let label = value.get(..end).unwrap_or_default();
        let is_utf16 = label.get(..6).is_some_and(|name| name.eq_ignore_ascii_case(b"utf-16"));
        return if is_utf16 { &[] } else { label };
    }
    &[]
}

/// What may stand around the name of a charset.
const fn is_around(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b';' | b'/')
}

/// How many octets of an attribute's value are kept.
pub const LONGEST_VALUE: usize = 2_048;

/// Turns HTML into text for pages that come in pieces, with the same result at every cutting.
///
/// Its output never has more octets than three times the input.
#[derive(Clone, Debug)]
pub struct Stripper {
    show: Show,
    state: State,
    closing: bool,
    element: Word,
    attribute: Word,
    /// A value or a reference that is being read.
    held: String,
    /// The value of `alt` or `href` of the tag at hand.
    value: Option<String>,
    /// Where the open link leads.
    link: Option<String>,
    quotes: u32,
    flow: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// Behind `&`.
    Reference,
    /// Behind `<`.
    Open,
    /// Behind `</`.
    Close,
    Name,
    /// Within a tag, where an attribute may start.
    Tag,
    Attribute,
    /// Behind the name of an attribute and a blank.
    AfterAttribute,
    /// Behind `=`.
    BeforeValue,
    Value(Option<u8>),
    /// Behind `<!`; a dash has been seen or not.
    Declaration(bool),
    /// In a comment: how many dashes stand right before, and whether they may end it.
    Comment(u8),
    /// In what browsers take for a comment: up to the next `>`.
    Bogus,
    /// In the element [`element`](Stripper::element), which holds no tags; how much of its end tag
    /// has been seen.
    Raw(usize),
}

impl Stripper {
    /// A stripper at the start of a page.
    #[must_use]
    pub fn new(show: Show) -> Self {
        Self {
            show,
            state: State::Text,
            closing: false,
            element: Word::default(),
            attribute: Word::default(),
            held: String::new(),
            value: None,
            link: None,
            quotes: 0,
            flow: Flow::default(),
        }
    }

    /// Reads the next piece and appends its text to `out`.
    pub fn feed(&mut self, piece: &str, out: &mut String) {
        let mut rest = piece;
        while let Some(first) = rest.as_bytes().first().copied() {
            rest = self.step(first, rest, out);
        }
    }

    /// Ends the page and starts anew. What was no tag or reference in the end is text.
    pub fn finish(&mut self, out: &mut String) {
        match self.state {
            State::Reference => self.resolve(false, out),
            State::Open => self.text("<", out),
            State::Close => self.text("</", out),
            _ => {}
        }
        *self = Self::new(self.show);
    }

    /// Takes something from the start of `rest`, whose first octet is `first`; gives what is left.
    fn step<'p>(&mut self, first: u8, rest: &'p str, out: &mut String) -> &'p str {
        let octets = rest.as_bytes();
        match self.state {
            State::Text => {
                let end = memchr2(b'<', b'&', octets).unwrap_or(rest.len());
                let (text, after) = split(rest, end);
                self.text(text, out);
                match after.as_bytes().first() {
                    Some(b'<') => self.state = State::Open,
                    Some(_) => self.state = State::Reference,
                    None => return after,
                }
                skip(after, 1)
            }
            State::Reference => {
                if (first.is_ascii_alphanumeric() || (first == b'#' && self.held.is_empty()))
                    && self.held.len() < reference::LONGEST
                {
                    self.held.push(char::from(first));
                    return skip(rest, 1);
                }
                self.resolve(first == b';', out);
                if first == b';' { skip(rest, 1) } else { rest }
            }
            State::Open => match first {
                b'!' => self.to(State::Declaration(false), skip(rest, 1)),
                b'/' => self.to(State::Close, skip(rest, 1)),
                b'?' => self.to(State::Bogus, rest),
                b'a'..=b'z' | b'A'..=b'Z' => self.tag(false, rest),
                _ => {
                    self.text("<", out);
                    self.to(State::Text, rest)
                }
            },
            State::Close => match first {
                b'a'..=b'z' | b'A'..=b'Z' => self.tag(true, rest),
                _ => self.to(State::Bogus, rest),
            },
            State::Name => match first {
                b'>' => self.end_tag(rest, out),
                b'/' | b' ' | b'\t' | b'\r' | b'\n' | 0x0c => self.to(State::Tag, skip(rest, 1)),
                _ => {
                    self.element.push(first);
                    skip_char(rest)
                }
            },
            State::Tag => match first {
                b'>' => self.end_tag(rest, out),
                b'/' | b' ' | b'\t' | b'\r' | b'\n' | 0x0c => skip(rest, 1),
                _ => {
                    self.attribute = Word::default();
                    self.attribute.push(first);
                    self.to(State::Attribute, skip_char(rest))
                }
            },
            State::Attribute => match first {
                b'>' => self.end_tag(rest, out),
                b'=' => self.to(State::BeforeValue, skip(rest, 1)),
                b'/' => self.to(State::Tag, skip(rest, 1)),
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => {
                    self.to(State::AfterAttribute, skip(rest, 1))
                }
                _ => {
                    self.attribute.push(first);
                    skip_char(rest)
                }
            },
            State::AfterAttribute => match first {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => skip(rest, 1),
                b'=' => self.to(State::BeforeValue, skip(rest, 1)),
                _ => self.to(State::Tag, rest),
            },
            State::BeforeValue => match first {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => skip(rest, 1),
                b'"' | b'\'' => self.to(State::Value(Some(first)), skip(rest, 1)),
                b'>' => self.end_tag(rest, out),
                _ => self.to(State::Value(None), rest),
            },
            State::Value(quote) => {
                let end = match quote {
                    Some(quote) => memchr(quote, octets),
                    None => octets.iter().position(|octet| ends_value(*octet)),
                };
                let (value, after) = split(rest, end.unwrap_or(rest.len()));
                self.keep(value);
                if end.is_none() {
                    return after;
                }
                self.end_value();
                self.to(State::Tag, if quote.is_some() { skip(after, 1) } else { after })
            }
            State::Declaration(dash) => match first {
                b'-' if dash => self.to(State::Comment(OPENED), skip(rest, 1)),
                b'-' => self.to(State::Declaration(true), skip(rest, 1)),
                _ => self.to(State::Bogus, rest),
            },
            State::Comment(dashes) => self.comment(dashes, first, rest),
            State::Bogus => match memchr(b'>', octets) {
                Some(end) => self.to(State::Text, skip(rest, end + 1)),
                None => "",
            },
            State::Raw(seen) => self.raw(seen, first, rest, out),
        }
    }

    fn to<'p>(&mut self, state: State, rest: &'p str) -> &'p str {
        self.state = state;
        rest
    }

    fn tag<'p>(&mut self, closing: bool, rest: &'p str) -> &'p str {
        (self.closing, self.element, self.value) = (closing, Word::default(), None);
        self.to(State::Name, rest)
    }

    /// `<!-->`, `<!--->`, `-->` and `--!>` end a comment.
    fn comment<'p>(&mut self, dashes: u8, first: u8, rest: &'p str) -> &'p str {
        match (dashes, first) {
            (OPENED | OPENED_DASH | 2 | BANG, b'>') => self.to(State::Text, skip(rest, 1)),
            (OPENED, b'-') => self.to(State::Comment(OPENED_DASH), skip(rest, 1)),
            (OPENED_DASH | 1 | 2, b'-') => self.to(State::Comment(2), skip(rest, 1)),
            (0 | BANG, b'-') => self.to(State::Comment(1), skip(rest, 1)),
            (2, b'!') => self.to(State::Comment(BANG), skip(rest, 1)),
            _ => {
                let end = memchr(b'-', rest.as_bytes()).unwrap_or(rest.len());
                self.to(State::Comment(0), split(rest, end).1)
            }
        }
    }

    fn raw<'p>(&mut self, seen: usize, first: u8, rest: &'p str, out: &mut String) -> &'p str {
        let name = self.element.as_slice();
        let wanted = match seen {
            0 => {
                let Some(at) = memchr(b'<', rest.as_bytes()) else { return "" };
                return self.to(State::Raw(1), skip(rest, at + 1));
            }
            1 => Some(b'/'),
            _ => name.get(seen - 2).copied(),
        };
        match wanted {
            Some(wanted) if first.to_ascii_lowercase() == wanted => {
                self.to(State::Raw(seen + 1), skip(rest, 1))
            }
            Some(_) => self.to(State::Raw(0), rest),
            None if first == b'>' || first == b'/' || first.is_ascii_whitespace() => {
                self.closing = true;
                if first == b'>' { self.end_tag(rest, out) } else { self.to(State::Tag, rest) }
            }
            None => self.to(State::Raw(0), rest),
        }
    }

    /// Keeps a piece of a value that is wanted.
    fn keep(&mut self, value: &str) {
        if !self.wants_value() {
            return;
        }
        let mut end = value.len().min(LONGEST_VALUE.saturating_sub(self.held.len()));
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        self.held.push_str(split(value, end).0);
    }

    fn wants_value(&self) -> bool {
        let wanted = (self.show.images && self.element.is(b"img") && self.attribute.is(b"alt"))
            || (self.show.links && self.element.is(b"a") && self.attribute.is(b"href"));
        wanted && !self.closing && self.value.is_none()
    }

    fn end_value(&mut self) {
        if self.wants_value() {
            self.value = Some(reference::decode(&self.held).into_owned());
        }
        self.held.clear();
    }

    /// Takes the `>` of a tag.
    fn end_tag<'p>(&mut self, rest: &'p str, out: &mut String) -> &'p str {
        self.state = State::Text;
        let opens_raw = !self.closing && RAW.iter().any(|name| self.element.is(name));
        if opens_raw {
            self.state = State::Raw(0);
        } else {
            self.mark(out);
        }
        skip(rest, 1)
    }

    /// What a tag means for the text.
    fn mark(&mut self, out: &mut String) {
        let element = self.element;
        match element.as_slice() {
            b"br" => self.flow.line(),
            b"img" => {
                if let Some(alt) = self.value.take() {
                    self.text(&alt, out);
                }
            }
            b"a" if self.closing => {
                if let Some(link) = self.link.take() {
                    self.text(" <", out);
                    self.text(&link, out);
                    self.text(">", out);
                }
            }
            b"a" => self.link = self.value.take().filter(|link| leads(link)),
            b"blockquote" => {
                self.flow.paragraph();
                self.quotes = if self.closing {
                    self.quotes.saturating_sub(1)
                } else {
                    self.quotes.saturating_add(1)
                };
            }
            b"pre" => {
                self.flow.paragraph();
                self.flow.kept = !self.closing;
            }
            b"td" | b"th" => self.flow.blank(),
            name if PARAGRAPHS.contains(&name) => self.flow.paragraph(),
            name if LINES.contains(&name) => self.flow.block(),
            _ => {}
        }
    }

    fn resolve(&mut self, closed: bool, out: &mut String) {
        self.state = State::Text;
        let name = mem::take(&mut self.held);
        let mut text = String::new();
        reference::resolve(&name, closed, &mut text);
        self.text(&text, out);
        self.held = name;
        self.held.clear();
    }

    fn text(&mut self, text: &str, out: &mut String) {
        if self.show.quotes || self.quotes == 0 {
            self.flow.text(text, out);
        }
    }
}

/// Text and what is to come before more of it.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    /// Something has been written.
    begun: bool,
    blank: bool,
    /// Line ends, 2 at most.
    lines: u8,
    /// Blanks are kept: this is `pre`.
    kept: bool,
}

impl Flow {
    const fn blank(&mut self) {
        self.blank = true;
    }

    /// A line end that counts.
    const fn line(&mut self) {
        self.lines = if self.lines < 2 { self.lines + 1 } else { 2 };
    }

    /// A new line unless there is one.
    const fn block(&mut self) {
        if self.lines == 0 {
            self.lines = 1;
        }
    }

    const fn paragraph(&mut self) {
        self.lines = 2;
    }

    fn text(&mut self, text: &str, out: &mut String) {
        if self.kept {
            for (at, line) in text.split('\n').enumerate() {
                if at > 0 {
                    self.line();
                }
                // A CR may be the last that is known of a line, so no place of it makes it text.
                for words in line.split('\r').filter(|words| !words.is_empty()) {
                    self.flush(out);
                    out.push_str(words);
                }
            }
            return;
        }
        for (at, word) in text.split(is_blank).enumerate() {
            self.blank |= at > 0;
            if !word.is_empty() {
                self.flush(out);
                out.push_str(word);
            }
        }
    }

    fn flush(&mut self, out: &mut String) {
        if self.begun {
            match (self.lines, self.blank) {
                (0, true) => out.push(' '),
                (lines, _) => (0..lines).for_each(|_| out.push('\n')),
            }
        }
        (self.begun, self.blank, self.lines) = (true, false, 0);
    }
}

/// The blanks of HTML and the one that does not break, as pages use it for space.
const fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n' | '\u{c}' | '\u{a0}')
}

/// A name in lower case; one that is too long is none that is known.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    octets: [u8; 12],
    length: u8,
}

impl Word {
    fn push(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(usize::from(self.length)) {
            *place = octet.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn is(&self, name: &[u8]) -> bool {
        self.as_slice() == name
    }
}

/// Whether people can go where a link leads.
fn leads(link: &str) -> bool {
    let schemes = ["http:", "https:", "mailto:", "ftp:", "tel:"];
    schemes.iter().any(|scheme| {
        link.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    })
}

const fn ends_value(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | 0x0c | b'>')
}

/// `text` in two; all of it first where it cannot be split there.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// `text` without its first octets, which are ASCII.
fn skip(text: &str, octets: usize) -> &str {
    split(text, octets).1
}

fn skip_char(text: &str) -> &str {
    let mut letters = text.chars();
    letters.next();
    letters.as_str()
}

/// Right behind `<!--`.
const OPENED: u8 = 3;
/// Right behind `<!---`.
const OPENED_DASH: u8 = 4;
/// Right behind `--!`.
const BANG: u8 = 5;

/// Elements that hold no tags and nothing to read.
const RAW: &[&[u8]] =
    &[b"iframe", b"noembed", b"noframes", b"script", b"style", b"textarea", b"title", b"xmp"];

/// Elements with an empty line around them.
const PARAGRAPHS: &[&[u8]] =
    &[b"dl", b"h1", b"h2", b"h3", b"h4", b"h5", b"h6", b"hr", b"ol", b"p", b"table", b"ul"];

/// Elements that stand on lines of their own.
const LINES: &[&[u8]] = &[
    b"address",
    b"article",
    b"aside",
    b"body",
    b"caption",
    b"center",
    b"dd",
    b"details",
    b"dir",
    b"div",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"header",
    b"html",
    b"legend",
    b"li",
    b"main",
    b"menu",
    b"nav",
    b"option",
    b"section",
    b"summary",
    b"tbody",
    b"tfoot",
    b"thead",
    b"tr",
];
