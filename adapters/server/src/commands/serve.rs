//! `posthaste serve`.

use crate::cli::Serve;
use crate::config::Config;
use crate::exit::Failure;
use crate::{logs, wiring};

pub(super) fn run(serve: &Serve) -> Result<(), Failure> {
    let config = Config::load(&serve.config)?;
    logs::start(&config.log);
    let file = serve.config.clone();
    wiring::serve(config, |_| Ok(()), move || Config::load(&file), || {})
}
