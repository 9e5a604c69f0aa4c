//! What an SMTP peer can send, to a server and to a client.

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::grammar::address::{Address, ForwardPath, Mailbox, ReversePath};
use posthaste_core::grammar::domain::{Domain, Host};
use posthaste_core::line::find_stray;
use posthaste_core::machine::{Advance, Answered, Input, Instant, Machine, Protocol, TlsFacts};
use posthaste_core::sasl::client::Account;
use posthaste_core::sasl::{Mechanism, Verdict};
use posthaste_core::smtp::client::{
    self, Client, Envelope, Offer, Order, Piece, Response, TlsPolicy,
};
use posthaste_core::smtp::extension::{
    DeliverBy, FutureRelease, OriginalRecipient, Priority, Release, Submitter, Until, Xtext,
};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};
use posthaste_core::smtp::{Smtp, SmtpClient};

use crate::sign_in;

/// A server machine hears the octets, whole and cut: the same events, the same replies, no stray in
/// either. The first octet chooses the settings, the second how to cut.
pub fn server(octets: &[u8]) {
    let [settings, cut, wire @ ..] = octets else { return };
    let make = || {
        let role = match settings & 3 {
            0 => Role::Lmtp,
            1 => Role::Submission,
            _ => Role::Smtp,
        };
        let mut config = Config::new(role, "mx.test");
        config.require_auth = settings & 4 != 0;
        config.plaintext_auth = settings & 8 != 0;
        let all = settings & 16 != 0;
        config.dsn = all;
        config.binarymime = all;
        config.mt_priority = all;
        config.deliver_by = all.then_some(60);
        let until = Until::from_unix(4_000_000_000);
        config.future_release =
            until.filter(|_| all).map(|until| FutureRelease { seconds: 999, until });
        config.expn = all;
        config.xclient = all;
        config.chunking = settings & 32 == 0;
        config.mechanisms = Mechanism::ALL.to_vec();
        config.limits.message_size = 200;
        config.limits.text_line = 64;
        config.limits.command_line = 80;
        config.limits.recipients = 3;
        let mut server = Server::new(Arc::new(config));
        // What tokens, certificates and binding to the channel want.
        if settings & 128 != 0 {
            server.secured(sign_in::SHOWN);
        }
        server
    };
    let whole = play(make(), &mut answer_server, wire, wire.len());
    let pieces = play(make(), &mut answer_server, wire, usize::from(*cut % 16) + 1);
    assert_eq!(whole, pieces);
    check_lines(&whole.1);

    // With STARTTLS the cut decides what comes under TLS, so there is nothing to compare.
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.starttls = true;
    config.require_tls = settings & 64 != 0;
    let (events, said) =
        play(Server::new(Arc::new(config)), &mut answer_server, wire, usize::from(*cut % 16) + 1);
    check_lines(&said);
    assert!(events.last().is_some_and(|last| last.starts_with("Ended")));
}

/// A client machine hears the octets, whole and cut. The first octet chooses the settings, the second
/// how to cut.
pub fn client(octets: &[u8]) {
    let [settings, cut, wire @ ..] = octets else { return };
    let make = || {
        let mut config = client::Config::new("me.test");
        config.tls = TlsPolicy::Never;
        config.lmtp = settings & 1 != 0;
        config.pipelining = settings & 2 == 0;
        config.chunking = settings & 4 == 0;
        if settings & 8 != 0 {
            config.account = Account::new("user", "pencil").ok();
            config.plaintext_auth = true;
        }
        if settings & 16 != 0 {
            config.account = Account::bearer("user", "pencil").ok();
        }
        config.limits.reply_octets = 300;
        let mut client = Client::new(Arc::new(config), [1; 18]);
        if settings & 32 != 0 {
            client.secured(TlsFacts { verified: true, ..sign_in::SHOWN });
        }
        client
    };
    let mut asked = 0;
    let whole = play(make(), &mut |event| answer_client(event, &mut asked), wire, wire.len());
    let cut = usize::from(*cut % 16) + 1;
    asked = 0;
    let pieces = play(make(), &mut |event| answer_client(event, &mut asked), wire, cut);
    assert_eq!(whole, pieces);
    check_lines(&whole.1);
}

/// A reply is read, or not; what was read is shown without a line end in it.
pub fn reply(octets: &[u8]) {
    let Some(response) = Response::parse(octets) else { return };
    assert!((200..600).contains(&response.code()));
    assert!(octets.ends_with(b"\r\n"));
    assert!(!response.to_string().contains(['\r', '\n']));
    let _ = (response.enhanced(), Offer::parse(response), response.lines().count());
}

/// An address is read, or not; its canonical form is read again, and is its own canonical form.
pub fn address(octets: &[u8]) {
    let _ = (Domain::parse(octets), Host::parse(octets));
    if let Ok(mailbox) = Mailbox::parse(octets) {
        // Canonical forms may be longer than what was written.
        let address = mailbox.to_address();
        if let Ok(again) = Address::parse(address.as_str().as_bytes()) {
            assert_eq!(again, address, "{octets:?}");
            assert_eq!(again.as_mailbox().map(|again| again.to_address()), Ok(address));
        }
    }
    for path in [octets, &[b"<", octets, b">"].concat()] {
        if let Ok((reverse, rest)) = ReversePath::parse(path) {
            assert!(path.ends_with(rest));
            let shown = reverse.to_string();
            let again = ReversePath::parse(shown.as_bytes());
            assert_eq!(again, Ok((reverse, b"".as_slice())), "{shown}");
        }
        if let Ok((forward, rest)) = ForwardPath::parse(path) {
            assert!(path.ends_with(rest));
            let shown = forward.to_string();
            assert_eq!(ForwardPath::parse(shown.as_bytes()), Ok((forward, b"".as_slice())));
        }
    }
}

/// Values of parameters: xtext is decoded and encoded again.
pub fn params(octets: &[u8]) {
    if let Some(text) = Xtext::parse(octets) {
        let decoded = text.decoded();
        let mut encoded = Vec::new();
        Xtext::encode(&decoded, &mut encoded);
        let again = Xtext::parse(&encoded).expect("what we encode is well formed");
        assert_eq!(again.decoded(), decoded);
    }
    let mut encoded = Vec::new();
    Xtext::encode(octets, &mut encoded);
    match Xtext::parse(&encoded) {
        Some(text) => assert_eq!(text.decoded(), octets),
        // Control characters are encoded by nobody who means well.
        None => assert!(octets.iter().any(u8::is_ascii_control)),
    }
    for smtputf8 in [false, true] {
        if let Some(original) = OriginalRecipient::parse(octets, smtputf8) {
            let decoded = original.address.decoded();
            assert!(!decoded.iter().any(|c| matches!(c, b'\r' | b'\n' | 0)));
        }
    }
    let _ = Submitter::parse(octets);
    if let Some(by) = DeliverBy::parse(octets) {
        assert_eq!(DeliverBy::parse(by.to_string().as_bytes()), Some(by));
    }
    if let Some(priority) = Priority::parse(octets) {
        assert_eq!(priority.to_string().as_bytes(), octets);
    }
    if let Some(until) = Until::parse(octets) {
        assert_eq!(Until::parse(until.to_string().as_bytes()), Some(until));
    }
    let _ = Release::parse_for(octets);
}

/// What an event shows: a run to be joined, and the answer if it asked.
type Shown<P> = (Option<Vec<u8>>, Option<Answered<P>>);

/// What hears the events of a machine and answers them.
type Ears<'a, P> = dyn FnMut(<P as Protocol>::Event<'_>) -> Shown<P> + 'a;

/// What a machine reported (runs joined) and what it said.
type Played = (Vec<String>, Vec<u8>);

fn play<M: Machine>(
    mut machine: M,
    answer: &mut Ears<'_, M::Protocol>,
    wire: &[u8],
    cut: usize,
) -> Played {
    let mut input = Input::new();
    let (mut events, mut out, mut said) = (Vec::<String>::new(), Vec::new(), Vec::new());
    let mut runs: Option<Vec<u8>> = None;
    let mut pieces = wire.chunks(cut.max(1));
    let mut now = Instant::ZERO;
    loop {
        let before = out.len();
        let wanted = machine.advance(now, &mut input, &mut out);
        assert!(out.len() - before <= M::OUTPUT);
        match wanted {
            Advance::Event => {
                let before = out.len();
                let event = machine.event(&input, &mut out).expect("it said Event");
                assert!(out.len() - before <= M::OUTPUT);
                let shown = format!("{event:?}");
                let (run, answered) = answer(event);
                if let Some(run) = run {
                    runs.get_or_insert_default().extend_from_slice(&run);
                } else {
                    events.extend(runs.take().map(|octets| octets.escape_ascii().to_string()));
                    events.push(shown);
                }
                if let Some(answered) = answered {
                    machine.settle(answered, &mut out).expect("the question is open");
                }
            }
            Advance::Answer => machine.refuse(&mut out),
            Advance::Flush => said.append(&mut out),
            Advance::Pause => now = machine.deadline().expect("a pause has an end"),
            Advance::Secure if input.is_ended() => {
                machine.close(posthaste_core::machine::Reason::Lost, &mut out)
            }
            Advance::Secure => {
                machine.secured(TlsFacts::TEST);
            }
            Advance::Read => match pieces.next() {
                Some(piece) => input.push(piece),
                None => {
                    assert!(!input.is_ended(), "it wants more than all");
                    input.end();
                }
            },
            Advance::Closed => {
                said.append(&mut out);
                assert!(events.last().is_some_and(|last| last.starts_with("Ended")));
                return (events, said);
            }
        }
    }
}

fn answer_server(event: Event<'_>) -> Shown<Smtp> {
    // Whoever has an x in the name is refused.
    let no = format!("{event:?}").contains('x');
    let decision = || {
        if no {
            Decision::Refuse(Reply::new(550, Enhanced(5, 1, 1), "No \u{e9}\r\n"))
        } else {
            Decision::Accept
        }
    };
    let answered = match event {
        Event::Body(run) => return (Some(run.as_bytes().to_vec()), None),
        Event::Skipped(run) => {
            return (Some(run.as_bytes().iter().map(|c| c | 0x80).collect()), None);
        }
        Event::Connected(ask) | Event::XClient(ask, _) => ask.with(Admission::Accept),
        Event::Mail(ask, _) => ask.with(decision()),
        Event::Recipient(ask, _) => ask.with(decision()),
        Event::Data(ask, _) => ask.with(Decision::Accept),
        Event::BodyEnd(ask, received) => {
            let each = vec![Reply::taken("Ok"); received.recipients as usize / 2];
            ask.with(if received.octets % 2 == 0 {
                Outcome::All(Reply::taken("Ok"))
            } else {
                Outcome::Each(each)
            })
        }
        Event::SignIn(ask, _) => ask.with(if no { Verdict::Rejected } else { Verdict::Accepted }),
        Event::Lookup(ask, identity) if !no => ask.with(sign_in::known(&identity, "pencil")),
        Event::Lookup(ask, _) => ask.refused(),
        Event::Bearer(ask, token) => ask.with(sign_in::grant(&token, "pencil")),
        Event::External(ask, _) => ask.with(if no { Verdict::Rejected } else { Verdict::Accepted }),
        Event::Expand(ask, _) => ask.refused(),
        Event::Verify(ask, _) => ask.refused(),
        _ => return (None, None),
    };
    (None, Some(answered))
}

fn answer_client(event: client::Event<'_>, asked: &mut u32) -> Shown<SmtpClient> {
    let answered = match event {
        client::Event::Ready(ask) => {
            *asked += 1;
            let address = |text: &str| text.parse::<Address>().expect("it is well formed");
            ask.with(if *asked <= 2 {
                Order::Send(Box::new(Envelope {
                    sender: Some(address("a@b.test")),
                    recipients: vec![address("c@d.test").into(), address("e@d.test").into()],
                    size: Some(9),
                    ..Envelope::default()
                }))
            } else {
                Order::Quit
            })
        }
        client::Event::Source(ask) => {
            ask.with(Piece::Last(Bytes::from_static(b".a\nb\r\r\n.\r\n")))
        }
        _ => return (None, None),
    };
    (None, Some(answered))
}

/// Nothing we say has a stray octet or an unfinished line.
fn check_lines(said: &[u8]) {
    assert_eq!(find_stray(said), None, "{}", said.escape_ascii());
    assert!(said.is_empty() || said.ends_with(b"\r\n"), "{}", said.escape_ascii());
}
