//! DATA, RFC 5321 §4.1.1.4.

use alloc::vec::Vec;

use super::Server;
use super::event::{Decision, Event, Received, Transfer};
use super::limit::Limit;
use super::state::{Open, Phase, Stage};
use crate::machine::End;
use crate::smtp::body::Reader;
use crate::smtp::command::Command;
use crate::smtp::reply::{self, Enhanced};

use super::event::Defect;

impl Server {
    pub(super) fn data<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let (code, enhanced, why) = if let Some(fault) = self.not_ready() {
            fault
        } else if self.stage == Stage::Chunks {
            // RFC 3030 §2.
            (503, Enhanced(5, 5, 1), "The message comes by BDAT already")
        } else if self.binary {
            // RFC 3030 §3.
            (503, Enhanced(5, 5, 1), "A BINARYMIME message wants BDAT")
        } else if !command.args.is_empty() {
            (501, Enhanced(5, 5, 4), "DATA takes no arguments")
        } else {
            let transfer = Transfer::Lines;
            return Event::Data(self.ask(Open::Data(transfer)), transfer);
        };
        self.bad(command, out, code, enhanced, why)
    }

    /// Why no message can come yet.
    pub(super) const fn not_ready(&self) -> Option<super::mail::Fault> {
        match self.stage {
            Stage::None => Some((503, Enhanced(5, 5, 1), "There is no sender: say MAIL first")),
            // RFC 5321 §3.3, RFC 2033 §4.2.
            Stage::Envelope if self.recipients == 0 => {
                Some((503, Enhanced(5, 5, 1), "There is no recipient: say RCPT first"))
            }
            _ => None,
        }
    }

    pub(super) fn data_decided(
        &mut self,
        transfer: Transfer,
        decision: &Decision,
        out: &mut Vec<u8>,
    ) {
        // RFC 2033 §4.3: what is said to the last chunk, each recipient hears.
        let agreed = match transfer {
            Transfer::Chunk { last: true, .. } => self.agreed_each(decision, out),
            _ => self.agreed(decision, out),
        };
        if !agreed {
            self.reset();
        }
        match transfer {
            Transfer::Lines if agreed => {
                reply::write(out, 354, None, "Send the message, end it with a dot on a line");
                self.body = Reader::new();
                self.receive(Phase::Lines);
            }
            Transfer::Lines => {}
            Transfer::Chunk { octets, last } => {
                if agreed {
                    self.stage = Stage::Chunks;
                    self.body = Reader::new();
                    self.measure_anew();
                    self.chunk(octets, last);
                } else if !matches!(self.phase, Phase::Ending(_)) {
                    // RFC 3030 §2: the octets come in any case.
                    self.body = Reader::unwanted(octets);
                    self.receive(Phase::Chunk(last));
                }
            }
        }
    }

    pub(super) fn body_end<'i>(&mut self) -> Event<'i> {
        let received = Received { octets: self.body.octets(), recipients: self.recipients };
        self.phase = Phase::Command;
        self.measure_anew();
        Event::BodyEnd(self.ask(Open::Delivery), received)
    }

    pub(super) fn body_lost<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        let defect = self.body.defect().unwrap_or(Defect::TooBig);
        // RFC 2033 §4.2: each recipient hears of the message's end, and of nothing before.
        let ends = matches!(self.phase, Phase::Lines | Phase::Chunk(true));
        self.phase = Phase::Command;
        self.measure_anew();
        match defect {
            Defect::LongLine => self.reach(Limit::TextLine),
            Defect::TooBig => self.reach(Limit::MessageSize),
            _ => {}
        }
        let (code, enhanced, why) = Self::verdict_on(defect);
        self.deny_each(ends, code, enhanced, why, out);
        self.reset();
        if defect == Defect::DoubtfulEnd {
            self.end(End::Injection);
        }
        Event::BodyLost(defect)
    }
}
