//! What every machine promises, written once: the eleven rules of [`posthaste_core::machine`].
//!
//! # The map
//! - this file: what a machine must show to be tested ([`Subject`], [`Script`])
//! - [`drive`]: drives one machine through one talk, and checks at each step what holds at each step
//! - [`rules`]: one function a rule
//! - [`heap`]: an allocator that counts, for the rule about idle machines
//! - [`imap`], [`pop3`], [`smtp`]…: the machines
//!
//! `tests/tests/properties.rs` makes a test of every rule for every subject.

pub mod drive;
pub mod heap;
pub mod imap;
pub mod pop3;
pub mod rules;
pub mod smtp;
pub mod smtp_client;

use posthaste_core::machine::{Answered, Machine, Protocol};
use proptest::strategy::BoxedStrategy;

use crate::simulator::random::Random;

/// A machine and what talks to it.
pub trait Subject {
    /// What it speaks.
    type Protocol: Protocol;
    /// The machine.
    type Machine: Machine<Protocol = Self::Protocol>;
    /// Who answers its questions.
    type Script: Script<Self::Protocol>;

    /// Texts that stand in its talks and must never be printed by an event: passwords, and their base64.
    const SECRETS: &'static [&'static str];

    /// Octets of heap that the machine may hold when it waits for the next command.
    const IDLE_HEAP: usize = 0;

    /// Whether what [`Script::look`] sees counts each line of what the peer sent.
    fn counts_lines(&self, _sent: &[u8]) -> bool {
        true
    }

    /// A fresh machine. Its settings are shared with the subject.
    fn machine(&self) -> Self::Machine;

    /// A fresh script. A calm one says yes to everything that can be had.
    fn script(&self, calm: bool) -> Self::Script;

    /// What a peer may send: good sessions, bad ones, nonsense.
    fn talk(&self) -> BoxedStrategy<Vec<Unit>>;

    /// A talk at whose end the machine waits for the next command and should hold no heap.
    fn idle(&self) -> Vec<Unit>;

    /// A talk that ends with plaintext behind STARTTLS, where the protocol has it.
    fn injection(&self) -> Option<Vec<Unit>>;
}

/// Answers the questions of one session: the same way for the same events, whenever they come.
pub trait Script<P: Protocol> {
    /// What an event shows to the rules.
    fn look(&self, event: &P::Event<'_>) -> Look;

    /// Answers, if the event asks. `random` is the same for the same number of events before (runs joined).
    fn answer(&mut self, event: P::Event<'_>, random: &mut Random) -> Option<Answered<P>>;
}

/// What an event shows to the rules.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Octets of a body: runs of one kind are joined before they are compared.
    pub run: Option<Vec<u8>>,
    /// Lines of the peer that this event stands for.
    pub lines: usize,
    /// The event is the last one.
    pub ended: bool,
    /// The name that the peer signs in with, which is no secret, whatever it is.
    pub user: Option<String>,
}

/// What a peer sends without waiting.
#[derive(Clone)]
pub struct Unit {
    /// The octets.
    pub octets: Vec<u8>,
    /// Then it waits for the reply: where that starts TLS, what follows comes under TLS.
    pub waits: bool,
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"{}", self.octets.escape_ascii(), if self.waits { " waits" } else { "" })
    }
}

impl Unit {
    /// Octets that others may follow at once.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self { octets: octets.into(), waits: false }
    }

    /// Octets after which the peer waits.
    #[must_use]
    pub fn waiting(octets: impl Into<Vec<u8>>) -> Self {
        Self { octets: octets.into(), waits: true }
    }

    /// Lines, each after the other at once.
    #[must_use]
    pub fn lines(lines: &[&str]) -> Vec<Self> {
        lines.iter().map(|line| Self::new(format!("{line}\r\n"))).collect()
    }
}
