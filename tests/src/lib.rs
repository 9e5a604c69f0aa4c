//! What the tests, fuzz targets and benches of Posthaste share.
//!
//! - [`fuzz`]: the bodies of the fuzz targets
//! - [`simulator`]: machines, host and store on a virtual clock and network, from one seed

pub mod fuzz;
pub mod simulator;
