//! What the command line asks for, ready to be served.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use posthaste_core::sasl::{Hash, Mechanism, Verifier, prep};
use posthaste_core::smtp::server::{Config, Limits, Role};
use posthaste_core::text::Secret;
use posthaste_mio::{Listener, Network, ServerTls, TlsMode};
use posthaste_tls::{Certificates, Source};

use super::Sink;
use super::delays::Delays;
use super::fate::Fates;
use super::figures::Figures;
use super::keep::{Keeper, Keeping};
use super::session::Auth;
use crate::cli::SmtpSink;
use crate::exit::{Exit, Failure};
use crate::{system, terminal};

/// Mechanisms that are offered to anybody: a password that nobody knows cannot be proved.
const ANYBODY: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
/// Rounds of the only account's password: it is no secret worth more.
const ITERATIONS: u32 = 4096;
/// How long sessions may take to end when it was told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// File descriptors for other things than connections.
const SPARE: u64 = 64;

/// What all sessions share.
pub(super) fn sink(arguments: &SmtpSink) -> Result<Sink, Failure> {
    let SmtpSink { address, face, faults, keeping, .. } = arguments;
    if !address.ip().is_loopback() && !face.anybody {
        return Err(Failure::new(
            Exit::Usage,
            format!("{address} is not a loopback address"),
            "a sink takes mail from everybody and asks nobody: give --anybody if you mean it",
        ));
    }
    let fates = Fates {
        delays: faults.delay.clone(),
        fails: faults.fail.clone(),
        disconnects: faults.disconnect.clone(),
    };
    let threads = |error| Failure::io("cannot start threads", &error);
    let seed = match faults.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|error| {
            Failure::new(Exit::Unavailable, format!("no randomness: {error}"), "")
        })?,
    };
    let auth = auth(arguments)?;
    Ok(Sink {
        config: Arc::new(config(arguments, &auth)?),
        auth,
        delays: if fates.delays.is_empty() {
            None
        } else {
            Some(Delays::start().map_err(threads)?)
        },
        fates,
        keeper: keeper(keeping)?,
        figures: Figures::new(),
        verbose: arguments.verbose,
        seed,
        sessions: AtomicU64::new(0),
        stop_after: arguments.stop_after,
        handle: OnceLock::new(),
    })
}

fn keeper(keeping: &crate::cli::Keeping) -> Result<Option<Keeper>, Failure> {
    let (place, path): (_, &PathBuf) = match (&keeping.store, &keeping.mbox) {
        (Some(folder), _) => {
            let envelopes = keeping.envelopes;
            (Keeping::Files { folder: folder.clone(), envelopes }, folder)
        }
        (None, Some(path)) => (Keeping::Mbox(path.clone()), path),
        (None, None) => return Ok(None),
    };
    let keeper = Keeper::start(place, keeping.sync);
    keeper
        .map(Some)
        .map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))
}

fn auth(arguments: &SmtpSink) -> Result<Auth, Failure> {
    let Some(user) = &arguments.face.user else {
        return Ok(if arguments.face.auth { Auth::Anybody } else { Auth::Nobody });
    };
    let password = terminal::password(arguments.password.password_stdin)?;
    let unfit = |error| Failure::new(Exit::Data, format!("cannot be signed in: {error}"), "");
    let (user, password) = (
        prep::prepare(user).map_err(unfit)?.into_owned(),
        prep::prepare(&password).map_err(unfit)?.into_owned(),
    );
    let derive =
        |hash| Verifier::derive(hash, Secret::new(password.as_bytes()), b"smtp-sink", ITERATIONS);
    let verifiers = Box::new([Hash::Sha256, Hash::Sha1].map(derive));
    Ok(Auth::One { user, password, verifiers })
}

fn config(arguments: &SmtpSink, auth: &Auth) -> Result<Config, Failure> {
    let face = &arguments.face;
    let usage = |what: &str, hint: &str| Failure::new(Exit::Usage, what, hint);
    let role = match face.role.as_str() {
        "lmtp" => Role::Lmtp,
        "submission" => Role::Submission,
        _ => Role::Smtp,
    };
    let name = &face.hostname;
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(usage(&format!("--hostname: {name:?} is not a name"), ""));
    }
    let mut config = Config::new(role, name);
    config.starttls = face.tls == "starttls";
    config.mechanisms = match auth {
        Auth::Anybody => ANYBODY.to_vec(),
        Auth::Nobody if face.require_auth => {
            return Err(usage("--require-auth: nobody can sign in", "give --auth or --user NAME"));
        }
        Auth::Nobody => Vec::new(),
        Auth::One { .. } => {
            let proved = |mechanism: &Mechanism| mechanism.hash().is_some();
            Mechanism::ALL.into_iter().filter(proved).chain(ANYBODY).collect()
        }
    };
    config.plaintext_auth = true;
    config.require_auth = face.require_auth;
    face.offer.iter().for_each(|extension| extension.switch(true, &mut config));
    face.hide.iter().for_each(|extension| extension.switch(false, &mut config));
    config.limits = Limits {
        message_size: face.max_size,
        recipients: u32::try_from(face.max_recipients).unwrap_or(u32::MAX),
        // Whoever is measured may do as much as it likes.
        transactions: u32::MAX,
        errors: u32::MAX,
        junk_commands: u32::MAX,
        auth_failures: u32::MAX,
        // Answers that are late on purpose are not too late.
        answer_wait: Duration::from_secs(86_400),
        ..Limits::DEFAULT
    };
    config.strained = config.limits.clone();
    Ok(config)
}

/// Where it listens, and what the wire allows.
pub(super) fn server(arguments: &SmtpSink) -> Result<posthaste_mio::Config, Failure> {
    let face = &arguments.face;
    let (mode, tls) = match face.tls.as_str() {
        "implicit" => (TlsMode::Implicit, Some(tls(arguments)?)),
        "starttls" => (TlsMode::StartTls, Some(tls(arguments)?)),
        _ => (TlsMode::None, None),
    };
    let connections = system::descriptors(u64::MAX).saturating_sub(SPARE);
    let all = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
    let limits = posthaste_mio::Limits {
        connections: u32::try_from(connections).unwrap_or(u32::MAX),
        drain: DRAIN,
        reserved: 0,
        // Nobody is to be held back.
        trusted: all.map(|address| Network::new(address, 0)).to_vec(),
        ..posthaste_mio::Limits::DEFAULT
    };
    Ok(posthaste_mio::Config {
        listeners: vec![Listener { address: arguments.address, mode, tls, proxies: Vec::new() }],
        reactors: arguments.threads,
        limits,
    })
}

fn tls(arguments: &SmtpSink) -> Result<ServerTls, Failure> {
    let face = &arguments.face;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unavailable, format!("TLS: {error}"), "")
    };
    let certificates = match (&face.certificate, &face.key) {
        (Some(certificate), Some(key)) => {
            let source = Source { certificate: certificate.clone(), key: key.clone() };
            Certificates::load(vec![source]).map_err(|error| failed(&error))?
        }
        _ => {
            let names = [face.hostname.as_str(), "localhost", "127.0.0.1", "::1"];
            self_signed(&names.map(str::to_owned))?
        }
    };
    ServerTls::new(Arc::new(certificates)).map_err(|error| failed(&error))
}

/// A certificate that lives as long as the sink; its key is nowhere but in memory when this returns.
fn self_signed(names: &[String]) -> Result<Certificates, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unavailable, format!("TLS: {error}"), "")
    };
    let number = getrandom::u64().map_err(|error| failed(&error))?;
    let folder = std::env::temp_dir().join(format!("posthaste-sink-{number:016x}"));
    std::fs::create_dir(&folder)
        .map_err(|error| Failure::io(format!("cannot make {}", folder.display()), &error))?;
    let loaded = Source::self_signed(&folder, names)
        .and_then(|source| Certificates::load(vec![source]))
        .map_err(|error| failed(&error));
    // What cannot be removed is a key that nobody uses.
    let _ = std::fs::remove_dir_all(&folder);
    loaded
}
