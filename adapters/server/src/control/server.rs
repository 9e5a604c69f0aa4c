//! The server's end of the control socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::{Answer, LINE, Request, WAIT, socket};
use crate::exit::{Exit, Failure};

/// What answers the requests.
pub(crate) type Desk = Arc<dyn Fn(Request) -> Answer + Send + Sync>;

/// A control socket that listens until it is dropped.
pub(crate) struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens in `data`, whose lock the caller holds: a socket that is there is a killed server's.
    pub(crate) fn start(data: &Path, desk: Desk) -> Result<Self, Failure> {
        let path = socket(data);
        let failed = |error: &std::io::Error| {
            Failure::io(format!("cannot listen at {}", path.display()), error)
        };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        // The data folder is 0700, so nobody gets in between these two lines.
        let listener = UnixListener::bind(&path).map_err(|error| match error.kind() {
            // The system allows about a hundred octets.
            ErrorKind::InvalidInput => Failure {
                hint: "choose a data folder with a shorter path".into(),
                ..failed(&error)
            },
            _ => failed(&error),
        })?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| failed(&error))?;
        thread::Builder::new()
            .name("control".into())
            .spawn(move || {
                // One request at a time: people wait here, not machines.
                for stream in listener.incoming() {
                    match stream.and_then(|stream| answer(stream, &desk)) {
                        Ok(()) => {}
                        Err(error) => tracing::warn!(%error, "control request failed"),
                    }
                }
            })
            .map_err(|error| failed(&error))?;
        Ok(Self { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn answer(mut stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let mut line = String::new();
    BufReader::new((&stream).take(LINE)).read_line(&mut line)?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => desk(request),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("not a request: {error}"),
            "is this another version of posthaste?",
        )),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::super::{Reply, client};
    use super::*;

    #[test]
    fn asked_and_answered() {
        let folder = tempfile::tempdir().unwrap();
        assert!(client::ask(folder.path(), &Request::List).unwrap().is_none());
        let desk: Desk = Arc::new(|request| match request {
            Request::Remove { address } => {
                Err(Failure::new(Exit::Data, format!("no account {address}"), ""))
            }
            _ => Ok(Reply::Done),
        });
        let control = Control::start(folder.path(), desk).unwrap();
        let mode = std::fs::metadata(socket(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(client::ask(folder.path(), &Request::List).unwrap(), Some(Ok(Reply::Done)));
        let remove = Request::Remove { address: "x@y".into() };
        let failure = client::ask(folder.path(), &remove).unwrap().unwrap().unwrap_err();
        assert_eq!((failure.exit, failure.what.as_str()), (Exit::Data, "no account x@y"));
        drop(control);
        assert!(client::ask(folder.path(), &Request::List).unwrap().is_none());
    }

    /// Garbage gets an answer, and the next request too.
    #[test]
    fn garbage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _control = Control::start(folder.path(), Arc::new(|_| Ok(Reply::Done))).unwrap();
        for garbage in [&b"\n"[..], b"{}\n", b"\xff\xfe\n", b"{\"request\":\"format_disk\"}\n"] {
            let mut stream = UnixStream::connect(socket(folder.path())).unwrap();
            stream.write_all(garbage).unwrap();
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said);
            assert!(!said.contains("done"), "{said}");
        }
        assert_eq!(client::ask(folder.path(), &Request::List).unwrap(), Some(Ok(Reply::Done)));
    }
}
