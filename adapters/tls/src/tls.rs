//! One end of one TLS connection: wire bytes on one side, plain bytes on the other, no socket.

use std::fmt;
use std::io::{self, Read, Write};

use posthaste_core::machine::{Exporter, Fingerprint, Input, TlsFacts, TlsVersion};
use rustls::{Connection, ProtocolVersion};

use crate::certificates::CertificateError;

/// One end of one TLS connection.
///
/// Give it what the socket read ([`receive`](Self::receive)), and after each such call, and whenever
/// there is something to say, take what the socket shall write ([`send`](Self::send)). Nothing may be
/// said before [`ready`](Self::ready).
///
/// Idle, it costs about 7 KB of heap: 4 KB are the block that rustls reads into, and which it keeps;
/// the rest are its state and keys.
pub struct Tls {
    connection: Connection,
    verified: bool,
    /// What was agreed upon, once the handshake is over.
    facts: Option<TlsFacts>,
    /// The peer said that nothing follows.
    ended: bool,
}

impl Tls {
    /// Octets of plaintext that go into one record at most, and that rustls is let to hold: what it
    /// encrypts leaves in the same call.
    const PIECE: usize = 16 * 1024;
    /// Octets after which rustls's own read block may have grown, and is shrunk again.
    const BLOCK: usize = 4 * 1024;

    pub(crate) fn new(mut connection: Connection, verified: bool) -> Self {
        connection.set_buffer_limit(Some(4 * Self::PIECE));
        Self { connection, verified, facts: None, ended: false }
    }

    /// Takes what the socket read and appends what it decrypts to to `plain`. Ends `plain` when the
    /// peer said that nothing follows; what comes behind that is ignored.
    ///
    /// `plain` grows by no more than `wire` is long and one record (16 KB) that was incomplete before.
    ///
    /// # Errors
    /// The peer breaks the protocol. Its alert is still to be [sent](Self::send); then close.
    pub fn receive(&mut self, mut wire: &[u8], plain: &mut Input) -> Result<(), Error> {
        let shrink = wire.len() >= Self::BLOCK;
        while !wire.is_empty() && !self.ended {
            match self.connection.read_tls(&mut wire) {
                // A message that claims to be longer than any may be.
                Ok(0) => return Err(Error::Protocol(rustls::Error::General("too long".into()))),
                Ok(_) => {}
                Err(_) => return Err(Error::Protocol(rustls::Error::General("too much".into()))),
            }
            let state = self.connection.process_new_packets().map_err(Error::Protocol)?;
            if self.facts.is_none() && !self.connection.is_handshaking() {
                self.facts = facts(&self.connection, self.verified);
            }
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                match self.connection.reader().read(plain.space()) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => {
                        plain.filled(n);
                        left = left.saturating_sub(n);
                    }
                }
            }
            if state.peer_has_closed() {
                self.ended = true;
                plain.end();
            }
        }
        if shrink {
            // Makes rustls give back what it needed for a large record; reads nothing.
            let _ = self.connection.read_tls(&mut Blocked);
        }
        Ok(())
    }

    /// The socket ended. Ends `plain`.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the peer had not said before that nothing follows. Mail protocols say
    /// themselves where their units end, so a session needs no more than the end of its input.
    pub fn end(&mut self, plain: &mut Input) -> Result<(), Error> {
        plain.end();
        if self.ended { Ok(()) } else { Err(Error::Truncated) }
    }

    /// Encrypts `plain` and appends it to `wire`, with whatever the handshake or an alert has to say
    /// (call it with nothing for that alone).
    ///
    /// Before [`ready`](Self::ready) `plain` must be empty: what a server says early could be heard by
    /// a peer that never finishes the handshake.
    pub fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        debug_assert!(plain.is_empty() || !self.connection.is_handshaking());
        self.drain(wire);
        for piece in plain.chunks(Self::PIECE) {
            // Writing into a Vec and into rustls's buffer, which was just emptied, cannot fail.
            let _ = self.connection.writer().write_all(piece);
            self.drain(wire);
        }
    }

    /// Whether [`send`](Self::send) has something to say of its own.
    #[must_use]
    pub fn wants_to_send(&self) -> bool {
        self.connection.wants_write()
    }

    /// What was agreed upon, once the handshake is over.
    #[must_use]
    pub const fn ready(&self) -> Option<TlsFacts> {
        self.facts
    }

    /// Says that nothing follows (close_notify): the next [`send`](Self::send) carries it.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
    }

    fn drain(&mut self, wire: &mut Vec<u8>) {
        while self.connection.wants_write() {
            if self.connection.write_tls(wire).is_err() {
                break;
            }
        }
    }
}

/// What was agreed upon, as soon as the handshake is over.
fn facts(connection: &Connection, verified: bool) -> Option<TlsFacts> {
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    };
    let cipher = u16::from(connection.negotiated_cipher_suite()?.suite());
    // RFC 9266 §2: this label, no context, 32 octets. Not below TLS 1.3 (`TlsFacts::exporter`).
    let exporter = || {
        let octets = [0; Exporter::SIZE];
        let exported = connection.export_keying_material(octets, Exporter::LABEL, Some(b""));
        exported.ok().map(Exporter::new)
    };
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    Some(TlsFacts {
        version,
        cipher,
        verified,
        exporter: (version == TlsVersion::Tls13).then(exporter).flatten(),
        certificate: shown.map(|der| Fingerprint::of(der)),
    })
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("ready", &self.ready()).field("ended", &self.ended).finish()
    }
}

/// What goes wrong in one TLS connection.
#[derive(Debug)]
pub enum Error {
    /// The certificate to show cannot be used.
    Certificate(CertificateError),
    /// The name to connect to is not a name that a certificate can carry.
    Name(String),
    /// The peer breaks the protocol, offers nothing that we accept, or shows a bad certificate.
    Protocol(rustls::Error),
    /// The stream ended without the peer saying so.
    Truncated,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => error.fmt(f),
            Self::Name(name) => write!(f, "`{name}` is not a name that a certificate can carry"),
            Self::Protocol(error) => write!(f, "TLS: {error}"),
            Self::Truncated => f.write_str("TLS: the stream ended without a close_notify"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads nothing, now.
struct Blocked;

impl Read for Blocked {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
