//! `posthaste mime`: what a message is made of.
//!
//! - here: reading files, IMAP's forms, the content of a part
//! - [`json`]: all that is known
//! - [`tree`]: the parts, drawn
//!
//! No message is too broken to be shown: its defects are part of what is.

mod json;
mod tree;

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use posthaste_core::imap::response::message;
use posthaste_core::mime::parameter::Params;
use posthaste_core::mime::section::Wanted;
use posthaste_core::mime::structure::{Encoding, Kind};
use posthaste_core::mime::{Message, Structure, transfer};

use crate::cli::Mime;
use crate::exit::{Exit, Failure};

pub(super) fn run(mime: &Mime) -> Result<(), Failure> {
    let section = match &mime.form.part {
        None => None,
        Some(text) => Some(section(text, mime.files.len())?),
    };
    let mut failed = None;
    for file in &mime.files {
        if let Err(failure) = show(mime, section.as_ref(), file)
            && let Some(earlier) = failed.replace(failure)
        {
            eprintln!("{earlier}");
        }
    }
    failed.map_or(Ok(()), Err)
}

fn show(mime: &Mime, section: Option<&(Vec<u32>, Wanted)>, file: &Path) -> Result<(), Failure> {
    let octets = read(file)?;
    let octets = if mime.crlf { with_crlf(&octets) } else { octets };
    let structure = Structure::of(&octets);
    let shown = Shown { message: Message::new(&structure, &octets), octets: &octets };
    let form = &mime.form;
    let mut text = Vec::new();
    if let Some((path, wanted)) = section {
        return print(&shown.section(path, *wanted, form.part.as_deref().unwrap_or_default())?);
    }
    if form.json {
        text = json::line(&shown, &file.display().to_string());
    } else if form.envelope {
        message::envelope(&mut text, &shown.message.envelope(0), false);
    } else if form.bodystructure {
        message::body(&mut text, shown.message, true, false);
    } else {
        text = tree::draw(&shown, &file.display().to_string()).into_bytes();
    }
    text.push(b'\n');
    print(&text)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().read_to_end(&mut octets).map(drop)
    } else {
        std::fs::read(file).map(|read| octets = read)
    };
    read.map_err(|error| Failure::io(format!("cannot read {}", file.display()), &error))?;
    Ok(octets)
}

/// Writes to standard output. A reader that has seen enough is no failure.
fn print(octets: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write", &error))
        }
        _ => Ok(()),
    }
}

/// Every bare CR or LF turned into CR LF.
fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut octets = raw.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' | b'\n' => {
                if octet == b'\r' {
                    octets.next_if_eq(&b'\n');
                }
                out.extend(b"\r\n");
            }
            _ => out.push(octet),
        }
    }
    out
}

/// A section as IMAP writes it (RFC 9051 §6.4.5.1): numbers, then perhaps HEADER, TEXT or MIME.
fn section(text: &str, files: usize) -> Result<(Vec<u32>, Wanted), Failure> {
    let wrong = |what: String| Failure::new(Exit::Usage, what, "as in 1, 1.2, HEADER or 2.1.MIME");
    if files > 1 {
        return Err(Failure::new(Exit::Usage, "--part is for one FILE", "give them one by one"));
    }
    let mut path = Vec::new();
    let mut wanted = Wanted::Whole;
    for word in text.split('.') {
        if wanted != Wanted::Whole {
            return Err(wrong(format!("--part cannot be {text:?}")));
        }
        match word.to_ascii_uppercase().as_str() {
            "HEADER" => wanted = Wanted::Header,
            "TEXT" => wanted = Wanted::Text,
            "MIME" => wanted = Wanted::Mime,
            _ => path.push(word.parse().map_err(|_| wrong(format!("--part cannot be {text:?}")))?),
        }
    }
    Ok((path, wanted))
}

/// The message at hand.
struct Shown<'a> {
    message: Message<'a>,
    octets: &'a [u8],
}

impl<'a> Shown<'a> {
    /// The octets of a section: a part by its number is decoded, all else stands as it is.
    fn section(&self, path: &[u32], wanted: Wanted, text: &str) -> Result<Cow<'a, [u8]>, Failure> {
        let tree = self.message.structure();
        let Some(span) = tree.section(path, wanted) else {
            let parts: Vec<_> = places(tree).into_iter().take(12).map(|place| place.body).collect();
            let hint = format!("it has {}", parts.join(", "));
            return Err(Failure::new(Exit::Data, format!("there is no part {text}"), hint));
        };
        if wanted != Wanted::Whole {
            return Ok(Cow::Borrowed(span.of(self.octets)));
        }
        let index = tree.find(path).unwrap_or_default();
        Ok(self.content(index).unwrap_or_else(|| Cow::Borrowed(span.of(self.octets))))
    }

    /// The body of a part without its transfer encoding; parts and messages have none that counts
    /// (RFC 2045 §6.4). `None` if the encoding is not known.
    fn content(&self, index: usize) -> Option<Cow<'a, [u8]>> {
        let part = self.message.part(index)?;
        let encoding = if part.kind().is_multipart() || part.kind() == Kind::Message {
            Encoding::Binary
        } else {
            part.encoding()
        };
        transfer::decode(encoding, part.body().of(self.octets))
    }

    /// The type and subtype of a part in small letters.
    fn media_type(&self, index: usize) -> String {
        let part = self.message.body_part(index);
        let (kind, subtype) = part.map_or((&b""[..], &b""[..]), |part| part.media_type());
        let mut all = String::from_utf8_lossy(kind).to_ascii_lowercase();
        all.push('/');
        all.push_str(&String::from_utf8_lossy(subtype).to_ascii_lowercase());
        all
    }

    /// The parameters of the type of a part.
    fn parameters(&self, index: usize) -> Params<'a> {
        self.message.head(index).content_type().map_or_else(Params::default, |found| found.params)
    }

    /// The name that a part has as a file.
    fn file_name(&self, index: usize) -> Option<String> {
        self.message.head(index).file_name().map(Into::into)
    }
}

/// Which sections of IMAP a part is.
struct Place {
    /// The section that is its header, as in `1.MIME`.
    header: String,
    /// The section that is its body, as in `1`.
    body: String,
}

/// The places of all parts of a message (RFC 9051 §6.4.5.1).
fn places(tree: &Structure) -> Vec<Place> {
    // What stands before the numbers of the parts within each part, and how many there were.
    let mut within: Vec<(String, usize)> = Vec::new();
    let mut places = Vec::new();
    for (index, part) in tree.parts().iter().enumerate() {
        let parent = tree.parent(index);
        let numbered = parent
            .filter(|parent| tree.part(*parent).is_some_and(|part| part.kind().is_multipart()))
            .and_then(|parent| within.get_mut(parent));
        let (place, inner) = if let Some((before, count)) = numbered {
            *count += 1;
            let body = format!("{before}{count}");
            let inner = format!("{body}.");
            (Place { header: format!("{inner}MIME"), body }, inner)
        } else {
            // A message: the whole one, or the one within a part.
            let before = parent.and_then(|parent| within.get(parent));
            let before = before.map_or("", |(before, _)| before);
            let header = format!("{before}HEADER");
            if part.kind().is_multipart() {
                (Place { header, body: format!("{before}TEXT") }, before.to_owned())
            } else {
                (Place { header, body: format!("{before}1") }, format!("{before}1."))
            }
        };
        places.push(place);
        within.push((inner, 0));
    }
    places
}
