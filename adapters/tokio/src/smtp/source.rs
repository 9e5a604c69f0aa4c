//! Where the octets of a message come from, piece by piece.

use std::future::{Future, ready};
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::mpsc;

/// Octets that are read from a reader, or copied from a slice, at a time.
const PIECE: usize = 64 * 1024;

/// Octets of a message, asked for piece by piece, so that no message is held whole.
///
/// Here already: bytes ([`Bytes`], `Vec<u8>`, `&[u8]`, `String`, `&str`), anything that
/// [reads](from_reader), the receiver of a channel (which is how a stream of pieces comes), and the
/// [`Body`](crate::smtp::Body) of a message that is coming in. Write your own to change a message on its
/// way:
/// ```
/// use bytes::Bytes;
/// use posthaste_tokio::smtp::Source;
///
/// /// Puts a field in front of a message.
/// struct Marked<S> { field: Option<Bytes>, rest: S }
///
/// impl<S: Source> Source for Marked<S> {
///     async fn piece(&mut self) -> std::io::Result<Option<Bytes>> {
///         match self.field.take() {
///             Some(field) => Ok(Some(field)),
///             None => self.rest.piece().await,
///         }
///     }
/// }
///
/// # tokio_test(async {
/// let mut marked = Marked { field: Some("X-Seen: yes\r\n".into()), rest: "Subject: x\r\n\r\n" };
/// assert_eq!(marked.piece().await.unwrap().unwrap(), "X-Seen: yes\r\n");
/// assert_eq!(marked.piece().await.unwrap().unwrap(), "Subject: x\r\n\r\n");
/// assert!(marked.piece().await.unwrap().is_none());
/// # });
/// # fn tokio_test(test: impl Future<Output = ()>) {
/// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
/// # }
/// ```
pub trait Source: Send {
    /// The next octets; none when nothing follows. Pieces may have any size and be cut anywhere; 16 to 64
    /// KiB is a good size.
    ///
    /// # Errors
    /// The message cannot be had. Whoever was getting it drops what it has.
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;

    /// How many octets there are in all, if that is known beforehand.
    fn size(&self) -> Option<u64> {
        None
    }

    /// The same octets for whoever wants an [`AsyncRead`]. It allocates once a piece.
    fn reader(&mut self) -> Reader<'_, Self>
    where
        Self: Sized,
    {
        Reader { rest: Bytes::new(), state: State::Idle(self) }
    }
}

impl<S: Source> Source for &mut S {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        (**self).piece()
    }

    fn size(&self) -> Option<u64> {
        (**self).size()
    }
}

impl Source for Bytes {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        ready(Ok(Some(mem::take(self)).filter(|octets| !octets.is_empty())))
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

impl Source for Vec<u8> {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        let octets = mem::take(self);
        ready(Ok((!octets.is_empty()).then(|| octets.into())))
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

impl Source for &[u8] {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        let (piece, rest) = self.split_at(self.len().min(PIECE));
        *self = rest;
        ready(Ok((!piece.is_empty()).then(|| Bytes::copy_from_slice(piece))))
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

impl Source for String {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        let text = mem::take(self);
        ready(Ok((!text.is_empty()).then(|| text.into())))
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

impl Source for &str {
    fn piece(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send {
        let text = mem::take(self);
        ready(Ok((!text.is_empty()).then(|| Bytes::copy_from_slice(text.as_bytes()))))
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

/// Pieces as somebody else sends them. The message ends when all senders are gone; a sender that must give
/// up says so by an error, or half a message would pass for a whole one.
impl Source for mpsc::Receiver<io::Result<Bytes>> {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.recv().await.transpose()? {
                Some(piece) if piece.is_empty() => {}
                piece => return Ok(piece),
            }
        }
    }
}

/// The octets of a reader, to its end.
pub fn from_reader<R: AsyncRead + Send + Unpin>(reader: R) -> FromReader<R> {
    FromReader { reader, room: BytesMut::new() }
}

/// A [`Source`] that reads; see [`from_reader`].
#[derive(Debug)]
pub struct FromReader<R> {
    reader: R,
    room: BytesMut,
}

impl<R: AsyncRead + Send + Unpin> Source for FromReader<R> {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        // The room of pieces that are gone is used again.
        self.room.reserve(PIECE);
        match self.reader.read_buf(&mut self.room).await? {
            0 => Ok(None),
            _ => Ok(Some(self.room.split().freeze())),
        }
    }
}

/// An [`AsyncRead`] over a [`Source`]; see [`Source::reader`].
pub struct Reader<'s, S> {
    rest: Bytes,
    state: State<'s, S>,
}

enum State<'s, S> {
    /// Somebody took the source and panicked.
    Gone,
    Idle(&'s mut S),
    Waiting(Pin<Box<dyn Future<Output = Asked<'s, S>> + Send + 's>>),
}

type Asked<'s, S> = (&'s mut S, io::Result<Option<Bytes>>);

impl<S: Source> AsyncRead for Reader<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let mut asked = match mem::replace(&mut self.state, State::Gone) {
                State::Gone => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                State::Idle(source) => Box::pin(async move {
                    let piece = source.piece().await;
                    (source, piece)
                }),
                State::Waiting(asked) => asked,
            };
            match asked.as_mut().poll(cx) {
                Poll::Pending => {
                    self.state = State::Waiting(asked);
                    return Poll::Pending;
                }
                Poll::Ready((source, piece)) => {
                    self.state = State::Idle(source);
                    match piece? {
                        Some(piece) => self.rest = piece,
                        None => return Poll::Ready(Ok(())),
                    }
                }
            }
        }
        let n = self.rest.len().min(room.remaining());
        room.put_slice(&self.rest.split_to(n));
        Poll::Ready(Ok(()))
    }
}

impl<S> std::fmt::Debug for Reader<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}
