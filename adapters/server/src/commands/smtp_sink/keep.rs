//! Where messages go: a file each, or one mbox. Written as they arrive; named, or appended, by one thread,
//! which syncs once for all that wait and then answers them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use posthaste_core::session::{Place, Responder};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::Outcome;
use posthaste_core::smtp::server::event::Delivery;

use super::mbox;

/// Messages that are kept with one sync at most.
const BATCH: usize = 1024;
/// Octets of messages under way that are held in memory, all sessions together.
const HELD: u64 = 256 * 1024 * 1024;

/// Keeps a batch; says of each message whether that went well.
type Keep = Box<dyn FnMut(&mut [Kept]) -> Vec<bool> + Send>;

/// Where messages go.
#[derive(Clone, Debug)]
pub(super) enum Keeping {
    /// A file each, in this folder; with their envelopes, if wanted.
    Files {
        /// The folder.
        folder: PathBuf,
        /// Write envelopes too.
        envelopes: bool,
    },
    /// All into this mbox.
    Mbox(PathBuf),
}

/// Keeps messages.
#[derive(Debug)]
pub(super) struct Keeper {
    keeping: Keeping,
    sender: mpsc::Sender<Kept>,
    /// The next file's number.
    number: AtomicU64,
    held: Arc<AtomicU64>,
}

/// A message that arrives.
#[derive(Debug)]
pub(super) enum Arriving {
    /// A file with another name until it is whole.
    File(Part),
    /// In memory.
    Memory(Held),
    /// It cannot be kept.
    Broken(io::Error),
}

/// A file that is removed unless it gets its name.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    path: PathBuf,
    name: PathBuf,
    named: bool,
}

/// Octets that count as long as they are held.
#[derive(Debug)]
pub(super) struct Held {
    octets: Vec<u8>,
    counted: u64,
    all: Arc<AtomicU64>,
}

/// A message that is whole, and what to say when it is kept.
pub(super) struct Kept {
    /// Its octets.
    pub(super) message: Arriving,
    /// Who sent it, for the mbox.
    pub(super) sender: String,
    /// The envelope as JSON, to be written beside it.
    pub(super) envelope: Option<String>,
    /// Hears what became of it, and gives what is to be said.
    pub(super) outcome: Box<dyn FnOnce(bool) -> Outcome + Send>,
    /// Says it.
    pub(super) responder: Responder<Delivery>,
}

impl Keeper {
    /// Opens the folder or the mbox, and starts the thread. With `sync`, what is said to be kept is on the
    /// disk.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub(super) fn start(keeping: Keeping, sync: bool) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (mut keep, first): (Keep, _) = match &keeping {
            Keeping::Files { folder, .. } => {
                fs::create_dir_all(folder)?;
                let first = last_number(folder)? + 1;
                let folder = File::open(folder)?;
                (Box::new(move |batch| name(batch, sync.then_some(&folder))), first)
            }
            Keeping::Mbox(path) => {
                let mut file = File::options().create(true).append(true).open(path)?;
                let mut octets = Vec::new();
                (Box::new(move |batch| append(batch, &mut file, &mut octets, sync)), 0)
            }
        };
        let work = move || {
            let mut batch: Vec<Kept> = Vec::new();
            while let Ok(first) = receiver.recv() {
                batch.push(first);
                batch.extend(receiver.try_iter().take(BATCH - 1));
                let done = keep(&mut batch);
                answer(batch.drain(..).zip(done));
            }
        };
        thread::Builder::new().name("keeper".into()).spawn(work)?;
        Ok(Self { keeping, sender, number: AtomicU64::new(first), held: Arc::default() })
    }

    /// A message begins to arrive.
    pub(super) fn begin(&self) -> Arriving {
        match &self.keeping {
            Keeping::Mbox(_) => {
                let all = Arc::clone(&self.held);
                Arriving::Memory(Held { octets: Vec::new(), counted: 0, all })
            }
            Keeping::Files { folder, .. } => {
                let number = self.number.fetch_add(1, Ordering::Relaxed);
                let path = folder.join(format!(".{number:08}.part"));
                let name = folder.join(format!("{number:08}.eml"));
                match File::create(&path) {
                    Ok(file) => Arriving::File(Part { file, path, name, named: false }),
                    Err(error) => Arriving::Broken(error),
                }
            }
        }
    }

    /// Whether envelopes are wanted.
    pub(super) const fn wants_envelopes(&self) -> bool {
        matches!(self.keeping, Keeping::Files { envelopes: true, .. })
    }

    /// Keeps a message that is whole, and answers then.
    pub(super) fn keep(&self, kept: Kept) {
        // If the thread is gone, the responder refuses.
        let _ = self.sender.send(kept);
    }
}

impl Arriving {
    /// More octets of it. May write to the disk.
    pub(super) fn write(&mut self, run: &[u8]) {
        let broken = match self {
            Self::File(part) => part.file.write_all(run).err(),
            Self::Memory(held) => held.write(run).err(),
            Self::Broken(_) => None,
        };
        if let Some(error) = broken {
            *self = Self::Broken(error);
        }
    }
}

impl Held {
    fn write(&mut self, run: &[u8]) -> io::Result<()> {
        let more = run.len() as u64;
        if self.all.fetch_add(more, Ordering::Relaxed) + more > HELD {
            self.all.fetch_sub(more, Ordering::Relaxed);
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "too many messages at once"));
        }
        self.counted += more;
        self.octets.extend_from_slice(run);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.named {
            // What is left is called a part.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The greatest number that a file of the folder has.
fn last_number(folder: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".eml")?.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

/// Gives whole files their names. With `folder`, they and their names are on the disk then.
fn name(batch: &mut [Kept], folder: Option<&File>) -> Vec<bool> {
    let mut done: Vec<bool> =
        batch.iter_mut().map(|kept| name_one(kept, folder.is_some())).collect();
    if let Some(folder) = folder
        && let Err(error) = folder.sync_all()
    {
        complain(&error);
        done.fill(false);
    }
    done
}

fn name_one(kept: &mut Kept, sync: bool) -> bool {
    let named = match &mut kept.message {
        Arriving::File(part) => {
            let name = || {
                if let Some(envelope) = &kept.envelope {
                    let mut file = File::create(part.name.with_extension("json"))?;
                    file.write_all(envelope.as_bytes())?;
                    if sync {
                        file.sync_data()?;
                    }
                }
                if sync {
                    part.file.sync_data()?;
                }
                fs::rename(&part.path, &part.name)
            };
            let named = name();
            part.named = named.is_ok();
            named
        }
        Arriving::Broken(error) => Err(std::mem::replace(error, io::ErrorKind::Other.into())),
        Arriving::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
    };
    named.inspect_err(complain).is_ok()
}

/// Appends messages to the mbox, all or none of them.
fn append(batch: &mut [Kept], file: &mut File, octets: &mut Vec<u8>, sync: bool) -> Vec<bool> {
    octets.clear();
    let whole: Vec<bool> = batch
        .iter()
        .map(|kept| match &kept.message {
            Arriving::Memory(held) => {
                mbox::write(&kept.sender, &held.octets, octets);
                true
            }
            Arriving::Broken(error) => {
                complain(error);
                false
            }
            Arriving::File(_) => false,
        })
        .collect();
    let before = file.metadata().map(|metadata| metadata.len());
    let written =
        file.write_all(octets).and_then(|()| if sync { file.sync_data() } else { Ok(()) });
    match written {
        Ok(()) => whole,
        Err(error) => {
            complain(&error);
            // Half a message is none.
            let _ = before.and_then(|before| file.set_len(before));
            vec![false; batch.len()]
        }
    }
}

/// Answers a batch, and rings each reactor once.
fn answer(batch: impl Iterator<Item = (Kept, bool)>) {
    let mut places: Vec<Place<Smtp>> = Vec::new();
    for (kept, done) in batch {
        let place = kept.responder.post((kept.outcome)(done));
        if !places.iter().any(|known| Arc::ptr_eq(known.inbox(), place.inbox())) {
            places.push(place);
        }
    }
    places.iter().for_each(Place::ring);
}

fn complain(error: &io::Error) {
    eprintln!("posthaste: a message cannot be kept: {error}");
}

/// What is said about a message that cannot be kept.
pub(super) const fn unkept() -> Reply {
    Reply::constant(452, Enhanced(4, 3, 1), "The message cannot be kept now")
}
