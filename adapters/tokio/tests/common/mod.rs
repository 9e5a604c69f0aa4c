//! What the tests share: certificates, a keeper of mail, a server on loopback.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use posthaste_tls::{Certificates, Source as Files};
use posthaste_tokio::smtp::{
    Body, Config, Envelope, Handler, Outcome, Peer, Recipient, Refusal, Role, Server, Transaction,
};
use posthaste_tokio::{ClientTls, Handle, Listener, ServerTls, Trust};
use tokio::task::JoinHandle;

pub fn tls() -> (ServerTls, ClientTls) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::self_signed(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![files]).unwrap());
    let trust = Trust::Roots(vec![certificates.first()]);
    (ServerTls::new(certificates).unwrap(), ClientTls::new(&trust).unwrap())
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Kept {
    pub transaction: Transaction,
    pub octets: Vec<u8>,
}

/// Takes everything for `example.test`.
#[derive(Clone, Default)]
pub struct Keeper(pub Arc<Mutex<Vec<Kept>>>);

impl Keeper {
    pub fn kept(&self) -> Vec<Kept> {
        self.0.lock().unwrap().clone()
    }
}

impl Handler for Keeper {
    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        match (to.address.host(), to.address.local()) {
            ("example.test", "full") => Err(Refusal::full()),
            ("example.test", _) => Ok(()),
            _ => Err(Refusal::relay()),
        }
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        let octets = body.to_vec(64 << 20).await?;
        let kept = Kept { transaction: transaction.clone(), octets };
        let mut all = self.0.lock().unwrap();
        all.push(kept);
        Ok(Outcome::taken(format!("Kept as {}", all.len())))
    }
}

/// A server that runs until it is dropped or stopped.
pub struct Running {
    pub address: SocketAddr,
    pub handle: Handle,
    pub served: JoinHandle<std::io::Result<()>>,
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub fn serve<H: Handler + 'static>(
    listener: Listener,
    config: Config,
    make: impl Fn(&Peer) -> H + Send + Sync + 'static,
) -> Running {
    let server = Server::builder(make).listen(listener, config).bind().unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    Running { address, handle, served: tokio::spawn(server.serve()) }
}

pub fn keep(role: Role) -> (Running, Keeper) {
    let keeper = Keeper::default();
    let made = keeper.clone();
    let config = Config::new(role, "mx.example.test");
    (serve(Listener::plain(loopback()), config, move |_| made.clone()), keeper)
}

/// From somebody to these at `example.test`.
pub fn envelope(to: &[&str]) -> Envelope {
    Envelope {
        sender: Some("me@client.test".parse().unwrap()),
        recipients: to
            .iter()
            .map(|to| {
                let address: posthaste_tokio::smtp::Address =
                    format!("{to}@example.test").parse().unwrap();
                Recipient::from(address)
            })
            .collect(),
        ..Envelope::default()
    }
}
