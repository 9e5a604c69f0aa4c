//! Tests of the store through its boundary. `model.rs`: the engine does what the memory model does;
//! `common.rs`: mutations out of random octets. `POSTHASTE_CASES` runs more cases.

mod common;
mod model;
