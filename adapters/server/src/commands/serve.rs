//! `posthaste serve`.

use crate::cli::Serve;
use crate::config::{Config, Listener};
use crate::exit::Failure;
use crate::{logs, wiring};

pub(super) fn run(serve: &Serve) -> Result<(), Failure> {
    let config = Config::load(&serve.config)?;
    logs::start(&config.log);
    let file = serve.config.clone();
    let listeners = config.listeners.clone();
    let ready = move || {
        for Listener { protocol, address, tls, .. } in &listeners {
            tracing::info!(%protocol, %address, %tls, "listening");
        }
    };
    wiring::serve(config, |_| Ok(()), move || Config::load(&file), ready)
}
