//! Numbers and strings as octets: LEB128 for numbers, a length before strings. Everything on disk
//! but frame headers and index keys is made of these.

use bytes::Bytes;

/// What is stored does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number that may be negative (zigzag).
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends octets with their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, octets: &[u8]) {
    put(out, octets.len() as u64);
    out.extend_from_slice(octets);
}

/// Appends a number that may be missing.
pub(crate) fn put_option(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        None => out.push(0),
        Some(number) => {
            out.push(1);
            put(out, number);
        }
    }
}

/// Reads what the functions above wrote. Octet strings are slices of the input.
pub(crate) struct Reader<'a> {
    input: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a Bytes) -> Self {
        Self { input, at: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.input.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.input.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A number that fits a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed)
    }

    pub(crate) fn option(&mut self) -> Result<Option<u64>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.number().map(Some),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let len = self.small::<usize>()?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.input.len());
        let end = end.ok_or(Malformed)?;
        let octets = self.input.slice(self.at..end);
        self.at = end;
        Ok(octets)
    }

    pub(crate) fn text(&mut self) -> Result<std::sync::Arc<str>, Malformed> {
        let octets = self.bytes()?;
        std::str::from_utf8(&octets).map(Into::into).map_err(|_| Malformed)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let end = self.at.checked_add(N).ok_or(Malformed)?;
        let octets = self.input.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        octets.try_into().map_err(|_| Malformed)
    }

    /// A count of things that each take an octet at least, so that a lie cannot reserve memory.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.small::<usize>()?;
        if count > self.input.len().saturating_sub(self.at) { Err(Malformed) } else { Ok(count) }
    }
}
