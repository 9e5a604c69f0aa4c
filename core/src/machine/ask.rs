//! Questions: asked by a machine, answered by whoever drives it, now or later, here or on another thread.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::{Protocol, Question};

/// The right to answer one question, once.
///
/// It is four bytes, may travel to another thread, and cannot be copied. The question's type says
/// what an answer looks like; [`with`](Self::with) joins the two into an [`Answered`] for
/// [`Machine::settle`](super::Machine::settle). Dropping an ask answers nothing: the loop in
/// [`session`](crate::session) then settles the question by its refusal.
#[must_use = "a question wants an answer"]
pub struct Ask<Q> {
    serial: NonZeroU32,
    question: PhantomData<fn() -> Q>,
}

impl<Q: Question> Ask<Q> {
    /// The question with its answer.
    pub fn with(self, answer: Q::Answer) -> Answered<Q::Protocol> {
        Answered { serial: self.serial, answer: answer.into() }
    }

    /// The question with the answer that is always safe to give.
    pub fn refused(self) -> Answered<Q::Protocol> {
        self.with(Q::refusal())
    }
}

impl<Q> fmt::Debug for Ask<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// An answer together with the question it belongs to.
#[must_use = "an answer wants to be given to its machine"]
pub struct Answered<P: Protocol> {
    serial: NonZeroU32,
    answer: P::Answer,
}

impl<P: Protocol> Answered<P> {
    /// The answer, without the question it belongs to: for handlers that wrap others.
    #[must_use]
    pub const fn answer(&self) -> &P::Answer {
        &self.answer
    }
}

impl<P: Protocol> fmt::Debug for Answered<P>
where
    P::Answer: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answered").field(&self.answer).finish()
    }
}

/// The answer came too late: its question was settled before, by another answer, a refusal or the
/// end of the session. Harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the question was settled before this answer came")
    }
}

impl core::error::Error for Stale {}

/// The only mint of [`Ask`]s: one a machine, eight bytes. At most one question is open.
///
/// Public, so that machines can be written outside this crate.
#[derive(Debug, Default)]
pub struct Asking {
    last: u32,
    open: Option<NonZeroU32>,
}

impl Asking {
    /// No question asked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: 0, open: None }
    }

    /// Asks. An earlier question that is still open becomes stale.
    pub fn ask<Q: Question>(&mut self) -> Ask<Q> {
        self.last = self.last.checked_add(1).unwrap_or(1);
        let serial = NonZeroU32::new(self.last).unwrap_or(NonZeroU32::MIN);
        self.open = Some(serial);
        Ask { serial, question: PhantomData }
    }

    /// Whether a question is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Settles the open question with `answered`.
    ///
    /// # Errors
    /// [`Stale`] if that is not the open question; nothing changes then.
    pub fn take<P: Protocol>(&mut self, answered: Answered<P>) -> Result<P::Answer, Stale> {
        if self.open != Some(answered.serial) {
            return Err(Stale);
        }
        self.open = None;
        Ok(answered.answer)
    }

    /// Closes the open question, if there is one, without an answer: any that comes is stale. Says
    /// whether there was one.
    pub fn forget(&mut self) -> bool {
        self.open.take().is_some()
    }
}
