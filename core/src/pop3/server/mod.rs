//! The server's side of POP3.

mod config;
mod event;

pub use config::{Config, Limits};
pub use event::{
    Admission, Answer, Connect, Event, Open, Opened, Piece, Source, Update, Updated, Wanted,
};
