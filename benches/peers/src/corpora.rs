//! The mail that is measured with.

use std::{env, fs, path::Path, process::Command};

use posthaste_core::mime::structure::Encoding;

use posthaste_gate::shapes;

/// Messages under a name.
pub struct Corpus {
    pub name: &'static str,
    pub messages: Vec<Vec<u8>>,
    /// How its "messages" are encoded, if they are bodies alone.
    pub encoding: Option<Encoding>,
}

impl Corpus {
    fn new(name: &'static str, messages: Vec<Vec<u8>>) -> Self {
        Self { name, messages, encoding: None }
    }

    /// How many octets it has.
    pub fn octets(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }

    /// Whether it is mail that was not made here: all marks are for it.
    pub fn is_real(&self) -> bool {
        matches!(self.name, "spam-assassin" | "shared")
    }
}

/// The SpamAssassin corpus, our own (`POSTHASTE_CORPUS`, else beside the checkout), and messages
/// made here; those that are not at hand are left out, and said so.
pub fn all() -> Vec<Corpus> {
    let mut all = Vec::new();
    match spam_assassin() {
        Some(messages) => all.push(Corpus::new("spam-assassin", messages)),
        None => eprintln!("the SpamAssassin corpus could not be fetched"),
    }
    match shared() {
        Some(messages) => all.push(Corpus::new("shared", messages)),
        None => eprintln!("no corpus at POSTHASTE_CORPUS or beside the checkout"),
    }
    let made = shapes::usual();
    all.extend(made.into_iter().map(|(name, message)| Corpus::new(name, vec![message])));
    let bodies = [
        ("base64_lines", shapes::folded_base64(750_000), Encoding::Base64),
        ("printable_newsletter", shapes::newsletter(1_000_000), Encoding::QuotedPrintable),
        ("printable_escaped", shapes::printable(1_000_000), Encoding::QuotedPrintable),
    ];
    all.extend(bodies.into_iter().map(|(name, body, encoding)| Corpus {
        name,
        messages: vec![body],
        encoding: Some(encoding),
    }));
    all
}

fn spam_assassin() -> Option<Vec<Vec<u8>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let output = Command::new(script).output().ok().filter(|output| output.status.success())?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let mut files = Vec::new();
    for folder in fs::read_dir(folder.trim()).ok()? {
        files.extend(
            fs::read_dir(folder.ok()?.path()).ok()?.filter_map(|file| Some(file.ok()?.path())),
        );
    }
    files.sort();
    files.iter().map(|file| Some(crlf(bare(&fs::read(file).ok()?)))).collect()
}

fn shared() -> Option<Vec<Vec<u8>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = env::var_os("POSTHASTE_CORPUS").map_or(beside, Into::into);
    let list = fs::read_to_string(folder.join("messages.lst")).ok()?;
    let names = list.lines().filter(|name| !name.is_empty());
    names.map(|name| fs::read(folder.join(name)).ok()).collect()
}

/// `message` without the line that an mbox file has before it.
fn bare(message: &[u8]) -> &[u8] {
    let line = message.starts_with(b"From ").then(|| memchr::memchr(b'\n', message)).flatten();
    line.and_then(|end| message.get(end + 1..)).unwrap_or(message)
}

/// `message` with CR LF at every end of line, as it travels.
fn crlf(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}
