//! The data folder: `config.toml` as it was last used, `store/`, the self-signed certificate, the control
//! socket.

use std::fs;
use std::io::ErrorKind;
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
    let disk = RealDisk::new(data.join(STORE)).map_err(|error| {
        let failure = Failure::io(cannot("make", data), &error);
        match failure.exit {
            Exit::Permission => failure,
            _ => Failure {
                exit: Exit::CannotCreate,
                hint: "choose another folder: `data` in [server], or --data".into(),
                ..failure
            },
        }
    })?;
    let engine = Engine::open(Arc::new(disk), Options::default()).map_err(|error| match error {
        // It names the folder and the process.
        OpenError::InUse(who) => {
            Failure::new(Exit::Unavailable, who, "stop that process, or choose another data folder")
        }
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

/// Keeps the config for [`recall`]. A full disk does not keep a server from starting again: reading
/// must go on.
pub(crate) fn remember(config: &Config) -> Result<(), Failure> {
    let path = remembered(&config.server.data);
    let text = show::toml(config);
    let known = fs::read_to_string(&path).ok();
    if known.as_ref() == Some(&text) {
        return Ok(());
    }
    let new = path.with_extension("new");
    match fs::write(&new, text).and_then(|()| fs::rename(&new, &path)) {
        Err(error) if known.is_some() && error.kind() == ErrorKind::StorageFull => {
            tracing::warn!(%error, "cannot write {}; the one before stays", path.display());
            Ok(())
        }
        wrote => {
            wrote.map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))
        }
    }
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
