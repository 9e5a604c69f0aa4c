//! The command's end of the control socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Answer, LINE, Request, WAIT, socket};
use crate::exit::{Exit, Failure};

/// Asks the running server; `None` when none runs on `data`.
pub(crate) fn ask(data: &Path, request: &Request) -> Result<Option<Answer>, Failure> {
    let path = socket(data);
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        // No socket, or one that a killed server left behind.
        Err(error)
            if matches!(
                error.kind(),
                // A path too long for a socket has none.
                ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(Failure::io(
                format!("cannot reach the server at {}", path.display()),
                &error,
            ));
        }
    };
    exchange(stream, request).map(Some).map_err(|error| {
        Failure::io(format!("no answer from the server at {}", path.display()), &error)
    })
}

fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut line = String::new();
    BufReader::new(stream.take(LINE)).read_line(&mut line)?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line).unwrap_or_else(|error| {
        Err(Failure::new(
            Exit::Unavailable,
            format!("the server's answer makes no sense: {error}"),
            "is it another version of posthaste?",
        ))
    }))
}
