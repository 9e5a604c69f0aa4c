//! TLS as bytes in, bytes out; and the pump that moves bytes between a socket and a session.
//!
//! This is the only crate of the house that names rustls. Read in this order:
//!
//! | module | holds |
//! |---|---|
//! | [`tls`] | [`Tls`]: one end of one TLS connection, without a socket |
//! | [`server`], [`client`] | [`ServerTls`], [`ClientTls`]: what makes them, shared by all connections; client certificates |
//! | [`certificates`] | [`Certificates`]: PEM files, a self-signed certificate at first start, reload |
//! | [`link`] | [`Link`]: input, output and TLS of one socket; no session yet |
//! | [`driver`] | [`Driver`]: a link and its session, run over any non-blocking socket |
//! | [`inbox`] | [`Inbox`]: notes for the sessions of one thread; [`Factory`]: what makes sessions |
//! | [`listen`] | [`Config`], [`Listener`]: what a server binds |
//! | [`control`] | [`Handle`], [`Counts`]: stopping and watching a server; what its threads share |
//! | [`door`] | [`Guest`]: a connection that was let in and is counted |
//! | [`pool`] | [`Pool`]: the buffers that links borrow while they have bytes |
//!
//! From `link` on, this is the half of an adapter that knows no runtime. It lives here because the mio
//! and the tokio adapter need exactly the same, and much of it is TLS: a socket is anything that reads
//! and writes without blocking.

pub mod certificates;
pub mod client;
pub mod control;
pub mod door;
pub mod driver;
pub mod inbox;
pub mod link;
pub mod listen;
pub mod pool;
pub mod server;
pub mod tls;

pub use certificates::{CertificateError, Certificates, Source};
pub use client::{ClientTls, Trust};
pub use control::{Control, Counts, Handle};
pub use door::Guest;
pub use driver::{Driver, Next, Rules};
pub use inbox::{Factory, Inbox, InboxOf};
pub use link::{Link, Socket};
pub use listen::{BindError, Config, Listener};
pub use pool::Pool;
pub use server::{ClientCertificates, ServerTls};
pub use tls::{Error, Tls};

use std::sync::Arc;

/// The one crypto provider of the process: aws-lc-rs.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    use std::sync::OnceLock;
    static PROVIDER: OnceLock<Arc<rustls::crypto::CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// How a connection comes by TLS, when it does.
#[derive(Clone, Debug)]
pub enum Upgrade {
    /// We are the client, and expect the server to have this name.
    Client(ClientTls, String),
    /// We are the server.
    Server(ServerTls),
}

impl Upgrade {
    /// One end of a new TLS connection.
    ///
    /// # Errors
    /// A client's server name that is none.
    pub fn start(&self) -> Result<Tls, Error> {
        match self {
            Self::Client(client, name) => client.start(name),
            Self::Server(server) => server.start(),
        }
    }
}
