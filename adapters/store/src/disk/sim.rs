//! A disk in memory that can lose power.
//!
//! Every write is kept beside the synced content until a sync. [`SimDisk::crash`] makes the disk as
//! it might be found afterwards: of what was not synced any part may be there, torn at 512 or
//! 4,096 octets, growth may be gone, and of the unsynced names a first part is there. Everything is
//! decided by a seed.

use super::{Disk, File};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// What goes wrong at a chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fail {
    /// Power is lost in the middle of it: it is done in part, and everything after fails.
    Crash,
    /// It fails once with EIO; a failed sync has thrown away what it should have synced.
    Once,
    /// From here on everything that needs room fails with ENOSPC, until [`SimDisk::heal`].
    Full,
}

/// Files in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, Arc<Mutex<Node>>>,
    /// Names as they are on the platter, and what was done since, in order.
    synced: BTreeMap<String, Arc<Mutex<Node>>>,
    unsynced: Vec<Rename>,
    operations: u64,
    syncs: u64,
    written: u64,
    plan: Vec<(u64, Fail)>,
    dead: bool,
    full: bool,
    locked: bool,
}

#[derive(Clone, Debug)]
struct Rename {
    folder: String,
    name: String,
    node: Option<Arc<Mutex<Node>>>,
    /// A rename is one step with the removal of its old name.
    old: Option<String>,
}

#[derive(Debug, Default)]
struct Node {
    live: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    reserved: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Operations that could have failed so far: writes, syncs, and what changes names or lengths.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Octets written so far.
    pub fn written(&self) -> u64 {
        self.state.lock().written
    }

    /// Has the operation after `after` more of them fail. Several failures can be planned.
    pub fn fail(&self, after: u64, how: Fail) {
        let mut state = self.state.lock();
        let at = state.operations + after;
        state.plan.push((at, how));
    }

    /// Everything works again: room is back, no failure is planned. After [`Fail::Crash`] it is as
    /// if only the process had died: everything written can be read.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.plan.clear();
        (state.full, state.dead) = (false, false);
    }

    /// The disk as found after losing power now, one of many ways.
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut dice = Dice(seed);
        let mut names = state.synced.clone();
        let keep = dice.below(state.unsynced.len() as u64 + 1) as usize;
        for step in &state.unsynced[..keep] {
            step.apply(&mut names);
        }
        let mut found = BTreeMap::new();
        for (name, node) in names {
            found.insert(name, Arc::new(Mutex::new(node.lock().after_power_cut(&mut dice))));
        }
        let state = State { names: found.clone(), synced: found, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as it is, with everything synced: a copy that can be damaged.
    pub fn copy(&self) -> Self {
        let state = self.state.lock();
        let copy = |(name, node): (&String, &Arc<Mutex<Node>>)| {
            let live = node.lock().live.clone();
            let node = Node { synced: live.clone(), live, ..Node::default() };
            (name.clone(), Arc::new(Mutex::new(node)))
        };
        let names: BTreeMap<_, _> = state.names.iter().map(copy).collect();
        let state = State { names: names.clone(), synced: names, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// All files and their contents.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state.lock();
        state.names.iter().map(|(name, node)| (name.clone(), node.lock().live.clone())).collect()
    }

    /// Changes a file behind everybody's back: for tests of damage.
    pub fn damage(&self, name: &str, with: impl FnOnce(&mut Vec<u8>)) {
        if let Some(node) = self.state.lock().names.get(name) {
            let mut node = node.lock();
            with(&mut node.live);
            node.synced = node.live.clone();
            node.unsynced.clear();
        }
    }

    fn name(&self, step: Rename) -> io::Result<()> {
        self.begin(false)?;
        let mut state = self.state.lock();
        step.apply(&mut state.names);
        state.unsynced.push(step);
        Ok(())
    }

    fn node(&self, name: &str) -> io::Result<Arc<Mutex<Node>>> {
        let state = self.state.lock();
        if state.dead {
            return Err(dead());
        }
        state.names.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&self, node: Arc<Mutex<Node>>) -> Arc<dyn File> {
        Arc::new(SimFile { node, disk: self.clone() })
    }

    /// Counts an operation; the failure it meets, if it does.
    fn begin(&self, room: bool) -> io::Result<()> {
        match self.meet(room) {
            None => Ok(()),
            Some(Fail::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fail::Once) => Err(io::Error::other("simulated I/O error")),
            Some(Fail::Crash) => Err(dead()),
        }
    }

    fn meet(&self, room: bool) -> Option<Fail> {
        let mut state = self.state.lock();
        if state.dead {
            return Some(Fail::Crash);
        }
        let now = state.operations;
        state.operations += 1;
        let met = state.plan.iter().position(|(at, _)| *at == now);
        if let Some((_, how)) = met.map(|met| state.plan.remove(met)) {
            match how {
                Fail::Crash => state.dead = true,
                Fail::Full => state.full = true,
                Fail::Once => {}
            }
            if how != Fail::Full {
                return Some(how);
            }
        }
        (state.full && room).then_some(Fail::Full)
    }
}

fn dead() -> io::Error {
    io::Error::other("simulated loss of power")
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Rename {
    fn apply(&self, names: &mut BTreeMap<String, Arc<Mutex<Node>>>) {
        if let Some(old) = &self.old {
            names.remove(old);
        }
        match &self.node {
            Some(node) => names.insert(self.name.clone(), Arc::clone(node)),
            None => names.remove(&self.name),
        };
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        if self.state.lock().names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = Arc::<Mutex<Node>>::default();
        self.begin(true)?;
        let step = Rename {
            folder: folder(name).into(),
            name: name.into(),
            node: Some(Arc::clone(&node)),
            old: None,
        };
        let mut state = self.state.lock();
        step.apply(&mut state.names);
        state.unsynced.push(step);
        drop(state);
        Ok(self.file(node))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.file(self.node(name)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.node(name)?;
        self.name(Rename { folder: folder(name).into(), name: name.into(), node: None, old: None })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let node = Some(self.node(from)?);
        let (folder, name, old) = (folder(to).into(), to.into(), Some(from.into()));
        self.name(Rename { folder, name, node, old })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        let inside = |name: &String| match folder {
            "" => (!name.contains('/')).then(|| name.clone()),
            _ => name.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned),
        };
        Ok(state.names.keys().filter_map(inside).collect())
    }

    fn make_dir(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.begin(false)?;
        let state = &mut *self.state.lock();
        let (now, later) = std::mem::take(&mut state.unsynced)
            .into_iter()
            .partition::<Vec<_>, _>(|step| step.folder == folder);
        for step in now {
            step.apply(&mut state.synced);
        }
        state.unsynced = later;
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        struct Lock(SimDisk);
        impl Drop for Lock {
            fn drop(&mut self) {
                self.0.state.lock().locked = false;
            }
        }
        if std::mem::replace(&mut self.state.lock().locked, true) {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "in use by this process"));
        }
        Ok(Box::new(Lock(self.clone())))
    }
}

#[derive(Debug)]
struct SimFile {
    node: Arc<Mutex<Node>>,
    disk: SimDisk,
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        if self.disk.state.lock().dead {
            return Err(dead());
        }
        Ok(self.node.lock().live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.begin(len > self.len()?.max(self.node.lock().reserved))?;
        let mut node = self.node.lock();
        node.live.resize(len as usize, 0);
        node.unsynced.push(Change::Length(len));
        Ok(())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if self.disk.state.lock().dead {
            return Err(dead());
        }
        let node = self.node.lock();
        let from = node.live.get(offset as usize..).unwrap_or_default();
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let end = offset + all.len() as u64;
        let met = {
            let node = self.node.lock();
            let room = node.reserved.max(node.live.len() as u64);
            drop(node);
            self.disk.meet(end > room)
        };
        if met.is_some() {
            // A write that fails has been done in part.
            all.truncate(all.len() / 2);
        }
        let mut node = self.node.lock();
        self.disk.state.lock().written += all.len() as u64;
        place(&mut node.live, offset, &all);
        node.unsynced.push(Change::Write(offset, all));
        match met {
            None => Ok(()),
            Some(Fail::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fail::Once) => Err(io::Error::other("simulated I/O error")),
            Some(Fail::Crash) => Err(dead()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let met = self.disk.meet(false);
        let mut node = self.node.lock();
        match met {
            None => {
                self.disk.state.lock().syncs += 1;
                // Not simply the live content: what a failed sync threw away stays lost.
                let Node { synced, unsynced, .. } = &mut *node;
                for change in unsynced.drain(..) {
                    match change {
                        Change::Length(len) => synced.resize(len as usize, 0),
                        Change::Write(offset, data) => place(synced, offset, &data),
                    }
                }
                Ok(())
            }
            Some(Fail::Crash) => Err(dead()),
            Some(_) => {
                // The system has marked the pages clean: reads still see them, the platter never
                // will, and the next sync says all is well.
                node.unsynced.clear();
                Err(io::Error::other("simulated I/O error at sync"))
            }
        }
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        self.disk.begin(len > self.node.lock().reserved)?;
        self.node.lock().reserved = len;
        Ok(())
    }
}

impl Node {
    fn after_power_cut(&self, dice: &mut Dice) -> Self {
        let mut found = self.synced.clone();
        for change in &self.unsynced {
            match change {
                Change::Length(len) if dice.below(2) == 0 => found.resize(*len as usize, 0),
                Change::Length(_) => {}
                Change::Write(offset, data) => tear(&mut found, *offset, data, dice),
            }
        }
        // Growth that nothing forced out may be gone, contents and all.
        if found.len() > self.synced.len() && dice.below(4) == 0 {
            let grown = (found.len() - self.synced.len()) as u64;
            found.truncate(self.synced.len() + dice.below(grown) as usize);
        }
        Self { live: found.clone(), synced: found, ..Self::default() }
    }
}

/// Writes what a power cut leaves of a write.
fn tear(found: &mut Vec<u8>, offset: u64, data: &[u8], dice: &mut Dice) {
    let sector = if dice.below(2) == 0 { 512 } else { 4096 };
    match dice.below(4) {
        0 => {}
        1 => place(found, offset, data),
        _ => {
            // Whole sectors of the file, each there or not.
            let mut at = offset;
            while at < offset + data.len() as u64 {
                let end = ((at / sector + 1) * sector).min(offset + data.len() as u64);
                let piece = &data[(at - offset) as usize..(end - offset) as usize];
                if dice.below(2) == 0 {
                    place(found, at, piece);
                }
                at = end;
            }
        }
    }
}

fn place(content: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let end = offset as usize + data.len();
    if content.len() < end && !data.is_empty() {
        content.resize(end, 0);
    }
    if !data.is_empty() {
        content[offset as usize..end].copy_from_slice(data);
    }
}

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
