//! The log's frames: fixed headers in little-endian. `FORMAT.md` draws them.

use crate::id::BlobId;

/// First octets of a pack.
pub(crate) const PACK_MAGIC: [u8; 8] = *b"POSTHLOG";
/// The format this code writes.
pub(crate) const VERSION: u16 = 1;
/// Octets of a pack's header.
pub(crate) const PACK_HEADER: usize = 64;
/// Octets of a batch's header.
pub(crate) const BATCH_HEADER: usize = 56;
/// Octets of a blob's header.
pub(crate) const BLOB_HEADER: usize = 64;
/// Octets of an entry of a batch's blob table.
pub(crate) const BLOB_ENTRY: usize = 40;
/// Batches and blobs begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

const BATCH: u8 = 1;
const BLOB: u8 = 2;

/// The head of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackHeader {
    pub(crate) pack: u32,
    /// Random, made with the store, and what every frame begins with: bodies come from strangers,
    /// who must not be able to write something that looks like a frame.
    pub(crate) mark: u64,
}

impl PackHeader {
    pub(crate) fn encode(&self) -> [u8; PACK_HEADER] {
        let mut out = [0; PACK_HEADER];
        out[..8].copy_from_slice(&PACK_MAGIC);
        out[8..10].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.pack.to_le_bytes());
        out[16..24].copy_from_slice(&self.mark.to_le_bytes());
        seal(&mut out);
        out
    }

    /// `Err` says what is wrong.
    pub(crate) fn decode(input: &[u8]) -> Result<Self, &'static str> {
        let header: &[u8; PACK_HEADER] =
            input.first_chunk().ok_or("the pack is shorter than its header")?;
        if header[..8] != PACK_MAGIC {
            return Err("not a pack");
        }
        if !is_sealed(header) {
            return Err("the pack's header is damaged");
        }
        if u16::from_le_bytes([header[8], header[9]]) != VERSION {
            return Err("the pack is of a version this program does not know");
        }
        Ok(Self { pack: u32_at(header, 12), mark: u64_at(header, 16) })
    }
}

/// The head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) epoch: u32,
    pub(crate) lsn: u64,
    /// The highest LSN known to be synced when this was written.
    pub(crate) synced: u64,
    /// Octets of the whole batch: this header, body, blobs, padding.
    pub(crate) length: u32,
    /// Octets of the body: blob table, then records.
    pub(crate) body: u32,
    pub(crate) blobs: u32,
    pub(crate) body_crc: u32,
}

impl BatchHeader {
    pub(crate) fn encode(&self, mark: u64) -> [u8; BATCH_HEADER] {
        let mut out = [0; BATCH_HEADER];
        out[..8].copy_from_slice(&mark.to_le_bytes());
        out[8] = BATCH;
        out[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        out[16..24].copy_from_slice(&self.lsn.to_le_bytes());
        out[24..32].copy_from_slice(&self.synced.to_le_bytes());
        out[32..36].copy_from_slice(&self.length.to_le_bytes());
        out[36..40].copy_from_slice(&self.body.to_le_bytes());
        out[40..44].copy_from_slice(&self.blobs.to_le_bytes());
        out[44..48].copy_from_slice(&self.body_crc.to_le_bytes());
        seal(&mut out);
        out
    }

    /// `None`: these octets are not the head of a batch.
    pub(crate) fn decode(input: &[u8], mark: u64) -> Option<Self> {
        let header: &[u8; BATCH_HEADER] = input.first_chunk()?;
        if u64_at(header, 0) != mark || header[8] != BATCH || !is_sealed(header) {
            return None;
        }
        let header = Self {
            epoch: u32_at(header, 12),
            lsn: u64_at(header, 16),
            synced: u64_at(header, 24),
            length: u32_at(header, 32),
            body: u32_at(header, 36),
            blobs: u32_at(header, 40),
            body_crc: u32_at(header, 44),
        };
        let table = u64::from(header.blobs) * BLOB_ENTRY as u64;
        let least = BATCH_HEADER as u64 + u64::from(header.body);
        (table <= u64::from(header.body) && least <= u64::from(header.length)).then_some(header)
    }
}

/// The head of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobHeader {
    pub(crate) len: u32,
    pub(crate) lsn: u64,
    pub(crate) id: BlobId,
}

impl BlobHeader {
    pub(crate) fn encode(&self, mark: u64) -> [u8; BLOB_HEADER] {
        let mut out = [0; BLOB_HEADER];
        out[..8].copy_from_slice(&mark.to_le_bytes());
        out[8] = BLOB;
        out[12..16].copy_from_slice(&self.len.to_le_bytes());
        out[16..24].copy_from_slice(&self.lsn.to_le_bytes());
        out[24..56].copy_from_slice(&self.id.0);
        seal(&mut out);
        out
    }

    /// `None`: these octets are not the head of a blob.
    pub(crate) fn decode(input: &[u8], mark: u64) -> Option<Self> {
        let header: &[u8; BLOB_HEADER] = input.first_chunk()?;
        if u64_at(header, 0) != mark || header[8] != BLOB || !is_sealed(header) {
            return None;
        }
        let mut id = [0; 32];
        id.copy_from_slice(&header[24..56]);
        Some(Self { len: u32_at(header, 12), lsn: u64_at(header, 16), id: BlobId(id) })
    }
}

/// Where a blob is within its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobEntry {
    pub(crate) id: BlobId,
    /// Octets from the batch's begin to the blob's content. 0: the blob is a file of its own.
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

impl BlobEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
    }

    pub(crate) fn decode(entry: &[u8]) -> Option<Self> {
        let entry: &[u8; BLOB_ENTRY] = entry.first_chunk()?;
        let mut id = [0; 32];
        id.copy_from_slice(&entry[..32]);
        Some(Self { id: BlobId(id), offset: u32_at(entry, 32), len: u32_at(entry, 36) })
    }
}

/// How many octets follow `len` until the next aligned place.
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() % ALIGN
}

/// Puts the checksum of everything before it into the last four octets.
fn seal(header: &mut [u8]) {
    let (content, crc) = header.split_at_mut(header.len() - 4);
    crc.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
}

fn is_sealed(header: &[u8]) -> bool {
    let (content, crc) = header.split_at(header.len() - 4);
    crc32fast::hash(content).to_le_bytes() == *crc
}

fn u32_at(input: &[u8], at: usize) -> u32 {
    let mut octets = [0; 4];
    octets.copy_from_slice(&input[at..at + 4]);
    u32::from_le_bytes(octets)
}

fn u64_at(input: &[u8], at: usize) -> u64 {
    let mut octets = [0; 8];
    octets.copy_from_slice(&input[at..at + 8]);
    u64::from_le_bytes(octets)
}
