//! Benchmarks of Posthaste.
//!
//! - `benches/*.rs`: criterion, one file a layer: `cargo bench -p posthaste-benches`
//! - `gate/`, a crate of its own: messages and sessions to measure with, and how many instructions they may take
//! - `peers/`, a workspace of its own: other MIME parsers and smtp-proto beside ours
//! - `bin/idle.rs`: memory of an idle connection, plain and with TLS
//! - `delivery.py`: end to end, with Postfix and Dovecot under the same load in the same run
//!
//! Load comes from `posthaste smtp-load`, and the ceiling of durable delivery from `posthaste smtp-sink`.
