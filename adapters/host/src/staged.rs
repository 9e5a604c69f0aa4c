//! A body on its way into the store, looked at in the same pass.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::mime::{Limits, Scanner};
use posthaste_store::{Body, MAX_SUMMARY, Staging};

use crate::Host;
use crate::counters::Counters;
use crate::summary::Summary;

/// A body that arrives, however it comes.
pub(crate) struct Staged {
    staging: Staging,
    scanner: Box<Scanner>,
    /// The last two octets so far.
    tail: [u8; 2],
    counters: Arc<Counters>,
}

impl Staged {
    /// A body that will have about so many octets; 0 if that is not known.
    pub(crate) fn new(host: &Host, octets: u64) -> Self {
        let scanner = Box::new(Scanner::new(Limits::DEFAULT).keep_fields());
        let (staging, counters) = (host.store.staging(octets), Arc::clone(&host.counters));
        Self { staging, scanner, tail: [0; 2], counters }
    }

    /// Takes the next octets.
    pub(crate) fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        match octets {
            [] => return Ok(()),
            [only] => self.tail = [self.tail[1], *only],
            [.., before, last] => self.tail = [*before, *last],
        }
        self.scanner.feed(octets);
        self.staging.append(octets)
    }

    /// The body with what is kept beside it.
    pub(crate) fn finish(mut self) -> io::Result<(Body, Bytes)> {
        let unended = !self.staging.is_empty() && self.tail != *b"\r\n";
        self.counters.scan(self.scanner.size().into());
        let structure = self.scanner.finish();
        let mut summary = Summary { unended, structure: b"" }.write();
        structure.encode(&mut summary);
        if summary.len() > MAX_SUMMARY {
            // Whoever wants the structure of such a message scans it again.
            summary = Summary { unended, structure: b"" }.write();
        }
        let body = self.staging.finish()?;
        self.counters.deliver(body.len());
        Ok((body, summary.into()))
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.staging.fmt(f)
    }
}
