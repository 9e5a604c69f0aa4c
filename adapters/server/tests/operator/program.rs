//! Running the program: to its end, or as a server that dies with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that ends by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether a child has ended: there is no waiting for that with an end.
const LOOK: Duration = Duration::from_millis(5);

/// The program, with nothing of the tester's environment that changes what it prints.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthaste"));
    command.args(arguments).stdin(Stdio::null()).env_remove("POSTHASTE_LOG");
    command
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Fails unless the command succeeded; gives what it printed.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Fails unless the command failed with this exit code, saying all of `words` on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in\n{}", self.err);
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Said {
    run_with(command(arguments), "")
}

/// Runs the program with a password, or whatever it reads, on standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Said {
    run_with(command(arguments), input)
}

/// Runs a command to its end, or to the end of our patience.
pub(crate) fn run_with(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Dying(command.spawn().unwrap());
    // It may not read what it is given.
    let _ = child.0.stdin.take().unwrap().write_all(input.as_bytes());
    let mut out = child.0.stdout.take().unwrap();
    let mut err = child.0.stderr.take().unwrap();
    let collected = thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).unwrap();
        text
    });
    let printed = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    let status = child.wait();
    Said {
        code: status.code().unwrap_or(-1),
        out: printed.join().unwrap(),
        err: collected.join().unwrap(),
    }
}

/// A child that does not outlive its test.
struct Dying(Child);

impl Dying {
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Dying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a running server prints, as it comes.
#[derive(Clone, Default)]
struct Printed(Arc<(Mutex<(String, bool)>, Condvar)>);

impl Printed {
    fn collect(&self, stream: impl Read + Send + 'static) {
        let kept = self.clone();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                kept.0.0.lock().unwrap().0.push_str(&String::from_utf8_lossy(&line));
                kept.0.1.notify_all();
                line.clear();
            }
            kept.0.0.lock().unwrap().1 = true;
            kept.0.1.notify_all();
        });
    }

    /// Waits until no more can come.
    #[track_caller]
    fn whole(&self) -> String {
        let kept = self.0.0.lock().unwrap();
        let (kept, waited) = self.0.1.wait_timeout_while(kept, PATIENCE, |kept| !kept.1).unwrap();
        assert!(!waited.timed_out(), "the stream does not end:\n{}", kept.0);
        kept.0.clone()
    }

    /// Waits until `enough` holds for what was printed.
    #[track_caller]
    fn wait(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut kept = self.0.0.lock().unwrap();
        while !enough(&kept.0) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !kept.1, "no {what} in\n{}", kept.0);
            kept = self.0.1.wait_timeout(kept, left).unwrap().0;
        }
        kept.0.clone()
    }
}

/// A server that runs, and is killed when dropped.
pub(crate) struct Running {
    child: Dying,
    out: Printed,
    err: Printed,
}

impl Running {
    /// Starts the program in `folder` and waits until it serves.
    #[track_caller]
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let running = Self::begin(folder, arguments, "");
        running.logs("serving");
        running
    }

    /// Starts the program in `folder`, with something to read.
    pub(crate) fn begin(folder: &Path, arguments: &[&str], input: &str) -> Self {
        let mut command = command(arguments);
        command.current_dir(folder).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Dying(command.spawn().unwrap());
        // It may not read what it is given.
        let _ = child.0.stdin.take().unwrap().write_all(input.as_bytes());
        let (out, err) = (Printed::default(), Printed::default());
        out.collect(child.0.stdout.take().unwrap());
        err.collect(child.0.stderr.take().unwrap());
        Self { child, out, err }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits until standard error holds `words`; gives all of it.
    #[track_caller]
    pub(crate) fn logs(&self, words: &str) -> String {
        self.err.wait(words, |text| text.contains(words))
    }

    /// Waits until standard error holds `words` this many times.
    #[track_caller]
    pub(crate) fn logs_times(&self, words: &str, times: usize) -> String {
        self.err.wait(words, |text| text.matches(words).count() >= times)
    }

    /// Waits until standard output holds `words`; gives all of it.
    #[track_caller]
    pub(crate) fn prints(&self, words: &str) -> String {
        self.out.wait(words, |text| text.contains(words))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits for the end; gives the exit code, if there is one, and what was logged.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().code();
        (code, self.err.whole())
    }

    /// Waits for the end, and gives all it said.
    #[track_caller]
    pub(crate) fn said(mut self) -> Said {
        let code = self.child.wait().code().unwrap_or(-1);
        Said { code, out: self.out.whole(), err: self.err.whole() }
    }

    /// Stops it as an operator does.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (code, log) = self.end();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Pulls the plug.
    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
        self.end();
    }
}
