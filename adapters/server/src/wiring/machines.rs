//! From the config file to the settings of the machines, the host and the door.

use std::net::IpAddr;
use std::sync::Arc;

use posthaste_core::gate::{self, Network, TlsMode as GateTls};
use posthaste_core::sasl::Mechanism;
use posthaste_core::{imap, pop3, smtp};
use posthaste_host::Machines;
use posthaste_host::config as host;

use crate::config::{Config, Limits, Listener, PlaintextAuth, Protocol, TlsMode};

/// The settings of all listeners.
pub(crate) struct Settings {
    /// By listener, and there by the [number](Sort::number) of each sort of peers.
    listeners: Vec<[Machines; Sort::NUMBER]>,
    xclient_from: Vec<Network>,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Self {
        let near = config.server.plaintext_auth == PlaintextAuth::Loopback;
        let all = |l| {
            std::array::from_fn(|number| {
                let sort = Sort::of_number(number);
                machines(config, l, Sort { near: sort.near && near, ..sort })
            })
        };
        Self {
            listeners: config.listeners.iter().map(all).collect(),
            xclient_from: config.server.xclient_from.clone(),
        }
    }

    /// What holds for a connection from `peer` to the listener of this number.
    pub(crate) fn of(&self, listener: usize, peer: IpAddr, trusted: bool) -> &Machines {
        let sort = Sort {
            near: peer.to_canonical().is_loopback(),
            xclient: self.xclient_from.iter().any(|network| network.contains(peer)),
            trusted,
        };
        &self.listeners[listener][sort.number()]
    }
}

/// What makes a difference between peers at one listener.
#[derive(Clone, Copy)]
struct Sort {
    /// It is on this machine, and may sign in without TLS where that is allowed.
    near: bool,
    /// It may say XCLIENT.
    xclient: bool,
    /// Its network is trusted, and its mistakes are forgiven.
    trusted: bool,
}

impl Sort {
    const NUMBER: usize = 8;

    const fn number(self) -> usize {
        self.near as usize | (self.xclient as usize) << 1 | (self.trusted as usize) << 2
    }

    const fn of_number(number: usize) -> Self {
        Self { near: number & 1 != 0, xclient: number & 2 != 0, trusted: number & 4 != 0 }
    }
}

fn machines(config: &Config, listener: &Listener, sort: Sort) -> Machines {
    let Sort { near: plaintext, xclient, trusted } = sort;
    let hostname = config.server.hostname.as_str();
    let starttls = listener.tls == TlsMode::StartTls;
    let limits = &config.limits;
    match listener.protocol {
        Protocol::Imap => {
            let mut imap = imap::server::Config::new(hostname);
            imap.starttls = starttls;
            imap.plaintext_auth = plaintext;
            imap.auth_before_tls = plaintext;
            imap.mechanisms = mechanisms(config);
            imap.extensions = posthaste_host::IMAP_EXTENSIONS.map(str::to_owned).to_vec();
            imap_limits(&mut imap.limits, limits);
            Machines::Imap(Arc::new(imap))
        }
        Protocol::Pop3 => {
            let mut pop3 = pop3::server::Config::new(hostname);
            pop3.starttls = starttls;
            pop3.plaintext_auth = plaintext;
            pop3.auth_before_tls = plaintext;
            pop3.mechanisms = mechanisms(config);
            pop3_limits(&mut pop3.limits, limits);
            Machines::Pop3(Arc::new(pop3))
        }
        Protocol::Lmtp | Protocol::Smtp | Protocol::Submission => {
            let role = match listener.protocol {
                Protocol::Lmtp => smtp::server::Role::Lmtp,
                Protocol::Submission => smtp::server::Role::Submission,
                _ => smtp::server::Role::Smtp,
            };
            let mut smtp = smtp::server::Config::new(role, hostname);
            smtp.starttls = starttls;
            smtp.plaintext_auth = plaintext;
            smtp.auth_before_tls = plaintext;
            smtp.xclient = xclient;
            // No message leaves again, so none leaves without TLS (RFC 8689 §4).
            smtp.requiretls = listener.tls != TlsMode::None;
            if role == smtp::server::Role::Submission {
                smtp.mechanisms = mechanisms(config);
            }
            smtp_limits(&mut smtp.limits, limits);
            if trusted {
                smtp.limits.tarpit_errors = u32::MAX;
            }
            smtp.strained = strained(&smtp.limits);
            Machines::Smtp(Arc::new(smtp))
        }
    }
}

/// What the host honours whole: no tokens, since it knows no issuer, SCRAM-SHA-1 where it was told to keep what
/// that needs, and EXTERNAL where clients are asked for certificates.
fn mechanisms(config: &Config) -> Vec<Mechanism> {
    let sha1 = [Mechanism::ScramSha1, Mechanism::ScramSha1Plus];
    let honoured = |mechanism: &Mechanism| {
        Mechanism::PASSWORD.contains(mechanism)
            || (config.server.scram_sha1 && sha1.contains(mechanism))
            || (config.server.client_certificates && *mechanism == Mechanism::External)
    };
    Mechanism::ALL.into_iter().filter(honoured).collect()
}

/// A number of the config file in the size that its user wants; more counts as the most there is.
fn fit<T: TryFrom<u64> + Bound>(number: u64) -> T {
    T::try_from(number).unwrap_or(T::MOST)
}

trait Bound {
    const MOST: Self;
}

impl Bound for u8 {
    const MOST: Self = Self::MAX;
}
impl Bound for u32 {
    const MOST: Self = Self::MAX;
}
impl Bound for usize {
    const MOST: Self = Self::MAX;
}

fn smtp_limits(to: &mut smtp::server::Limits, from: &Limits) {
    to.message_size = from.message_size;
    to.recipients = fit(from.smtp_recipients);
    to.transactions = fit(from.smtp_transactions);
    to.command_line = fit(from.smtp_command_line);
    to.auth_line = fit(from.smtp_auth_line);
    to.text_line = fit(from.smtp_text_line);
    to.command_wait = from.smtp_command_wait;
    to.hello_wait = from.smtp_hello_wait;
    to.transaction_wait = from.smtp_transaction_wait;
    to.body_wait = from.smtp_body_wait;
    to.body_rate = fit(from.body_rate);
    to.body_rate_span = from.body_rate_span;
    to.tarpit_errors = fit(from.tarpit_errors);
    to.tarpit_delay = from.tarpit_delay;
    to.answer_wait = from.answer_wait;
    to.errors = fit(from.errors);
    to.junk_commands = fit(from.junk_commands);
    to.auth_failures = fit(from.auth_failures);
}

/// Limits for strangers under stress: never more than without.
fn strained(limits: &smtp::server::Limits) -> smtp::server::Limits {
    let under = smtp::server::Limits::STRAINED;
    smtp::server::Limits {
        command_wait: under.command_wait.min(limits.command_wait),
        hello_wait: under.hello_wait.min(limits.hello_wait),
        transaction_wait: under.transaction_wait.min(limits.transaction_wait),
        body_wait: under.body_wait.min(limits.body_wait),
        errors: under.errors.min(limits.errors),
        junk_commands: under.junk_commands.min(limits.junk_commands),
        ..limits.clone()
    }
}

fn pop3_limits(to: &mut pop3::server::Limits, from: &Limits) {
    to.line = fit(from.pop3_line);
    to.auth_line = fit(from.smtp_auth_line);
    to.idle = from.pop3_idle;
    to.answer_wait = from.answer_wait;
    to.errors = fit(from.errors);
    to.auth_failures = fit(from.auth_failures);
}

fn imap_limits(to: &mut imap::server::Limits, from: &Limits) {
    to.message_size = from.message_size;
    to.line = fit(from.imap_line);
    to.line_before_login = fit(from.imap_line_before_login);
    to.literal = fit(from.imap_literal);
    to.literal_before_login = fit(from.imap_literal_before_login);
    to.literals = fit(from.imap_literals);
    to.syntax.nesting = fit(from.imap_nesting);
    to.syntax.set_ranges = fit(from.imap_set_ranges);
    to.login_wait = from.imap_login_wait;
    to.idle = from.imap_idle;
    to.idle_gap = from.imap_idle_gap;
    to.body_wait = from.imap_body_wait;
    to.answer_wait = from.answer_wait;
    to.errors = fit(from.errors);
    to.junk_commands = fit(from.junk_commands);
    to.auth_failures = fit(from.auth_failures);
}

/// What the host is told.
pub(crate) fn host(config: &Config) -> host::Config {
    let server = &config.server;
    let mut told = host::Config::new(&server.hostname, &[]);
    told.names = host::Names {
        domains: config.domains.clone(),
        default_domain: server.default_domain.clone(),
        subaddress: server.subaddress,
        postmaster: server.postmaster.clone(),
        aliases: config
            .aliases
            .iter()
            .map(|alias| host::Alias { address: alias.address.clone(), to: alias.to.clone() })
            .collect(),
    };
    told.submission_fixups = server.submission_fixups;
    told.scram_sha1 = server.scram_sha1;
    told.lmtp_from = server.lmtp_from.clone();
    told.limits.hops = fit(config.limits.hops);
    told.limits.bytes_in_flight = config.limits.bytes_in_flight;
    told.limits.stress_bytes = fit(config.limits.stress_bytes);
    told.limits.shed_connect = fit(config.limits.shed_connect);
    told.limits.shed_data = fit(config.limits.shed_data);
    told.limits.shed_bulk = fit(config.limits.shed_bulk);
    told.limits.bulk_recipients = fit(config.limits.bulk_recipients);
    told.limits.auth_checks = fit(config.limits.auth_checks);
    told.limits.message_size = config.limits.message_size;
    told
}

/// What the door and the wire allow.
pub(crate) fn gate(config: &Config) -> gate::Limits {
    let limits = &config.limits;
    gate::Limits {
        connections: fit(limits.connections),
        connections_per_address: fit(limits.connections_per_address),
        connections_per_network: fit(limits.connections_per_network),
        connect_burst: fit(limits.connect_burst),
        connect_rate: fit(limits.connect_rate),
        drain: limits.drain,
        reserved: fit(limits.reserved),
        stress_connections: fit(limits.stress_connections),
        tls_handshake: limits.tls_handshake,
        trusted: config.server.trusted.clone(),
        write_stall: limits.write_stall,
    }
}

/// How a listener's connections come by TLS.
pub(crate) const fn mode(tls: TlsMode) -> GateTls {
    match tls {
        TlsMode::None => GateTls::None,
        TlsMode::StartTls => GateTls::StartTls,
        TlsMode::Implicit => GateTls::Implicit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Somebody between client and server who hides STARTTLS gets no sign-in, not even one that hides the
    /// password. By default this holds for everybody; the config may except loopback, and nobody else.
    #[test]
    fn nobody_signs_in_without_tls() {
        for (line, loopback) in [
            ("", false),
            ("plaintext_auth = \"never\"\n", false),
            ("plaintext_auth = \"loopback\"\n", true),
        ] {
            let mut text = format!(
                "[server]\nhostname = \"a.test\"\ndata = \"d\"\n{line}[[domain]]\nname = \"a.test\"\n"
            );
            for (port, protocol) in (1..).zip(["imap", "pop3", "submission", "smtp", "lmtp"]) {
                text += &format!(
                    "[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\n"
                );
            }
            let config = Config::parse(&text, Path::new("/")).unwrap_or_else(|_| panic!("{text}"));
            let settings = Settings::new(&config);
            for at in 0..5 {
                for (peer, near) in [
                    ("192.0.2.1", false),
                    ("2001:db8::1", false),
                    ("::ffff:192.0.2.1", false),
                    ("127.0.0.1", true),
                    ("::1", true),
                    ("::ffff:127.0.0.1", true),
                ] {
                    let (allowed, mechanisms) = match settings.of(at, peer.parse().unwrap(), false)
                    {
                        Machines::Imap(imap) => ((imap.plaintext_auth, imap.auth_before_tls), true),
                        Machines::Pop3(pop3) => ((pop3.plaintext_auth, pop3.auth_before_tls), true),
                        Machines::Smtp(smtp) => (
                            (smtp.plaintext_auth, smtp.auth_before_tls),
                            !smtp.mechanisms.is_empty(),
                        ),
                    };
                    let may = near && loopback;
                    assert_eq!(allowed, (may, may), "listener {at} from {peer}");
                    // Strangers and LMTP have no accounts at all.
                    assert_eq!(mechanisms, at < 3, "listener {at}");
                }
            }
        }
    }

    /// Whoever is not listed may not say for whom it speaks.
    #[test]
    fn who_may_say_xclient() {
        let text = "[server]\nhostname = \"a.test\"\ndata = \"d\"\nxclient_from = [\"192.0.2.0/24\"]\n\
                    [[domain]]\nname = \"a.test\"\n\
                    [[listener]]\nprotocol = \"smtp\"\naddress = \"127.0.0.1:1\"\n";
        let config = Config::parse(text, Path::new("/")).unwrap_or_else(|_| panic!("{text}"));
        let settings = Settings::new(&config);
        for (peer, may) in [("192.0.2.1", true), ("192.0.3.1", false), ("127.0.0.1", false)] {
            let Machines::Smtp(smtp) = settings.of(0, peer.parse().unwrap(), false) else {
                panic!()
            };
            assert_eq!(smtp.xclient, may, "{peer}");
        }
    }
}
