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

/// RFC 5321 §4.2, §4.2.3, and what the extensions add: no other code is ever said, and none without words but 334,
/// whose words are the mechanism's.
// RFC: 5321-4.2-3 5321-4.2-7
#[test]
fn replies_are_those_of_the_rfcs() {
    const CODES: [&str; 28] = [
        "211", "214", "220", "221", "250", "251", "252", "354", "421", "450", "451", "452", "455",
        "500", "501", "502", "503", "504", "550", "551", "552", "553", "554", "555",
        // RFC 4954 §6.
        "235", "334", "454", "535",
    ];
    // RFC 4954 §6 has these too; 530 is also RFC 3207's.
    const REFUSALS: [&str; 2] = ["530", "538"];
    let mut replies = 0;
    for file in ["smtp", "lmtp", "submission"].into_iter().flat_map(files) {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some(reply) = line.strip_prefix("S: ") else { continue };
            let (code, words) = reply.split_at_checked(3).unwrap_or((reply, ""));
            assert!(
                CODES.contains(&code) || REFUSALS.contains(&code),
                "{}: {line}",
                file.display()
            );
            assert!(code == "334" || words.len() > 1, "{}: {line}", file.display());
            replies += 1;
        }
    }
    assert!(replies > 500, "{replies}");
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
