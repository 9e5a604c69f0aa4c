//! Where a client connects to, and how.

use std::time::Duration;

use posthaste_core::gate::TlsMode;
use posthaste_core::sasl::client::Account;
use posthaste_core::smtp::client::{Config, TlsPolicy};
use posthaste_tls::{ClientTls, Error, Trust};

/// A server, how TLS comes in, and what we say of ourselves. One value serves any number of connections.
///
/// ```
/// use posthaste_tokio::smtp::Remote;
///
/// let remote = Remote::plain("127.0.0.1", 2525).hostname("client.example");
/// ```
#[derive(Clone, Debug)]
pub struct Remote {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mode: TlsMode,
    pub(super) trust: Option<ClientTls>,
    pub(super) connect: Duration,
    pub(super) limits: crate::Limits,
    /// What the protocol machine is told: limits of the protocol, mechanisms, whether to pipeline. What it
    /// says of TLS follows from how this was made; without a hostname our address is told.
    pub config: Config,
}

impl Remote {
    /// How long connecting may take, unless [`connect_wait`](Self::connect_wait) says otherwise.
    pub const CONNECT: Duration = Duration::from_secs(30);

    fn new(host: &str, port: u16, mode: TlsMode, policy: TlsPolicy) -> Self {
        let mut config = Config::new("");
        config.tls = policy;
        Self {
            host: host.to_owned(),
            port,
            mode,
            trust: None,
            connect: Self::CONNECT,
            limits: crate::Limits::DEFAULT,
            config,
        }
    }

    /// A server that takes mail from its users, with TLS from the start, on port 465 (RFC 8314 §3.3).
    #[must_use]
    pub fn submissions(host: &str, trust: ClientTls) -> Self {
        Self::new(host, 465, TlsMode::Implicit, TlsPolicy::Never).trust(trust)
    }

    /// A server that takes mail from its users, on port 587. It must start TLS.
    #[must_use]
    pub fn submission(host: &str, trust: ClientTls) -> Self {
        Self::new(host, 587, TlsMode::StartTls, TlsPolicy::Required).trust(trust)
    }

    /// A server that takes mail from strangers, on port 25. TLS is started if it is offered, and encrypts
    /// without proving who the server is (RFC 7435), unless [`trust`](Self::trust) asks for more; see also
    /// [`require_tls`](Self::require_tls).
    ///
    /// # Errors
    /// TLS cannot be set up at all.
    pub fn mx(host: &str) -> Result<Self, Error> {
        let anybody = ClientTls::new(&Trust::Anybody)?;
        Ok(Self::new(host, 25, TlsMode::StartTls, TlsPolicy::Offered).trust(anybody))
    }

    /// A server without TLS: on this machine, or for trying things.
    #[must_use]
    pub fn plain(host: &str, port: u16) -> Self {
        Self::new(host, port, TlsMode::None, TlsPolicy::Never)
    }

    /// A server of LMTP without TLS, which says of each recipient what became of the message (RFC 2033).
    #[must_use]
    pub fn lmtp(host: &str, port: u16) -> Self {
        let mut remote = Self::plain(host, port);
        remote.config.lmtp = true;
        remote
    }

    /// Another port.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Whom TLS believes to be the server.
    #[must_use]
    pub fn trust(mut self, trust: ClientTls) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Gives up if the server does not start TLS.
    #[must_use]
    pub const fn require_tls(mut self) -> Self {
        if matches!(self.mode, TlsMode::StartTls) {
            self.config.tls = TlsPolicy::Required;
        }
        self
    }

    /// Our name for EHLO. Without it our address is told.
    #[must_use]
    pub fn hostname(mut self, name: &str) -> Self {
        self.config.hostname = name.into();
        self
    }

    /// Signs in when connecting. [`Client::authenticate`](super::Client::authenticate) does it later.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.config.account = Some(account);
        self
    }

    /// How long connecting may take.
    #[must_use]
    pub const fn connect_wait(mut self, wait: Duration) -> Self {
        self.connect = wait;
        self
    }

    /// Takes the waits of the wire (handshake, output that nobody takes) from `limits`.
    #[must_use]
    pub fn limits(mut self, limits: &crate::Limits) -> Self {
        self.limits = limits.clone();
        self
    }
}
