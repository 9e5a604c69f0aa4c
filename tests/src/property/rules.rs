//! The rules, one function each. Each panics with what went wrong; proptest finds the smallest talk that does.

use posthaste_core::machine::{Advance, End, Machine, Reason, TlsFacts};

use super::drive::{Cut, Driver, Heard, Trouble};
use super::{Subject, Unit, heap};

const EOF: Trouble =
    Trouble { calm: false, close: None, mute: false, poke: false, late: None, eof: true };

fn session<'s, S: Subject>(
    subject: &'s S,
    talk: &[Unit],
    seed: u64,
    cut: Cut,
    trouble: Trouble,
) -> Driver<'s, S> {
    let mut driver = Driver::new(subject, seed, trouble);
    let _ = driver.talk(talk, cut);
    driver
}

/// Rule 1: any cutting of the input gives the same events and the same output. And what holds at each step holds: one
/// event for each `Event` and none else, bounded output, deadlines ahead, no secret printed, each line in one event,
/// `Ended` once and at last, then silence.
pub fn cutting<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    let whole = session(subject, talk, seed, Cut::Whole, EOF);
    for cut in [Cut::Bytes, Cut::Lines, Cut::Random(1), Cut::Random(2)] {
        let other = session(subject, talk, seed, cut, EOF);
        assert_eq!(other.heard, whole.heard, "rule 1: events, {cut:?}");
        assert_eq!(
            String::from_utf8_lossy(&other.said),
            String::from_utf8_lossy(&whole.said),
            "rule 1: output, {cut:?}"
        );
    }
}

/// A peer that stays silent is told goodbye, or nothing, but it is not waited for without end.
pub fn silence<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    let mut driver = session(subject, talk, seed, Cut::Whole, Trouble::default());
    for _ in 0..16 {
        match driver.turn() {
            Advance::Closed => return,
            // How long TLS may take to begin is the adapter's to say.
            Advance::Secure => driver.machine.secured(TlsFacts::TEST),
            _ => driver.now = driver.machine.deadline().expect("a wait has an end"),
        }
    }
    panic!("it still waits: {:?}", driver.heard);
}

/// Rule 2: a question that nobody answers is settled by its refusal, at once when the loop sees that it was forgotten.
pub fn refusal<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    session(subject, talk, seed, Cut::Whole, Trouble { mute: true, ..EOF });
}

/// Rule 2: a question has a deadline, and an answer that comes later is stale and does no harm.
pub fn lateness<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    let asked = session(subject, talk, seed, Cut::Whole, EOF).asked();
    for late in 0..asked.min(12) {
        session(subject, talk, seed, Cut::Whole, Trouble { late: Some(late), ..EOF });
    }
}

/// `close` ends a session at any moment, and says so.
pub fn closing<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    let steps = session(subject, talk, seed, Cut::Lines, EOF).steps();
    let stride = (steps / 24).max(1);
    for step in (1..=steps).step_by(stride as usize) {
        let why = Reason::ALL[step as usize % Reason::ALL.len()];
        // Late answers meet a closed session, too.
        let late = (step % 3 == 0).then_some(step % 4);
        let trouble = Trouble { close: Some((step, why)), late, ..EOF };
        let driver = session(subject, talk, seed, Cut::Lines, trouble);
        assert!(is_ended(driver.heard.last()), "no end: {:?}", driver.heard);
        // It had its own reasons to end at that moment, or ours.
        let ours = format!("{:?}", End::Closed(why));
        let events = driver.heard.iter().filter(|heard| is_ended(Some(heard))).count();
        assert_eq!(events, 1, "{ours}: {:?}", driver.heard);
    }
}

/// `poke` does no harm at any moment: it neither loses nor invents what the peer said.
pub fn poking<S: Subject>(subject: &S, talk: &[Unit], seed: u64) {
    session(subject, talk, seed, Cut::Whole, Trouble { poke: true, ..EOF });
    session(subject, talk, seed, Cut::Random(3), Trouble { poke: true, ..EOF });
}

/// Rule 6: plaintext behind STARTTLS ends the session, whether it came with it or later, and is not answered.
pub fn injection<S: Subject>(subject: &S) {
    let Some(talk) = subject.injection() else { return };
    let mut said = None;
    for cut in [Cut::Whole, Cut::Bytes, Cut::Lines, Cut::Random(7)] {
        let driver = session(subject, &talk, 0, cut, Trouble { calm: true, ..EOF });
        let Some(Heard::Event(last)) = driver.heard.last() else { panic!("{:?}", driver.heard) };
        assert!(last.contains("Injection"), "rule 6, {cut:?}: {:?}", driver.heard);
        let first = said.get_or_insert_with(|| driver.said.clone());
        assert_eq!(*first, driver.said, "rule 6, {cut:?}");
    }
}

/// An idle machine holds no heap, or little: what dropping it frees is counted.
pub fn idleness<S: Subject>(subject: &S) {
    let calm = Trouble { calm: true, ..Trouble::default() };
    let mut driver = Driver::new(subject, 0, calm);
    assert_eq!(driver.talk(&subject.idle(), Cut::Whole), Advance::Read, "{:?}", driver.heard);
    let machine = driver.into_machine();
    let before = heap::held();
    drop(machine);
    let freed = before - heap::held();
    assert!(heap::is_counting(), "the test program does not use heap::Counting");
    assert!(freed <= S::IDLE_HEAP as i64, "an idle machine holds {freed} octets of heap");
}

fn is_ended(heard: Option<&Heard>) -> bool {
    matches!(heard, Some(Heard::Event(shown)) if shown.starts_with("Ended"))
}
