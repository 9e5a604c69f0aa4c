//! The few loops of posthaste-core that need vector instructions, each beside its plain form.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`base64`] | base64 decoded, line ends passed over, and written in lines |
//! | [`dashes`] | places in bodies where a MIME delimiter may stand, line counts |
//! | [`lines`] | ends of header fields |
//! | [`octets`] | which octets are of a set: where the words of a field end |
//! | [`pairs`] | charsets of one octet or two a character as UTF-8 |
//! | [`printable`] | quoted-printable decoded |
//! | [`quoted`] | quoted strings written |
//! | [`text`] | octets as UTF-8 |
//! | [`western`] | windows-1252 as UTF-8 |
//! | `cpu` | what the processor can do |
//! | `vector` | octets into registers and back |
//!
//! Every function here has a safe form that works everywhere and is the oracle of the others in
//! their tests. Which one runs is decided once, by what the processor can do. `unsafe` stands
//! nowhere else in what core is made of.

#![no_std]

extern crate alloc;

pub mod base64;
mod cpu;
pub mod dashes;
pub mod lines;
pub mod octets;
pub mod pairs;
pub mod printable;
pub mod quoted;
pub mod text;
#[cfg(target_arch = "x86_64")]
mod vector;
pub mod western;
