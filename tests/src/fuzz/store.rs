//! What reads octets from the store's files.

/// Headers of packs, batches and blobs.
pub fn frames(input: &[u8]) {
    posthaste_store::fuzz::frames(input);
}

/// A whole log, walked as at a start.
pub fn log(input: &[u8]) {
    posthaste_store::fuzz::log(input);
}

/// The outcomes of a remembered batch.
pub fn outcomes(input: &[u8]) {
    posthaste_store::fuzz::outcomes(input);
}

/// The records of a batch.
pub fn records(input: &[u8]) {
    posthaste_store::fuzz::records(input);
}
