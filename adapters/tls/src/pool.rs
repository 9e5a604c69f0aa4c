//! Buffers that connections borrow while they have bytes, and give back when they have none.

/// The buffers of one reactor or one runtime thread. Not shared: no lock.
///
/// In the steady state it hands out what came back, so a turn allocates nothing.
#[derive(Debug)]
pub struct Pool {
    inputs: Vec<Vec<u8>>,
    rests: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

impl Pool {
    /// Octets of an input buffer: one read takes as much.
    pub const INPUT: usize = 64 * 1024;
    /// Octets of the small buffer that holds the unfinished rest of a line while nothing arrives.
    pub const REST: usize = 4 * 1024;
    /// Octets of capacity up to which output buffers are kept.
    pub const OUTPUT: usize = 256 * 1024;
    /// Buffers of each kind that are kept.
    pub const KEEP: usize = 64;

    /// No buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self { inputs: Vec::new(), rests: Vec::new(), outputs: Vec::new(), scratch: Vec::new() }
    }

    /// An initialised buffer of [`INPUT`](Self::INPUT) octets.
    pub fn input(&mut self) -> Vec<u8> {
        self.inputs.pop().unwrap_or_else(|| vec![0; Self::INPUT])
    }

    /// An initialised buffer of [`REST`](Self::REST) octets.
    pub fn rest(&mut self) -> Vec<u8> {
        self.rests.pop().unwrap_or_else(|| vec![0; Self::REST])
    }

    /// Takes an input buffer back, of either size. Others are dropped.
    pub fn put_input(&mut self, buffer: Vec<u8>) {
        let shelf = match buffer.len() {
            Self::INPUT => &mut self.inputs,
            Self::REST => &mut self.rests,
            _ => return,
        };
        if shelf.len() < Self::KEEP {
            shelf.push(buffer);
        }
    }

    /// An empty buffer to write to.
    pub fn output(&mut self) -> Vec<u8> {
        self.outputs.pop().unwrap_or_default()
    }

    /// Takes an output buffer back.
    pub fn put_output(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && capacity <= Self::OUTPUT && self.outputs.len() < Self::KEEP {
            buffer.clear();
            self.outputs.push(buffer);
        }
    }

    /// Room for what a socket reads before TLS has decrypted it. Nothing stays in it between calls.
    pub fn scratch(&mut self) -> &mut [u8] {
        if self.scratch.is_empty() {
            self.scratch = vec![0; Self::INPUT];
        }
        &mut self.scratch
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}
