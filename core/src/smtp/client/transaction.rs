//! One message: its envelope, its octets, what became of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::event::{Envelope, Event, Why};
use super::machine::{Client, Phase, Unit};
use super::response::Response;
use crate::machine::{Advance, End, Input, Instant, OUTPUT_HIGH};
use crate::smtp::body::Stuffer;
use crate::smtp::extension::{BodyKind, Ret, Xtext};
use crate::smtp::reply;

/// Commands that may be without a reply, so that neither side's buffers fill up: RFC 2920 §3.1.
const WINDOW: u32 = 64;
/// Octets of a message that are sent at a time: a chunk of BDAT.
const CHUNK: usize = 24 * 1024;

/// A message under way.
#[derive(Debug)]
pub(super) struct Transaction {
    envelope: Envelope,
    pub(super) stage: Stage,
    /// Which recipients were accepted.
    accepted: Vec<u32>,
    sender_ok: bool,
    /// Sent by BDAT.
    chunked: bool,
    stuffer: Stuffer,
    /// Octets that are to be sent next; `last` if nothing follows them.
    piece: Bytes,
    last: bool,
    /// Chunks without a reply.
    chunks: u32,
    /// A chunk was refused, and the message with it.
    failed: bool,
    /// A chunk as it leaves.
    scratch: Vec<u8>,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Octets are asked for and sent.
    Body,
    /// A dot was sent in place of a message that nobody gets; its reply is awaited.
    Cut,
    /// The reply to DATA is awaited.
    Data,
    /// The replies to the message are awaited; this many came.
    End { heard: u32 },
    /// MAIL, RCPT and perhaps DATA: so many were sent, so many answered.
    Envelope { sent: u32, answered: u32 },
    /// The reply to RSET is awaited.
    Reset,
}

impl Client {
    /// Begins, if the server can take such a message.
    pub(super) fn begin(&mut self, envelope: Envelope) {
        let offer = &self.offer;
        let utf8 = envelope.needs_utf8();
        let too_big = match (offer.size, envelope.size) {
            (Some(most), Some(size)) => most > 0 && size > most,
            _ => false,
        };
        let why = if envelope.recipients.is_empty() {
            Why::Recipients
        } else if utf8 && !offer.smtputf8 {
            Why::SmtpUtf8
        } else if too_big {
            Why::Size
        } else {
            let chunked = offer.chunking && self.config.chunking;
            self.transaction = Some(Box::new(Transaction {
                envelope,
                stage: Stage::Envelope { sent: 0, answered: 0 },
                accepted: Vec::new(),
                sender_ok: false,
                chunked,
                stuffer: Stuffer::new(!chunked),
                piece: Bytes::new(),
                last: false,
                chunks: 0,
                failed: false,
                scratch: Vec::new(),
            }));
            self.phase = Phase::Transaction;
            return;
        };
        self.phase = Phase::NotSent(why);
    }

    /// Octets to send.
    pub(super) fn supply(&mut self, octets: Bytes, last: bool) {
        if let Some(transaction) = &mut self.transaction {
            transaction.piece = octets;
            transaction.last = last;
        }
    }

    /// Sends what can be sent, asks what must be asked, waits for replies.
    pub(super) fn transact(
        &mut self,
        now: Instant,
        input: &mut Input,
        out: &mut Vec<u8>,
    ) -> Option<Advance> {
        let Some(mut transaction) = self.transaction.take() else {
            self.phase = Phase::Idle;
            return self.frame(Unit::Finished, 0);
        };
        let pipelining = self.offer.pipelining && self.config.pipelining;
        let wants = match transaction.stage {
            Stage::Envelope { .. } => {
                transaction.write_envelope(self, pipelining, out);
                Wants::Reply
            }
            // A server that goes away may have said why.
            Stage::Body if input.is_ended() || transaction.failed => Wants::Reply,
            Stage::Body => transaction.write_body(pipelining, out),
            _ => Wants::Reply,
        };
        self.transaction = Some(transaction);
        match wants {
            Wants::Flush => None,
            Wants::Piece => self.frame(Unit::Source, 0),
            Wants::Reply => self.reply(now, input),
        }
    }

    pub(super) fn heard_transaction<'i>(
        &mut self,
        response: Response<'i>,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let Some(mut transaction) = self.transaction.take() else {
            // A transaction is there while this phase lasts.
            self.end(End::Violation);
            return Event::Reset(response);
        };
        let lmtp = self.config.lmtp;
        let (event, goes_on) = transaction.hear(response, lmtp, out);
        if goes_on {
            self.transaction = Some(transaction);
        }
        event
    }
}

enum Wants {
    Flush,
    Piece,
    Reply,
}

impl Transaction {
    fn recipients(&self) -> u32 {
        u32::try_from(self.envelope.recipients.len()).unwrap_or(u32::MAX)
    }

    fn write_envelope(&mut self, client: &Client, pipelining: bool, out: &mut Vec<u8>) {
        let Stage::Envelope { mut sent, answered } = self.stage else {
            return;
        };
        let recipients = self.recipients();
        // MAIL, RCPTs, and DATA where it can ride along.
        let total = recipients.saturating_add(1 + u32::from(pipelining && !self.chunked));
        let window = if pipelining { WINDOW } else { 1 };
        // After a refused sender there is nothing to go on with.
        let going = answered == 0 || self.sender_ok;
        while going && sent < total && sent.saturating_sub(answered) < window {
            if out.len() >= OUTPUT_HIGH {
                break;
            }
            match sent.checked_sub(1) {
                None => self.write_mail(client, out),
                Some(number) => match self.envelope.recipients.get(number as usize) {
                    Some(recipient) => recipient.write(client.offer.dsn, out),
                    None => out.extend_from_slice(b"DATA\r\n"),
                },
            }
            sent += 1;
        }
        self.stage = Stage::Envelope { sent, answered };
    }

    fn write_mail(&self, client: &Client, out: &mut Vec<u8>) {
        let (offer, envelope) = (&client.offer, &self.envelope);
        out.extend_from_slice(b"MAIL FROM:<");
        if let Some(sender) = &envelope.sender {
            out.extend_from_slice(sender.as_str().as_bytes());
        }
        out.push(b'>');
        // Sizes are told as far as they fit 32 bits; beyond, no server takes the message anyway.
        if let Some(size) = envelope.size.and_then(|size| u32::try_from(size).ok())
            && offer.size.is_some()
        {
            out.extend_from_slice(b" SIZE=");
            reply::number(out, size);
        }
        if envelope.body != BodyKind::SevenBit && offer.eight_bit {
            out.extend_from_slice(b" BODY=8BITMIME");
        }
        if envelope.needs_utf8() {
            out.extend_from_slice(b" SMTPUTF8");
        }
        if offer.dsn {
            match envelope.ret {
                None => {}
                Some(Ret::Full) => out.extend_from_slice(b" RET=FULL"),
                Some(Ret::Headers) => out.extend_from_slice(b" RET=HDRS"),
            }
            if let Some(envid) = &envelope.envid {
                out.extend_from_slice(b" ENVID=");
                Xtext::encode(envid.as_bytes(), out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Sends a part of the piece, or says what is missing for that.
    fn write_body(&mut self, pipelining: bool, out: &mut Vec<u8>) -> Wants {
        if self.chunks >= if pipelining { WINDOW } else { 1 } {
            return Wants::Reply;
        }
        if self.piece.is_empty() && !self.last {
            return Wants::Piece;
        }
        let part = self.piece.split_to(self.piece.len().min(CHUNK));
        let ends = self.last && self.piece.is_empty();
        if self.chunked {
            self.scratch.clear();
            self.stuffer.write(&part, &mut self.scratch);
            if ends {
                self.stuffer.finish(&mut self.scratch);
            }
            out.extend_from_slice(b"BDAT ");
            // Twice a chunk at most.
            reply::number(out, u32::try_from(self.scratch.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(if ends { b" LAST\r\n" } else { b"\r\n" });
            out.extend_from_slice(&self.scratch);
            self.chunks += u32::from(!ends);
        } else {
            self.stuffer.write(&part, out);
            if ends {
                self.stuffer.finish(out);
            }
        }
        if ends {
            self.scratch = Vec::new();
            self.stage = Stage::End { heard: 0 };
        }
        Wants::Flush
    }

    /// Hears a reply. Says what it was about, and whether the transaction goes on.
    fn hear<'i>(
        &mut self,
        response: Response<'i>,
        lmtp: bool,
        out: &mut Vec<u8>,
    ) -> (Event<'i>, bool) {
        let good = response.code() / 100 == 2;
        match self.stage {
            Stage::Envelope { sent, answered } => {
                self.stage = Stage::Envelope { sent, answered: answered + 1 };
                let event = match answered.checked_sub(1) {
                    None => {
                        self.sender_ok = good;
                        Event::Sender(response)
                    }
                    Some(number) if number < self.recipients() => {
                        if good && self.sender_ok {
                            self.accepted.push(number);
                        }
                        Event::Recipient(number, response)
                    }
                    Some(_) => return (Event::Data(response), self.heard_data(response, out)),
                };
                (event, self.go_on(out))
            }
            Stage::Data => (Event::Data(response), self.heard_data(response, out)),
            Stage::Body | Stage::End { .. } if self.chunks > 0 => {
                self.chunks -= 1;
                self.failed |= !good;
                // Replies to what was sent already still come; behind the last of them it ends.
                let over = self.failed && self.chunks == 0 && self.stage == Stage::Body;
                (Event::Chunk(response), !over || self.take_back(out))
            }
            // In the middle of DATA a server speaks only to say that it has had enough.
            Stage::Body => (Event::Delivery(None, response), false),
            Stage::End { .. } if self.failed => {
                // RFC 3030 §2: what the server thinks of the message is unclear until RSET. The chunk that it refused
                // says why; this reply is about chunks out of order, and for ever where that may be for now.
                (Event::Chunk(response), self.take_back(out))
            }
            Stage::End { heard } => {
                let recipient = self.accepted.get(heard as usize).copied().filter(|_| lmtp);
                self.stage = Stage::End { heard: heard + 1 };
                let more = lmtp && (heard as usize) + 1 < self.accepted.len();
                (Event::Delivery(recipient, response), more)
            }
            Stage::Cut | Stage::Reset => (Event::Reset(response), false),
        }
    }

    /// The envelope is answered as far as it was sent: what now?
    fn go_on(&mut self, out: &mut Vec<u8>) -> bool {
        let Stage::Envelope { sent, answered } = self.stage else {
            return true;
        };
        let all = sent > self.recipients();
        if answered < sent || (self.sender_ok && !all) {
            return true;
        }
        // Everything that was sent is answered, and DATA was not among it.
        if !self.sender_ok {
            return false;
        }
        if self.accepted.is_empty() {
            return self.take_back(out);
        }
        if self.chunked {
            self.stage = Stage::Body;
        } else {
            out.extend_from_slice(b"DATA\r\n");
            self.stage = Stage::Data;
        }
        true
    }

    fn heard_data(&mut self, response: Response<'_>, out: &mut Vec<u8>) -> bool {
        if response.code() != 354 {
            return self.sender_ok && self.take_back(out);
        }
        if self.accepted.is_empty() {
            // RFC 2920 §3.1: the server waits for a message though nobody is to get it.
            out.extend_from_slice(b".\r\n");
            self.stage = Stage::Cut;
        } else {
            self.stage = Stage::Body;
        }
        true
    }

    fn take_back(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"RSET\r\n");
        self.stage = Stage::Reset;
        true
    }
}

impl Envelope {
    fn needs_utf8(&self) -> bool {
        let ascii = |address: &crate::grammar::address::Address| address.as_str().is_ascii();
        self.smtputf8
            || !self.sender.as_ref().is_none_or(ascii)
            || !self.recipients.iter().all(|recipient| ascii(&recipient.address))
    }
}

impl super::event::Recipient {
    fn write(&self, dsn: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"RCPT TO:<");
        out.extend_from_slice(self.address.as_str().as_bytes());
        out.push(b'>');
        if dsn {
            if let Some(notify) = self.notify {
                out.extend_from_slice(alloc::format!(" NOTIFY={notify}").as_bytes());
            }
            if let Some((kind, address)) = self.orcpt.as_ref().and_then(|o| o.split_once(';')) {
                out.extend_from_slice(b" ORCPT=");
                out.extend(kind.bytes().filter(|c| c.is_ascii_alphanumeric() || *c == b'-'));
                out.push(b';');
                Xtext::encode(address.as_bytes(), out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}
