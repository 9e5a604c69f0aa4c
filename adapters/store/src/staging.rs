//! A body on its way in.

use crate::id::BlobId;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Takes a body piece by piece as it arrives and becomes a [`Body`]. Made by
/// [`Store::staging`](crate::Store::staging). Dropping it forgets the body.
///
/// The octets are copied once, into memory the log is later written from.
pub struct Staging {
    hasher: blake3::Hasher,
    /// Full pieces, already hashed.
    pieces: Vec<Bytes>,
    /// The piece being filled.
    tail: Vec<u8>,
    len: u64,
    charge: Charge,
    spill: Option<Box<dyn Spill>>,
}

/// How large the pieces are that a body is kept in.
pub(crate) const PIECE: usize = 64 * 1024;

impl Staging {
    pub(crate) fn new(
        expected: u64,
        budget: &Arc<AtomicU64>,
        spill: Option<Box<dyn Spill>>,
    ) -> Self {
        let first = usize::try_from(expected).unwrap_or(PIECE).clamp(1024, PIECE);
        Self {
            hasher: blake3::Hasher::new(),
            pieces: Vec::new(),
            tail: Vec::with_capacity(first),
            len: 0,
            charge: Charge { budget: Arc::clone(budget), bytes: 0 },
            spill,
        }
    }

    /// Adds the next octets. An error is the disk's, and only long bodies see one.
    pub fn append(&mut self, mut octets: &[u8]) -> io::Result<()> {
        self.len += octets.len() as u64;
        self.charge.add(octets.len() as u64);
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(PIECE - self.tail.len()));
            self.tail.extend_from_slice(now);
            octets = later;
            if self.tail.len() == PIECE {
                self.hasher.update(&self.tail);
                let full = std::mem::replace(&mut self.tail, Vec::with_capacity(PIECE));
                self.pieces.push(full.into());
                self.spill_over()?;
            }
        }
        Ok(())
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The body is complete.
    pub fn finish(mut self) -> io::Result<Body> {
        self.hasher.update(&self.tail);
        let id = BlobId(*self.hasher.finalize().as_bytes());
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.pieces.push(tail.into());
        }
        self.spill_over()?;
        let data =
            match self.spill.take().map(|spill| spill.finish(self.len)).transpose()?.flatten() {
                Some(file) => Data::File(file),
                None => Data::Memory(self.pieces),
            };
        Ok(Body(Arc::new(Inner { id, len: self.len, data, _charge: self.charge })))
    }

    /// Hands pieces to the spill file once there are enough of them.
    fn spill_over(&mut self) -> io::Result<()> {
        match &mut self.spill {
            Some(spill) if self.len > spill.threshold() => {
                for piece in self.pieces.drain(..) {
                    spill.write(&piece)?;
                    self.charge.remove(piece.len() as u64);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staging({} octets)", self.len)
    }
}

/// A whole body with its hash, not yet in the store. Cheap to clone.
#[derive(Clone)]
pub struct Body(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) id: BlobId,
    pub(crate) len: u64,
    pub(crate) data: Data,
    _charge: Charge,
}

/// Where the octets wait.
pub(crate) enum Data {
    Memory(Vec<Bytes>),
    File(Box<dyn Spilled>),
}

impl Body {
    /// A body already held in one piece, for tests and small things.
    pub fn whole(octets: impl Into<Bytes>) -> Self {
        let octets = octets.into();
        Self(Arc::new(Inner {
            id: BlobId::of(&octets),
            len: octets.len() as u64,
            data: Data::Memory(vec![octets]),
            _charge: Charge { budget: Arc::default(), bytes: 0 },
        }))
    }

    /// What it will be called.
    pub fn id(&self) -> BlobId {
        self.0.id
    }

    /// Octets.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Makes a body in a file durable. Waits for the disk.
    pub(crate) fn keep(&self) -> io::Result<()> {
        match &self.0.data {
            Data::Memory(_) => Ok(()),
            Data::File(file) => file.keep(&self.0.id),
        }
    }

    /// Its octets, unless they are in a file.
    pub(crate) fn pieces(&self) -> Option<&[Bytes]> {
        match &self.0.data {
            Data::Memory(pieces) => Some(pieces),
            Data::File(_) => None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?}, {} octets)", self.0.id, self.0.len)
    }
}

/// A file that long bodies go to while they arrive.
pub(crate) trait Spill: Send {
    /// Bodies longer than this spill.
    fn threshold(&self) -> u64;
    /// Writes the next piece.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;
    /// The body is complete; `None` if it was never long enough.
    fn finish(self: Box<Self>, len: u64) -> io::Result<Option<Box<dyn Spilled>>>;
}

/// A spilled body.
pub(crate) trait Spilled: Send + Sync {
    /// Makes it durable under its own name; once is enough.
    fn keep(&self, id: &BlobId) -> io::Result<()>;
}

/// Bytes of staged bodies in memory, given back when they go.
struct Charge {
    budget: Arc<AtomicU64>,
    bytes: u64,
}

impl Charge {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.budget.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.budget.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
