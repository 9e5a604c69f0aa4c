//! A command that outlives the buffer it came in.

use posthaste_core::imap::command::{Command, Tagged};
use posthaste_core::imap::cursor::NESTING_MOST;
use posthaste_core::imap::response::{Mode, Responses};
use posthaste_core::imap::server::Context;
use posthaste_core::imap::{Encoder, Literals, Syntax};

/// A command, written once more, so that another thread can read it again.
#[derive(Debug)]
pub(super) struct Kept {
    frame: Vec<u8>,
    /// What the client enabled.
    pub(super) mode: Mode,
    /// HIGHESTMODSEQ has to be told.
    pub(super) condstore_now: bool,
}

impl Kept {
    pub(super) fn new(context: &Context<'_>, command: Command<'_>) -> Self {
        let mut frame = Vec::with_capacity(128);
        let tagged = Tagged { tag: context.tag, command };
        tagged.write(&mut Encoder::new(&mut frame, Literals::Plus, context.mode.utf8()));
        Self { frame, mode: context.mode, condstore_now: context.condstore_now }
    }

    /// The command. It was read before, with limits no wider than these.
    pub(super) fn read(&self) -> Option<Tagged<'_>> {
        let syntax = Syntax { utf8: self.mode.utf8(), nesting: NESTING_MOST, set_ranges: u32::MAX };
        Tagged::read(&self.frame, syntax).ok()
    }

    /// Responses for this client.
    pub(super) fn responses(&self) -> Responses {
        Responses::with(self.mode)
    }
}
