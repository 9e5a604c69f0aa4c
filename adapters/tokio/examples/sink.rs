//! Takes mail for some domains and writes each message to a file, which is on the disk before the sender
//! hears that it was taken. By SMTP or, with `--lmtp`, by LMTP as the last hop behind another server.
//!
//! ```text
//! cargo run -p posthaste-tokio --example sink -- --domain example.test /tmp/mail
//! ```
//!
//! Each message is one file in the folder's `new`, with its Return-Path, Delivered-To and Received fields in
//! front; `tmp` holds those that are coming in. That is how Maildir has it, so that many programs can read
//! it.

mod common;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use common::{Args, Failure};
use posthaste_tokio::Listener;
use posthaste_tokio::smtp::{
    Body, Config, Handler, Outcome, Recipient, Refusal, Role, Server, Transaction,
};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

const USAGE: &str = "sink [OPTION...] FOLDER
  --domain DOMAIN      take mail for this domain (as often as you like)
  --listen ADDRESS     listen here; default 127.0.0.1:2525
  --listen-tls ADDRESS listen here too, with TLS from the start; needs --tls
  --tls FOLDER         offer STARTTLS, by the certificate in this folder, or one that is made there
  --hostname NAME      our name; default localhost
  --lmtp               speak LMTP";

fn main() -> ExitCode {
    common::run(USAGE, |args| common::block_on(sink(args)))
}

/// What all sessions share.
struct Store {
    folder: PathBuf,
    hostname: String,
    domains: Vec<String>,
    /// Messages that came since the start.
    count: AtomicU64,
}

/// One session.
#[derive(Clone)]
struct Sink(Arc<Store>);

impl Handler for Sink {
    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        if self.0.domains.iter().any(|domain| domain == to.address.host()) {
            Ok(())
        } else {
            Err(Refusal::relay())
        }
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        let name = self.0.name();
        let mut staged = Staged::new(&self.0.folder, &name).await?;
        staged.file.write_all(self.0.front(transaction, &name).as_bytes()).await?;
        let octets = body.copy_to(&mut staged.file).await?;
        staged.keep(&self.0.folder).await?;
        println!("{name}: {octets} octets for {}", transaction.envelope.recipients.len());
        Ok(Outcome::taken(format!("Kept as {name}")))
    }
}

impl Store {
    /// A name that no other message has.
    fn name(&self) -> String {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}.{}_{count}.{}", since.as_micros(), std::process::id(), self.hostname)
    }

    /// What stands in front of the message: RFC 5321 §4.4.
    fn front(&self, transaction: &Transaction, name: &str) -> String {
        let sender = transaction.envelope.sender.as_ref().map_or("", |sender| sender.as_str());
        let mut front = format!("Return-Path: <{sender}>\r\n");
        for recipient in &transaction.envelope.recipients {
            front.push_str(&format!("Delivered-To: {}\r\n", recipient.address));
        }
        front + &transaction.received(&self.hostname, name, SystemTime::now())
    }
}

/// A file that is removed again unless it is kept, whatever happens to the session.
struct Staged {
    path: Option<PathBuf>,
    file: File,
}

impl Staged {
    async fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join("tmp").join(name);
        let file = File::options().write(true).create_new(true).open(&path).await?;
        Ok(Self { path: Some(path), file })
    }

    /// Makes it durable, and then visible, durably.
    async fn keep(mut self, folder: &Path) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        if let Some(path) = &self.path {
            let new = folder.join("new");
            fs::rename(path, new.join(path.file_name().unwrap_or_default())).await?;
            self.path = None;
            File::open(&new).await?.sync_all().await?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn sink(mut args: Args) -> Result<ExitCode, Failure> {
    let (mut listen, mut listen_tls): (SocketAddr, Option<SocketAddr>) =
        ("127.0.0.1:2525".parse()?, None);
    let (mut tls, mut hostname): (Option<PathBuf>, _) = (None, "localhost".to_owned());
    let (mut domains, mut folder, mut role) = (Vec::new(), None, Role::Smtp);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--domain" => domains.push(args.value::<String>(&arg)?.to_ascii_lowercase()),
            "--hostname" => hostname = args.value(&arg)?,
            "--listen" => listen = args.value(&arg)?,
            "--listen-tls" => listen_tls = Some(args.value(&arg)?),
            "--lmtp" => role = Role::Lmtp,
            "--tls" => tls = Some(args.value(&arg)?),
            _ if arg.starts_with('-') || folder.is_some() => {
                return Err(format!("{arg} is not known").into());
            }
            _ => folder = Some(PathBuf::from(arg)),
        }
    }
    let folder = folder.ok_or("in which folder?")?;
    if domains.is_empty() {
        return Err("for which domain?".into());
    }
    for part in ["tmp", "new"] {
        fs::create_dir_all(folder.join(part)).await?;
    }
    let tls = tls.map(|folder| common::tls(&folder, &hostname)).transpose()?;
    let config = Config::new(role, &hostname);
    let store = Store { folder, hostname, domains, count: AtomicU64::new(0) };
    let sink = Sink(Arc::new(store));
    let plain = match &tls {
        Some(tls) => Listener::starttls(listen, tls.clone()),
        None => Listener::plain(listen),
    };
    let mut server = Server::builder(move |_| sink.clone()).listen(plain, config.clone());
    if let Some(address) = listen_tls {
        let tls = tls.ok_or("--listen-tls needs --tls")?;
        server = server.listen(Listener::implicit(address, tls), config);
    }
    let server = server.bind()?;
    for address in server.addresses() {
        println!("listening on {address}");
    }
    server.serve_until(common::told_to_stop()).await?;
    Ok(ExitCode::SUCCESS)
}
