//! What the proofs of SMTP's safety share: hostile forms, and the two machines at work on them.
//!
//! | module | holds |
//! |---|---|
//! | [`cut`] | how octets arrive: whole, one by one, in two, in any pieces |
//! | [`ends`] | ends of data that are none |
//! | [`model`] | RFC 5321's state table and those of its extensions, written down a second time |
//! | [`receive`] | the server machine, with a host that says yes |
//! | [`send`] | the client machine, against a server |
//! | [`town`] | the real host over a store in memory |
//! | [`wire`] | what a reader who knows nothing of us makes of octets on the wire |

pub mod cut;
pub mod ends;
pub mod model;
pub mod receive;
pub mod send;
pub mod town;
pub mod wire;
