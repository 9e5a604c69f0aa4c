//! The log: appending to it, and reading it back at a start.
//!
//! [`Writer`] appends one batch at a time: one write, one sync. [`Scan`] walks from batch to batch.
//! [`find_end`] tells an unfinished tail (cut, its octets kept beside) from damage (reported).

use super::frame::{
    ALIGN, BATCH_HEADER, BLOB_ENTRY, BLOB_HEADER, BatchHeader, BlobEntry, BlobHeader, PACK_HEADER,
    PackHeader, padding,
};
use super::{OpenError, Place, Position};
use crate::disk::{Disk, File, read_exact};
use crate::id::BlobId;
use crate::staging::Body;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// The file name of a pack.
pub(crate) fn pack_name(pack: u32) -> String {
    format!("log/{pack:08}")
}

/// Open packs, by number.
pub(crate) type Packs = BTreeMap<u32, Arc<dyn File>>;

/// A batch as read back.
pub(crate) struct Batch {
    pub(crate) header: BatchHeader,
    /// Blobs and where they are.
    pub(crate) blobs: Vec<(BlobId, Place)>,
    /// The records, encoded.
    pub(crate) records: Bytes,
    /// Where the next batch begins.
    pub(crate) next: Position,
}

/// Reads batches in order.
pub(crate) struct Scan<'a> {
    packs: &'a Packs,
    mark: u64,
    at: Position,
    lsn: u64,
}

/// What a scan came to.
pub(crate) enum Step {
    Batch(Batch),
    /// Nothing follows but zeros.
    End,
    /// Something follows, and it is not the next batch.
    Broken(&'static str),
}

impl<'a> Scan<'a> {
    /// From `at` on, where the batch `lsn` is expected.
    pub(crate) fn new(packs: &'a Packs, mark: u64, at: Position, lsn: u64) -> Self {
        Self { packs, mark, at, lsn }
    }

    /// Where the scan stands.
    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// The LSN it expects there.
    pub(crate) fn lsn(&self) -> u64 {
        self.lsn
    }

    /// The next batch. Bodies of blobs are only checked if `deep`.
    pub(crate) fn step(&mut self, deep: bool) -> io::Result<Step> {
        loop {
            let Some(file) = self.packs.get(&self.at.pack) else { return Ok(Step::End) };
            let mut head = [0; BATCH_HEADER];
            let n = file.read_at(self.at.offset, &mut head)?;
            let Some(header) = BatchHeader::decode(&head[..n], self.mark) else {
                if !is_zero(&**file, self.at.offset)? {
                    return Ok(Step::Broken("no batch begins here"));
                }
                let next = Position { pack: self.at.pack + 1, offset: PACK_HEADER as u64 };
                let Some(after) = self.packs.get(&next.pack) else { return Ok(Step::End) };
                if is_zero(&**after, next.offset)? {
                    return Ok(Step::End);
                }
                self.at = next;
                continue;
            };
            if header.lsn != self.lsn {
                return Ok(Step::Broken("the batch has another number than the one expected"));
            }
            return match read_batch(&**file, self.at, header, self.mark, deep)? {
                Ok(batch) => {
                    self.at = batch.next;
                    self.lsn += 1;
                    Ok(Step::Batch(batch))
                }
                Err(why) => Ok(Step::Broken(why)),
            };
        }
    }
}

/// Whether a file holds nothing but zeros from `offset` on.
fn is_zero(file: &dyn File, mut offset: u64) -> io::Result<bool> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let n = file.read_at(offset, &mut chunk)?;
        if chunk[..n].iter().any(|octet| *octet != 0) {
            return Ok(false);
        }
        if n < chunk.len() {
            return Ok(true);
        }
        offset += n as u64;
    }
}

/// Reads and checks one batch whose header is known. The inner error says what is wrong with it.
fn read_batch(
    file: &dyn File,
    at: Position,
    header: BatchHeader,
    mark: u64,
    deep: bool,
) -> io::Result<Result<Batch, &'static str>> {
    let end = at.offset + u64::from(header.length);
    if end > file.len()? {
        return Ok(Err("the batch ends after its pack"));
    }
    let mut body = vec![0; header.body as usize];
    read_exact(file, at.offset + BATCH_HEADER as u64, &mut body)?;
    if crc32fast::hash(&body) != header.body_crc {
        return Ok(Err("the batch's records do not match their checksum"));
    }
    let mut body = Bytes::from(body);
    let records = body.split_off(header.blobs as usize * BLOB_ENTRY);
    let mut blobs = Vec::with_capacity(header.blobs as usize);
    for entry in body.chunks_exact(BLOB_ENTRY).filter_map(BlobEntry::decode) {
        if entry.offset == 0 {
            blobs.push((entry.id, Place { pack: 0, offset: 0, len: u64::from(entry.len) }));
            continue;
        }
        if u64::from(entry.offset) + u64::from(entry.len) > u64::from(header.length)
            || (entry.offset as usize) < BATCH_HEADER + BLOB_HEADER
        {
            return Ok(Err("a blob lies outside its batch"));
        }
        let offset = at.offset + u64::from(entry.offset);
        let place = Place { pack: at.pack, offset, len: u64::from(entry.len) };
        if deep && let Err(why) = check_blob(file, &entry, &place, header.lsn, mark)? {
            return Ok(Err(why));
        }
        blobs.push((entry.id, place));
    }
    let next = Position { pack: at.pack, offset: end };
    Ok(Ok(Batch { header, blobs, records, next }))
}

fn check_blob(
    file: &dyn File,
    entry: &BlobEntry,
    place: &Place,
    lsn: u64,
    mark: u64,
) -> io::Result<Result<(), &'static str>> {
    let mut head = [0; BLOB_HEADER];
    read_exact(file, place.offset - BLOB_HEADER as u64, &mut head)?;
    let expected = BlobHeader { len: entry.len, lsn, id: entry.id };
    if BlobHeader::decode(&head, mark) != Some(expected) {
        return Ok(Err("a blob's header is damaged"));
    }
    let mut content = vec![0; entry.len as usize];
    read_exact(file, place.offset, &mut content)?;
    Ok(if BlobId::of(&content) == entry.id { Ok(()) } else { Err("a blob's content is damaged") })
}

/// Judges a place where the log does not go on, though something is there (tail rule). It is
/// damage if a later batch knew the missing one to be synced; then the answer says so.
pub(crate) fn find_end(
    packs: &Packs,
    mark: u64,
    at: Position,
    lsn: u64,
) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; 1 << 20];
    for (&pack, file) in packs.range(at.pack..) {
        // Frames begin at aligned places, so only those are looked at.
        let mut offset = if pack == at.pack { at.offset } else { PACK_HEADER as u64 };
        loop {
            let n = file.read_at(offset, &mut buffer)?;
            for start in (0..n).step_by(ALIGN) {
                let Some(header) = BatchHeader::decode(&buffer[start..n], mark) else { continue };
                if header.lsn > lsn && header.synced >= lsn {
                    return Ok(Some(header.lsn));
                }
            }
            if n < buffer.len() {
                break;
            }
            offset += (n - BATCH_HEADER.next_multiple_of(ALIGN)) as u64;
        }
    }
    Ok(None)
}

/// Opens all packs. The mark is `None` if there is no usable pack.
pub(crate) fn open_packs(disk: &dyn Disk) -> Result<(Packs, Option<u64>), OpenError> {
    let mut packs = Packs::new();
    let mut mark = None;
    let names = disk.list("log")?;
    let numbers: Vec<u32> =
        names.iter().filter(|name| name.len() == 8).filter_map(|name| name.parse().ok()).collect();
    for (i, &pack) in numbers.iter().enumerate() {
        let file = disk.open(&pack_name(pack))?;
        let mut head = [0; PACK_HEADER];
        let n = file.read_at(0, &mut head)?;
        let damaged = |detail: &str| OpenError::Damaged {
            file: pack_name(pack),
            offset: 0,
            lsn: 0,
            detail: detail.into(),
        };
        match PackHeader::decode(&head[..n]) {
            Ok(header) if header.pack != pack => return Err(damaged("another pack's header")),
            Ok(header) if mark.is_some_and(|mark| mark != header.mark) => {
                return Err(damaged("a pack of another store"));
            }
            Ok(header) => mark = Some(header.mark),
            // A pack gets its first batch only after its header is synced: one without, and nothing
            // in it, is one that was being made.
            Err(_) if i + 1 == numbers.len() && is_zero(&*file, PACK_HEADER as u64)? => {
                disk.remove(&pack_name(pack))?;
                disk.sync_dir("log")?;
                break;
            }
            Err(why) => return Err(damaged(why)),
        }
        if packs.last_key_value().is_some_and(|(last, _)| last + 1 != pack) {
            return Err(damaged("the pack before this one is missing"));
        }
        packs.insert(pack, file);
    }
    Ok((packs, mark))
}

/// Makes a pack that is ready to be appended to.
pub(crate) fn create_pack(
    disk: &dyn Disk,
    pack: u32,
    mark: u64,
    size: u64,
) -> io::Result<Arc<dyn File>> {
    let name = pack_name(pack);
    let file = disk.create(&name)?;
    let made = (|| {
        file.reserve(size)?;
        let header = PackHeader { pack, mark }.encode();
        file.write_at(0, &mut [IoSlice::new(&header)])?;
        file.sync()?;
        disk.sync_dir("log")
    })();
    if let Err(error) = made {
        // Whoever tries again must find the name free. If even this fails, it will not be.
        let _ = disk.remove(&name);
        return Err(error);
    }
    Ok(file)
}

/// Appends batches.
pub(crate) struct Writer {
    pub(crate) file: Arc<dyn File>,
    pub(crate) at: Position,
    pub(crate) mark: u64,
    pub(crate) epoch: u32,
    /// The LSN the next batch gets.
    pub(crate) lsn: u64,
    /// Scratch: batch header, blob table, records; then blob headers.
    head: Vec<u8>,
    heads: Vec<u8>,
}

/// What a batch is made of.
pub(crate) struct Parts<'a> {
    /// Records, encoded.
    pub(crate) records: &'a [u8],
    pub(crate) blobs: &'a [Body],
}

impl Writer {
    pub(crate) fn new(file: Arc<dyn File>, at: Position, mark: u64, epoch: u32, lsn: u64) -> Self {
        Self { file, at, mark, epoch, lsn, head: Vec::new(), heads: Vec::new() }
    }

    /// How long a batch will be; `None` if longer than one can be.
    pub(crate) fn length(parts: &Parts<'_>) -> Option<u32> {
        let head = BATCH_HEADER + parts.blobs.len() * BLOB_ENTRY + parts.records.len();
        let mut length = head + padding(head);
        for pieces in parts.blobs.iter().filter_map(Body::pieces) {
            let len: usize = pieces.iter().map(Bytes::len).sum();
            length += BLOB_HEADER + len + padding(len);
        }
        u32::try_from(length).ok()
    }

    /// Writes a batch where the writer stands, and syncs it. After an error the writer must not be
    /// used again unless `synced` was not reached: then the place is written over.
    pub(crate) fn append(
        &mut self,
        parts: &Parts<'_>,
        places: &mut Vec<(BlobId, Place)>,
    ) -> Result<(), AppendError> {
        const ZEROS: [u8; ALIGN] = [0; ALIGN];
        let length = Self::length(parts).ok_or_else(|| {
            AppendError::Write(io::Error::new(io::ErrorKind::FileTooLarge, "batch too long"))
        })?;
        let body = parts.blobs.len() * BLOB_ENTRY + parts.records.len();
        self.head.clear();
        self.head.resize(BATCH_HEADER, 0);
        self.heads.clear();
        let mut offset = BATCH_HEADER + body + padding(BATCH_HEADER + body);
        for blob in parts.blobs {
            let (id, len) = (blob.id(), blob.len());
            // Spilled bodies may be longer than this; their length is in the index and the rows.
            let short = u32::try_from(len).unwrap_or(u32::MAX);
            let mut entry = BlobEntry { id, offset: 0, len: short };
            let mut place = Place { pack: 0, offset: 0, len };
            if blob.pieces().is_some() {
                self.heads.extend_from_slice(
                    &BlobHeader { len: short, lsn: self.lsn, id }.encode(self.mark),
                );
                offset += BLOB_HEADER;
                entry.offset = offset as u32;
                place.pack = self.at.pack;
                place.offset = self.at.offset + offset as u64;
                offset += short as usize + padding(short as usize);
            }
            entry.encode(&mut self.head);
            places.push((id, place));
        }
        self.head.extend_from_slice(parts.records);
        let header = BatchHeader {
            epoch: self.epoch,
            lsn: self.lsn,
            synced: self.lsn - 1,
            length,
            body: body as u32,
            blobs: parts.blobs.len() as u32,
            body_crc: crc32fast::hash(&self.head[BATCH_HEADER..]),
        };
        self.head[..BATCH_HEADER].copy_from_slice(&header.encode(self.mark));

        let mut slices = Vec::with_capacity(2 + parts.blobs.len() * 3);
        slices.push(IoSlice::new(&self.head));
        slices.push(IoSlice::new(&ZEROS[..padding(self.head.len())]));
        // Spilled bodies have no head here: a head belongs to the next body with pieces.
        let inside = parts.blobs.iter().filter_map(Body::pieces);
        for (pieces, head) in inside.zip(self.heads.chunks_exact(BLOB_HEADER)) {
            slices.push(IoSlice::new(head));
            slices.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
            let len = pieces.iter().map(Bytes::len).sum();
            slices.push(IoSlice::new(&ZEROS[..padding(len)]));
        }
        // What is said to be the length is the place of the next batch.
        debug_assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), length as usize);
        self.file.write_at(self.at.offset, &mut slices).map_err(AppendError::Write)?;
        self.file.sync().map_err(AppendError::Sync)?;
        self.at.offset += u64::from(length);
        self.lsn += 1;
        Ok(())
    }
}

/// Why a batch is not in the log.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// It could not be written; nothing of it counts, and the place may be written again.
    Write(io::Error),
    /// It may or may not be there.
    Sync(io::Error),
}

impl From<AppendError> for io::Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Write(error) | AppendError::Sync(error) => error,
        }
    }
}
