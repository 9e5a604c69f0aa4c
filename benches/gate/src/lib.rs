//! What the parsers and machines are measured with, and the work that is done.
//!
//! - [`shapes`]: mail as it is, and shapes that are made to be slow
//! - [`work`]: scanning, showing, decoding, each as a closure over the octets of a message
//! - [`smtp`]: sessions of the SMTP server machine, and what clients send it
//! - `main.rs`: the gate: instructions of that work, held against `ceilings.txt`
//!
//! It stands apart from the other benches so that it builds in seconds, with nothing but core.

pub mod shapes;
pub mod smtp;
pub mod work;
