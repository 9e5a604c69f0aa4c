//! A client of SMTP, submission and LMTP.

use std::fmt;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthaste_core::gate::TlsMode;
use posthaste_core::machine::{Ask, End, Reason, TlsFacts};
use posthaste_core::sasl::client::{Account, Exchange};
use posthaste_core::smtp::client::event::{Next, Open, Recipient, Why};
use posthaste_core::smtp::client::{self as core, Envelope, Event, Offer, Order, Response, Step};
use posthaste_core::smtp::reply::Reply;
use posthaste_tls::Upgrade;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::remote::Remote;
use super::report::{Error, Failed, Fate, Report, keep};
use super::source::Source;
use crate::connection::Connection;
use crate::leash::Cut;
use crate::wire::Wire;

/// A session with a server: connected, under TLS as far as [`Remote`] asks for it, ready to send any number
/// of messages.
///
/// ```no_run
/// use posthaste_tokio::smtp::{Account, Client, Envelope, Remote};
/// use posthaste_tokio::{ClientTls, Trust};
///
/// # async fn send(message: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
/// let trust = ClientTls::new(&Trust::system()?)?;
/// let mut client = Client::connect(&Remote::submissions("mail.example", trust)).await?;
/// client.authenticate(Account::new("me", "secret")?).await?;
/// let envelope = Envelope {
///     sender: Some("me@mail.example".parse()?),
///     recipients: vec!["you@example.net".parse::<posthaste_tokio::smtp::Address>()?.into()],
///     ..Envelope::default()
/// };
/// let report = client.send(&envelope, message).await?;
/// for (number, fate) in report.failed() {
///     eprintln!("{}: {fate}", envelope.recipients[number].address);
/// }
/// client.quit().await?;
/// # Ok(())
/// # }
/// ```
///
/// Messages are streamed: neither side holds one whole. Commands are pipelined where the server offers it.
/// Every wait and everything that the server may say has a limit, in [`Remote::config`].
///
/// When the future of a call is dropped before it is done, or a call fails with anything but
/// [`Error::SignIn`] or [`Error::NoMechanism`], the session is over: every further call says [`Error::Over`].
/// Dropping the client closes the connection without a word; [`quit`](Self::quit) says goodbye.
pub struct Client {
    connection: Connection<core::Client>,
    state: State,
    /// Whom we connected to, for sign-ins that say so.
    server: (String, u16),
    /// How long the source of a message may take for a piece.
    wait: Duration,
    /// Recipients of the open transaction, and the numbers of those that were taken.
    told: u32,
    taken: Vec<u32>,
}

enum State {
    Open(Ask<Open>),
    Over,
    Ready(Ask<Next>),
}

/// What is heard in the course of one call.
#[derive(Default)]
struct Course {
    /// By recipient.
    slots: Vec<Slot>,
    /// The numbers of these recipients for the machine, if they are not counted from 0.
    numbers: Option<Vec<u32>>,
    /// The reply that is not about a recipient: to MAIL, to the sign-in.
    reply: Option<Reply>,
    unfit: Option<Why>,
    /// Why the session ends.
    error: Option<Error>,
    /// Octets of the message that were had before they were asked for.
    ahead: Option<Bytes>,
    begun: bool,
    /// All octets were handed over.
    handed: bool,
    /// The server spoke in the middle of the message: nobody knows what it takes for a command now.
    astray: bool,
}

enum Slot {
    /// The recipient was accepted.
    Accepted(Reply),
    Done(Fate),
    Waiting,
}

impl Client {
    /// Connects, starts TLS as `remote` wants it, says hello, and signs in if there is an account.
    ///
    /// # Errors
    /// Nobody is there, TLS fails or is not to be had, the server does not want us or refuses the sign-in.
    pub async fn connect(remote: &Remote) -> Result<Self, Error> {
        let connecting = TcpStream::connect((remote.host.as_str(), remote.port));
        let stream = timeout(remote.connect, connecting)
            .await
            .map_err(|_| Error::Timeout)?
            .map_err(Error::Connect)?;
        Self::over(stream, remote).await
    }

    /// As [`connect`](Self::connect), over a connection that was made before: through a proxy, or to a Unix
    /// socket. Host and port of `remote` are not connected to; the host is the name that TLS expects.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn over(wire: impl Into<Wire>, remote: &Remote) -> Result<Self, Error> {
        let wire = wire.into();
        let mut config = remote.config.clone();
        if config.hostname.is_empty() {
            config.hostname = literal(wire.local_address().map(|address| address.ip())).into();
        }
        let wait = config.limits.answer_wait;
        let machine = core::Client::new(Arc::new(config), nonce()?);
        let mut connection =
            Connection::new(wire, machine).map_err(Error::Connect)?.with_limits(&remote.limits);
        match (&remote.trust, remote.mode) {
            (_, TlsMode::None) | (None, TlsMode::StartTls) => {}
            (None, TlsMode::Implicit) => return Err(Error::NoTls(None)),
            (Some(trust), mode) => {
                let upgrade = Upgrade::Client(trust.clone(), remote.host.clone());
                if mode == TlsMode::Implicit {
                    connection.secure(&upgrade).await?;
                } else {
                    connection = connection.with_upgrade(upgrade);
                }
            }
        }
        let state = State::Over;
        let server = (remote.host.clone(), remote.port);
        let mut client = Self { connection, state, server, wait, told: 0, taken: Vec::new() };
        let mut course = Course::default();
        client.go(&mut course, &mut Bytes::new()).await?;
        Ok(client)
    }

    /// Signs in with the first of the [mechanisms](core::Config::mechanisms) that the server offers, that suits
    /// the account and that may be used here: a password in clear and a token are sent under TLS only, and to a server
    /// that has proved who it is ([`plaintext_auth`](core::Config::plaintext_auth) says otherwise). A server takes one
    /// sign-in a session.
    ///
    /// # Errors
    /// [`Error::SignIn`] or [`Error::NoMechanism`], after which the session goes on; and whatever ends it.
    pub async fn authenticate(&mut self, account: Account) -> Result<(), Error> {
        let ask = self.ready().await?;
        let account = account.connected_to(&self.server.0, self.server.1);
        let sign_in = core::SignIn { account, nonce: nonce()? };
        let course = self.order(ask, Order::SignIn(Box::new(sign_in))).await?;
        match (course.unfit, course.reply) {
            (Some(_), _) => Err(Error::NoMechanism),
            (None, Some(reply)) => Err(Error::SignIn(reply)),
            (None, None) => Ok(()),
        }
    }

    /// Sends a message to all recipients of its envelope; gives what became of it for each. Refused
    /// recipients do not keep the others from having it.
    ///
    /// # Errors
    /// The session ended before everything was said: [`Failed`] tells for each recipient whether the message
    /// can be sent again safely, or may have been taken.
    pub async fn send(
        &mut self,
        envelope: &Envelope,
        mut message: impl Source,
    ) -> Result<Report, Failed> {
        let mut course = Course::to(envelope.recipients.len());
        let mut envelope = envelope.clone();
        envelope.size = envelope.size.or_else(|| message.size());
        let ask = match self.ready().await {
            Ok(ask) => ask,
            Err(error) => return Err(course.failed(error)),
        };
        let _ = self.connection.answer(ask, Order::Send(Box::new(envelope)));
        match self.go(&mut course, &mut message).await {
            Ok(()) => Ok(course.report()),
            Err(error) => Err(course.failed(error)),
        }
    }

    /// Begins a transaction that is gone on with [`rcpt`](Self::rcpt), and ends with [`data`](Self::data) or
    /// [`reset`](Self::reset): for programs that pass on each answer before they know what comes next. The
    /// recipients of `envelope` are left out.
    ///
    /// # Errors
    /// The session ended.
    pub async fn mail(&mut self, envelope: &Envelope) -> Result<Fate, Error> {
        let ask = self.ready().await?;
        let envelope = Envelope { recipients: Vec::new(), ..envelope.clone() };
        self.told = 0;
        self.taken.clear();
        let course = self.order(ask, Order::Open(Box::new(envelope))).await?;
        Ok(match (course.unfit, course.reply) {
            (Some(why), _) => Fate::Unfit(why),
            (None, Some(reply)) if reply.is_positive() => Fate::Taken(reply),
            (None, Some(reply)) => Fate::Refused(reply),
            (None, None) => Fate::Unsent,
        })
    }

    /// Adds a recipient to the transaction that [`mail`](Self::mail) began.
    ///
    /// # Errors
    /// The session ended, or there is no transaction ([`Error::Over`]).
    pub async fn rcpt(&mut self, recipient: &Recipient) -> Result<Fate, Error> {
        let ask = self.opened()?;
        let mut course = Course::to(1);
        course.numbers = Some(vec![self.told]);
        let _ = self.connection.answer(ask, Step::Recipient(Box::new(recipient.clone())));
        self.go(&mut course, &mut Bytes::new()).await?;
        if course.unfit.is_none() {
            self.told += 1;
        }
        Ok(match course.slots.pop() {
            Some(Slot::Accepted(reply)) => {
                self.taken.push(self.told - 1);
                Fate::Taken(reply)
            }
            Some(Slot::Done(fate)) => fate,
            Some(Slot::Waiting) | None => Fate::Unsent,
        })
    }

    /// Sends the message of the transaction that [`mail`](Self::mail) began: gives what became of it for each
    /// of the recipients that were taken, in their order. There must be one.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn data(&mut self, mut message: impl Source) -> Result<Report, Failed> {
        let mut course = Course::to(self.taken.len());
        course.numbers = Some(mem::take(&mut self.taken));
        let ask = match self.opened() {
            Ok(ask) => ask,
            Err(error) => return Err(course.failed(error)),
        };
        let _ = self.connection.answer(ask, Step::Deliver);
        match self.go(&mut course, &mut message).await {
            Ok(()) => Ok(course.report()),
            Err(error) => Err(course.failed(error)),
        }
    }

    /// Takes the transaction back that [`mail`](Self::mail) began, if there is one.
    ///
    /// # Errors
    /// The session ended.
    pub async fn reset(&mut self) -> Result<(), Error> {
        if let State::Open(_) = self.state {
            let ask = self.opened()?;
            let _ = self.connection.answer(ask, Step::Reset);
            self.go(&mut Course::default(), &mut Bytes::new()).await?;
        }
        Ok(())
    }

    /// Asks whether the server is still there.
    ///
    /// # Errors
    /// It is not.
    pub async fn noop(&mut self) -> Result<(), Error> {
        let ask = self.ready().await?;
        self.order(ask, Order::Noop).await?;
        Ok(())
    }

    /// Says goodbye, and hears the server do so.
    ///
    /// # Errors
    /// The session ended otherwise. All that was sent is unharmed by that.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.reset().await?;
        let ask = self.ready().await?;
        let _ = self.connection.answer(ask, Order::Quit);
        match self.go(&mut Course::default(), &mut Bytes::new()).await {
            Err(Error::Over) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the server offers.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        self.connection.machine().offer()
    }

    /// What TLS agreed upon, if it is up.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFacts> {
        self.connection.tls()
    }

    /// Whether the session can go on, as far as that can be seen without asking the server: nothing failed,
    /// and the server has neither closed the connection nor said goodbye (421) meanwhile. Servers do both
    /// with clients that are silent for some minutes.
    pub fn is_usable(&mut self) -> bool {
        let state = mem::replace(&mut self.state, State::Over);
        if matches!(state, State::Over) || self.out_of_turn().is_err() {
            return false;
        }
        self.state = state;
        true
    }

    /// Takes the right to give an order. A transaction that is open is taken back.
    async fn ready(&mut self) -> Result<Ask<Next>, Error> {
        self.reset().await?;
        match mem::replace(&mut self.state, State::Over) {
            State::Ready(ask) => {
                self.out_of_turn()?;
                Ok(ask)
            }
            State::Open(_) | State::Over => Err(Error::Over),
        }
    }

    fn opened(&mut self) -> Result<Ask<Open>, Error> {
        match mem::replace(&mut self.state, State::Over) {
            State::Open(ask) => {
                self.out_of_turn()?;
                Ok(ask)
            }
            state => {
                self.state = state;
                Err(Error::Over)
            }
        }
    }

    /// A server speaks when it is spoken to: what it said before would pass for its next answer.
    fn out_of_turn(&mut self) -> Result<(), Error> {
        if !self.connection.peek()? {
            return Ok(());
        }
        Err(unasked(self.connection.shown()))
    }

    async fn order(&mut self, ask: Ask<Next>, order: Order) -> Result<Course, Error> {
        let mut course = Course::default();
        let _ = self.connection.answer(ask, order);
        self.go(&mut course, &mut Bytes::new()).await?;
        Ok(course)
    }

    /// Goes on until the machine asks for orders, or the session is over.
    async fn go(&mut self, course: &mut Course, message: &mut impl Source) -> Result<(), Error> {
        loop {
            let shown = match self.connection.step().await {
                Ok(Some(shown)) => shown,
                Ok(None) => return Err(course.error.take().unwrap_or(Error::Lost(None))),
                Err(fault) => {
                    course.error.get_or_insert(fault.into());
                    continue;
                }
            };
            match shown.event {
                Event::Ready(ask) => {
                    if !course.astray {
                        self.state = State::Ready(ask);
                    }
                    return Ok(());
                }
                Event::Open(ask) => {
                    self.state = State::Open(ask);
                    return Ok(());
                }
                // Every command has its answer by now, and the message has not begun: what is here already would pass for
                // what became of it.
                Event::Source(ask) if !course.begun && !shown.input.is_empty() => {
                    course.error.get_or_insert(unasked(shown.input.bytes()));
                    let _ = self.connection.answer(ask, core::Piece::Abort);
                }
                Event::Source(ask) => {
                    let piece = shown.patience.attend(self.wait, course.piece(message)).await;
                    let piece = match piece {
                        Ok(Ok(piece)) => piece,
                        Ok(Err(error)) => {
                            course.error.get_or_insert(Error::Source(error));
                            core::Piece::Abort
                        }
                        Err(Cut::Gone(fault)) => {
                            let fault = self.connection.cut(Cut::Gone(fault));
                            course.error = course.error.take().or(fault.map(Error::from));
                            continue;
                        }
                        Err(Cut::Late | Cut::Stop) => {
                            course.error.get_or_insert(Error::Timeout);
                            core::Piece::Abort
                        }
                    };
                    let _ = self.connection.answer(ask, piece);
                }
                event => course.hear(event),
            }
            if course.is_betrayed() {
                self.connection.close(Reason::Lost);
            }
        }
    }
}

impl Course {
    /// The course of a message to so many recipients.
    fn to(recipients: usize) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(recipients, || Slot::Waiting);
        Self { slots, ..Self::default() }
    }

    /// The next octets of the message. One piece is had ahead, to know which is the last.
    async fn piece(&mut self, message: &mut impl Source) -> io::Result<core::Piece> {
        if !self.begun {
            self.begun = true;
            self.ahead = message.piece().await?;
        }
        let Some(piece) = self.ahead.take() else {
            self.handed = true;
            return Ok(core::Piece::Last(Bytes::new()));
        };
        self.ahead = message.piece().await?;
        if self.ahead.is_none() {
            self.handed = true;
            return Ok(core::Piece::Last(piece));
        }
        Ok(core::Piece::More(piece))
    }

    /// The slot of the recipient that the machine knows by this number.
    fn slot(&mut self, number: u32) -> Option<&mut Slot> {
        let index = match &self.numbers {
            Some(numbers) => numbers.iter().position(|n| *n == number)?,
            None => number as usize,
        };
        self.slots.get_mut(index)
    }

    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Chunk(response) | Event::Data(response) if response.code() >= 400 => {
                self.settle(&Fate::Refused(keep(response)));
            }
            Event::Delivery(number, response) => {
                self.astray |= !self.handed;
                match (fate(response), number) {
                    (Some(fate), Some(number)) => {
                        if let Some(slot) = self.slot(number) {
                            *slot = Slot::Done(fate);
                        }
                    }
                    (Some(fate), None) => self.settle(&fate),
                    (None, _) => {}
                }
            }
            Event::Ended(how) => self.ended(how),
            Event::GaveUp(why) => {
                let reply = self.reply.take();
                self.error.get_or_insert(match (why, reply) {
                    (Why::NoMechanism, _) => Error::NoMechanism,
                    (Why::NoTls, reply) => Error::NoTls(reply),
                    (Why::Unproved, _) => Error::Unproved,
                    (_, Some(reply)) => Error::Unwelcome(reply),
                    (_, None) => Error::Violation,
                });
            }
            Event::Greeted(response) | Event::Hello(response, _) | Event::StartTls(response)
                if response.code() >= 400 =>
            {
                self.reply = Some(keep(response));
            }
            Event::NotSent(why) => {
                self.unfit = Some(why);
                self.settle(&Fate::Unfit(why));
            }
            Event::Recipient(number, response) => {
                if let (Some(slot @ Slot::Waiting), Some(fate)) =
                    (self.slot(number), fate(response))
                {
                    *slot = match fate {
                        Fate::Taken(reply) => Slot::Accepted(reply),
                        fate => Slot::Done(fate),
                    };
                }
            }
            Event::Sender(response) => {
                if response.code() >= 400 {
                    self.settle(&Fate::Refused(keep(response)));
                }
                self.reply = Some(keep(response));
            }
            Event::SignInFailed(response) => {
                self.reply = Some(keep(response));
                // Where the sign-in was a setting, this is the end, and not the server's whim.
                self.error.get_or_insert_with(|| Error::SignIn(keep(response)));
            }
            _ => {}
        }
        if let Some(response) = spoken(&event)
            && response.code() == 421
        {
            self.error = Some(Error::Unwelcome(keep(response)));
        }
    }

    /// The session is over.
    fn ended(&mut self, how: End) {
        let error = match how {
            End::Eof => Error::Lost(None),
            End::Quit => Error::Over,
            End::Timeout => Error::Timeout,
            End::Injection | End::Violation => Error::Violation,
            _ => Error::Lost(None),
        };
        self.error.get_or_insert(error);
    }

    /// Decides for all recipients of whom nothing final was said.
    fn settle(&mut self, fate: &Fate) {
        for slot in &mut self.slots {
            if !matches!(slot, Slot::Done(_)) {
                *slot = Slot::Done(fate.clone());
            }
        }
    }

    /// The server says that it took what it does not have.
    fn is_betrayed(&mut self) -> bool {
        let taken = |slot: &Slot| matches!(slot, Slot::Done(Fate::Taken(_)));
        if !self.astray || !self.slots.iter().any(taken) {
            return false;
        }
        for slot in self.slots.iter_mut().filter(|slot| taken(slot)) {
            *slot = Slot::Done(Fate::Unsent);
        }
        self.error = Some(Error::Violation);
        true
    }

    fn report(self) -> Report {
        let open = if self.handed { Fate::Unknown } else { Fate::Unsent };
        let fate = |slot| match slot {
            Slot::Done(fate) => fate,
            Slot::Accepted(_) | Slot::Waiting => open.clone(),
        };
        Report { fates: self.slots.into_iter().map(fate).collect() }
    }

    fn failed(self, error: Error) -> Failed {
        Failed { error, report: self.report() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Open(_) => "Open",
            State::Over => "Over",
            State::Ready(_) => "Ready",
        };
        f.debug_struct("Client").field("state", &state).finish_non_exhaustive()
    }
}

/// What it means that a server has said this, or closed its side, without having been asked.
fn unasked(said: &[u8]) -> Error {
    match Response::parse(said) {
        // RFC 5321 §3.8: it may say so at any time.
        Some(response) if response.code() == 421 => Error::Unwelcome(keep(response)),
        _ if said.is_empty() => Error::Lost(None),
        _ => Error::Violation,
    }
}

/// What a response says about a recipient or the message. Nothing if it makes no sense (3xx), which ends
/// the session.
fn fate(response: Response<'_>) -> Option<Fate> {
    match response.code() {
        200..300 => Some(Fate::Taken(keep(response))),
        300..400 => None,
        _ => Some(Fate::Refused(keep(response))),
    }
}

/// What the server said, whatever it was about. Not its goodbye.
fn spoken<'i>(event: &Event<'i>) -> Option<Response<'i>> {
    match *event {
        Event::Chunk(response)
        | Event::Data(response)
        | Event::Delivery(_, response)
        | Event::Greeted(response)
        | Event::Hello(response, _)
        | Event::Noop(response)
        | Event::Recipient(_, response)
        | Event::Reset(response)
        | Event::Sender(response)
        | Event::SignInFailed(response)
        | Event::SignedIn(response)
        | Event::StartTls(response) => Some(response),
        _ => None,
    }
}

/// Our address as RFC 5321 §4.1.3 has it, for hosts without a name.
fn literal(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".to_owned(),
    }
}

fn nonce() -> Result<[u8; Exchange::NONCE], Error> {
    let mut nonce = [0; Exchange::NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| Error::Connect(io::Error::other(error.to_string())))?;
    Ok(nonce)
}
