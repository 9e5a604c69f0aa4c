//! HZ (RFC 1843) and ISO-2022-KR (RFC 1557): characters of two octets in seven bits, between marks
//! that shift in and out. WHATWG gave both up, as they let octets mean ASCII or not; in a message,
//! which nobody runs, old mail can be read with them. They become GB 2312 and EUC-KR by setting the
//! eighth bit.

use alloc::vec::Vec;

/// Turns the octets of shifted text into those of the charset with eight bits, piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Shifted {
    hz: bool,
    /// Two octets make a character now.
    wide: bool,
    /// The first octets of a mark: of `~{`, or of ESC `$` `)` `C`.
    mark: Vec<u8>,
}

impl Shifted {
    pub(super) const fn new(hz: bool) -> Self {
        Self { hz, wide: false, mark: Vec::new() }
    }

    pub(super) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for octet in piece {
            self.step(*octet, out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.mark);
        self.wide = false;
    }

    fn step(&mut self, octet: u8, out: &mut Vec<u8>) {
        if self.hz {
            return self.step_hz(octet, out);
        }
        let place = self.mark.len();
        if let Some(wanted) = KOREAN.get(place)
            && *wanted == octet
        {
            self.mark.push(octet);
            if self.mark == KOREAN {
                self.mark.clear();
            }
            return;
        }
        if place > 0 {
            out.append(&mut self.mark);
            return self.step(octet, out);
        }
        match octet {
            SHIFT_OUT => self.wide = true,
            SHIFT_IN => self.wide = false,
            _ => self.put(octet, out),
        }
    }

    fn step_hz(&mut self, octet: u8, out: &mut Vec<u8>) {
        if self.mark.pop().is_some() {
            match octet {
                b'{' => self.wide = true,
                b'}' => self.wide = false,
                b'~' => out.push(b'~'),
                // A line that goes on.
                b'\n' | b'\r' => {}
                _ => {
                    out.push(b'~');
                    self.put(octet, out);
                }
            }
        } else if octet == b'~' {
            self.mark.push(octet);
        } else {
            self.put(octet, out);
        }
    }

    fn put(&mut self, octet: u8, out: &mut Vec<u8>) {
        match octet {
            // A line ends in ASCII, whatever is missing.
            b'\n' => self.wide = false,
            0x21..=0x7e if self.wide => return out.push(octet | 0x80),
            _ => {}
        }
        out.push(octet);
    }
}

/// Announces Korean: ESC `$` `)` `C`, at the start of the text.
const KOREAN: &[u8] = b"\x1b$)C";
const SHIFT_OUT: u8 = 0x0e;
const SHIFT_IN: u8 = 0x0f;
