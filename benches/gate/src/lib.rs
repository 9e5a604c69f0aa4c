//! What the MIME parser is measured with: messages, and the work that is done to them.
//!
//! - [`shapes`]: mail as it is, and shapes that are made to be slow
//! - [`work`]: scanning, showing, decoding, each as a closure over the octets of a message
//! - `main.rs`: the gate: instructions of that work, held against `ceilings.txt`
//!
//! It stands apart from the other benches so that it builds in seconds, with nothing but core.

pub mod shapes;
pub mod work;
