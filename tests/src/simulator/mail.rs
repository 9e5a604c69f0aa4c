//! A world in which people send mail, over a bad network, to a server with a slow and failing disk.
//!
//! The oracle is the ledger that the senders keep: what was answered 250 must be there, once and octet
//! for octet; what was refused must not; what was cut off in between may be there once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::grammar::address::Address;
use posthaste_core::imap;
use posthaste_core::session::{Act, Handler, Pair, Place};
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::{self, Client, Envelope, Event, Order, Piece};
use posthaste_core::smtp::server::{self, Role, Server};
use posthaste_host::admin::NewPassword;
use posthaste_host::{Delivery, Host, Mailboxes, config};
use posthaste_store::{AccountId, MailboxId, Memory, Store, Uid};

use super::inputs::inputs;
use super::link::Weather;
use super::random::Random;
use super::reader::{Read, Reader};
use super::slow::Slow;
use super::world::World;

/// Accounts of the simulated server, all in `sim.test`.
pub const ACCOUNTS: [&str; 3] = ["ann", "ben", "cleo"];

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Copies that were answered 250.
    pub accepted: usize,
    /// Copies that were refused.
    pub refused: usize,
    /// Copies whose fate the sender never heard.
    pub unheard: usize,
    /// Of these, how many are there.
    pub kept: usize,
    /// Steps of the world.
    pub steps: u64,
    /// Seconds of the world.
    pub seconds: u64,
    /// What happened, in one number.
    pub trace: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    Refused,
    Unheard,
}

/// By message and account.
type Ledger = Rc<RefCell<BTreeMap<(u32, usize), Fate>>>;

/// One sender: a few messages over one connection.
struct Sender {
    messages: Vec<(u32, Vec<usize>, Bytes)>,
    sending: Option<(u32, Vec<usize>, Bytes)>,
    accepted: Vec<usize>,
    random: Random,
    ledger: Ledger,
}

impl Sender {
    fn set(&self, recipients: impl IntoIterator<Item = usize>, fate: Fate) {
        if let Some((number, ..)) = &self.sending {
            for account in recipients {
                self.ledger.borrow_mut().insert((*number, account), fate);
            }
        }
    }
}

impl Handler<SmtpClient> for Sender {
    fn handle(&mut self, event: Event<'_>, _: &Place<SmtpClient>) -> Act<SmtpClient> {
        match event {
            Event::Ready(ask) => {
                let Some((number, to, octets)) = self.messages.pop() else {
                    return ask.with(Order::Quit).into();
                };
                let address = |name: &str| format!("{name}@sim.test").parse::<Address>().ok();
                let envelope = Envelope {
                    sender: "sender@elsewhere.test".parse().ok(),
                    recipients: to
                        .iter()
                        .filter_map(|&n| address(ACCOUNTS[n]))
                        .map(client::event::Recipient::from)
                        .collect(),
                    ..Envelope::default()
                };
                self.accepted.clear();
                self.sending = Some((number, to.clone(), octets));
                self.set(to, Fate::Unheard);
                return ask.with(Order::Send(Box::new(envelope))).into();
            }
            Event::Recipient(index, response) => {
                let account = self.sending.as_ref().map(|(_, to, _)| to[index as usize]);
                if response.code() < 300 {
                    self.accepted.extend(account);
                } else {
                    self.set(account, Fate::Refused);
                }
            }
            Event::Source(ask) => {
                let Some((.., octets)) = &mut self.sending else { return ask.refused().into() };
                let size = 1 + self.random.below(5_000) as usize;
                let piece = octets.split_to(size.min(octets.len()));
                let last = octets.is_empty();
                return ask.with(if last { Piece::Last(piece) } else { Piece::More(piece) }).into();
            }
            Event::Delivery(which, response) => {
                let fate = if response.code() < 300 { Fate::Accepted } else { Fate::Refused };
                let to: Vec<usize> = match (which, &self.sending) {
                    (Some(index), Some((_, to, _))) => vec![to[index as usize]],
                    _ => self.accepted.clone(),
                };
                self.set(to, fate);
            }
            // Refused before its data: nobody has it.
            Event::Sender(response) | Event::Data(response) if response.code() >= 400 => {
                if let Some((_, to, _)) = &self.sending {
                    self.set(to.clone(), Fate::Refused);
                }
            }
            Event::NotSent(_) => {
                if let Some((_, to, _)) = &self.sending {
                    self.set(to.clone(), Fate::Refused);
                }
            }
            _ => {}
        }
        Act::Done
    }
}

/// A message that is like no other, with lines that want stuffing and lines that are long.
fn message(number: u32, random: &mut Random) -> Bytes {
    let mut octets =
        format!("Subject: {number}\r\nX-Random: {:x}\r\n\r\n", random.bits()).into_bytes();
    for _ in 0..random.below(40) {
        match random.below(5) {
            0 => octets.extend_from_slice(b".\r\n"),
            1 => octets.extend_from_slice(b"..\r\n"),
            2 => octets.extend_from_slice(b"\r\n"),
            _ => {
                for _ in 0..random.below(300) {
                    octets.push(b' ' + random.below(95) as u8);
                }
                octets.extend_from_slice(b"\r\n");
            }
        }
    }
    octets.into()
}

type Sending = Pair<Client, Sender>;
type Receiving = Pair<Server, Delivery>;

/// Runs one world and checks it against the ledger.
///
/// # Panics
/// When mail was lost, doubled or damaged; the message names the seed.
pub fn run(seed: u64) -> Summary {
    let mut random = Random::new(seed);
    let weather = if random.chance(500) { Weather::FAIR } else { Weather::FOUL };
    let (fails, busy) = if random.chance(500) { (0, 0) } else { (50, 20) };
    let store = Arc::new(Slow::new(Memory::new(), random.bits(), 1 + random.below(200_000), fails));
    let (inputs, clock) = inputs(random.bits(), busy);
    let mut settings = config::Config::new("mx.sim.test", &["sim.test"]);
    settings.password =
        posthaste_host::password::PasswordCost { memory: 8, passes: 1, iterations: 4096 };
    let host = Host::new(store.clone(), settings, inputs).expect("a host");
    for name in ACCOUNTS {
        host.add_account(&format!("{name}@sim.test"), NewPassword::Clear(b"secret"), None)
            .expect("an account");
    }
    let accounts: Vec<AccountId> =
        store.accounts().expect("accounts").iter().map(|account| account.id).collect();

    let mut world: World<Sending, Receiving> = World::new(random.bits(), weather);
    world.watch(store.clone());
    let ledger = Ledger::default();
    let mut sent = BTreeMap::new();
    for _ in 0..1 + random.below(6) {
        let mut messages = Vec::new();
        for _ in 0..1 + random.below(5) {
            let number = sent.len() as u32;
            let octets = message(number, &mut random);
            let mut to: Vec<usize> = (0..ACCOUNTS.len()).filter(|_| random.chance(500)).collect();
            if to.is_empty() {
                to.push(random.below(ACCOUNTS.len() as u64) as usize);
            }
            sent.insert(number, octets.clone());
            messages.push((number, to, octets));
        }
        let lmtp = random.chance(300);
        let mut config = client::Config::new("client.sim.test");
        config.lmtp = lmtp;
        config.pipelining = random.chance(500);
        config.chunking = random.chance(500);
        let key = world.next_key();
        let sender = Sender {
            messages,
            sending: None,
            accepted: Vec::new(),
            random: Random::new(random.bits()),
            ledger: ledger.clone(),
        };
        let client = Pair::new(
            Client::new(Arc::new(config), [7; posthaste_core::sasl::client::Exchange::NONCE]),
            sender,
            Place::new(world.to_clients.clone(), key),
        );
        let role = if lmtp { Role::Lmtp } else { Role::Smtp };
        let mut settings = server::Config::new(role, "mx.sim.test");
        settings.starttls = random.chance(500);
        let peer = if lmtp { [127, 0, 0, 1] } else { [192, 0, 2, 1] };
        let server = Pair::new(
            Server::new(Arc::new(settings)),
            host.smtp(role, Some(peer.into())),
            Place::new(world.to_servers.clone(), key),
        );
        world.connect(client, server);
    }
    world.run();
    // The disk finishes what nobody waits for any more.
    super::world::settle(&*store, &mut world.now);
    clock.set(world.now);

    let summary = check(seed, &*store, &accounts, &ledger.borrow(), &sent, &world);
    read_back(seed, &host, &*store, &accounts, &mut random);
    summary
}

/// Everybody reads their mail by IMAP over a network that cuts and delays: octet for octet what the store
/// has.
fn read_back(
    seed: u64,
    host: &Arc<Host>,
    store: &dyn Store,
    accounts: &[AccountId],
    random: &mut Random,
) {
    let weather =
        Weather { breaks: 0, ..if random.chance(300) { Weather::FOUL } else { Weather::FAIR } };
    let mut world: World<Reader, Pair<imap::server::Server, Mailboxes>> =
        World::new(random.bits(), weather);
    let mut settings = imap::server::Config::new("mx.sim.test");
    settings.plaintext_auth = true;
    let settings = Arc::new(settings);
    let mut read = Vec::new();
    for name in ACCOUNTS {
        let result = Read::default();
        read.push(result.clone());
        let server = Pair::new(
            imap::server::Server::new(settings.clone()),
            host.imap(Some([127, 0, 0, 1].into())),
            Place::new(world.to_servers.clone(), world.next_key()),
        );
        world.connect(Reader::new(&format!("{name}@sim.test"), "secret", result), server);
    }
    world.run();
    for (&account, read) in accounts.iter().zip(read) {
        let read = read.borrow_mut().take();
        let read = read.unwrap_or_else(|| panic!("seed {seed}: a reader did not get to the end"));
        let view = store.view(account).expect("a view").expect("an account");
        let mut rows = Vec::new();
        view.rows(MailboxId::INBOX, Uid::MIN..=Uid::MAX, usize::MAX, &mut rows).expect("rows");
        assert_eq!(read.len(), rows.len(), "seed {seed}");
        for row in rows {
            let octets = store.read(&row.blob, 0..u64::MAX).expect("a body");
            assert_eq!(
                read.get(&row.uid.0.get()).map(Vec::as_slice),
                Some(&octets[..]),
                "seed {seed}"
            );
        }
    }
}

fn check(
    seed: u64,
    store: &dyn Store,
    accounts: &[AccountId],
    ledger: &BTreeMap<(u32, usize), Fate>,
    sent: &BTreeMap<u32, Bytes>,
    world: &World<Sending, Receiving>,
) -> Summary {
    let mut there: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    for (index, &account) in accounts.iter().enumerate() {
        let view = store.view(account).expect("a view").expect("an account");
        let mut rows = Vec::new();
        view.rows(MailboxId::INBOX, Uid::MIN..=Uid::MAX, usize::MAX, &mut rows).expect("rows");
        let mut last = None;
        for row in rows {
            assert!(last < Some(row.uid), "seed {seed}: UIDs do not ascend");
            last = Some(row.uid);
            let octets = store.read(&row.blob, 0..u64::MAX).expect("a body");
            assert_eq!(octets.len() as u64, row.size, "seed {seed}");
            let text = octets.windows(9).position(|w| w == b"Subject: ").expect("a subject");
            let number = octets[text + 9..].split(|&c| c == b'\r').next().unwrap_or_default();
            let number: u32 =
                std::str::from_utf8(number).ok().and_then(|n| n.parse().ok()).expect("a number");
            assert_eq!(octets[text..], sent[&number], "seed {seed}: message {number} was damaged");
            *there.entry((number, index)).or_default() += 1;
        }
    }
    let mut summary = Summary {
        accepted: 0,
        refused: 0,
        unheard: 0,
        kept: 0,
        steps: world.steps(),
        seconds: world.now / 1_000_000,
        trace: world.trace(),
    };
    for (copy, fate) in ledger {
        let count = there.remove(copy).unwrap_or(0);
        match fate {
            Fate::Accepted => {
                assert_eq!(count, 1, "seed {seed}: {copy:?} was answered 250");
                summary.accepted += 1;
            }
            Fate::Refused => {
                assert_eq!(count, 0, "seed {seed}: {copy:?} was refused");
                summary.refused += 1;
            }
            Fate::Unheard => {
                assert!(count <= 1, "seed {seed}: {copy:?} was doubled");
                summary.unheard += 1;
                summary.kept += count;
            }
        }
    }
    assert!(there.is_empty(), "seed {seed}: nobody sent {there:?}");
    summary
}
