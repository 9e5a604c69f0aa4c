//! Messages: made as they are sent, from octets that all messages share.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::mime::date::DateTime;
use posthaste_core::smtp::client::Piece;

use super::corpus::{Corpus, Document};
use super::sizes::Sizes;
use crate::random::Random;

/// Octets of a line of text, with its CR LF.
const LINE: usize = 80;
/// Octets of a line of base64, with its CR LF.
const ENCODED_LINE: usize = 78;
/// Lines of text, and of base64, that are there to choose from.
const LINES: usize = 2048;
/// One line of text in so many begins with a dot, which is to be stuffed.
const DOTS: usize = 32;
/// Octets from which on a message of the mix carries an attachment.
const ATTACHED: u64 = 30_000;
/// Octets of the text in front of an attachment.
const COVER: u64 = 2_000;
/// Octets of a file that are read at a time.
const READ: usize = 64 * 1024;

/// Makes messages. Cheap to clone: what they are made of is shared.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    sizes: Sizes,
    corpus: Option<Arc<Corpus>>,
    text: Bytes,
    encoded: Bytes,
    /// Tells the messages of this run from those of others.
    run: u64,
    hostname: Box<str>,
}

/// Octets of one message, that are still to be sent.
#[derive(Debug)]
pub(super) struct Source {
    segments: VecDeque<Segment>,
    size: u64,
    ascii: bool,
}

#[derive(Debug)]
enum Segment {
    /// These.
    Octets(Bytes),
    /// Lines of the filler, from this place on, again from its start when it ends.
    Filler { lines: Bytes, at: usize, left: u64 },
    /// What a file holds.
    File(std::fs::File),
}

impl Maker {
    /// Messages of these sizes, or those of a corpus. `seed` decides what they say.
    pub(super) fn new(
        sizes: Sizes,
        corpus: Option<Corpus>,
        hostname: &str,
        run: u64,
        random: &mut Random,
    ) -> Self {
        Self {
            sizes,
            corpus: corpus.map(Arc::new),
            text: text(random),
            encoded: encoded(random),
            run,
            hostname: hostname.into(),
        }
    }

    /// The message with this number.
    pub(super) fn make(
        &self,
        number: u64,
        from: &str,
        to: &str,
        date: &str,
        random: &mut Random,
    ) -> std::io::Result<Source> {
        if let Some(corpus) = &self.corpus {
            return Source::of(corpus.get(number));
        }
        let size = self.sizes.pick(random);
        let mut head = String::with_capacity(512);
        // Writing to a string does not fail.
        let _ = write!(
            head,
            "Date: {date}\r\nFrom: <{from}>\r\nTo: <{to}>\r\nSubject: Load {number}\r\n\
             Message-ID: <{number}.{:016x}@{}>\r\nMIME-Version: 1.0\r\n",
            self.run, self.hostname
        );
        let attached = self.sizes.is_mail() && size >= ATTACHED;
        Ok(if attached {
            self.attached(head, size, random)
        } else {
            self.plain(head, size, random)
        })
    }

    fn plain(&self, mut head: String, size: u64, random: &mut Random) -> Source {
        head.push_str("Content-Type: text/plain\r\n\r\n");
        let left = size.saturating_sub(head.len() as u64);
        let mut source = Source::new();
        self.lines(head, left, random, &mut source);
        source
    }

    fn attached(&self, mut head: String, size: u64, random: &mut Random) -> Source {
        let boundary = format!("=_{:016x}", random.next());
        let _ = write!(
            head,
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\n\r\n"
        );
        let between = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"load.bin\"\r\n\r\n"
        );
        let end = format!("--{boundary}--\r\n");
        let around = (head.len() + between.len() + end.len()) as u64;
        let room = size.saturating_sub(around);
        // The text takes what makes no whole line of base64.
        let lines = room.saturating_sub(COVER) / ENCODED_LINE as u64;
        let left = lines * ENCODED_LINE as u64;
        let mut source = Source::new();
        self.lines(head, room - left, random, &mut source);
        source.push(between.into());
        let at = random.up_to(LINES as u64 - 1) as usize * ENCODED_LINE;
        source.size += left;
        source.segments.push_back(Segment::Filler { lines: self.encoded.clone(), at, left });
        source.push(end.into());
        source
    }

    /// Adds `head` and `left` octets of lines; the first line takes what makes no whole line.
    fn lines(&self, mut head: String, left: u64, random: &mut Random, source: &mut Source) {
        let mut first = (left % LINE as u64) as usize;
        let mut whole = left - first as u64;
        // A line has its CR LF at least.
        if first == 1 && whole > 0 {
            (first, whole) = (first + LINE, whole - LINE as u64);
        }
        if first >= 2 {
            head.extend(std::iter::repeat_n('x', first - 2));
            head.push_str("\r\n");
        }
        source.push(head.into());
        let at = random.up_to(LINES as u64 - 1) as usize * LINE;
        if whole > 0 {
            source.size += whole;
            source.segments.push_back(Segment::Filler {
                lines: self.text.clone(),
                at,
                left: whole,
            });
        }
    }
}

impl Source {
    fn new() -> Self {
        Self { segments: VecDeque::with_capacity(4), size: 0, ascii: true }
    }

    fn of(document: &Document) -> std::io::Result<Self> {
        let mut source = Self::new();
        source.size = document.octets();
        source.ascii = document.is_ascii();
        source.segments.push_back(match document {
            Document::Kept { octets, .. } => Segment::Octets(octets.clone()),
            Document::OnDisk { path, .. } => Segment::File(std::fs::File::open(path)?),
        });
        Ok(source)
    }

    fn push(&mut self, octets: Bytes) {
        self.size += octets.len() as u64;
        self.segments.push_back(Segment::Octets(octets));
    }

    /// Octets in all, as far as they are known before.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Whether every octet is ASCII.
    pub(super) const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The next octets.
    pub(super) fn next(&mut self) -> Piece {
        let octets = match self.segments.front_mut() {
            None => Bytes::new(),
            Some(Segment::Octets(octets)) => std::mem::take(octets),
            Some(Segment::Filler { lines, at, left }) => {
                let room = (lines.len() - *at) as u64;
                let length = room.min(*left) as usize;
                let octets = lines.slice(*at..*at + length);
                *at = 0;
                *left -= length as u64;
                if *left > 0 {
                    return Piece::More(octets);
                }
                octets
            }
            Some(Segment::File(file)) => {
                let mut octets = vec![0; READ];
                match file.read(&mut octets) {
                    // Half of it left already: the machine drops the connection.
                    Err(_) => return Piece::Abort,
                    Ok(0) => Bytes::new(),
                    Ok(length) => {
                        octets.truncate(length);
                        return Piece::More(octets.into());
                    }
                }
            }
        };
        self.segments.pop_front();
        if self.segments.is_empty() { Piece::Last(octets) } else { Piece::More(octets) }
    }
}

/// The date for header fields, made once a second.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    /// What the time is, in words of RFC 5322.
    pub(super) fn date(&mut self) -> &str {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let second = since.unwrap_or_default().as_secs();
        if second != self.second || self.text.is_empty() {
            self.second = second;
            let seconds = i64::try_from(second).unwrap_or(i64::MAX);
            let mut text = Vec::new();
            DateTime::from_unix(seconds, 0).write_rfc5322(&mut text);
            self.text = String::from_utf8(text).unwrap_or_default();
        }
        &self.text
    }
}

fn text(random: &mut Random) -> Bytes {
    const LETTERS: &[u8; 32] = b"etaoin shrdlu cmfwyp vbgk qj eta";
    let mut lines = Vec::with_capacity(LINES * LINE);
    for line in 0..LINES {
        let start = lines.len();
        if line % DOTS == 0 {
            lines.push(b'.');
        }
        while lines.len() < start + LINE - 2 {
            lines.push(LETTERS[random.up_to(31) as usize]);
        }
        lines.extend_from_slice(b"\r\n");
    }
    lines.into()
}

fn encoded(random: &mut Random) -> Bytes {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut lines = Vec::with_capacity(LINES * ENCODED_LINE);
    for _ in 0..LINES {
        lines.extend((0..ENCODED_LINE - 2).map(|_| DIGITS[random.up_to(63) as usize]));
        lines.extend_from_slice(b"\r\n");
    }
    lines.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(mut source: Source) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match source.next() {
                Piece::Abort => panic!("aborted"),
                Piece::Last(octets) => {
                    all.extend_from_slice(&octets);
                    return all;
                }
                Piece::More(octets) => all.extend_from_slice(&octets),
            }
        }
    }

    fn made(sizes: Sizes, number: u64) -> (Vec<u8>, u64) {
        let mut random = Random::new(number);
        let maker = Maker::new(sizes, None, "load.test", 0xabc, &mut random);
        let source = maker.make(number, "a@x.test", "b@x.test", "now", &mut random).unwrap();
        assert!(source.is_ascii());
        let size = source.size();
        (whole(source), size)
    }

    /// Whatever the size, the octets are as many, and all lines are lines.
    #[test]
    fn sizes_are_kept_to_the_octet() {
        let head = made(Sizes::Fixed(0), 1).0.len() as u64;
        for size in (head..head + 400).chain([10_240, 163_840, 163_841, 1_000_003]) {
            let (message, told) = made(Sizes::Fixed(size), 1);
            // No line has one octet.
            let wanted = if size == head + 1 { head } else { size };
            assert_eq!((message.len() as u64, told), (wanted, wanted));
            assert!(message.ends_with(b"\r\n"));
            let text = String::from_utf8(message).unwrap();
            assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n'])));
        }
    }

    #[test]
    fn messages_differ_and_have_heads() {
        let (one, _) = made(Sizes::Fixed(2_000), 1);
        let (two, _) = made(Sizes::Fixed(2_000), 2);
        assert_ne!(one, two);
        let text = String::from_utf8(two).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for field in [
            "Date: now",
            "From: <a@x.test>",
            "To: <b@x.test>",
            "Subject: Load 2",
            "Message-ID: <2.0000000000000abc@load.test>",
        ] {
            assert!(head.contains(field), "no {field} in {head}");
        }
        assert!(body.lines().count() > 15);
    }

    /// What claims to be MIME is.
    #[test]
    fn attachments_are_attachments() {
        use posthaste_core::mime::Structure;
        let mut attached = 0;
        for number in 0..200 {
            let (message, told) = made(Sizes::Mail, number);
            assert_eq!(message.len() as u64, told);
            let parts = Structure::of(&message).parts().len();
            assert_eq!(parts, if told >= ATTACHED { 3 } else { 1 });
            attached += usize::from(parts == 3);
        }
        assert!((20..120).contains(&attached), "{attached}");
    }

    #[test]
    fn some_lines_begin_with_a_dot() {
        let (message, _) = made(Sizes::Fixed(200_000), 3);
        assert!(String::from_utf8(message).unwrap().contains("\r\n."));
    }

    #[test]
    fn dates_are_dates() {
        let date = Clock::default().date().to_owned();
        assert!(DateTime::parse(date.as_bytes()).is_some(), "{date}");
    }
}
