//! Atoms that more than one protocol uses.
//!
//! | module | holds |
//! |---|---|
//! | [`address`] | local parts, mailboxes, paths; canonical addresses |
//! | [`base64`] | base64, strict for protocols and tolerant for bodies |
//! | [`decimal`] | whole numbers in digits |
//! | [`domain`] | domain names, IDNA, address literals |
//! | [`tag_list`] | `name=value; name=value`, as in DKIM-Signature |

pub mod address;
pub mod base64;
pub mod decimal;
pub mod domain;
pub mod tag_list;
