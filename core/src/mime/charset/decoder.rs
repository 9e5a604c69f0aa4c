//! The streaming decoder: pieces of a body in, UTF-8 out, the same at every cutting.

use alloc::{string::String, vec::Vec};
use core::mem;

use encoding_rs::{CoderResult, EUC_KR, Encoding, GBK, ISO_2022_JP, UTF_8, WINDOWS_1252};
use posthaste_simd::western;

use super::{
    Charset, Found, Shifted, Start, Utf7, WINDOW, judge, judge_japanese, label::Meant, start,
};

/// Decodes a body of text that comes in pieces, by the rules of
/// [the module](super#what-is-believed).
///
/// It never gives more than its limit in all, and never part of a character. It holds
/// [`WINDOW`] octets at most.
///
/// ```
/// use posthaste_core::mime::charset::Decoder;
///
/// let (mut decoder, mut text) = (Decoder::new(b"utf-8", 1_000), String::new());
/// decoder.feed(b"caf\xc3", &mut text);
/// decoder.feed(b"\xa9", &mut text);
/// decoder.finish(&mut text);
/// assert_eq!(text, "caf\u{e9}");
/// assert!(!decoder.is_truncated());
/// ```
#[derive(Debug)]
pub struct Decoder {
    meant: Meant,
    limit: usize,
    stage: Stage,
    /// Octets that wait until it is clear what they are.
    held: Vec<u8>,
    left: usize,
    truncated: bool,
    ended: bool,
}

enum Stage {
    /// The first octets: is there a byte order mark?
    Start,
    /// All was ASCII; is what comes UTF-8?
    Undecided {
        labelled: bool,
    },
    Known(encoding_rs::Decoder),
    /// ISO-2022-JP so far; what is it where octets above 127 stand?
    Japanese(encoding_rs::Decoder),
    Shifted(Shifted, encoding_rs::Decoder),
    Utf7(Utf7),
}

impl core::fmt::Debug for Stage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Undecided { .. } => f.write_str("Undecided"),
            Self::Japanese(decoder) | Self::Known(decoder) => {
                f.write_str(decoder.encoding().name())
            }
            Self::Shifted(_, decoder) => f.write_str(decoder.encoding().name()),
            Self::Utf7(_) => f.write_str("UTF-7"),
        }
    }
}

impl Decoder {
    /// A decoder for text labelled so (nothing if it is not labelled), which gives `limit` octets of
    /// UTF-8 at most.
    #[must_use]
    pub fn new(label: &[u8], limit: usize) -> Self {
        Self {
            meant: Meant::of(label),
            limit,
            stage: Stage::Start,
            held: Vec::new(),
            left: limit,
            truncated: false,
            ended: false,
        }
    }

    /// Decodes the next piece and appends its text to `out`.
    pub fn feed(&mut self, piece: &[u8], out: &mut String) {
        if mem::take(&mut self.ended) {
            (self.stage, self.left, self.truncated) = (Stage::Start, self.limit, false);
            self.held.clear();
        }
        let mut rest = piece;
        while !rest.is_empty() && !self.truncated {
            rest = self.step(rest, out);
        }
    }

    /// Ends the text: what was held back is appended to `out`. What is fed next is another text.
    pub fn finish(&mut self, out: &mut String) {
        if mem::replace(&mut self.ended, true) || self.truncated {
            return;
        }
        if matches!(self.stage, Stage::Start) {
            let held = mem::take(&mut self.held);
            if let Some(begun) = start(self.meant, &held, true) {
                self.begin(&begun);
                let mut rest = held.get(begun.mark..).unwrap_or_default();
                while !rest.is_empty() && !self.truncated {
                    rest = self.step(rest, out);
                }
            }
        }
        if let Stage::Undecided { labelled } = self.stage
            && !self.held.is_empty()
        {
            self.decide(judge(&self.held, labelled, true), out);
        }
        if matches!(self.stage, Stage::Japanese(_)) && !self.held.is_empty() {
            self.decide_japanese(true, out);
        }
        let before = out.len();
        match &mut self.stage {
            Stage::Start | Stage::Undecided { .. } => {}
            Stage::Japanese(decoder) | Stage::Known(decoder) => run(decoder, &[], true, out),
            Stage::Shifted(shifted, decoder) => {
                let mut plain = Vec::new();
                shifted.finish(&mut plain);
                run(decoder, &plain, true, out);
            }
            Stage::Utf7(decoder) => decoder.finish(out),
        }
        self.bound(before, out);
    }

    /// Whether text was left out because of the limit; of the text that was ended last, until the
    /// next piece comes.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Takes some of `piece` and gives what is left of it.
    fn step<'p>(&mut self, piece: &'p [u8], out: &mut String) -> &'p [u8] {
        match self.stage {
            Stage::Start => {
                // One octet at a time, so that the decision falls at the same octet at every cutting.
                let (first, rest) = piece.split_at(1);
                self.held.extend_from_slice(first);
                if let Some(begun) = start(self.meant, &self.held, false) {
                    let held = mem::take(&mut self.held);
                    self.begin(&begun);
                    let mut held = held.get(begun.mark..).unwrap_or_default();
                    while !held.is_empty() && !self.truncated {
                        held = self.step(held, out);
                    }
                }
                rest
            }
            Stage::Undecided { labelled } => {
                if self.held.is_empty() {
                    let (ascii, rest) = piece.split_at(Encoding::ascii_valid_up_to(piece));
                    if !ascii.is_empty() {
                        self.ascii(ascii, out);
                        return rest;
                    }
                }
                let wanted = WINDOW.saturating_sub(self.held.len()).min(piece.len());
                let (taken, rest) = piece.split_at(wanted);
                self.held.extend_from_slice(taken);
                if self.held.len() >= WINDOW {
                    self.decide(judge(&self.held, labelled, false), out);
                }
                rest
            }
            Stage::Japanese(_) => {
                if self.held.is_empty() {
                    let end = Encoding::ascii_valid_up_to(piece).min(CHUNK);
                    let (ascii, rest) = piece.split_at(end);
                    if !ascii.is_empty() {
                        self.decode(ascii, out);
                        return rest;
                    }
                }
                let wanted = WINDOW.saturating_sub(self.held.len()).min(piece.len());
                let (taken, rest) = piece.split_at(wanted);
                self.held.extend_from_slice(taken);
                if self.held.len() >= WINDOW {
                    self.decide_japanese(false, out);
                }
                rest
            }
            _ => {
                let (taken, rest) = piece.split_at(piece.len().min(CHUNK));
                self.decode(taken, out);
                rest
            }
        }
    }

    fn begin(&mut self, begun: &Start) {
        self.stage = match (&begun.found, self.meant) {
            (Found::Encoding(encoding), _) => known(encoding),
            (_, Meant::Ascii | Meant::Unknown | Meant::Utf16) => {
                Stage::Undecided { labelled: false }
            }
            (_, Meant::Charset(charset)) => match charset {
                Charset::Known(encoding) if encoding == UTF_8 => {
                    Stage::Undecided { labelled: true }
                }
                Charset::Known(encoding) if encoding == ISO_2022_JP => {
                    Stage::Japanese(decoder(encoding))
                }
                Charset::Known(encoding) => known(encoding),
                Charset::Hz => Stage::Shifted(Shifted::new(true), decoder(GBK)),
                Charset::Iso2022Kr => Stage::Shifted(Shifted::new(false), decoder(EUC_KR)),
                Charset::Utf7 => Stage::Utf7(Utf7::default()),
            },
        };
    }

    /// It is clear now what the held octets are.
    fn decide(&mut self, encoding: &'static Encoding, out: &mut String) {
        self.stage = known(encoding);
        let held = mem::take(&mut self.held);
        self.decode(&held, out);
    }

    /// As [`decide`](Self::decide), for octets above 127 where ISO-2022-JP has none.
    fn decide_japanese(&mut self, whole: bool, out: &mut String) {
        let next = judge_japanese(&self.held, whole);
        let before = out.len();
        if let Stage::Japanese(decoder) = &mut self.stage {
            if next != ISO_2022_JP {
                run(decoder, &[], true, out);
            }
            let kept = mem::replace(decoder, next.new_decoder_without_bom_handling());
            self.stage = if next == ISO_2022_JP { Stage::Known(kept) } else { known(next) };
        }
        self.bound(before, out);
        let held = mem::take(&mut self.held);
        self.decode(&held, out);
    }

    fn ascii(&mut self, piece: &[u8], out: &mut String) {
        let kept = piece.len().min(self.left);
        if let Some(Ok(text)) = piece.get(..kept).map(core::str::from_utf8) {
            out.push_str(text);
        }
        self.left -= kept;
        self.truncated |= kept < piece.len();
    }

    fn decode(&mut self, piece: &[u8], out: &mut String) {
        if self.truncated {
            return;
        }
        let before = out.len();
        match &mut self.stage {
            Stage::Start | Stage::Undecided { .. } => {}
            Stage::Japanese(decoder) | Stage::Known(decoder) => run(decoder, piece, false, out),
            Stage::Shifted(shifted, decoder) => {
                let mut plain = Vec::with_capacity(piece.len());
                shifted.feed(piece, &mut plain);
                run(decoder, &plain, false, out);
            }
            Stage::Utf7(decoder) => decoder.feed(piece, out),
        }
        self.bound(before, out);
    }

    /// Keeps of the text behind `before` what the limit allows.
    fn bound(&mut self, before: usize, out: &mut String) {
        let added = out.len().saturating_sub(before);
        if added <= self.left {
            self.left -= added;
            return;
        }
        let mut end = before + self.left;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        (self.left, self.truncated) = (0, true);
    }
}

/// How many octets are decoded before the limit is looked at.
const CHUNK: usize = 8 << 10;

fn known(encoding: &'static Encoding) -> Stage {
    Stage::Known(decoder(encoding))
}

fn decoder(encoding: &'static Encoding) -> encoding_rs::Decoder {
    encoding.new_decoder_without_bom_handling()
}

fn run(decoder: &mut encoding_rs::Decoder, mut piece: &[u8], last: bool, out: &mut String) {
    if decoder.encoding() == WINDOWS_1252 {
        return western::decode(piece, out);
    }
    loop {
        let room = decoder.max_utf8_buffer_length(piece.len()).unwrap_or(piece.len());
        out.reserve(room.max(16));
        let (result, read, _) = decoder.decode_to_string(piece, out, last);
        piece = piece.get(read..).unwrap_or_default();
        if matches!(result, CoderResult::InputEmpty) {
            return;
        }
    }
}
