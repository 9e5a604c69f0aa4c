//! Answers that come late: one thread that holds them until their moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

type Work = Box<dyn FnOnce() + Send>;

/// What is to be done later. A session has one thing here at most, so it is bounded as sessions are.
#[derive(Default)]
pub(super) struct Delays {
    waiting: Mutex<BinaryHeap<Reverse<Late>>>,
    sooner: Condvar,
}

struct Late {
    when: Instant,
    work: Work,
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.when == other.when
    }
}

impl Eq for Late {}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.when.cmp(&other.when)
    }
}

impl Delays {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let delays = Arc::new(Self::default());
        let watch = Arc::clone(&delays);
        thread::Builder::new().name("delays".into()).spawn(move || watch.run())?;
        Ok(delays)
    }

    /// Does `work` after `wait`.
    pub(super) fn later(&self, wait: Duration, work: impl FnOnce() + Send + 'static) {
        self.lock().push(Reverse(Late { when: Instant::now() + wait, work: Box::new(work) }));
        self.sooner.notify_one();
    }

    fn run(&self) {
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            let next = waiting.peek().map(|Reverse(late)| late.when.saturating_duration_since(now));
            match next {
                Some(Duration::ZERO) => {
                    let late = waiting.pop();
                    drop(waiting);
                    if let Some(Reverse(late)) = late {
                        (late.work)();
                    }
                    waiting = self.lock();
                }
                Some(wait) => {
                    let slept = self.sooner.wait_timeout(waiting, wait);
                    waiting = slept.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    let slept = self.sooner.wait(waiting);
                    waiting = slept.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Late>>> {
        // A push that panicked left the heap whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_sooner_comes_first_and_none_too_soon() {
        let delays = Delays::start().unwrap();
        let (sender, receiver) = mpsc::channel();
        let begin = Instant::now();
        for millis in [60, 20, 40, 0] {
            let sender = sender.clone();
            let wait = Duration::from_millis(millis);
            delays.later(wait, move || {
                sender.send(wait).unwrap();
            });
        }
        for millis in [0, 20, 40, 60] {
            let wait = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(wait, Duration::from_millis(millis));
            assert!(begin.elapsed() >= wait);
        }
    }
}
