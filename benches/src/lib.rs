//! Benchmarks of Posthaste.
//!
//! - `benches/*.rs`: criterion, one file a layer: `cargo bench -p posthaste-benches`
//! - [`load`]: a load generator for any SMTP or LMTP server; the program `load` runs it
//! - [`shapes`]: messages to measure with, usual and hostile
//! - [`sink`]: the smallest durable sink, which is the ceiling; the program `sink` runs it
//! - `bin/idle.rs`: memory of an idle connection, plain and with TLS
//! - `delivery.py`: end to end, with Postfix and Dovecot under the same load in the same run

pub mod load;
pub mod shapes;
pub mod sink;
