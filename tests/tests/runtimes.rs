//! One scripted conversation with the whole server: over mio, over tokio and in the simulator it has
//! the same bytes. Host, store and clock start alike; on sockets the host answers from its pools,
//! in the simulator the network cuts everything to crumbs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use posthaste_core::gate::{Arrival, Limits, Network, TlsMode};
use posthaste_core::machine::{Input, Instant, Reason, Stale, TlsFacts};
use posthaste_core::session::{Session, Wait};
use posthaste_core::smtp::server::Role;
use posthaste_core::{imap, pop3, smtp};
use posthaste_host::admin::NewPassword;
use posthaste_host::inputs::Inputs;
use posthaste_host::password::PasswordCost;
use posthaste_host::pool::Pool;
use posthaste_host::{Host, Machines, config};
use posthaste_store::Memory;
use posthaste_tests::simulator::inputs::{Dice, Sundial, inputs};
use posthaste_tests::simulator::link::Weather;
use posthaste_tests::simulator::world::World;
use posthaste_tls::{Config, Factory, Handle, InboxOf, Listener};

/// What a client says, and how the reply to it ends.
type Step = (&'static str, &'static str);

const LMTP: &[Step] = &[
    ("", "\r\n"),
    ("LHLO client.example\r\n", "250 "),
    (
        "MAIL FROM:<bob@elsewhere.test>\r\nRCPT TO:<alice@test.example>\r\n\
         RCPT TO:<nobody@test.example>\r\nDATA\r\n",
        "354 ",
    ),
    ("Subject: one\r\n\r\nhello\r\n..\r\n.dots\r\n", ""),
    (".\r\n", "250 "),
    ("MAIL FROM:<>\r\nRCPT TO:<alice+tag@test.example>\r\n", "250 "),
    ("BDAT 27\r\nSubject: two\r\n\r\n", ""),
    ("in chunks\r\nBDAT 0 LAST\r\n", "250 "),
    ("JUNK\r\n", "500 "),
    ("QUIT\r\n", "221 "),
];

const IMAP: &[Step] = &[
    ("", "* OK"),
    ("a1 CAPABILITY\r\n", "a1 OK"),
    ("a2 LOGIN alice@test.example wrong\r\n", "a2 NO"),
    ("a3 LOGIN {18}\r\n", "+"),
    ("alice@test.example secret\r\n", "a3 OK"),
    ("a4 LIST \"\" *\r\n", "a4 OK"),
    ("a5 SELECT INBOX\r\n", "a5 OK"),
    ("a6 FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n", "a6 OK"),
    ("a7 STORE 1 +FLAGS (\\Seen $mine)\r\na8 SEARCH UNSEEN\r\n", "a8 OK"),
    ("a9 APPEND Drafts (\\Draft) {14+}\r\nSubject: x\r\n\r\n\r\n", "a9 "),
    ("b1 IDLE\r\n", "+"),
    ("DONE\r\n", "b1 OK"),
    ("b2 FETCH 99 FLAGS\r\nb3 NONSENSE\r\n", "b3 BAD"),
    ("b4 LOGOUT\r\n", "b4 OK"),
];

const POP3: &[Step] = &[
    ("", "+OK"),
    ("CAPA\r\n", "\r\n.\r\n"),
    ("USER alice@test.example\r\nPASS wrong\r\n", "-ERR"),
    ("USER alice@test.example\r\nPASS secret\r\n", "+OK"),
    ("STAT\r\nUIDL\r\nLIST 2\r\n", "+OK 2"),
    ("RETR 1\r\n", "\r\n.\r\n"),
    ("TOP 2 0\r\nDELE 1\r\n", "+OK"),
    ("RETR 1\r\n", "-ERR"),
    ("QUIT\r\n", "+OK"),
];

const SCRIPTS: [&[Step]; 3] = [LMTP, IMAP, POP3];

/// Whether the reply that ends with the line of which this is the end has come: complete lines, the
/// last of which begins with `sign`. (A sign that is a whole end, such as POP3's dot, is looked for as
/// it is.)
fn has_come(heard: &[u8], sign: &str) -> bool {
    if !heard.ends_with(b"\r\n") {
        return sign.is_empty();
    }
    let text = String::from_utf8_lossy(heard);
    let last = text.trim_end_matches("\r\n").rsplit("\r\n").next().unwrap_or_default();
    if sign.ends_with("\r\n") { text.ends_with(sign) } else { last.starts_with(sign) }
}

/// The client's side of a script, wherever its bytes come from.
struct Client {
    script: &'static [Step],
    at: usize,
    /// Octets of the transcript when the step began.
    mark: usize,
    heard: Vec<u8>,
}

impl Client {
    fn new(script: &'static [Step]) -> Self {
        Self { script, at: 0, mark: 0, heard: Vec::new() }
    }

    /// Hears; says what is due.
    fn hear(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.heard.extend_from_slice(bytes);
        while let Some((_, sign)) = self.script.get(self.at)
            && has_come(&self.heard[self.mark..], sign)
        {
            self.at += 1;
            self.mark = self.heard.len();
            if let Some((line, _)) = self.script.get(self.at) {
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}

/// The client in the simulator.
struct Actor {
    client: Client,
    transcript: Arc<Mutex<Vec<u8>>>,
}

impl Session for Actor {
    type Note = ();

    fn turn(&mut self, _: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        self.client.hear(input.bytes(), out);
        input.discard(input.len());
        if !input.is_ended() {
            return Wait::Read;
        }
        *self.transcript.lock().unwrap() = std::mem::take(&mut self.client.heard);
        Wait::Closed
    }

    fn note(&mut self, (): (), _: &mut Vec<u8>) -> Result<(), Stale> {
        Ok(())
    }

    fn poke(&mut self) {}

    fn close(&mut self, why: Reason, _: &mut Vec<u8>) {
        panic!("the conversation broke: {why:?}");
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn secured(&mut self, _: TlsFacts) {}
}

fn host(inputs: Inputs) -> Arc<Host> {
    let mut settings = config::Config::new("mx.test.example", &["test.example"]);
    settings.password = PasswordCost { memory: 8, passes: 1, iterations: 4096 };
    let host = Host::new(Arc::new(Memory::new()), settings, inputs).unwrap();
    host.add_account("alice@test.example", NewPassword::Clear(b"secret"), None).unwrap();
    host
}

fn machines() -> [Machines; 3] {
    let smtp = smtp::server::Config::new(Role::Lmtp, "mx.test.example");
    let mut imap = imap::server::Config::new("mx.test.example");
    imap.plaintext_auth = true;
    imap.starttls = false;
    let mut pop3 = pop3::server::Config::new("mx.test.example");
    pop3.plaintext_auth = true;
    [Machines::Smtp(smtp.into()), Machines::Imap(imap.into()), Machines::Pop3(pop3.into())]
}

struct Sessions {
    host: Arc<Host>,
    machines: [Machines; 3],
}

impl Factory for Sessions {
    type Session = posthaste_host::Session;

    fn make(&self, from: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session {
        let machines = &self.machines[from.listener];
        self.host.session(machines, Some(from.peer.ip()), inbox, key)
    }
}

/// The simulator's seed for what the host draws; the same for all.
const SEED: u64 = 42;

fn simulated() -> Vec<Vec<u8>> {
    let (inputs, _) = inputs(SEED, 0);
    let host = host(inputs);
    let weather = Weather { breaks: 0, ..Weather::FOUL };
    let mut world: World<Actor, posthaste_host::Session> = World::new(7, weather);
    let mut transcripts = Vec::new();
    for (script, machines) in SCRIPTS.into_iter().zip(machines()) {
        let transcript = Arc::new(Mutex::new(Vec::new()));
        let actor = Actor { client: Client::new(script), transcript: transcript.clone() };
        let (key, inbox) = (world.next_key(), world.to_servers.clone());
        let peer = Some([127, 0, 0, 1].into());
        world.connect(actor, host.session(&machines, peer, &inbox, key));
        world.run();
        transcripts.push(std::mem::take(&mut *transcript.lock().unwrap()));
    }
    transcripts
}

/// A host whose answers come from pools, with the same clock and the same dice.
fn sessions() -> Sessions {
    let pool = |name| Arc::new(Pool::new(name, 2, 100).unwrap());
    let inputs = Inputs {
        clock: Arc::<Sundial>::default(),
        random: Arc::new(Dice::new(SEED)),
        passwords: pool("passwords"),
        reads: pool("reads"),
    };
    Sessions { host: host(inputs), machines: machines() }
}

fn settings() -> Config {
    let address = ([127, 0, 0, 1], 0).into();
    let listener = || Listener { address, mode: TlsMode::None, tls: None, proxies: Vec::new() };
    let limits = Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT };
    Config { listeners: (0..3).map(|_| listener()).collect(), reactors: 2, limits }
}

fn talk(address: SocketAddr, script: &'static [Step]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut client, mut out, mut room) = (Client::new(script), Vec::new(), [0; 1_000]);
    loop {
        let n = stream.read(&mut room).unwrap_or_else(|error| {
            panic!("{error} at {:?} after {}", script.get(client.at), client.heard.escape_ascii())
        });
        if n == 0 {
            assert_eq!(client.at, script.len(), "{}", client.heard.escape_ascii());
            return client.heard;
        }
        client.hear(&room[..n], &mut out);
        stream.write_all(&out).unwrap();
        out.clear();
    }
}

/// Stops the server also when the script goes wrong.
struct Stop(Handle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn over_sockets(handle: &Handle, run: impl FnOnce() -> std::io::Result<()> + Send) -> Vec<Vec<u8>> {
    thread::scope(|scope| {
        let served = scope.spawn(run);
        let _stop = Stop(handle.clone());
        let talks = SCRIPTS.into_iter().zip(handle.addresses());
        let transcripts = talks.map(|(script, address)| talk(*address, script)).collect();
        handle.shutdown();
        served.join().unwrap().unwrap();
        transcripts
    })
}

#[test]
fn one_script_three_runtimes() {
    let mio = posthaste_mio::Server::bind(settings(), sessions()).unwrap();
    let mio = over_sockets(&mio.handle(), || mio.run());
    let tokio = posthaste_tokio::Server::bind(settings(), sessions()).unwrap();
    let tokio = over_sockets(&tokio.handle(), || tokio.run());
    let simulated = simulated();
    for (index, transcript) in simulated.iter().enumerate() {
        let text = |transcript: &[u8]| String::from_utf8_lossy(transcript).into_owned();
        assert!(transcript.len() > 500, "{}", text(transcript));
        assert_eq!(text(&mio[index]), text(transcript), "mio and the simulator");
        assert_eq!(text(&tokio[index]), text(transcript), "tokio and the simulator");
    }
}
