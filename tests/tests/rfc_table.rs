//! Which test shows which requirement of the RFCs of SMTP: the page `tests/rfc/SMTP.md` is what rows and marks say,
//! and the rows are what the texts say.

use std::path::PathBuf;
use std::{env, fs};

use posthaste_tests::rfc::rows::Rfc;
use posthaste_tests::rfc::{marks, root, rows, table, words};

fn folder() -> PathBuf {
    root().join("tests/rfc")
}

fn rfcs() -> Vec<Rfc> {
    rows::all(&folder()).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn the_page_is_what_rows_and_marks_say() {
    let rfcs = rfcs();
    let marks = marks::marks(&root()).unwrap_or_else(|fault| panic!("{fault}"));
    let cites = marks::cites(&root()).unwrap_or_else(|fault| panic!("{fault}"));

    let mut faults = Vec::new();
    let known = |id: &String| rfcs.iter().flat_map(|rfc| &rfc.rows).any(|row| row.id == *id);
    for (id, tests) in &marks {
        if !known(id) {
            faults.push(format!("no row is called {id}: {tests:?}"));
        }
    }
    for row in rfcs.iter().flat_map(|rfc| &rfc.rows) {
        match (&row.reason, marks.get(&row.id)) {
            (None, None) => faults.push(format!("{} has neither a test nor a reason", row.id)),
            (Some(_), Some(tests)) => {
                faults.push(format!("{} has a reason why no test shows it, and {tests:?}", row.id));
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let (page, path) = (table::page(&rfcs, &marks, &cites), folder().join("SMTP.md"));
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == kept,
        "tests/rfc/SMTP.md is old: BLESS=1 cargo test -p posthaste-tests --test rfc_table writes it"
    );
}

#[test]
fn every_word_of_the_texts_has_its_row() {
    let Some(texts) = words::folder() else {
        return;
    };
    let (mut counted, mut missing, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for rfc in rfcs() {
        let Ok(text) = fs::read(texts.join(format!("rfc{}.txt", rfc.number))) else {
            missing.push(rfc.number.to_string());
            continue;
        };
        faults.extend(words::differences(&rfc, &String::from_utf8_lossy(&text)));
        counted.push(rfc.number.to_string());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let all = counted.len() + missing.len();
    println!("counted the words of {} of {all} RFCs: {}", counted.len(), counted.join(" "));
    if !missing.is_empty() {
        println!("no text of {}: not counted", missing.join(", "));
    }
}
