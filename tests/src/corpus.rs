//! Real mail to test against. It is no part of the source: a folder that `POSTHASTE_CORPUS` names, else
//! `shared/corpus` beside the checkout. Without it the checks that want it count as not run and say so.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Where the corpus is; `None`, and a line that says so, if it is not there.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let path = env::var_os("POSTHASTE_CORPUS").map_or_else(beside, PathBuf::from);
    if !path.join("messages.lst").is_file() {
        println!("no corpus at {}: 0 of 0; not run", path.display());
        return None;
    }
    Some(path)
}

/// The messages with their names, as their files hold them.
///
/// # Errors
/// A file of the list cannot be read.
pub fn messages(corpus: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let list = fs::read_to_string(corpus.join("messages.lst"))?;
    list.lines()
        .filter(|name| !name.trim().is_empty())
        .map(|name| Ok((name.to_owned(), fs::read(corpus.join(name))?)))
        .collect()
}
