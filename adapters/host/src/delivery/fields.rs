//! Looks at the header of a message while it passes by: takes Return-Path fields out, counts hops,
//! notes what is missing. Changes nothing else, and keeps no more than the name of a field.

/// Octets of a field's name that are kept until it is known what the field is. Longer names are none
/// of those we look for.
const NAME: usize = 16;

/// The header of one message in passing.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    state: State,
    /// The start of the line, as long as it may be the name of a field to remove.
    held: Vec<u8>,
    /// The field under way is to be removed.
    removing: bool,
    /// Received fields so far.
    pub(crate) hops: u32,
    /// A Date field was seen.
    pub(crate) date: bool,
    /// A Message-ID field was seen.
    pub(crate) message_id: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the first octet of a line.
    #[default]
    Start,
    /// In a name.
    Name,
    /// In white space between a name and its colon (RFC 5322 §4.5).
    Space,
    /// In what follows the name.
    Value,
    /// Behind a CR that started the line.
    Empty,
    /// The header is over.
    Body,
}

impl Fields {
    /// Whether the header is over.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Body
    }

    /// Takes the next run of the message. What of it (and of earlier runs) belongs to the header is
    /// appended to `head`; the rest, which starts behind the header, is returned. Where the header
    /// ends, `missing` is asked for fields to add.
    pub(crate) fn run<'a>(
        &mut self,
        run: &'a [u8],
        head: &mut Vec<u8>,
        mut missing: impl FnMut(&Self, &mut Vec<u8>),
    ) -> &'a [u8] {
        let mut rest = run;
        while let [octet, tail @ ..] = rest
            && self.state != State::Body
        {
            match self.state {
                State::Value => {
                    let end = rest.iter().position(|octet| *octet == b'\n');
                    let (line, behind) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
                    if !self.removing {
                        head.extend_from_slice(line);
                    }
                    if end.is_some() {
                        self.state = State::Start;
                    }
                    rest = behind;
                    continue;
                }
                State::Start if matches!(octet, b' ' | b'\t') => {
                    self.state = State::Value;
                    continue;
                }
                State::Start if *octet == b'\r' => self.state = State::Empty,
                State::Empty if *octet != b'\n' => {
                    // A bare CR: the line is no field, nor is it empty.
                    return self.over(rest, head, missing);
                }
                State::Empty => {
                    // The empty line belongs to the header's end: what is missing goes before it.
                    self.held.clear();
                    missing(self, head);
                    head.extend_from_slice(b"\r\n");
                    self.state = State::Body;
                    return tail;
                }
                State::Start | State::Name if is_name(*octet) => {
                    self.state = State::Name;
                    if self.held.len() >= NAME {
                        self.decide(head);
                        continue;
                    }
                }
                State::Name | State::Space if matches!(octet, b' ' | b'\t') => {
                    self.state = State::Space;
                    if self.held.len() >= NAME {
                        self.decide(head);
                        continue;
                    }
                }
                State::Name | State::Space if *octet == b':' => {
                    self.decide(head);
                    continue;
                }
                State::Start | State::Name | State::Space => {
                    return self.over(rest, head, missing);
                }
                State::Body => {}
            }
            self.held.push(*octet);
            rest = tail;
        }
        rest
    }

    /// The message has ended: what was held belongs to it, and so does what is missing.
    pub(crate) fn end(&mut self, head: &mut Vec<u8>, missing: impl FnMut(&Self, &mut Vec<u8>)) {
        if self.state != State::Body {
            let _ = self.over(b"", head, missing);
        }
    }

    /// The line that starts with what is held is no field, so the header ended before it.
    fn over<'a>(
        &mut self,
        rest: &'a [u8],
        head: &mut Vec<u8>,
        mut missing: impl FnMut(&Self, &mut Vec<u8>),
    ) -> &'a [u8] {
        missing(self, head);
        head.append(&mut self.held);
        self.state = State::Body;
        rest
    }

    /// The name is complete, or too long to matter.
    fn decide(&mut self, head: &mut Vec<u8>) {
        let name = self.held.trim_ascii_end();
        self.removing = name.eq_ignore_ascii_case(b"return-path");
        self.hops += u32::from(name.eq_ignore_ascii_case(b"received"));
        self.date |= name.eq_ignore_ascii_case(b"date");
        self.message_id |= name.eq_ignore_ascii_case(b"message-id");
        if !self.removing {
            head.extend_from_slice(&self.held);
        }
        self.held.clear();
        self.state = State::Value;
    }
}

/// RFC 5322 §2.2, `ftext`; and octets above ASCII, which are not ours to judge.
fn is_name(octet: u8) -> bool {
    octet > b' ' && octet != b':' && octet != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pass(message: &[u8], piece: usize, add: &[u8]) -> (Vec<u8>, Fields) {
        let (mut fields, mut out) = (Fields::default(), Vec::new());
        let missing = |_: &Fields, head: &mut Vec<u8>| head.extend_from_slice(add);
        for run in message.chunks(piece) {
            let rest = fields.run(run, &mut out, missing);
            out.extend_from_slice(rest);
        }
        fields.end(&mut out, missing);
        (out, fields)
    }

    // RFC: 5321-4.4-6
    #[test]
    fn return_path_goes_and_the_rest_stays() {
        let message = b"Return-path: <a@b>\r\nReceived: one\r\n\ttwo\r\nRETURN-PATH \t: <x>,\r\n y\r\n\
            Return-Path-Not: kept\r\nReturn-Pat: kept\r\nrEceived: three\r\nDATE: now\r\n\r\nReturn-Path: body\r\n";
        let kept = b"Received: one\r\n\ttwo\r\n\
            Return-Path-Not: kept\r\nReturn-Pat: kept\r\nrEceived: three\r\nDATE: now\r\n\r\nReturn-Path: body\r\n";
        for piece in [1, 2, 3, 7, 16, 17, 1000] {
            let (out, fields) = pass(message, piece, b"");
            assert_eq!(out, kept, "in pieces of {piece}");
            assert_eq!((fields.hops, fields.date, fields.message_id), (2, true, false));
        }
    }

    #[test]
    fn what_is_missing_stands_at_the_end_of_the_header() {
        for (message, expected) in [
            ("A: b\r\n\r\ntext\r\n", "A: b\r\nX: y\r\n\r\ntext\r\n"),
            ("\r\ntext\r\n", "X: y\r\n\r\ntext\r\n"),
            ("A: b\r\n", "A: b\r\nX: y\r\n"),
            ("no field here: it has spaces\r\n", "X: y\r\nno field here: it has spaces\r\n"),
            ("A: b\r\nbody at once\r\n\r\n", "A: b\r\nX: y\r\nbody at once\r\n\r\n"),
            ("Return-Path: <>\r\n\r\n", "X: y\r\n\r\n"),
            ("Return-Pa", "X: y\r\nReturn-Pa"),
            ("", "X: y\r\n"),
        ] {
            for piece in [1, 2, 1000] {
                let (out, fields) = pass(message.as_bytes(), piece, b"X: y\r\n");
                assert_eq!(String::from_utf8_lossy(&out), expected, "{message:?} by {piece}");
                assert!(fields.is_over());
            }
        }
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same(
            message in "((Return-Path|Received|X|Date)?[ :]{0,2}[a-c ]{0,3}\r?\n?){0,12}",
            piece in 1usize..20,
        ) {
            let whole = pass(message.as_bytes(), message.len().max(1), b"X: y\r\n").0;
            prop_assert_eq!(pass(message.as_bytes(), piece, b"X: y\r\n").0, whole);
        }

        #[test]
        fn without_a_return_path_nothing_changes(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assume!(!message.to_ascii_lowercase().windows(11).any(|w| w == b"return-path"));
            prop_assert_eq!(pass(&message, 7, b"").0, message);
        }
    }
}
