//! The stored form of a tree: small, versioned, checked when it is read.
//!
//! ```text
//! version (1)  defects  flags  parts  fields  kept octets       numbers in LEB128, version one octet
//! for each part:   kind + 8 * encoding (one octet), start (since the start of the part before),
//!                  header, body (octets), lines, own index - parent's, after - own index,
//!                  fields, kept octets of its fields
//! for each field:  name + 128 * kept (one octet), start (since the end of the field before), octets
//! the kept octets
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::{
    super::{Defects, header::Name},
    Encoding, Field, Kind, Part, Structure,
};

/// The stored form cannot be read: it was cut, changed or written by a later version. The message
/// has to be scanned again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stored message structure cannot be read")
    }
}

impl core::error::Error for Damaged {}

impl Structure {
    /// Appends the stored form to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put(out, self.defects.bits());
        put(out, u32::from(self.keeps));
        put(out, self.parts.len() as u32);
        put(out, self.fields.len() as u32);
        put(out, self.kept.len() as u32);
        let mut start = 0;
        for (index, part) in self.parts.iter().enumerate() {
            let (index, next) = (index as u32, self.parts.get(index + 1));
            out.push(part.kind as u8 | (part.encoding as u8) << 3);
            put(out, part.start.saturating_sub(start));
            put(out, part.body.saturating_sub(part.start));
            put(out, part.end.saturating_sub(part.body));
            put(out, part.lines);
            put(out, index.saturating_sub(part.parent));
            put(out, part.after.saturating_sub(index));
            let fields = next.map_or(self.fields.len() as u32, |next| next.fields);
            put(out, fields.saturating_sub(part.fields));
            let kept = next.map_or(self.kept.len() as u32, |next| next.kept);
            put(out, kept.saturating_sub(part.kept));
            start = part.start;
        }
        let mut end = 0;
        for field in &self.fields {
            out.push(field.name as u8 | u8::from(field.kept) << 7);
            put(out, field.start.saturating_sub(end));
            put(out, field.span().len());
            end = field.end;
        }
        out.extend_from_slice(&self.kept);
    }

    /// Reads the stored form, which fills `stored` to its end.
    ///
    /// # Errors
    /// [`Damaged`] if it cannot be read.
    pub fn decode(stored: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader { rest: stored };
        if reader.octet()? != VERSION {
            return Err(Damaged);
        }
        let mut tree = Self { defects: Defects(reader.number()?), ..Self::default() };
        tree.keeps = match reader.number()? {
            0 => false,
            1 => true,
            _ => return Err(Damaged),
        };
        let (parts, fields) = (reader.count()?, reader.count()?);
        let kept = reader.count()?;
        tree.parts.reserve_exact(parts);
        tree.fields.reserve_exact(fields);
        let (mut start, mut first_field, mut first_kept) = (0, 0, 0);
        // The parts that the part at hand may stand in, outermost first.
        let mut open: Vec<(u32, u32)> = Vec::new();
        for index in 0..parts as u32 {
            let shape = reader.octet()?;
            start = add(start, reader.number()?)?;
            let body = add(start, reader.number()?)?;
            let end = add(body, reader.number()?)?;
            let lines = reader.number()?;
            let parent = index.checked_sub(reader.number()?).ok_or(Damaged)?;
            let after = add(index, reader.number()?)?;
            while open.last().is_some_and(|(_, after)| *after <= index) {
                open.pop();
            }
            let (real_parent, last) = open.last().copied().unwrap_or((0, parts as u32));
            let nests = parent == real_parent && (index == 0 || !open.is_empty());
            if !nests || after <= index || after > last || (index == 0 && after < last) {
                return Err(Damaged);
            }
            open.push((index, after));
            tree.parts.push(Part {
                start,
                body,
                end,
                lines,
                parent,
                after,
                fields: first_field,
                kept: first_kept,
                kind: kind(shape & 7)?,
                encoding: encoding(shape >> 3)?,
            });
            first_field = add(first_field, reader.number()?)?;
            first_kept = add(first_kept, reader.number()?)?;
        }
        if first_field as usize != fields || first_kept as usize != kept {
            return Err(Damaged);
        }
        let mut end = 0;
        for _ in 0..fields {
            let name = reader.octet()?;
            let start = add(end, reader.number()?)?;
            end = add(start, reader.number()?)?;
            let kept = name & 128 != 0;
            tree.fields.push(Field { start, end, name: Name::from_number(name & 127), kept });
        }
        if reader.rest.len() != kept {
            return Err(Damaged);
        }
        tree.kept.extend_from_slice(reader.rest);
        Ok(tree)
    }
}

fn kind(number: u8) -> Result<Kind, Damaged> {
    const KINDS: [Kind; 5] =
        [Kind::Other, Kind::Text, Kind::Multipart, Kind::Digest, Kind::Message];
    KINDS.get(usize::from(number)).copied().ok_or(Damaged)
}

fn encoding(number: u8) -> Result<Encoding, Damaged> {
    const ENCODINGS: [Encoding; 7] = [
        Encoding::SevenBit,
        Encoding::EightBit,
        Encoding::Binary,
        Encoding::QuotedPrintable,
        Encoding::Base64,
        Encoding::Unknown,
        Encoding::Uuencode,
    ];
    ENCODINGS.get(usize::from(number)).copied().ok_or(Damaged)
}

fn add(a: u32, b: u32) -> Result<u32, Damaged> {
    a.checked_add(b).ok_or(Damaged)
}

/// Appends a number in LEB128.
fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 128 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn octet(&mut self) -> Result<u8, Damaged> {
        let (octet, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(*octet)
    }

    fn number(&mut self) -> Result<u32, Damaged> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let octet = self.octet()?;
            number |= u64::from(octet & 127) << shift;
            if octet < 128 {
                return u32::try_from(number).map_err(|_| Damaged);
            }
        }
        Err(Damaged)
    }

    /// A number of things that each take an octet at least.
    fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.number()? as usize;
        if count > self.rest.len() { Err(Damaged) } else { Ok(count) }
    }
}

const VERSION: u8 = 1;
