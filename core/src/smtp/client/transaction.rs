//! One message: its envelope, its octets, what became of it.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::event::{Envelope, Event, Step, Why};
use super::machine::{Client, Phase, Unit};
use super::response::Response;
use crate::grammar::address::Mailbox;
use crate::grammar::decimal;
use crate::machine::{Advance, End, Input, Instant, OUTPUT_HIGH};
use crate::smtp::body::Stuffer;
use crate::smtp::extension::{BodyKind, ByMode, DeliverBy, ENVID_OCTETS, ORCPT_OCTETS, Ret, Xtext};
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
    /// It waits for orders when its envelope was answered.
    held: bool,
    /// Which recipients were accepted.
    accepted: Vec<u32>,
    sender_ok: bool,
    /// Sent by BDAT.
    chunked: bool,
    /// Nothing for a binary message, which leaves as it is.
    stuffer: Option<Stuffer>,
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
    /// The envelope was answered; it is asked how to go on.
    Open,
    /// MAIL, RCPT and perhaps DATA: so many were sent, so many answered.
    Envelope { sent: u32, answered: u32 },
    /// The reply to RSET is awaited.
    Reset,
}

impl Client {
    /// Begins, if the server can take such a message. It stays open if it is `held`.
    pub(super) fn begin(&mut self, envelope: Envelope, held: bool) {
        if let Some(why) = self.unfit(&envelope, held) {
            self.phase = Phase::NotSent(why);
            return;
        }
        let binary = envelope.body == BodyKind::BinaryMime;
        let chunked = binary || (self.offer.chunking && self.config.chunking);
        self.begun = self.begun.saturating_add(1);
        self.transaction = Some(Box::new(Transaction {
            envelope,
            stage: Stage::Envelope { sent: 0, answered: 0 },
            held,
            accepted: Vec::new(),
            sender_ok: false,
            chunked,
            // RFC 3030 §3: lines mean nothing in it.
            stuffer: (!binary).then(|| Stuffer::new(!chunked)),
            piece: Bytes::new(),
            last: false,
            chunks: 0,
            failed: false,
            scratch: Vec::new(),
        }));
        self.phase = Phase::Transaction;
    }

    /// Why the server cannot take such a message, as far as it said what it can.
    fn unfit(&self, envelope: &Envelope, held: bool) -> Option<Why> {
        let offer = &self.offer;
        let count = envelope.recipients.len() as u64;
        let returns = |by: DeliverBy| {
            let seconds = u32::try_from(by.seconds()).unwrap_or(0);
            by.mode() == ByMode::Return && offer.deliver_by.is_none_or(|least| seconds < least)
        };
        let holds = |release| offer.future_release.is_some_and(|limit| limit.allows(release));
        let verified = self.tls.is_some_and(|facts| facts.verified);
        Some(if (count == 0 && !held) || over(offer.recipients, count) {
            Why::Recipients
        } else if over(offer.transactions, u64::from(self.begun) + 1) {
            Why::Transactions
        } else if envelope.requiretls && !(verified && offer.requiretls) {
            Why::RequireTls
        } else if envelope.needs_utf8() && !offer.smtputf8 {
            Why::SmtpUtf8
        } else if envelope.body == BodyKind::BinaryMime && !(offer.binarymime && offer.chunking) {
            Why::Binary
        } else if envelope.body == BodyKind::EightBitMime
            && !offer.eight_bit
            && !self.config.eight_bit_anyway
        {
            Why::EightBit
        } else if over(offer.size, envelope.size.unwrap_or(0)) {
            Why::Size
        } else if envelope.release.is_some_and(|release| !holds(release)) {
            Why::FutureRelease
        } else if envelope.by.is_some_and(returns) {
            Why::DeliverBy
        } else {
            return None;
        })
    }

    /// Octets to send.
    pub(super) fn supply(&mut self, octets: Bytes, last: bool) {
        if let Some(transaction) = &mut self.transaction {
            transaction.piece = octets;
            transaction.last = last;
        }
    }

    /// Whether a transaction waits for orders.
    pub(super) fn is_open(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.stage == Stage::Open)
    }

    /// Goes on with the open transaction.
    pub(super) fn step_on(&mut self, step: Step, out: &mut Vec<u8>) {
        let Some(transaction) = &mut self.transaction else { return };
        let told = transaction.recipients().saturating_add(1);
        match step {
            Step::Deliver => {
                transaction.held = false;
                transaction.stage = Stage::Envelope { sent: told, answered: told };
                transaction.go_on(out);
            }
            Step::Recipient(recipient) => {
                // MAIL did not say SMTPUTF8, and now it is too late for that (RFC 6531 §3.4).
                if !recipient.address.as_str().is_ascii() && !transaction.envelope.needs_utf8() {
                    self.phase = Phase::NotSent(Why::SmtpUtf8);
                    return;
                }
                if over(self.offer.recipients, u64::from(told)) {
                    self.phase = Phase::NotSent(Why::Recipients);
                    return;
                }
                transaction.envelope.recipients.push(*recipient);
                transaction.stage = Stage::Envelope { sent: told, answered: told };
            }
            Step::Reset => {
                transaction.take_back(out);
            }
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
            Stage::Body => transaction.write_body(pipelining, self.config.lmtp, out),
            Stage::Open => Wants::Order,
            _ => Wants::Reply,
        };
        self.transaction = Some(transaction);
        match wants {
            Wants::Flush => None,
            Wants::Order => self.frame(Unit::Open, 0),
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

/// Whether a parameter may carry this: printable ASCII, not more of it than so many octets.
fn is_printable(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|c| matches!(c, b' '..=b'~'))
}

/// Whether `n` is more than the server takes, if it said.
fn over(most: Option<u64>, n: u64) -> bool {
    most.is_some_and(|most| most > 0 && n > most)
}

enum Wants {
    Flush,
    Order,
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
        let data = pipelining && !self.chunked && !self.held;
        let total = recipients.saturating_add(1 + u32::from(data));
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
        if let Some(size) = envelope.size
            && offer.size.is_some()
        {
            out.extend_from_slice(b" SIZE=");
            decimal::push(size, out);
        }
        match envelope.body {
            BodyKind::EightBitMime if offer.eight_bit => {
                out.extend_from_slice(b" BODY=8BITMIME");
            }
            BodyKind::BinaryMime => out.extend_from_slice(b" BODY=BINARYMIME"),
            BodyKind::EightBitMime | BodyKind::SevenBit => {}
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
            // RFC 3461 §4.4: what is not printable ASCII, or too long, cannot be told.
            let envid = envelope.envid.as_ref();
            if let Some(envid) = envid.filter(|envid| is_printable(envid, ENVID_OCTETS)) {
                out.extend_from_slice(b" ENVID=");
                Xtext::encode(envid.as_bytes(), out);
            }
        }
        if let (Some(name), true) = (&envelope.auth, offer.signs_in()) {
            out.extend_from_slice(b" AUTH=");
            // RFC 4954 §5: a mailbox, or nobody knows.
            match Mailbox::parse(name.as_bytes()) {
                Ok(_) => Xtext::encode(name.as_bytes(), out),
                Err(_) => out.extend_from_slice(b"<>"),
            }
        }
        // Whoever does not offer these was asked already whether that matters.
        let mut tell = |word: &str, value: &dyn fmt::Display| {
            out.extend_from_slice(format!(" {word}{value}").as_bytes());
        };
        if envelope.requiretls {
            tell("REQUIRETLS", &"");
        }
        if let Some(priority) = envelope.priority.filter(|_| offer.mt_priority) {
            tell("MT-PRIORITY=", &priority);
        }
        if let Some(release) = envelope.release {
            tell("", &release);
        }
        if let Some(by) = envelope.by.filter(|_| offer.deliver_by.is_some()) {
            tell("BY=", &by);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Sends a part of the piece, or says what is missing for that.
    fn write_body(&mut self, pipelining: bool, lmtp: bool, out: &mut Vec<u8>) -> Wants {
        // How many replies the last chunk has in LMTP behind one that was refused, RFC 2033 §4.3 does not say: it
        // leaves when all others were taken.
        let settles = lmtp && self.last && self.piece.len() <= CHUNK;
        if self.chunks >= if pipelining && !settles { WINDOW } else { 1 } {
            return Wants::Reply;
        }
        if self.piece.is_empty() && !self.last {
            return Wants::Piece;
        }
        let part = self.piece.split_to(self.piece.len().min(CHUNK));
        let ends = self.last && self.piece.is_empty();
        if self.chunked {
            self.scratch.clear();
            match &mut self.stuffer {
                None => self.scratch.extend_from_slice(&part),
                Some(stuffer) => stuffer.write(&part, &mut self.scratch),
            }
            if let Some(stuffer) = self.stuffer.filter(|_| ends) {
                stuffer.finish(&mut self.scratch);
            }
            out.extend_from_slice(b"BDAT ");
            // Twice a chunk at most.
            reply::number(out, u32::try_from(self.scratch.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(if ends { b" LAST\r\n" } else { b"\r\n" });
            out.extend_from_slice(&self.scratch);
            self.chunks += u32::from(!ends);
        } else if let Some(stuffer) = &mut self.stuffer {
            stuffer.write(&part, out);
            if ends {
                stuffer.finish(out);
            }
        }
        if ends {
            self.scratch = Vec::new();
            self.stage = Stage::End { heard: 0 };
        }
        Wants::Flush
    }

    /// Whether such a reply can come now (RFC 5321 §4.3.2): "go on" is for DATA alone, and DATA hears no
    /// other yes.
    pub(super) fn may_hear(&self, response: Response<'_>) -> bool {
        let to_data = match self.stage {
            Stage::Data => true,
            Stage::Envelope { answered, .. } => answered > self.recipients(),
            _ => false,
        };
        // Nobody can have taken a message whose end has not left.
        let early = self.stage == Stage::Body && self.chunks == 0;
        match response.class() {
            2 => !to_data && !early,
            3 => to_data && response.code() == 354,
            _ => true,
        }
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
            // In the middle of a message a server speaks only to say that it has had enough.
            Stage::Body if good => (Event::Reset(response), false),
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
            // While it is open a question is asked, and no reply is awaited.
            Stage::Cut | Stage::Open | Stage::Reset => (Event::Reset(response), false),
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
        if self.held {
            self.stage = Stage::Open;
            return true;
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
                out.extend_from_slice(format!(" NOTIFY={notify}").as_bytes());
            }
            // RFC 3461 §4.2: what is not printable ASCII, or too long, cannot be told.
            let orcpt = self.orcpt.as_ref().filter(|orcpt| is_printable(orcpt, ORCPT_OCTETS));
            let start = out.len();
            if let Some((kind, address)) = orcpt.and_then(|orcpt| orcpt.split_once(';')) {
                out.extend_from_slice(b" ORCPT=");
                out.extend(kind.bytes().filter(|c| c.is_ascii_alphanumeric() || *c == b'-'));
                out.push(b';');
                Xtext::encode(address.as_bytes(), out);
                if out.len() - start > ORCPT_OCTETS {
                    out.truncate(start);
                }
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}
