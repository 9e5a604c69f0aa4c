//! POP3 over tokio: [`Connection`] with POP3's machine.

use std::io;
use std::sync::Arc;

use posthaste_core::pop3::server;
use posthaste_tls::ServerTls;
use tokio::net::TcpStream;

use crate::connection::Connection;

/// The side that has the mail.
pub type Server = Connection<server::Server>;

/// Serves a connection that was accepted. `tls` is for STLS; where TLS comes first call
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
