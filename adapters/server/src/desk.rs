//! What the control socket and the account commands ask for, done to a host.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use posthaste_core::machine::Fingerprint;
use posthaste_host::Host;
use posthaste_host::admin::{AdminError, NewPassword};
use posthaste_tls::Handle;

use crate::config::Config;
use crate::control::{Account, Answer, Reply, Request};
use crate::exit::{Exit, Failure};
use crate::figures::{self, Status};
use crate::wiring;

/// Answers requests.
#[derive(Clone)]
pub(crate) struct Desk {
    host: Arc<Host>,
    /// The sockets of a server that runs, and since when.
    serving: Option<(Handle, Instant)>,
}

impl Desk {
    pub(crate) fn new(host: &Arc<Host>) -> Self {
        Self { host: Arc::clone(host), serving: None }
    }

    /// The desk of a server that runs.
    pub(crate) fn serving(host: &Arc<Host>, handle: Handle) -> Self {
        Self { serving: Some((handle, Instant::now())), ..Self::new(host) }
    }

    /// The figures of a server that runs.
    pub(crate) fn status(&self) -> Option<Status> {
        let (handle, since) = self.serving.as_ref()?;
        Some(figures::status(&self.host, handle, *since))
    }

    /// Whether there is an account of this name.
    pub(crate) fn has(&self, address: &str) -> bool {
        self.host.directory().by_name(address).is_some()
    }

    /// Does what is asked, and waits until it is durable.
    pub(crate) fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Add { address, password, quota } => {
                let password = NewPassword::Clear(password.as_bytes());
                self.host.add_account(&address, password, quota).map_err(failure)?;
                tracing::info!(account = address, "account added");
            }
            Request::AddCertificate { address, fingerprint } => {
                let certificate = read(&fingerprint)?;
                self.host.add_certificate(&address, certificate).map_err(failure)?;
                tracing::info!(account = address, %certificate, "certificate added");
            }
            Request::List => {
                let mut accounts: Vec<_> = self
                    .host
                    .list_accounts()
                    .map_err(failure)?
                    .into_iter()
                    .map(|account| Account {
                        address: account.name.into(),
                        messages: account.usage.messages,
                        octets: account.usage.bytes,
                        quota: account.quota,
                        certificates: account
                            .certificates
                            .iter()
                            .map(ToString::to_string)
                            .collect(),
                    })
                    .collect();
                accounts.sort_by(|a, b| a.address.cmp(&b.address));
                return Ok(Reply::Accounts { accounts });
            }
            Request::Status => {
                let status = self.status().ok_or_else(|| {
                    Failure::new(Exit::Unavailable, "no server runs here", "start one first")
                })?;
                return Ok(Reply::Status { status });
            }
            Request::Password { address, password } => {
                let password = NewPassword::Clear(password.as_bytes());
                self.host.set_password(&address, password).map_err(failure)?;
                tracing::info!(account = address, "password set");
            }
            Request::Remove { address } => {
                self.host.remove_account(&address).map_err(failure)?;
                tracing::info!(account = address, "account removed");
            }
            Request::RemoveCertificate { address, fingerprint } => {
                let certificate = read(&fingerprint)?;
                self.host.remove_certificate(&address, certificate).map_err(failure)?;
                tracing::info!(account = address, %certificate, "certificate removed");
            }
        }
        Ok(Reply::Done)
    }
}

/// Does what is asked to the data folder of a server that does not run.
pub(crate) fn offline(data: &Path, config: Option<Config>, request: Request) -> Answer {
    if config.is_none() && !wiring::is_data_folder(data) {
        return Err(Failure::new(
            Exit::Io,
            format!("there is no data folder of posthaste at {}", data.display()),
            "say where it is with --data DIR or --config FILE",
        ));
    }
    let host = wiring::offline(data, config.as_ref())?;
    Desk::new(&host).answer(request)
}

fn read(fingerprint: &str) -> Result<Fingerprint, Failure> {
    Fingerprint::parse(fingerprint).ok_or_else(|| {
        let what = format!("{fingerprint:?} is not a fingerprint");
        Failure::new(Exit::Data, what, "expected the SHA-256 hash, 64 hexadecimal digits")
    })
}

fn failure(error: AdminError) -> Failure {
    let (exit, hint) = match &error {
        AdminError::Read(_) | AdminError::Write(_) => (Exit::Io, "see the server's log"),
        AdminError::NotLocal(_) => (Exit::Data, "add the domain to the config: [[domain]]"),
        AdminError::Unknown(_) => (Exit::Data, "see `posthaste account list`"),
        _ => (Exit::Data, ""),
    };
    Failure::new(exit, error.to_string(), hint)
}
