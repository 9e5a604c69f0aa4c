//! SMTP and LMTP over tokio: [`Connection`] with SMTP's machines, and how to open one.
//!
//! Sending a message is the loop over the client machine's events; see
//! [`posthaste_core::smtp::client`] for what each means.
//! ```no_run
//! use std::sync::Arc;
//! use posthaste_core::smtp::client::{Config, Envelope, Event, Order, Piece};
//! use posthaste_tokio::{ClientTls, TlsMode, Trust, smtp};
//!
//! # async fn send(nonce: [u8; 18], message: Vec<u8>, mut envelope: Option<Box<Envelope>>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let tls = ClientTls::new(&Trust::system()?)?;
//! let config = Arc::new(Config::new("client.example"));
//! let mut client =
//!     smtp::connect("mail.example", 587, TlsMode::StartTls, &tls, config, nonce).await?;
//! loop {
//!     match client.next().await? {
//!         None => break,
//!         Some(Event::Ready(ask)) => {
//!             let order = envelope.take().map_or(Order::Quit, Order::Send);
//!             client.answer(ask, order)?;
//!         }
//!         Some(Event::Source(ask)) => {
//!             client.answer(ask, Piece::Last(message.clone().into()))?;
//!         }
//!         Some(event) => println!("{event:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::io;
use std::sync::Arc;

use posthaste_core::gate::TlsMode;
use posthaste_core::sasl::client::Exchange;
use posthaste_core::smtp::{client, server};
use posthaste_tls::link::Fault;
use posthaste_tls::{ClientTls, ServerTls, Upgrade};
use tokio::net::TcpStream;

use crate::connection::Connection;

/// The side that sends mail.
pub type Client = Connection<client::Client>;
/// The side that takes mail.
pub type Server = Connection<server::Server>;

/// Connects to the server `host`. With [`TlsMode::Implicit`] TLS comes first; with
/// [`TlsMode::StartTls`] when the machine asks for it, by `config`. `nonce` is fresh randomness for this
/// session only.
///
/// # Errors
/// Nobody is there, or TLS that comes first fails.
pub async fn connect(
    host: &str,
    port: u16,
    mode: TlsMode,
    tls: &ClientTls,
    config: Arc<client::Config>,
    nonce: [u8; Exchange::NONCE],
) -> Result<Client, Fault> {
    let machine = client::Client::new(config, nonce);
    let upgrade = Upgrade::Client(tls.clone(), host.to_owned());
    Connection::connect(host, port, mode, upgrade, machine).await
}

/// Takes mail on a connection that was accepted. `tls` is for STARTTLS; where TLS comes first call
/// [`secure`](Connection::secure).
///
/// # Errors
/// The socket's.
pub fn accept(
    stream: TcpStream,
    config: Arc<server::Config>,
    tls: Option<ServerTls>,
) -> io::Result<Server> {
    Connection::accept(stream, tls, server::Server::new(config))
}
