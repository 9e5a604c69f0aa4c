//! Everything that reads octets from the disk, given any octets: for fuzzers.

use super::codec::Reader;
use super::frame::{BatchHeader, BlobEntry, BlobHeader, PackHeader};
use super::record::{Encoder, decode_outcomes, decode_records, encode_outcomes};
use super::{Place, log};
use crate::disk::{Disk, SimDisk};
use bytes::Bytes;
use std::io::IoSlice;

/// Headers of packs, batches and blobs; a header that decodes encodes to the same octets.
pub fn frames(input: &[u8]) {
    const MARK: u64 = 0x5eed;
    if let Ok(header) = PackHeader::decode(input) {
        assert_eq!(PackHeader::decode(&header.encode()), Ok(header));
    }
    if let Some(header) = BatchHeader::decode(input, MARK) {
        assert_eq!(BatchHeader::decode(&header.encode(MARK), MARK), Some(header));
    }
    if let Some(header) = BlobHeader::decode(input, MARK) {
        assert_eq!(BlobHeader::decode(&header.encode(MARK), MARK), Some(header));
    }
    let _ = BlobEntry::decode(input);
    let _ = Place::decode(&mut Reader::new(&Bytes::copy_from_slice(input)));
}

/// Records of a batch; what decodes survives being written and read again.
pub fn records(input: &[u8]) {
    let Ok(records) = decode_records(&Bytes::copy_from_slice(input)) else { return };
    let (mut out, mut encoder) = (Vec::new(), Encoder::default());
    records.iter().for_each(|record| encoder.put(record, &mut out));
    assert_eq!(decode_records(&out.into()), Ok(records));
}

/// Outcomes of a remembered batch; what decodes survives being written and read again.
pub fn outcomes(input: &[u8]) {
    let Ok(outcomes) = decode_outcomes(&Bytes::copy_from_slice(input)) else { return };
    assert_eq!(decode_outcomes(&encode_outcomes(&outcomes)), Ok(outcomes));
}

/// A log: its first pack holds the input after a sound header. It is walked to its end.
pub fn log(input: &[u8]) {
    let disk = SimDisk::new();
    let header = PackHeader { pack: 1, mark: 0x5eed };
    let written = disk.create(&log::pack_name(1)).and_then(|file| {
        file.write_at(0, &mut [IoSlice::new(&header.encode()), IoSlice::new(input)])
    });
    assert!(written.is_ok());
    let Ok((packs, Some(mark))) = log::open_packs(&disk) else { return };
    let start = super::Position { pack: 1, offset: super::frame::PACK_HEADER as u64 };
    let mut scan = log::Scan::new(&packs, mark, start, 1);
    while let Ok(log::Step::Batch(batch)) = scan.step(true) {
        records(&batch.records);
    }
    let _ = log::find_end(&packs, mark, scan.position(), scan.lsn());
}
