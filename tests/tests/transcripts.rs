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
/// whose words are the mechanism's. RFC 2034 §4: each has a status code of its class, but greetings and hellos.
// RFC: 2034-4-1 2034-4-2 3463-2-3 5321-4.2-3 5321-4.2-7 6409-7-4 6409-7-6 6409-7-11
#[test]
fn replies_are_those_of_the_rfcs() {
    let mut replies = 0;
    for file in ["smtp", "lmtp", "submission"].into_iter().flat_map(files) {
        let text = fs::read_to_string(&file).unwrap();
        let hostname = text.lines().find_map(|line| line.strip_prefix("! hostname "));
        let greetings = [
            format!("220 {} ESMTP Posthaste", hostname.unwrap_or("mx.test")),
            format!("220 {} LMTP Posthaste", hostname.unwrap_or("mx.test")),
            format!("250 {}", hostname.unwrap_or("mx.test")),
            "250 ENHANCEDSTATUSCODES".to_owned(),
        ];
        for reply in text.lines().filter_map(|line| line.strip_prefix("S: ")) {
            let told = format!("{}: {reply}", file.display());
            let (code, words) = reply.split_at_checked(3).unwrap_or((reply, ""));
            assert!(CODES.contains(&code), "{told}");
            assert!(code == "334" || words.len() > 1, "{told}");
            replies += 1;
            // Nothing else has many lines there.
            let hello = reply.starts_with("250-") || greetings.iter().any(|known| known == reply);
            if hello || code.starts_with('3') {
                continue;
            }
            let status = words[1..].split(' ').next().unwrap_or_default();
            let (class, rest) = status.split_once('.').unwrap_or_default();
            assert!(code.starts_with(class) && class.len() == 1, "{told}");
            assert!(DETAILS.contains(&rest), "{told}");
        }
    }
    assert!(replies > 500, "{replies}");
}

const CODES: [&str; 31] = [
    "211", "214", "220", "221", "250", "251", "252", "354", "421", "450", "451", "452", "455",
    "500", "501", "502", "503", "504", "550", "551", "552", "553", "554", "555",
    // RFC 4954 §6; RFC 3207 §4.
    "235", "334", "454", "530", "534", "535", "538",
];

/// Subjects and details that are registered, RFC 3463 §3 and RFC 5248, as far as they are said here.
const DETAILS: [&str; 30] = [
    "0.0", "1.0", "1.1", "1.3", "1.5", "1.7", "2.2", "2.3", "3.0", "3.1", "3.2", "3.4", "4.2",
    "4.4", "4.6", "4.7", "5.1", "5.2", "5.3", "5.4", "5.6", "6.0", "6.7", "6.8", "7.0", "7.1",
    "7.8", "7.9", "7.10", "7.11",
];

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
