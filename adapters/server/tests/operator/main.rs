//! The real program, driven as an operator drives it: by command line, config file, signals and
//! sockets.
//!
//! - [`place`]: a folder with a config on free ports
//! - [`program`]: running the program, and a server that dies with its test
//! - [`wire`]: a client that speaks lines
//! - the others: what is promised, a file each

mod accounts;
mod clear;
mod config;
mod dev;
mod load;
mod mime;
mod overload;
mod place;
mod program;
mod reload;
mod sending;
mod sink;
mod smuggling;
mod starting;
mod stopping;
mod usage;
mod wire;
