//! Tests of the store through its boundary. `POSTHASTE_CASES` runs more cases.
//!
//! | module | proves |
//! |---|---|
//! | `model` | the engine does what the memory model does |
//! | `crash` | power cuts, I/O errors and full disks at every operation lose nothing acknowledged |
//! | `damage` | unfinished tails open; damage is reported, wherever it is |
//! | `threads` | the engine with its threads on a real disk; kill -9 |
//! | `common` | mutations out of random octets, and comparing two stores |

mod common;
mod crash;
mod damage;
mod model;
mod threads;
