//! The control socket: how commands reach a running server.
//!
//! `DATA/control.sock`, mode 0600. A client writes one JSON line, a [`Request`]; the server answers
//! with one JSON line, a [`Reply`] or a [`Failure`], and closes. Whoever may open the socket may do
//! everything: the file's mode is the whole authorisation.
//!
//! - here: what is said
//! - [`client`], [`server`]: the two ends

pub(crate) mod client;
pub(crate) mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::figures::Status;

/// Octets of one request or reply at most.
pub(crate) const LINE: u64 = 16 << 20;
/// How long either end waits for the other. Making a password hash takes a fraction of a second.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// What a command asks of the server. Not `Debug`: it may carry a password.
#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make an account. The quota is in octets.
    Add { address: String, password: String, quota: Option<u64> },
    /// Let the holder of a certificate sign in. The fingerprint is in hexadecimal digits.
    AddCertificate { address: String, fingerprint: String },
    /// Every account.
    List,
    /// Set a password.
    Password { address: String, password: String },
    /// Remove an account and its mail.
    Remove { address: String },
    /// Let the holder of a certificate sign in no more.
    RemoveCertificate { address: String, fingerprint: String },
    /// What it did so far.
    Status,
}

/// What the server says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Done, and durable.
    Done,
    /// The accounts, in order of their names.
    Accounts { accounts: Vec<Account> },
    /// The figures.
    Status { status: Status },
}

/// An account as it is listed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The full address, which is the account's name.
    pub(crate) address: String,
    /// Messages in all mailboxes.
    pub(crate) messages: u64,
    /// Octets of these.
    pub(crate) octets: u64,
    /// Most octets it may keep.
    pub(crate) quota: Option<u64>,
    /// Fingerprints of the certificates whose holders sign in to it.
    #[serde(default)]
    pub(crate) certificates: Vec<String>,
}

/// One answer.
pub(crate) type Answer = Result<Reply, Failure>;

/// Where the socket of the server that keeps its data in `data` is.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}
