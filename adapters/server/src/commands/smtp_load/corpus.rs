//! Messages from files, sent in turn.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Octets of files that are kept in memory, all together; others are read when they are sent.
const KEPT: u64 = 64 * 1024 * 1024;
/// Files of a corpus at most.
const FILES: usize = 1_000_000;
/// Folders below each other at most.
const DEPTH: usize = 32;

/// A folder of messages.
#[derive(Debug)]
pub(crate) struct Corpus {
    documents: Vec<Document>,
}

/// One message.
#[derive(Debug)]
pub(super) enum Document {
    /// In memory.
    Kept {
        /// All of it.
        octets: Bytes,
        /// Whether it is ASCII.
        ascii: bool,
    },
    /// In its file.
    OnDisk {
        /// The file.
        path: PathBuf,
        /// Octets it had when it was found.
        octets: u64,
    },
}

impl Document {
    pub(super) const fn octets(&self) -> u64 {
        match self {
            Self::Kept { octets, .. } => octets.len() as u64,
            Self::OnDisk { octets, .. } => *octets,
        }
    }

    /// Whether it is known to be ASCII.
    pub(super) const fn is_ascii(&self) -> bool {
        matches!(self, Self::Kept { ascii: true, .. })
    }
}

impl Corpus {
    /// The files of `folder` and of the folders in it, in the order of their names. Each is one message.
    ///
    /// # Errors
    /// A folder or file that cannot be read, no file at all, or too many.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        find(folder, DEPTH, &mut paths)?;
        paths.sort();
        let mut left = KEPT;
        let mut documents = Vec::with_capacity(paths.len());
        for path in paths {
            let octets = std::fs::metadata(&path)?.len();
            documents.push(match left.checked_sub(octets) {
                Some(rest) => {
                    left = rest;
                    let octets = std::fs::read(&path)?;
                    Document::Kept { ascii: octets.is_ascii(), octets: octets.into() }
                }
                None => Document::OnDisk { path, octets },
            });
        }
        if documents.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no file in it"));
        }
        Ok(Self { documents })
    }

    /// The message with this number in the turn.
    pub(super) fn get(&self, number: u64) -> &Document {
        &self.documents[(number % self.documents.len() as u64) as usize]
    }
}

fn find(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            let deeper =
                depth.checked_sub(1).ok_or_else(|| io::Error::other("too many folders"))?;
            find(&path, deeper, paths)?;
        } else if path.is_file() {
            if paths.len() == FILES {
                return Err(io::Error::other(format!("more than {FILES} files")));
            }
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(Corpus::open(at).is_err());
        std::fs::write(at.join("b"), "two\r\n").unwrap();
        std::fs::create_dir(at.join("c")).unwrap();
        std::fs::write(at.join("c/d"), "gr\u{fc}n\r\n").unwrap();
        std::fs::write(at.join("a"), "one\r\n").unwrap();
        let corpus = Corpus::open(at).unwrap();
        let octets = |number| match corpus.get(number) {
            Document::Kept { octets, ascii } => (octets.to_vec(), *ascii),
            Document::OnDisk { .. } => panic!("that is small"),
        };
        assert_eq!(octets(0), (b"one\r\n".to_vec(), true));
        assert_eq!(octets(1), (b"two\r\n".to_vec(), true));
        assert_eq!(octets(2), ("gr\u{fc}n\r\n".as_bytes().to_vec(), false));
        assert_eq!(octets(3), octets(0));
        assert!(Corpus::open(&at.join("none")).is_err());
    }

    #[test]
    fn what_is_large_stays_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let large = std::fs::File::create(folder.path().join("a")).unwrap();
        large.set_len(KEPT + 1).unwrap();
        std::fs::write(folder.path().join("b"), "small").unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        assert!(matches!(corpus.get(0), Document::OnDisk { octets, .. } if *octets == KEPT + 1));
        assert!(matches!(corpus.get(1), Document::Kept { .. }));
    }
}
