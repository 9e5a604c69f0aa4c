//! One message on its way into the store: trace fields in front, Return-Path fields out, the rest as
//! it came, in one pass.

use std::io;

use bytes::Bytes;
use posthaste_store::Body;

use super::fields::Fields;
use super::trace;
use crate::staged::Staged;

/// A message that is arriving.
#[derive(Debug)]
pub(crate) struct Incoming {
    staged: Staged,
    fields: Fields,
    /// The header's octets of the run at hand; empty between runs.
    head: Vec<u8>,
    /// What to add where it is missing.
    fixups: Option<Fixups>,
}

/// What submission adds (RFC 6409 §8).
#[derive(Debug)]
pub(crate) struct Fixups {
    /// Seconds since 1970.
    pub(crate) now: u64,
    /// What makes the Message-ID unique.
    pub(crate) unique: [u8; 16],
    /// Our name.
    pub(crate) hostname: Box<str>,
}

impl Incoming {
    /// Starts with the trace fields.
    pub(crate) fn begin(
        mut staged: Staged,
        trace: &trace::Trace<'_>,
        fixups: Option<Fixups>,
    ) -> io::Result<Self> {
        let mut head = Vec::with_capacity(512);
        trace.write(&mut head);
        staged.append(&head)?;
        head.clear();
        Ok(Self { staged, fields: Fields::default(), head, fixups })
    }

    /// Takes the next run.
    pub(crate) fn run(&mut self, run: &[u8]) -> io::Result<()> {
        if self.fields.is_over() {
            return self.staged.append(run);
        }
        let fixups = &self.fixups;
        let rest = self.fields.run(run, &mut self.head, |fields, head| add(fixups, fields, head));
        self.staged.append(&self.head)?;
        self.head.clear();
        if self.fields.is_over() {
            self.head = Vec::new();
        }
        self.staged.append(rest)
    }

    /// Received fields that the message brought.
    pub(crate) fn hops(&self) -> u32 {
        self.fields.hops
    }

    /// The message is whole.
    pub(crate) fn end(mut self) -> io::Result<(Body, Bytes)> {
        let fixups = &self.fixups;
        self.fields.end(&mut self.head, |fields, head| add(fixups, fields, head));
        self.staged.append(&self.head)?;
        self.staged.finish()
    }
}

fn add(fixups: &Option<Fixups>, fields: &Fields, head: &mut Vec<u8>) {
    let Some(fixups) = fixups else { return };
    if !fields.date {
        trace::date_field(fixups.now, head);
    }
    if !fields.message_id {
        trace::message_id_field(&fixups.unique, &fixups.hostname, head);
    }
}
