//! The simulator: real machines, real host and a real store on a virtual clock and a network that cuts,
//! delays and breaks, all from one seed. The same seed gives the same trace.
//!
//! - [`random`]: where every surprise comes from
//! - [`link`]: one direction of a connection
//! - [`world`]: connections, time, notes
//! - [`slow`]: a disk that takes its time

pub mod link;
pub mod random;
pub mod slow;
pub mod world;
