//! A bounded pool of threads for work that blocks or computes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, TrySendError, bounded};

use crate::inputs::{Busy, Job, Spawn};

/// A fixed number of threads behind a queue of fixed length. A full queue answers [`Busy`] at once:
/// nobody waits in front of it.
///
/// Dropping the pool lets the jobs that wait run, then ends the threads.
#[derive(Debug)]
pub struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads (at least one) named `name`, behind a queue of `waiting` jobs.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(name: &str, threads: usize, waiting: usize) -> io::Result<Self> {
        let (jobs, work) = bounded::<Job>(waiting);
        let mut pool = Self { jobs: Some(jobs), threads: Vec::new() };
        for _ in 0..threads.max(1) {
            let work = work.clone();
            let thread = Builder::new().name(name.to_owned()).spawn(move || {
                for job in work {
                    // A job that panics drops its responder, which refuses: one question is lost,
                    // not the thread that all others wait for.
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a job panicked; its question was refused");
                    }
                }
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }
}

impl Spawn for Pool {
    fn spawn(&self, job: Job) -> Result<(), Busy> {
        let Some(jobs) = &self.jobs else { return Err(Busy) };
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Busy,
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // Its panic was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_full_pool_says_busy_and_a_panic_costs_one_job() {
        let pool = Pool::new("test", 1, 1).unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel();
        let (started, running) = mpsc::channel();
        pool.spawn(Box::new(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            panic!("on purpose");
        }))
        .unwrap();
        running.recv_timeout(Duration::from_secs(10)).unwrap();
        pool.spawn(Box::new(move || done.send(7).unwrap())).unwrap();
        assert_eq!(pool.spawn(Box::new(|| ())), Err(Busy));
        go.send(()).unwrap();
        assert_eq!(finished.recv_timeout(Duration::from_secs(10)), Ok(7));
    }
}
