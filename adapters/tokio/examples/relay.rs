//! Takes messages from machines of ours for domains whose servers are known, keeps them on disk, and sends
//! them on; again and again, if it must.
//!
//! ```text
//! cargo run -p posthaste-tokio --example relay -- --from 192.0.2.0/24 --from 127.0.0.0/8 \
//!     --route example.test=127.0.0.1:2525 /tmp/spool
//! ```
//!
//! A sender hears that its message was taken when it is on the disk. What cannot be sent for now is tried
//! again: after a minute, then after twice the time before, up to an hour. What is refused for good, or is
//! too old, goes to the folder `failed`, with the reason beside it.
//!
//! What it is not: a mail server. It looks up no MX records, so that every domain needs its route; **it
//! reports no failure to the sender**, so that somebody has to look into `failed`; it takes no more than
//! [`MOST`] messages, and sends [`AT_ONCE`] at a time with a connection for each. A message whose connection broke
//! after it was sent is sent again, and may arrive twice: that is the lesser evil (RFC 5321 §4.2.5).

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{Args, Failure, Hops};
use posthaste_core::smtp::extension::BodyKind;
use posthaste_tokio::smtp::{
    Admission, Body, Client, Config, Enhanced, Envelope, Fate, Handler, Outcome, Peer, Recipient,
    Refusal, Remote, Reply, Role, Server, Transaction, from_reader,
};
use posthaste_tokio::{Limits, Listener, Network};
use tokio::fs::{self, File};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

const USAGE: &str = "relay [OPTION...] SPOOL
  --from NETWORK       who may send (as often as you like)
  --route DOMAIN=HOST:PORT  where its mail goes (as often as you like)
  --listen ADDRESS     listen here; default 127.0.0.1:2527
  --hostname NAME      our name; default localhost
  --retry SECONDS      the first wait before the next attempt; default 60
  --give-up SECONDS    how old a message may get; default 432000, five days";

/// Messages in the spool at most; then senders are told to come back.
const MOST: usize = 10_000;
/// Messages that are sent at a time.
const AT_ONCE: usize = 8;
/// How long messages that are being sent may take when this program is to end.
const LAST: Duration = Duration::from_secs(30);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    common::run(USAGE, |args| common::block_on(relay(args)))
}

/// What everything here shares.
struct Spool {
    folder: PathBuf,
    hostname: String,
    from: Vec<Network>,
    routes: HashMap<String, Remote>,
    retry: Duration,
    give_up: Duration,
    /// Messages since the start, and those that are in the spool.
    count: AtomicU64,
    waiting: AtomicUsize,
}

/// One session. What it took goes to the queue.
#[derive(Clone)]
struct Relay(Arc<Spool>, mpsc::UnboundedSender<String>);

impl Handler for Relay {
    async fn connected(&mut self, peer: &Peer) -> Admission {
        let address = peer.address.ip();
        if self.0.from.iter().any(|network| network.contains(address)) {
            Admission::Accept
        } else {
            Admission::Refuse(Reply::new(554, Enhanced(5, 7, 1), "Not for you"))
        }
    }

    async fn mail(&mut self, _: &Transaction) -> Result<(), Refusal> {
        if self.0.waiting.load(Ordering::Relaxed) >= MOST { Err(Refusal::full()) } else { Ok(()) }
    }

    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        if self.0.routes.contains_key(to.address.host()) { Ok(()) } else { Err(Refusal::relay()) }
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        let id = self.0.id();
        let staged = Staged(self.0.path(&id, "tmp"));
        let mut file = File::options().write(true).create_new(true).open(&staged.0).await?;
        let received = transaction.received(&self.0.hostname, &id, SystemTime::now());
        file.write_all(received.as_bytes()).await?;
        let mut hops = Hops::default();
        while let Some(run) = body.chunk().await? {
            hops.push(run);
            file.write_all(run).await?;
        }
        if hops.count > Hops::MOST {
            return Err(Refusal::new(554, Enhanced(5, 4, 6), "The message goes in circles"));
        }
        file.flush().await?;
        file.sync_all().await?;
        fs::rename(&staged.0, self.0.path(&id, "msg")).await?;
        let item = Item { envelope: transaction.envelope.clone(), since: now() };
        // With this, the message is in the spool.
        self.0.write(&id, &item).await?;
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        println!("{id}: taken for {}", item.envelope.recipients.len());
        // Nobody there any more means that we are stopping; it is sent after the next start.
        let _ = self.1.send(id.clone());
        Ok(Outcome::taken(format!("Queued as {id}")))
    }
}

/// A file that is to be removed if it is still there when this is dropped.
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A message in the spool: who sent it, and who is still to get it.
#[derive(Debug)]
struct Item {
    envelope: Envelope,
    /// Seconds since 1970.
    since: u64,
}

impl Item {
    /// One line for each thing there is to know.
    fn write(&self) -> String {
        let envelope = &self.envelope;
        let mut text = format!("since {}\n", self.since);
        if let Some(sender) = &envelope.sender {
            let _ = writeln!(text, "from {sender}");
        }
        if envelope.body != BodyKind::SevenBit {
            text.push_str("8bit\n");
        }
        if envelope.smtputf8 {
            text.push_str("utf8\n");
        }
        for recipient in &envelope.recipients {
            let _ = writeln!(text, "to {}", recipient.address);
        }
        text
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let mut item = Self { envelope: Envelope::default(), since: 0 };
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "8bit" => item.envelope.body = BodyKind::EightBitMime,
                "from" => item.envelope.sender = Some(rest.parse()?),
                "since" => item.since = rest.parse()?,
                "to" => item
                    .envelope
                    .recipients
                    .push(rest.parse::<posthaste_tokio::smtp::Address>()?.into()),
                "utf8" => item.envelope.smtputf8 = true,
                _ => return Err(format!("{line:?} is not known").into()),
            }
        }
        Ok(item)
    }
}

impl Spool {
    fn path(&self, id: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}.{kind}"))
    }

    fn id(&self) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}-{}-{count}", since.as_micros(), std::process::id())
    }

    /// Writes down what is to be done, durably, all or nothing.
    async fn write(&self, id: &str, item: &Item) -> io::Result<()> {
        let staged = Staged(self.path(id, "new"));
        let mut file = File::create(&staged.0).await?;
        file.write_all(item.write().as_bytes()).await?;
        file.flush().await?;
        file.sync_all().await?;
        fs::rename(&staged.0, self.path(id, "env")).await?;
        File::open(&self.folder).await?.sync_all().await
    }

    /// What is in the spool, from the last time. What is not whole was taken by nobody, and is removed.
    async fn read(&self) -> io::Result<Vec<String>> {
        let (mut ids, mut files) = (Vec::new(), fs::read_dir(&self.folder).await?);
        while let Some(file) = files.next_entry().await? {
            let path = file.path();
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match path.extension().and_then(|kind| kind.to_str()) {
                Some("env") => ids.push(id),
                Some("msg") if !fs::try_exists(self.path(&id, "env")).await? => {
                    fs::remove_file(&path).await?;
                }
                Some("new" | "tmp") => fs::remove_file(&path).await?,
                _ => {}
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Sends one message until nobody is left who is to get it.
    async fn send(&self, id: &str, slots: &Semaphore) {
        let mut wait = self.retry;
        loop {
            let done = match slots.acquire().await {
                Ok(_slot) => self.attempt(id).await,
                Err(_) => return,
            };
            match done {
                Ok(true) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    return;
                }
                Ok(false) => {}
                Err(error) => tracing::error!(%id, %error, "the spool cannot be used"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST);
        }
    }

    /// Tries once; says whether nothing is left to do.
    async fn attempt(&self, id: &str) -> Result<bool, Failure> {
        let mut item = Item::read(&fs::read_to_string(self.path(id, "env")).await?)?;
        let mut file = File::open(self.path(id, "msg")).await?;
        let too_old = now().saturating_sub(item.since) >= self.give_up.as_secs();
        let (mut left, mut failed) = (Vec::new(), String::new());
        let mut groups: HashMap<&str, Vec<Recipient>> = HashMap::new();
        for recipient in &item.envelope.recipients {
            groups.entry(recipient.address.host()).or_default().push(recipient.clone());
        }
        for (domain, recipients) in groups {
            let size = Some(file.metadata().await?.len());
            let envelope = Envelope { recipients, size, ..item.envelope.clone() };
            file.rewind().await?;
            let fates = match self.routes.get(domain) {
                Some(remote) => deliver(remote, &envelope, file.try_clone().await?).await,
                None => vec![Fate::Unsent; envelope.recipients.len()],
            };
            for (recipient, fate) in envelope.recipients.into_iter().zip(fates) {
                println!("{id}: {}: {fate}", recipient.address);
                if fate.is_transient() && !too_old {
                    left.push(recipient);
                } else if !fate.is_taken() {
                    let _ = writeln!(failed, "{}: {fate}", recipient.address);
                }
            }
        }
        if !failed.is_empty() {
            self.give_up_on(id, &failed).await?;
        }
        item.envelope.recipients = left;
        if item.envelope.recipients.is_empty() {
            fs::remove_file(self.path(id, "env")).await?;
            fs::remove_file(self.path(id, "msg")).await?;
            return Ok(true);
        }
        self.write(id, &item).await?;
        Ok(false)
    }

    /// Keeps a copy, and why.
    async fn give_up_on(&self, id: &str, why: &str) -> io::Result<()> {
        let folder = self.folder.join("failed");
        let copy = folder.join(format!("{id}.msg"));
        if !fs::try_exists(&copy).await? {
            fs::hard_link(self.path(id, "msg"), &copy).await?;
        }
        let path = folder.join(format!("{id}.why"));
        let mut file = File::options().append(true).create(true).open(path).await?;
        file.write_all(why.as_bytes()).await?;
        file.flush().await?;
        file.sync_all().await?;
        File::open(&folder).await?.sync_all().await
    }
}

/// Sends to one server; gives what became of it for each recipient.
async fn deliver(remote: &Remote, envelope: &Envelope, message: File) -> Vec<Fate> {
    let sent = match Client::connect(remote).await {
        Ok(mut client) => {
            let sent = client.send(envelope, from_reader(message)).await;
            let _ = client.quit().await;
            sent
        }
        Err(error) => {
            tracing::warn!(%error, "cannot reach the next server");
            return vec![Fate::Unsent; envelope.recipients.len()];
        }
    };
    match sent {
        Ok(report) => report.fates,
        Err(failed) => {
            tracing::warn!(%failed, "not sent as it should");
            failed.report.fates
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn route(text: &str, hostname: &str) -> Result<(String, Remote), Failure> {
    let wrong = || format!("{text:?} is not DOMAIN=HOST:PORT");
    let (domain, server) = text.split_once('=').ok_or_else(wrong)?;
    let (host, port) = server.rsplit_once(':').ok_or_else(wrong)?;
    // TLS where it is offered.
    let remote = Remote::mx(host)?.port(port.parse()?).hostname(hostname);
    Ok((domain.to_ascii_lowercase(), remote))
}

async fn relay(mut args: Args) -> Result<ExitCode, Failure> {
    let mut listen: SocketAddr = "127.0.0.1:2527".parse()?;
    let (mut from, mut routes, mut folder) = (Vec::new(), Vec::new(), None);
    let (mut hostname, mut retry, mut give_up) = ("localhost".to_owned(), 60, 432_000);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--from" => from.push(args.value::<Network>(&arg)?),
            "--give-up" => give_up = args.value(&arg)?,
            "--hostname" => hostname = args.value(&arg)?,
            "--listen" => listen = args.value(&arg)?,
            "--retry" => retry = args.value(&arg)?,
            "--route" => routes.push(args.value::<String>(&arg)?),
            _ if arg.starts_with('-') || folder.is_some() => {
                return Err(format!("{arg} is not known").into());
            }
            _ => folder = Some(PathBuf::from(arg)),
        }
    }
    let folder = folder.ok_or("in which folder?")?;
    if from.is_empty() || routes.is_empty() {
        return Err("from whom, and to where? --from and --route".into());
    }
    let routes = routes.iter().map(|text| route(text, &hostname)).collect::<Result<_, _>>()?;
    fs::create_dir_all(folder.join("failed")).await?;
    let spool = Arc::new(Spool {
        folder,
        hostname,
        from: from.clone(),
        routes,
        retry: Duration::from_secs(retry),
        give_up: Duration::from_secs(give_up),
        count: AtomicU64::new(0),
        waiting: AtomicUsize::new(0),
    });
    // No more than MOST of them wait here.
    let (queue, mut queued) = mpsc::unbounded_channel();
    for id in spool.read().await? {
        spool.waiting.fetch_add(1, Ordering::Relaxed);
        queue.send(id)?;
    }
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let (sender, all) = (spool.clone(), slots.clone());
    tokio::spawn(async move {
        while let Some(id) = queued.recv().await {
            let (spool, slots) = (sender.clone(), all.clone());
            tokio::spawn(async move { spool.send(&id, &slots).await });
        }
    });
    let config = Config::new(Role::Smtp, &spool.hostname);
    let relay = Relay(spool, queue);
    let server = Server::builder(move |_| relay.clone())
        .listen(Listener::plain(listen), config)
        .limits(Limits { trusted: from, ..Limits::DEFAULT })
        .bind()?;
    println!("listening on {}", server.addresses()[0]);
    server.serve_until(common::told_to_stop()).await?;
    // What is being sent may come to its end, or the next server might get it twice.
    let _ = timeout(LAST, slots.acquire_many(AT_ONCE as u32)).await;
    Ok(ExitCode::SUCCESS)
}
