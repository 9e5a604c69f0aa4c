//! How `posthaste send` and `posthaste smtp-load` speak to a server.

use std::path::PathBuf;

use clap::Args;
use posthaste_core::sasl::Mechanism;

use super::Password;

/// How to speak to a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct Client {
    /// Speak LMTP
    #[arg(long)]
    pub(crate) lmtp: bool,
    /// Do not wait for each reply, where PIPELINING is offered
    #[arg(long, default_value = "on", value_parser = ["on", "off"])]
    pub(crate) pipelining: String,
    /// Send messages by BDAT, where CHUNKING is offered
    #[arg(long, default_value = "on", value_parser = ["on", "off"])]
    pub(crate) chunking: String,
    /// `none`, `starttls` or `implicit`
    #[arg(long, default_value = "none", value_parser = ["none", "starttls", "implicit"])]
    pub(crate) tls: String,
    /// Accept any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Sign in as
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Sign in by this mechanism alone, such as PLAIN (else by the strongest that is offered)
    #[arg(long, value_parser = mechanism, requires = "user", value_name = "NAME")]
    pub(crate) mechanism: Option<Mechanism>,
    #[command(flatten)]
    pub(crate) password: Password,
}

fn mechanism(text: &str) -> Result<Mechanism, String> {
    Mechanism::parse(text.as_bytes()).ok_or_else(|| {
        let known: Vec<_> = Mechanism::ALL.iter().map(|mechanism| mechanism.name()).collect();
        format!("expected one of {}", known.join(", "))
    })
}
