//! Joining config, store, host, sessions and sockets into a server that runs.
//!
//! - here: starting, reloading, stopping
//! - [`machines`]: from the config file to the settings of the parts
//! - [`sessions`]: what makes the session of each connection
//! - [`folder`]: the data folder

mod folder;
mod machines;
mod sessions;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use posthaste_host::config::Pools;
use posthaste_host::inputs::Inputs;
use posthaste_host::{Host, StartError};
use posthaste_store::Store;
use posthaste_tls::{Certificates, ClientCertificates, Handle, Listener, ServerTls, Source};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

pub(crate) use folder::{is_data_folder, not_running};
use machines::Settings;
use sessions::Sessions;

use crate::config::{Config, Runtime, TlsMode};
use crate::control::server::Control;
use crate::desk::Desk;
use crate::exit::{Exit, Failure};

/// Certificates that end sooner than this are warned about, in days.
const EXPIRY_WARNING: u64 = 21;

/// Runs a server until a signal stops it. `prepare` sees the host before anything listens, `reload` reads
/// the config again at SIGHUP, `ready` is called when connections are taken.
pub(crate) fn serve(
    config: Config,
    prepare: impl FnOnce(&Arc<Host>) -> Result<(), Failure>,
    reload: impl Fn() -> Result<Config, Failure> + Send + 'static,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let data = config.server.data.clone();
    let store = folder::open(&data)?;
    folder::remember(&config)?;
    let host = host(Arc::clone(&store), &config, system()?)?;
    prepare(&host)?;

    let certificates = certificates(&config)?;
    let clients = match config.server.client_certificates {
        true => ClientCertificates::Requested,
        false => ClientCertificates::Ignored,
    };
    let tls = ServerTls::asking(Arc::clone(&certificates), clients)
        .map_err(|error| Failure::new(Exit::Unavailable, format!("TLS: {error}"), ""))?;
    let settings = Arc::new(ArcSwap::from_pointee(Settings::new(&config)));
    let sessions = Sessions::new(Arc::clone(&host), Arc::clone(&settings));
    let server = Running::bind(&config, &tls, sessions)?;
    let handle = server.handle();

    let desk = Desk::serving(&host, handle.clone());
    let asked = desk.clone();
    let _control = Control::start(&data, Arc::new(move |request| asked.answer(request)))?;
    let reloading = Reloading { host, certificates, settings, handle, running: config };
    signals(reloading, reload)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "serving");
    ready();
    let ended = server.run();
    ended.map_err(|error| Failure::io("the server stopped", &error))?;
    if let Some(status) = desk.status() {
        tracing::info!(limits = status.limits_met(), "stopped");
    }
    Ok(())
}

/// The host of a server that does not run, for account commands.
pub(crate) fn offline(data: &Path, config: Option<&Config>) -> Result<Arc<Host>, Failure> {
    let store = folder::open(data)?;
    let remembered;
    let config = match config {
        Some(config) => config,
        None => {
            remembered = folder::recall(data)?;
            &remembered
        }
    };
    host(store, config, Inputs::inline())
}

fn host(store: Arc<dyn Store>, config: &Config, inputs: Inputs) -> Result<Arc<Host>, Failure> {
    Host::new(store, machines::host(config), inputs).map_err(|error| {
        let exit = match &error {
            StartError::Rules(_) => Exit::Config,
            StartError::Account(_) => Exit::Data,
            StartError::Read(_) | StartError::Write(_) => Exit::Io,
        };
        Failure::new(exit, error.to_string(), "")
    })
}

fn system() -> Result<Inputs, Failure> {
    Inputs::system(&Pools::default()).map_err(|error| Failure::io("cannot start threads", &error))
}

/// Whether the configured certificate can be used.
pub(crate) fn check_certificates(config: &Config) -> Result<(), Failure> {
    // A self-signed one is made when the server starts.
    if config.tls.is_some() { certificates(config).map(drop) } else { Ok(()) }
}

/// The configured certificate, or the self-signed one of the data folder.
fn certificates(config: &Config) -> Result<Arc<Certificates>, Failure> {
    let wrong = |error: posthaste_tls::CertificateError| {
        Failure::new(Exit::Config, format!("TLS: {error}"), "see [tls] in `posthaste help config`")
    };
    let certificates = Certificates::load(vec![source(config).map_err(wrong)?]).map_err(wrong)?;
    warn_of_expiry(&certificates);
    Ok(Arc::new(certificates))
}

fn source(config: &Config) -> Result<Source, posthaste_tls::CertificateError> {
    match &config.tls {
        Some(tls) => Ok(Source { certificate: tls.certificate.clone(), key: tls.key.clone() }),
        None => {
            let mut names = vec![config.server.hostname.clone(), "localhost".to_owned()];
            names.extend(config.domains.iter().cloned());
            names.push("127.0.0.1".to_owned());
            names.dedup();
            Source::self_signed(&config.server.data, &names)
        }
    }
}

fn warn_of_expiry(certificates: &Certificates) {
    let left = certificates.expires().duration_since(SystemTime::now());
    let days = left.map_or(0, |left| left.as_secs() / 86_400);
    if days < EXPIRY_WARNING {
        tracing::warn!(days, "a certificate ends soon");
    }
}

/// The server on the runtime that the config names.
enum Running {
    Mio(posthaste_mio::Server<Sessions>),
    Tokio(posthaste_tokio::Server<Sessions>),
}

impl Running {
    fn bind(config: &Config, tls: &ServerTls, sessions: Sessions) -> Result<Self, Failure> {
        let listeners = config.listeners.iter().map(|listener| Listener {
            address: listener.address,
            mode: machines::mode(listener.tls),
            tls: (listener.tls != TlsMode::None).then(|| tls.clone()),
            proxies: listener.proxy_from.clone(),
        });
        let settings = posthaste_tls::Config {
            listeners: listeners.collect(),
            reactors: config.server.threads,
            limits: machines::gate(config),
        };
        let bound = match config.server.runtime {
            Runtime::Mio => posthaste_mio::Server::bind(settings, sessions).map(Self::Mio),
            Runtime::Tokio => posthaste_tokio::Server::bind(settings, sessions).map(Self::Tokio),
        };
        bound.map_err(|error| {
            let hint = "stop what uses it, or change its [[listener]] (dev: --port-offset)";
            Failure::new(Exit::Unavailable, error.to_string(), hint)
        })
    }

    fn handle(&self) -> Handle {
        match self {
            Self::Mio(server) => server.handle(),
            Self::Tokio(server) => server.handle(),
        }
    }

    fn run(self) -> std::io::Result<()> {
        match self {
            Self::Mio(server) => server.run(),
            Self::Tokio(server) => server.run(),
        }
    }
}

/// What a new config changes in a server that runs.
struct Reloading {
    host: Arc<Host>,
    certificates: Arc<Certificates>,
    settings: Arc<ArcSwap<Settings>>,
    handle: Handle,
    running: Config,
}

impl Reloading {
    /// Takes a new config whole, or not at all.
    fn take(&mut self, config: Config) -> Result<(), Failure> {
        let fixed = |config: &Config| {
            let server = &config.server;
            let listeners = config.listeners.clone();
            let sign_in = (server.scram_sha1, server.client_certificates);
            (server.data.clone(), server.runtime, server.threads, sign_in, listeners)
        };
        if fixed(&config) != fixed(&self.running) {
            return Err(Failure::new(
                Exit::Config,
                "data, runtime, threads, scram_sha1, client_certificates and [[listener]] cannot \
                 change while the server runs",
                "restart it",
            ));
        }
        let wrong = |error: posthaste_tls::CertificateError| {
            Failure::new(Exit::Config, format!("TLS: {error}"), "")
        };
        // Certificates first: they are what fails; the others replace whole values.
        self.certificates.replace(vec![source(&config).map_err(wrong)?]).map_err(wrong)?;
        warn_of_expiry(&self.certificates);
        self.host
            .reload(machines::host(&config))
            .map_err(|error| Failure::new(Exit::Config, error.to_string(), ""))?;
        self.settings.store(Arc::new(Settings::new(&config)));
        self.handle.set_limits(machines::gate(&config));
        folder::remember(&config)?;
        self.running = config;
        Ok(())
    }
}

/// SIGTERM and SIGINT stop, once politely and twice at once; SIGHUP reloads.
fn signals(
    mut reloading: Reloading,
    reload: impl Fn() -> Result<Config, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io("cannot listen to signals", error);
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| failed(&error))?;
    let watch = move || {
        let mut stopping = false;
        for signal in signals.forever() {
            match signal {
                SIGHUP => match reload().and_then(|config| reloading.take(config)) {
                    Ok(()) => tracing::info!("took the new config"),
                    Err(Failure { what, hint, .. }) => {
                        let hint = if hint.is_empty() { hint } else { format!(" ({hint})") };
                        tracing::error!("kept the old config: {what}{hint}");
                    }
                },
                _ if stopping => reloading.handle.abort(),
                _ => {
                    tracing::info!("stopping");
                    stopping = true;
                    reloading.handle.shutdown();
                }
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
        .map_err(|error| failed(&error))
}
