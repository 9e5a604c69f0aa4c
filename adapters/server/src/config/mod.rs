//! `posthaste.toml`: the truth for everything but accounts and mail.
//!
//! - here: what a config holds, and reading a file into it
//! - [`read`]: TOML with every mistake shown where it stands
//! - [`limits`]: the limits by name
//! - [`names`]: domains, aliases and addresses that must fit together
//! - [`units`]: sizes and durations
//! - [`show`]: printing a config with all its defaults

pub(crate) mod limits;
mod names;
pub(crate) mod read;
pub(crate) mod show;
pub(crate) mod units;

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) use limits::Limits;
use posthaste_core::gate::Network;
use posthaste_core::grammar::domain::Domain;
use read::Section;

use crate::exit::{Exit, Failure};

/// A whole config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) tls: Option<Tls>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) domains: Vec<String>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) hostname: String,
    pub(crate) data: PathBuf,
    pub(crate) runtime: Runtime,
    /// Reactor threads; 0 is one a core.
    pub(crate) threads: usize,
    pub(crate) default_domain: Option<String>,
    pub(crate) postmaster: Option<String>,
    pub(crate) subaddress: Option<char>,
    pub(crate) plaintext_auth: PlaintextAuth,
    pub(crate) submission_fixups: bool,
    /// Whether SCRAM-SHA-1 is offered, and what it needs is kept of passwords.
    pub(crate) scram_sha1: bool,
    /// Whether clients are asked for certificates, by which they may sign in.
    pub(crate) client_certificates: bool,
    pub(crate) trusted: Vec<Network>,
    pub(crate) lmtp_from: Vec<Network>,
    pub(crate) xclient_from: Vec<Network>,
}

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
    pub(crate) tls: TlsMode,
    /// Proxies, whose connections begin with a PROXY header.
    pub(crate) proxy_from: Vec<Network>,
}

/// `[[alias]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) address: String,
    pub(crate) to: Vec<String>,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: tracing::Level,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),* }

        impl $name {
            /// The words of the config file.
            pub(crate) const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant)),*];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),* })
            }
        }
    };
}

words! {
    /// What runs the sockets.
    Runtime { Mio = "mio", Tokio = "tokio" }
}
words! {
    /// What a listener speaks.
    Protocol {
        Smtp = "smtp", Submission = "submission", Lmtp = "lmtp", Imap = "imap", Pop3 = "pop3",
    }
}
words! {
    /// How a listener encrypts.
    TlsMode { None = "none", StartTls = "starttls", Implicit = "implicit" }
}
words! {
    /// Where passwords may cross the wire unencrypted.
    PlaintextAuth { Never = "never", Loopback = "loopback" }
}
words! {
    /// How log lines look.
    LogFormat { Human = "human", Json = "json" }
}

impl Config {
    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let source = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                Exit::Config,
                format!("cannot read {}: {error}", path.display()),
                "give the config file's path with --config, or try `posthaste dev`",
            )
        })?;
        Self::parse(&source, path.parent().unwrap_or(Path::new("")))
            .map_err(|problems| Failure::config(&path.display().to_string(), &source, &problems))
    }

    /// Reads the text of a config file whose relative paths start at `base`.
    pub(crate) fn parse(source: &str, base: &Path) -> Result<Self, Vec<read::Problem>> {
        let config = read::parse(source, |root| {
            let server = root.section("server", |s| (Server::read(s, base), s.span()));
            let server = root.need("[server]", server, "a table with hostname and data");
            let tls = root.section("tls", |s| Tls::read(s, base)).flatten();
            // A wrong one is told as that, not as missing.
            let (domain_there, listener_there) = (root.has("domain"), root.has("listener"));
            let mut listeners: Vec<Listener> = Vec::new();
            for (listener, span) in root.sections("listener", Listener::read) {
                if listeners.iter().any(|other| other.address == listener.address) {
                    root.wrong_at(
                        span,
                        format!("two listeners have the address {}", listener.address),
                        "an address of its own for each",
                    );
                }
                listeners.push(listener);
            }
            let domains = root.sections("domain", |s| {
                let name = s.parsed("name", DOMAIN_FORM, domain);
                s.need("name", name, "\"example.org\"")
            });
            let aliases = root.sections("alias", Alias::read);
            names::check(root, server.as_ref(), &domains, &aliases);
            let aliases = aliases.into_iter().map(|(alias, _)| alias).collect();
            let limits = root.section("limits", Limits::read).unwrap_or_default();
            let log = root.section("log", Log::read).unwrap_or_default();
            if !domain_there {
                root.wrong(
                    "no domain is served",
                    "at least one [[domain]] with name = \"example.org\"",
                );
            }
            if !listener_there {
                root.wrong(
                    "nothing listens",
                    "at least one [[listener]] with protocol, address and tls",
                );
            }
            Some(Self { server: server?.0?, tls, listeners, domains, aliases, limits, log })
        })?;
        // `None` only after a problem was reported, which was returned above.
        config.ok_or_else(Vec::new)
    }
}

const NETWORK_FORM: &str = "networks such as \"127.0.0.0/8\" or \"::1\"";
const DOMAIN_FORM: &str = "a domain such as \"example.org\"";
const ADDRESS_FORM: &str = "an address such as \"ann@example.org\"";

fn domain(text: &str) -> Option<String> {
    let ok = !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    // In the form that all of them read (RFC 6531 §3.7.1), and that addresses are compared in.
    let ascii = || Domain::parse(text.as_bytes()).ok().map(|name| name.to_canonical());
    ok.then(ascii).flatten().map(|name| name.as_str().to_owned())
}

fn mailbox(text: &str) -> Option<String> {
    let (local, host) = text.rsplit_once('@')?;
    (!local.is_empty() && domain(host).is_some()).then(|| text.to_owned())
}

impl Server {
    fn read(s: &mut Section<'_, '_>, base: &Path) -> Option<Self> {
        let hostname = s.parsed("hostname", "a host name such as \"mail.example.org\"", domain);
        let hostname = s.need("hostname", hostname, "\"mail.example.org\"");
        let data = s.text("data", "a folder").map(|data| base.join(data));
        let data = s.need("data", data, "\"/var/lib/posthaste\"");
        Some(Self {
            runtime: s.choice("runtime", Runtime::WORDS).unwrap_or(Runtime::Mio),
            threads: s.count("threads").and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            default_domain: s.parsed("default_domain", DOMAIN_FORM, domain),
            postmaster: s.parsed("postmaster", ADDRESS_FORM, mailbox),
            subaddress: s
                .parsed("subaddress", "one character such as \"+\", or \"\" for none", |text| {
                    let mut chars = text.chars();
                    match (chars.next(), chars.next()) {
                        (None, _) => Some(None),
                        (Some(c), None) if c.is_ascii_punctuation() && c != '@' && c != '.' => {
                            Some(Some(c))
                        }
                        _ => None,
                    }
                })
                .unwrap_or(Some('+')),
            plaintext_auth: s
                .choice("plaintext_auth", PlaintextAuth::WORDS)
                .unwrap_or(PlaintextAuth::Never),
            submission_fixups: s.switch("submission_fixups").unwrap_or(true),
            scram_sha1: s.switch("scram_sha1").unwrap_or(false),
            client_certificates: s.switch("client_certificates").unwrap_or(false),
            trusted: s
                .list("trusted", NETWORK_FORM, |text| text.parse().ok())
                .unwrap_or_else(|| Network::LOOPBACK.to_vec()),
            xclient_from: s
                .list("xclient_from", NETWORK_FORM, |text| text.parse().ok())
                .unwrap_or_default(),
            lmtp_from: s
                .list("lmtp_from", NETWORK_FORM, |text| text.parse().ok())
                .unwrap_or_else(|| Network::LOOPBACK.to_vec()),
            hostname: hostname?,
            data: data?,
        })
    }
}

impl Tls {
    fn read(s: &mut Section<'_, '_>, base: &Path) -> Option<Self> {
        let certificate = s.text("certificate", "a PEM file").map(|file| base.join(file));
        let certificate = s.need("certificate", certificate, "\"fullchain.pem\"");
        let key = s.text("key", "a PEM file").map(|file| base.join(file));
        let key = s.need("key", key, "\"key.pem\"");
        Some(Self { certificate: certificate?, key: key? })
    }
}

impl Listener {
    fn read(s: &mut Section<'_, '_>) -> Option<(Self, Range<usize>)> {
        let protocol = s.choice("protocol", Protocol::WORDS);
        let protocol = s.need("protocol", protocol, "\"smtp\"");
        let address = s.address("address");
        let address = s.need("address", address, "\"0.0.0.0:25\"");
        let tls = s.choice("tls", TlsMode::WORDS);
        let tls = tls.unwrap_or(TlsMode::StartTls);
        let proxy_from = s.list("proxy_from", NETWORK_FORM, |text| text.parse().ok());
        let proxy_from = proxy_from.unwrap_or_default();
        Some((Self { protocol: protocol?, address: address?, tls, proxy_from }, s.span()))
    }
}

impl Alias {
    fn read(s: &mut Section<'_, '_>) -> Option<(Self, Range<usize>)> {
        let address = s.parsed("address", ADDRESS_FORM, mailbox);
        let address = s.need("address", address, "\"sales@example.org\"");
        let to = s.list("to", ADDRESS_FORM, mailbox);
        let to = s.need("to", to, "[\"ann@example.org\"]");
        Some((Self { address: address?, to: to? }, s.span()))
    }
}

impl Log {
    fn read(s: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        Self {
            format: s.choice("format", LogFormat::WORDS).unwrap_or(default.format),
            level: s
                .choice(
                    "level",
                    &[
                        ("error", tracing::Level::ERROR),
                        ("warn", tracing::Level::WARN),
                        ("info", tracing::Level::INFO),
                        ("debug", tracing::Level::DEBUG),
                        ("trace", tracing::Level::TRACE),
                    ],
                )
                .unwrap_or(default.level),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: tracing::Level::INFO }
    }
}

#[cfg(test)]
mod tests;
