//! Atoms that more than one protocol uses.
//!
//! | module | holds |
//! |---|---|
//! | [`base64`] | base64, strict for protocols and tolerant for bodies |

pub mod base64;
