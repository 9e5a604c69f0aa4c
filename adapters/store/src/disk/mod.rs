//! The only way the store touches files: one small folder of named files. [`RealDisk`] is a folder
//! of the machine; [`SimDisk`] is one in memory that loses power, runs full and fails on demand.
//!
//! Names are relative, with at most one folder level (`log/00000001`).

mod real;
mod sim;

pub use real::RealDisk;
pub use sim::{Fail, SimDisk};

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// A folder of files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a new file; an error if there is one. Its name is safe only after [`Disk::sync_dir`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Removes a file. Open handles stay good.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Renames a file, replacing what had the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Names of the files in a folder, sorted, without the folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Makes a folder if there is none.
    fn make_dir(&self, folder: &str) -> io::Result<()>;
    /// Makes the names of a folder survive a power cut. `""` is the root.
    fn sync_dir(&self, folder: &str) -> io::Result<()>;
    /// Takes the folder for this process until the lock is dropped. The error of a taken folder
    /// says who has it.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file.
pub trait File: Send + Sync + fmt::Debug {
    /// Its length.
    fn len(&self) -> io::Result<u64>;
    /// Whether nothing is in it.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts it, or fills it up with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reads until `into` is full or the file ends; how much was read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all the parts one after another. After an error any of it may be there.
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Makes contents and length survive a power cut. After an error the handle is not to be trusted.
    fn sync(&self) -> io::Result<()>;
    /// Reserves room up to `len` without changing the length.
    fn reserve(&self, len: u64) -> io::Result<()>;
}

/// Reads exactly `into.len()` octets.
pub(crate) fn read_exact(file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<()> {
    if file.read_at(offset, into)? == into.len() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file is shorter than it should be"))
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
