//! The machine that receives mail.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`config`] | [`Config`]: role, name, what is offered, limits |
//! | [`event`] | [`Event`], the questions and their answers |

pub mod config;
pub mod event;

pub use config::{Config, Limits, Role};
pub use event::{Admission, Answer, Decision, Event, Outcome};
