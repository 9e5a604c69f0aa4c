//! Printing a config whole, defaults included, in a form that can be read back.

use posthaste_core::gate::Network;
use std::fmt::Write as _;

use super::limits::Kind;
use super::units::{show_duration, show_size};
use super::{Config, LogFormat};

/// The config as TOML. What stands at its default carries a comment that says so.
pub(crate) fn toml(config: &Config) -> String {
    let mut text = String::new();
    let server = &config.server;
    let _ = writeln!(text, "[server]");
    let _ = writeln!(text, "hostname = {:?}", server.hostname);
    let _ = writeln!(text, "data = {:?}", server.data.display().to_string());
    let _ = writeln!(text, "runtime = \"{}\"", server.runtime);
    if server.threads > 0 {
        let _ = writeln!(text, "threads = {}", server.threads);
    }
    if let Some(domain) = &server.default_domain {
        let _ = writeln!(text, "default_domain = {domain:?}");
    }
    if let Some(postmaster) = &server.postmaster {
        let _ = writeln!(text, "postmaster = {postmaster:?}");
    }
    let subaddress = server.subaddress.map(String::from).unwrap_or_default();
    let _ = writeln!(text, "subaddress = {subaddress:?}");
    let _ = writeln!(text, "plaintext_auth = \"{}\"", server.plaintext_auth);
    let _ = writeln!(text, "submission_fixups = {}", server.submission_fixups);
    let _ = writeln!(text, "scram_sha1 = {}", server.scram_sha1);
    let _ = writeln!(text, "client_certificates = {}", server.client_certificates);
    for (key, networks) in [
        ("trusted", &server.trusted),
        ("lmtp_from", &server.lmtp_from),
        ("xclient_from", &server.xclient_from),
    ] {
        let _ = writeln!(text, "{key} = {}", list(networks));
    }
    match &config.tls {
        Some(tls) => {
            let _ = writeln!(text, "\n[tls]");
            let _ = writeln!(text, "certificate = {:?}", tls.certificate.display().to_string());
            let _ = writeln!(text, "key = {:?}", tls.key.display().to_string());
        }
        None => {
            let _ = writeln!(text, "\n# no [tls]: a self-signed certificate in the data folder");
        }
    }
    for listener in &config.listeners {
        let _ = writeln!(text, "\n[[listener]]");
        let _ = writeln!(text, "protocol = \"{}\"", listener.protocol);
        let _ = writeln!(text, "address = \"{}\"", listener.address);
        let _ = writeln!(text, "tls = \"{}\"", listener.tls);
        let _ = writeln!(text, "proxy_from = {}", list(&listener.proxy_from));
    }
    for domain in &config.domains {
        let _ = writeln!(text, "\n[[domain]]\nname = {domain:?}");
    }
    for alias in &config.aliases {
        let _ = writeln!(text, "\n[[alias]]\naddress = {:?}\nto = {:?}", alias.address, alias.to);
    }
    let _ = writeln!(text, "\n[log]");
    let format = if config.log.format == LogFormat::Human { "human" } else { "json" };
    let level = config.log.level.as_str().to_ascii_lowercase();
    let _ = writeln!(text, "format = \"{format}\"\nlevel = \"{level}\"");
    let _ = writeln!(text, "\n[limits]");
    for limit in config.limits.table() {
        let value = match limit.kind {
            Kind::Count => limit.value.to_string(),
            Kind::Size => format!("\"{}\"", show_size(limit.value)),
            Kind::Wait => {
                format!("\"{}\"", show_duration(std::time::Duration::from_millis(limit.value)))
            }
        };
        let note = if limit.value == limit.default { " (default)" } else { "" };
        let setting = format!("{} = {value}", limit.name);
        let _ = writeln!(text, "{setting:<36} # {}{note}", limit.about);
    }
    text
}

fn list(networks: &[Network]) -> String {
    let networks: Vec<_> = networks.iter().map(|n| format!("\"{n}\"")).collect();
    format!("[{}]", networks.join(", "))
}
