//! The client machine, sending one message to a server machine whose host says yes.

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::machine::{Advance, End, Input, Instant, Machine};
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::client::{self, Client, Envelope, Event, Order, Piece};
use posthaste_core::smtp::server;

use super::receive::{Heard, Receiver};

/// What came of sending one message.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Everything the client said.
    pub said: Vec<u8>,
    /// The codes of the replies to the message, or to the first of its chunks that was refused.
    pub codes: Vec<u16>,
    /// How the client's session ended.
    pub end: Option<End>,
    /// What the server heard.
    pub heard: Heard,
}

/// An envelope from `a@b.test` to `c@d.test`.
///
/// # Panics
/// Never: these are addresses.
#[must_use]
pub fn envelope() -> Envelope {
    Envelope {
        sender: Some("a@b.test".parse().expect("an address")),
        recipients: vec![Recipient::from(
            "c@d.test".parse::<posthaste_core::grammar::address::Address>().expect("an address"),
        )],
        ..Envelope::default()
    }
}

/// Sends one message, given to the client in these pieces, and quits. What either says reaches the other at once.
///
/// # Panics
/// When the two come to a standstill.
#[must_use]
pub fn send(
    config: &Arc<client::Config>,
    server: &Arc<server::Config>,
    envelope: Envelope,
    pieces: &[&[u8]],
) -> Sent {
    let mut client = Client::new(Arc::clone(config), [9; 18]);
    let mut receiver = Receiver::new(server);
    let (mut input, mut out, mut sent) = (Input::new(), Vec::new(), Sent::default());
    let mut envelope = Some(envelope);
    let mut pieces = pieces.iter();
    let mut told = 0;
    loop {
        let wanted = client.advance(Instant::ZERO, &mut input, &mut out);
        match wanted {
            Advance::Event => {}
            Advance::Answer => panic!("a question was not answered"),
            Advance::Pause => panic!("a client has nothing to wait for"),
            Advance::Secure => {
                client.secured(posthaste_core::machine::TlsFacts::TEST);
                receiver.secure();
                continue;
            }
            Advance::Closed | Advance::Flush | Advance::Read => {
                sent.said.extend_from_slice(&out);
                let ended = receiver.hear(&out) == Advance::Closed;
                out.clear();
                let new = &receiver.heard.said[told..];
                let silent = new.is_empty();
                input.push(new);
                told = receiver.heard.said.len();
                if wanted == Advance::Closed {
                    receiver.hang_up();
                    sent.heard = receiver.heard;
                    return sent;
                }
                if ended {
                    input.end();
                }
                assert!(wanted != Advance::Read || !silent || ended, "both wait");
                continue;
            }
        }
        let answered = match client.event(&input, &mut out) {
            Some(Event::Ready(ask)) => ask.with(
                envelope.take().map_or(Order::Quit, |envelope| Order::Send(Box::new(envelope))),
            ),
            Some(Event::Source(ask)) => {
                let piece =
                    pieces.next().map_or(Bytes::new(), |piece| Bytes::copy_from_slice(piece));
                let last = pieces.as_slice().is_empty();
                ask.with(if last { Piece::Last(piece) } else { Piece::More(piece) })
            }
            Some(Event::Delivery(_, response)) => {
                sent.codes.push(response.code());
                continue;
            }
            // Behind a chunk that was refused the others are, too.
            Some(Event::Chunk(response)) => {
                if !response.is_positive() && sent.codes.is_empty() {
                    sent.codes.push(response.code());
                }
                continue;
            }
            Some(Event::Ended(end)) => {
                sent.end = Some(end);
                continue;
            }
            _ => continue,
        };
        client.settle(answered, &mut out).expect("the question is open");
    }
}
