//! Transcripts: conversations written down, and run under every cutting of the input.
//!
//! A file in `tests/transcripts/PROTOCOL/` is a list of lines:
//!
//! | line | meaning |
//! |---|---|
//! | `# text` | a remark; so is an empty line |
//! | `! name value` | a setting, before the first other line: the [`Speaker`] knows which there are |
//! | `! secure` | TLS starts here; nothing may have been left unsaid |
//! | `! poke`, `! close Shutdown` | what a driver may tell a machine |
//! | `C: text` | the peer of the machine sends `text` and CR LF |
//! | `c: text` | it sends `text` and no end of line |
//! | `S: text` | the machine says `text` and CR LF |
//! | `s: text` | it says `text`, and no end of line |
//! | `E: text` | an event, as its `Debug` prints it; runs of a body are joined |
//! | `A: text` | the answer to the event in front, in the words of the [`Speaker`]; without it events are answered kindly |
//! | `T: 300s` | so much time passes (`ms`, `s`, `m`) |
//! | `X: Quit` | how it ended; if the machine has not ended yet, the peer goes away first |
//!
//! `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` stand for octets.
//!
//! Lines of the peer that follow each other are sent at once, and what the machine says and reports up
//! to its next line is compared. Events are compared where at least one `E:` line stands between
//! two sendings. Each transcript runs whole, octet by octet, cut behind every CR LF and cut at random, each
//! with answers given at once and late. While it runs, the promises of
//! [`machine`](posthaste_core::machine) that can be seen from outside are checked: `advance` changes nothing
//! when nothing happened, output grows by the published bound at most, no deadline lies in the past, an event
//! follows `Advance::Event`, and the last event is `Ended`.

mod file;
pub mod imap;
pub mod pop3;
mod run;
pub mod smtp;
pub mod smtp_client;

pub use file::{Cause, Fault, Step, Transcript};
pub use run::{Answer, Cutting, EventOf, Speaker, run, run_all};

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        Transcript::parse(text).and_then(|t| run_all::<smtp::Smtp>(&t)).expect_err("it is wrong")
    }

    const GREETING: &str = "S: 220 mx.test ESMTP Posthaste\n";

    #[test]
    fn what_goes_otherwise_is_a_fault() {
        for (text, line, what) in [
            ("S: 220 mx\n", 1, "expected"),
            ("C: NOOP\n", 1, "it said \"220"),
            ("C: NOOP\nS: 251 Ok\n", 2, "it said \"250"),
            ("C: NOOP\nS: 250 2.0.0 Ok\nE: Quit\n", 2, "heard"),
            ("C: QUIT\nS: 221 2.0.0 Goodbye\nX: Eof\n", 4, "expected the end Eof"),
            ("! secure\n", 2, "TLS cannot start"),
            ("C: NOOP\nS: 250 2.0.0 Ok\nE: Noop \"\"\nA: yes\n", 2, "asks nothing"),
            ("C: \\q\n", 2, "bad escape"),
            ("Q: x\n", 2, "a line begins"),
            ("A: yes\n", 2, "wants an event"),
        ] {
            let greeting = if line == 1 { "" } else { GREETING };
            let found = fault(&format!("{greeting}{text}"));
            assert_eq!(found.line, line, "{text:?}: {found}");
            assert!(found.what.contains(what), "{text:?}: {found}");
        }
    }

    #[test]
    fn every_cutting_is_run() {
        let transcript = Transcript::parse(&format!("{GREETING}X: Eof\n")).unwrap();
        assert_eq!(run_all::<smtp::Smtp>(&transcript), Ok(12));
    }
}
