//! What the grammar is held to: the RFCs' own examples, properties, hostile input.

mod arbitrary;
mod examples;
mod framing;
mod hostile;
mod names;
mod properties;
