//! The data folder: `config.toml` as it was last used, `store/`, the self-signed certificate, the control
//! socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use posthaste_store::disk::RealDisk;
use posthaste_store::{Engine, OpenError, Options, Store};

use crate::config::{Config, show};
use crate::exit::{Exit, Failure};

/// The config that the folder was last used with, for commands that are given the folder alone.
const REMEMBERED: &str = "config.toml";

/// The store, below the data folder.
const STORE: &str = "store";

/// Whether a server has kept its data here.
pub(crate) fn is_data_folder(data: &Path) -> bool {
    remembered(data).is_file()
}

/// Fails if a server runs on this folder.
pub(crate) fn not_running(data: &Path) -> Result<(), Failure> {
    open(data).map(drop)
}

/// Opens the store, and makes the folder if it is not there.
pub(crate) fn open(data: &Path) -> Result<Arc<dyn Store>, Failure> {
    let disk = RealDisk::new(data.join(STORE)).map_err(|error| Failure {
        exit: Exit::CannotCreate,
        ..Failure::io(cannot("make", data), &error)
    })?;
    let engine = Engine::open(Arc::new(disk), Options::default()).map_err(|error| match error {
        OpenError::InUse(who) => Failure::new(
            Exit::Unavailable,
            format!("{} is in use: {who}", data.display()),
            "stop that process, or choose another data folder",
        ),
        OpenError::Disk(error) => Failure::io(cannot("open", data), &error),
        damaged => Failure::new(
            Exit::Data,
            format!("{}: {damaged}", data.display()),
            "nothing was changed; keep a copy of the folder before anything else",
        ),
    })?;
    Ok(Arc::new(engine))
}

fn cannot(what: &str, data: &Path) -> String {
    format!("cannot {what} the data folder {}", data.display())
}

/// Keeps the config for [`recall`].
pub(crate) fn remember(config: &Config) -> Result<(), Failure> {
    let path = remembered(&config.server.data);
    let failed =
        |error: &std::io::Error| Failure::io(format!("cannot write {}", path.display()), error);
    let new = path.with_extension("new");
    fs::write(&new, show::toml(config)).map_err(|error| failed(&error))?;
    fs::rename(&new, &path).map_err(|error| failed(&error))
}

/// The config that the folder was last used with.
pub(crate) fn recall(data: &Path) -> Result<Config, Failure> {
    let mut config = Config::load(&remembered(data))?;
    // The folder may have been moved.
    config.server.data = data.to_owned();
    Ok(config)
}

fn remembered(data: &Path) -> PathBuf {
    data.join(REMEMBERED)
}
