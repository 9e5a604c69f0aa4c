//! Runs every transcript of `tests/transcripts/` under every cutting.

use std::fs;
use std::path::{Path, PathBuf};

use posthaste_tests::transcript::{Speaker, Transcript, imap, pop3, run_all, smtp, smtp_client};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn replay<S: Speaker>(folder: &str) {
    let files = files(folder);
    let mut faults = Vec::new();
    let mut runs = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        match Transcript::parse(&text).and_then(|transcript| run_all::<S>(&transcript)) {
            Ok(count) => runs += count,
            Err(fault) => faults.push(format!("{}: {fault}", file.display())),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    println!("{folder}: {} transcripts, {runs} runs", files.len());
}

#[test]
fn smtp() {
    replay::<smtp::Smtp>("smtp");
}

#[test]
fn pop3() {
    replay::<pop3::Pop3>("pop3");
}

#[test]
fn smtp_client() {
    replay::<smtp_client::SmtpClient>("smtp-client");
}

#[test]
fn submission() {
    replay::<smtp::Smtp>("submission");
}

#[test]
fn lmtp() {
    replay::<smtp::Smtp>("lmtp");
}

#[test]
fn imap() {
    replay::<imap::Imap>("imap");
}
