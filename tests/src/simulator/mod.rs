//! The simulator: real machines, real host and a real store on a virtual clock and a network that cuts,
//! delays and breaks, all from one seed. The same seed gives the same trace.
//!
//! - [`random`]: where every surprise comes from
//! - [`link`]: one direction of a connection
//! - [`world`]: connections, time, notes
//! - [`slow`]: a disk that takes its time
//! - [`inputs`]: the host's clock and randomness
//! - [`mail`]: people send mail, and read it; the ledger is the oracle
//! - [`reader`]: how they read it

pub mod inputs;
pub mod link;
pub mod mail;
pub mod random;
pub mod reader;
pub mod slow;
pub mod world;
