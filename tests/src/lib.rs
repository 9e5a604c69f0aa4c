//! What the tests, fuzz targets and benches of Posthaste share.
//!
//! - [`corpus`]: real mail, where it is
//! - [`fuzz`]: the bodies of the fuzz targets
//! - [`property`]: what every machine promises, written once
//! - [`rfc`]: which test shows which requirement of the RFCs
//! - [`safety`]: hostile forms, and the machines of SMTP at work on them
//! - [`sign_in`]: what is answered about sign-ins, in all protocols
//! - [`simulator`]: machines, host and store on a virtual clock and network, from one seed
//! - [`transcript`]: conversations written down, run under every cutting

pub mod corpus;
pub mod fuzz;
pub mod property;
pub mod rfc;
pub mod safety;
pub mod sign_in;
pub mod simulator;
pub mod transcript;
