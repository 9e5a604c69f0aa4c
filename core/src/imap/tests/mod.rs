//! What the grammar is held to: the RFCs' own examples, properties, hostile input.

mod framing;
