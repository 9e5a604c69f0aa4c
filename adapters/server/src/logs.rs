//! Structured logs: one line an event on standard error, for people or as JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging. `POSTHASTE_LOG` overrides the level, as in `posthaste_store=debug,info`.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_from_env("POSTHASTE_LOG")
        .unwrap_or_else(|_| EnvFilter::new(log.level.as_str().to_ascii_lowercase()));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Started twice only by tests that share a process; the first one stays.
    let _ = match log.format {
        LogFormat::Human => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(colour).with_target(false).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
