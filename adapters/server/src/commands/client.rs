//! Clients as the command line wants them.

use posthaste_core::sasl::client::Account;
use posthaste_core::smtp::client::{Config, TlsPolicy};
use posthaste_tls::{ClientTls, Trust, Upgrade};

use crate::cli::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// What to do about a certificate that nobody vouches for.
pub(super) const TRUST: &str =
    "name whom to trust with --ca FILE, or accept anybody with --insecure";

/// How the machine speaks. Asks for the password, where one is wanted.
pub(super) fn config(client: &Client, hostname: &str) -> Result<Config, Failure> {
    let mut config = Config::new(hostname);
    config.lmtp = client.lmtp;
    config.pipelining = client.pipelining == "on";
    config.chunking = client.chunking == "on";
    config.tls = if client.tls == "starttls" { TlsPolicy::Required } else { TlsPolicy::Never };
    if let Some(user) = &client.user {
        let password = terminal::password(client.password.password_stdin)?;
        let unfit =
            |error| Failure::new(Exit::Data, format!("cannot sign in as {user}: {error}"), "");
        config.account = Some(Account::new(user, &password).map_err(unfit)?);
        // Who asks for no TLS and signs in means it; the server has the last word.
        config.plaintext_auth = true;
    }
    if let Some(mechanism) = client.mechanism {
        config.mechanisms = vec![mechanism];
    }
    Ok(config)
}

/// How TLS is done with this host, if at all.
pub(super) fn upgrade(client: &Client, host: &str) -> Result<Option<Upgrade>, Failure> {
    if client.tls == "none" {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unavailable, format!("TLS: {error}"), TRUST)
    };
    let trust = match &client.ca {
        _ if client.insecure => Trust::Anybody,
        Some(file) => Trust::file(file).map_err(|error| failed(&error))?,
        None => Trust::system().map_err(|error| failed(&error))?,
    };
    let tls = ClientTls::new(&trust).map_err(|error| failed(&error))?;
    Ok(Some(Upgrade::Client(tls, host.to_owned())))
}
