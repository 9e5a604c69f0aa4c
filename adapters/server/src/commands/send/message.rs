//! The messages: files as they stand, or one made of subject and text.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use posthaste_core::grammar::address::Address;
use posthaste_core::mime::build::{Message, MessageId, Options, Part, Text, Unfit};
use posthaste_core::mime::date::DateTime;

use crate::cli::Send;
use crate::exit::{Exit, Failure};

/// A message that waits for its turn.
pub(super) enum Job {
    /// It is in a file; `-` is standard input.
    File(PathBuf),
    /// It was made.
    Made(Vec<u8>),
}

impl Job {
    /// What reports call it; nothing if there is no other.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(path.display().to_string()),
            Self::Made(_) => None,
        }
    }

    /// Its octets.
    pub(super) fn read(self) -> Result<Vec<u8>, Failure> {
        let path = match self {
            Self::Made(octets) => return Ok(octets),
            Self::File(path) => path,
        };
        let mut octets = Vec::new();
        let read = if path.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut octets).map(drop)
        } else {
            std::fs::read(&path).map(|read| octets = read)
        };
        read.map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
        Ok(octets)
    }
}

/// All messages of this run. They are read when their turn comes; that they can be is found out now.
pub(super) fn jobs(
    send: &Send,
    from: Option<&Address>,
    to: &[Address],
) -> Result<Vec<Job>, Failure> {
    for path in send.file.iter().filter(|path| path.as_os_str() != "-") {
        File::open(path)
            .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
    }
    if !send.file.is_empty() {
        return Ok(send.file.iter().cloned().map(Job::File).collect());
    }
    let text = send.text.as_deref().unwrap_or_default();
    let made = composed(&send.subject, text, from, to).map_err(|unfit| {
        Failure::new(Exit::Data, format!("the message cannot be written: {unfit}"), "")
    })?;
    Ok(vec![Job::Made(made)])
}

/// A message of one text that every transport takes, unless an address is not ASCII.
fn composed(
    subject: &str,
    text: &str,
    from: Option<&Address>,
    to: &[Address],
) -> Result<Vec<u8>, Unfit> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let utf8 = !from.into_iter().chain(to).all(|address| address.as_str().is_ascii());
    let options = Options { utf8, ..Options::default() };
    let mut octets = Vec::new();
    let mut message = Message::new(Part::text(text)).date(DateTime::from_unix(seconds, 0));
    if let Some(from) = from {
        message = message.from([from.clone().into()]);
    }
    message
        .to(to.iter().cloned())
        .subject(Text::lossy(subject))
        .id(MessageId::generate(
            now.as_nanos() << 32 | u128::from(std::process::id()),
            "localhost",
        )?)
        .write(&options, &mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subject cannot smuggle a header field in, and is legible elsewhere.
    #[test]
    fn composed_messages() {
        let subject = "hi\r\nBcc: <everybody@example.org>";
        let ann: Address = "ann@example.org".parse().unwrap();
        let octets =
            composed(subject, "Gr\u{fc}\u{df}e\n", Some(&ann), std::slice::from_ref(&ann)).unwrap();
        let text = String::from_utf8(octets).unwrap();
        assert!(text.is_ascii());
        assert!(text.contains("\r\nSubject: hi  Bcc: <everybody@example.org>\r\n"), "{text}");
        assert!(text.contains("\r\nFrom: ann@example.org\r\nTo: ann@example.org\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nR3LDvMOfZQ0K\r\n"), "{text}");
    }
}
