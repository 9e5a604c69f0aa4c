//! Long bodies: written to a file of their own as they arrive, synced before their batch is handed
//! to the committer, so that they never hold up a round.

use crate::disk::{Disk, File};
use crate::id::BlobId;
use crate::staging::{Spill, Spilled};
use parking_lot::Mutex;
use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file of a long body.
pub(crate) fn big_name(id: &BlobId) -> String {
    let mut name = String::from("big/");
    for octet in id.0 {
        // Writing to a string cannot fail.
        let _ = write!(name, "{octet:02x}");
    }
    name
}

/// Makes a spill for a body; nothing touches the disk before the body gets long.
pub(crate) fn spill(disk: &Arc<dyn Disk>, threshold: u64, serial: &AtomicU64) -> Box<dyn Spill> {
    let name = format!("tmp/{}", serial.fetch_add(1, Ordering::Relaxed));
    Box::new(FileSpill { disk: Arc::clone(disk), name, threshold, file: None, len: 0 })
}

struct FileSpill {
    disk: Arc<dyn Disk>,
    name: String,
    threshold: u64,
    file: Option<Temporary>,
    len: u64,
}

impl Spill for FileSpill {
    fn threshold(&self) -> u64 {
        self.threshold
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let temporary = match &mut self.file {
            Some(temporary) => temporary,
            none => none.insert(Temporary {
                file: self.disk.create(&self.name)?,
                disk: Arc::clone(&self.disk),
                name: self.name.clone(),
                stage: Mutex::new(Stage::Written),
            }),
        };
        temporary.file.write_at(self.len, &mut [IoSlice::new(piece)])?;
        self.len += piece.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<Option<Box<dyn Spilled>>> {
        match self.file {
            None => Ok(None),
            Some(file) if self.len == len => Ok(Some(Box::new(file))),
            Some(_) => Err(io::Error::other("a long body was not written whole")),
        }
    }
}

/// A file that goes away unless it is kept.
struct Temporary {
    disk: Arc<dyn Disk>,
    file: Arc<dyn File>,
    name: String,
    stage: Mutex<Stage>,
}

/// How far a long body has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Written,
    Renamed,
    Kept,
    /// Its sync failed: what a later sync says is not to be believed.
    Failed,
}

impl Spilled for Temporary {
    fn keep(&self, id: &BlobId) -> io::Result<()> {
        let mut stage = self.stage.lock();
        match *stage {
            Stage::Failed => return Err(io::Error::other("the sync of a long body failed")),
            Stage::Kept => return Ok(()),
            Stage::Renamed => {}
            Stage::Written => {
                *stage = Stage::Failed;
                self.file.sync()?;
                *stage = Stage::Written;
                // Equal bodies are one file: the name is the content's hash.
                self.disk.rename(&self.name, &big_name(id))?;
                *stage = Stage::Renamed;
            }
        }
        self.disk.sync_dir("big")?;
        *stage = Stage::Kept;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if matches!(*self.stage.lock(), Stage::Written | Stage::Failed) {
            // What stays here is removed at the next start.
            let _ = self.disk.remove(&self.name);
        }
    }
}
