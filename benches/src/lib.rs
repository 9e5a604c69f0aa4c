//! Benchmarks of Posthaste.
//!
//! - `benches/*.rs`: criterion, one file a layer: `cargo bench -p posthaste-benches`
//! - [`load`]: a load generator for any SMTP or LMTP server; the program `load` runs it
//! - [`sink`]: the smallest durable sink, which is the ceiling; the program `sink` runs it
//! - `gate/`, a crate of its own: messages to measure with, and how many instructions they may take
//! - `peers/`, a workspace of its own: other MIME parsers beside ours
//! - `bin/idle.rs`: memory of an idle connection, plain and with TLS
//! - `delivery.py`: end to end, with Postfix and Dovecot under the same load in the same run

pub mod load;
pub mod sink;
