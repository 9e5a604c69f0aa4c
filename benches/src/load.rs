//! A load generator: any number of SMTP or LMTP sessions from one thread, every message different.
//!
//! It is as thin as it can be, because it runs on the cores that the server needs: one epoll, fixed
//! commands, replies counted rather than understood.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use posthaste_core::machine::Input;
use posthaste_tls::{ClientTls, Tls, Trust};

/// How sessions encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first octet.
    Implicit,
    /// Not at all.
    None,
    /// After a greeting, EHLO and STARTTLS in the clear.
    StartTls,
}

/// What load to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server listens.
    pub server: SocketAddr,
    /// LMTP instead of SMTP.
    pub lmtp: bool,
    /// Sessions at once.
    pub sessions: usize,
    /// Messages in all.
    pub messages: usize,
    /// Messages before a session quits and connects anew.
    pub per_connection: usize,
    /// Octets of each message.
    pub size: usize,
    /// MAIL, RCPT and DATA in one write.
    pub pipelined: bool,
    /// How sessions encrypt.
    pub encryption: Encryption,
    /// Recipients, taken in turn.
    pub recipients: Vec<String>,
    /// Give up when nothing is answered for so long.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages answered 250.
    pub accepted: usize,
    /// Messages answered otherwise, or cut off.
    pub refused: usize,
    /// The first reply that was not expected.
    pub complaint: Option<String>,
    /// From the first connect to the last reply.
    pub elapsed: Duration,
    /// From the last octet of each message to its reply, in microseconds, sorted.
    pub waits: Vec<u32>,
}

impl Report {
    /// The wait that `percent` of the messages did not exceed, in microseconds.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> u32 {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get((self.waits.len() * percent / 100).min(last)).copied().unwrap_or(0)
    }
}

/// Makes the load and waits until it is done.
///
/// # Errors
/// If the poll fails or the server stays silent for longer than `patience`.
pub fn run(options: &Options) -> io::Result<Report> {
    let filler = filler(options.size);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let tls = ClientTls::new(&Trust::Anybody).map_err(io::Error::other)?;
    let mut work = Work { options, filler: &filler, tls, next: 0, report: Report::default() };
    let begin = Instant::now();
    let sessions = options.sessions.min(options.messages);
    let mut open = Vec::with_capacity(sessions);
    for token in 0..sessions {
        open.push(Some(Session::connect(&work, &poll, token)?));
    }
    let mut buffer = vec![0; 64 * 1024];
    while open.iter().any(Option::is_some) {
        match poll.poll(&mut events, Some(options.patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        if events.is_empty() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server answers nothing"));
        }
        for event in &events {
            let slot = event.token().0;
            let Some(session) = open[slot].as_mut() else { continue };
            match session.ready(&mut work, &mut buffer) {
                Ok(true) => {}
                Ok(false) => {
                    open[slot] = None;
                    if work.next < options.messages {
                        open[slot] = Some(Session::connect(&work, &poll, slot)?);
                    }
                }
                Err(error) => {
                    work.report.refused += usize::from(session.sent.is_some());
                    work.report.complaint.get_or_insert_with(|| error.to_string());
                    open[slot] = None;
                    if work.next < options.messages {
                        work.next += 1;
                        work.report.refused += 1;
                        open[slot] = Some(Session::connect(&work, &poll, slot)?);
                    }
                }
            }
        }
    }
    let mut report = work.report;
    report.elapsed = begin.elapsed();
    report.waits.sort_unstable();
    Ok(report)
}

/// What the sessions share.
struct Work<'o> {
    options: &'o Options,
    filler: &'o [u8],
    tls: ClientTls,
    next: usize,
    report: Report,
}

impl Work<'_> {
    fn client(&self) -> io::Result<Box<Tls>> {
        self.tls.start("localhost").map(Box::new).map_err(io::Error::other)
    }
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Hello,
    StartTls,
    Mail,
    Rcpt,
    Data,
    End,
    Quit,
}

struct Session {
    stream: TcpStream,
    tls: Option<Box<Tls>>,
    plain: Input,
    step: Step,
    /// Replies still expected before the step is over.
    awaited: usize,
    out: Vec<u8>,
    written: usize,
    /// When the message's last octet was handed over.
    sent: Option<Instant>,
    done: usize,
    hello_again: bool,
}

impl Session {
    fn connect(work: &Work<'_>, poll: &Poll, token: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(work.options.server)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(token), interest)?;
        let _ = stream.set_nodelay(true);
        let tls = match work.options.encryption {
            Encryption::Implicit => Some(work.client()?),
            Encryption::None | Encryption::StartTls => None,
        };
        Ok(Self {
            stream,
            tls,
            plain: Input::new(),
            step: Step::Greeting,
            awaited: 1,
            out: Vec::new(),
            written: 0,
            sent: None,
            done: 0,
            hello_again: false,
        })
    }

    /// Reads and writes as far as possible; `false` when the session is over.
    fn ready(&mut self, work: &mut Work<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        self.flush()?;
        loop {
            match self.stream.read(buffer) {
                Ok(0) if self.step == Step::Quit => return Ok(false),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    if let Some(tls) = &mut self.tls {
                        tls.receive(&buffer[..n], &mut self.plain).map_err(io::Error::other)?;
                    } else {
                        self.plain.push(&buffer[..n]);
                    }
                    if !self.replies(work)? {
                        return Ok(false);
                    }
                    self.flush()?;
                    if n < buffer.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn replies(&mut self, work: &mut Work<'_>) -> io::Result<bool> {
        while let Some(end) = self.plain.line_end(0) {
            let line = &self.plain.bytes()[..end];
            let (class, last) = (line[0], line.get(3) != Some(&b'-'));
            if !matches!(class, b'2' | b'3') {
                let said = String::from_utf8_lossy(line).trim_end().to_owned();
                return Err(io::Error::other(format!("at {:?}: {said}", self.step)));
            }
            self.plain.discard(end);
            if last {
                self.awaited -= 1;
                if self.awaited == 0 && !self.step_on(work)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The step's replies are all there: says what comes next.
    fn step_on(&mut self, work: &mut Work<'_>) -> io::Result<bool> {
        self.awaited = 1;
        let hello: &[u8] =
            if work.options.lmtp { b"LHLO load.test\r\n" } else { b"EHLO load.test\r\n" };
        match self.step {
            Step::Greeting => {
                self.say(hello);
                self.step = Step::Hello;
            }
            Step::Hello if work.options.encryption == Encryption::StartTls && !self.hello_again => {
                self.say(b"STARTTLS\r\n");
                self.step = Step::StartTls;
            }
            Step::StartTls => {
                self.flush()?;
                self.tls = Some(work.client()?);
                self.hello_again = true;
                self.say(hello);
                self.step = Step::Hello;
            }
            Step::Hello => return Ok(self.message(work)),
            Step::Mail => {
                let to = self.recipient(work);
                self.say(to.as_bytes());
                self.step = Step::Rcpt;
            }
            Step::Rcpt => {
                self.say(b"DATA\r\n");
                self.step = Step::Data;
            }
            Step::Data => {
                let head = format!(
                    "Message-ID: <{}.{:p}@load.test>\r\nFrom: load@load.test\r\nSubject: {}\r\n\r\n",
                    work.next, self, self.done
                );
                let body = work.filler.len().min(work.options.size.saturating_sub(head.len()));
                let start = (work.next * 82) % (work.filler.len() - body + 1) / 82 * 82;
                let mut message = Vec::with_capacity(work.options.size + 8);
                message.extend_from_slice(head.as_bytes());
                message.extend_from_slice(&work.filler[start..start + body]);
                if !message.ends_with(b"\r\n") {
                    message.extend_from_slice(b"\r\n");
                }
                message.extend_from_slice(b".\r\n");
                self.say(&message);
                self.sent = Some(Instant::now());
                self.step = Step::End;
            }
            Step::End => {
                if let Some(sent) = self.sent.take() {
                    let wait = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
                    work.report.waits.push(wait);
                }
                work.report.accepted += 1;
                self.done += 1;
                return Ok(self.message(work));
            }
            Step::Quit => return Ok(false),
        }
        Ok(true)
    }

    /// Begins the next message, or says goodbye.
    fn message(&mut self, work: &mut Work<'_>) -> bool {
        if work.next >= work.options.messages || self.done >= work.options.per_connection {
            self.say(b"QUIT\r\n");
            self.step = Step::Quit;
            return true;
        }
        work.next += 1;
        self.say(b"MAIL FROM:<load@load.test>\r\n");
        self.step = Step::Mail;
        if work.options.pipelined {
            let to = self.recipient(work);
            self.say(to.as_bytes());
            self.say(b"DATA\r\n");
            (self.step, self.awaited) = (Step::Data, 3);
        }
        true
    }

    fn recipient(&self, work: &Work<'_>) -> String {
        let recipients = &work.options.recipients;
        format!("RCPT TO:<{}>\r\n", recipients[work.next % recipients.len()])
    }

    fn say(&mut self, octets: &[u8]) {
        match &mut self.tls {
            Some(tls) => tls.send(octets, &mut self.out),
            None => self.out.extend_from_slice(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send(b"", &mut self.out);
        }
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(n) => self.written += n,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }
}

/// Lines of text, twice as many as a message needs, so that messages can start at different ones.
fn filler(size: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(size * 2 + 82);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    while octets.len() < size * 2 {
        for _ in 0..80 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let letter =
                b"etaoin shrdlu cmfwyp vbgkjq xz ETAOIN 0123456789"[(seed >> 40) as usize % 48];
            octets.push(letter);
        }
        octets.extend_from_slice(b"\r\n");
    }
    octets
}
