//! The texts of the RFCs, where they are at hand, and the words in them that make requirements.
//!
//! The texts are no part of the source: a folder that `POSTHASTE_RFC` names, else `shared/rfc` beside the checkout,
//! with files like `rfc5321.txt`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use super::rows::Rfc;

/// How often each word stands in each section: by section, then by word.
pub type Counts = BTreeMap<String, BTreeMap<String, usize>>;

/// Where the texts are; `None`, and a line that says so, if they are not there.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/rfc");
    let path = env::var_os("POSTHASTE_RFC").map_or_else(beside, PathBuf::from);
    if !path.is_dir() {
        println!("no texts of RFCs at {}: 0 of 0; not run", path.display());
        return None;
    }
    Some(path)
}

/// Counts the words of a text.
#[must_use]
pub fn in_text(text: &str) -> Counts {
    let mut sections: Vec<(String, Vec<&str>)> = vec![(String::new(), Vec::new())];
    for line in text.lines() {
        if is_furniture(line) {
            continue;
        }
        if let Some(section) = heading(line) {
            sections.push((section.into(), Vec::new()));
        }
        if let Some((_, words)) = sections.last_mut() {
            words.extend(line.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty()));
        }
    }
    let mut counts = Counts::new();
    for (section, words) in sections {
        for (at, word) in words.iter().enumerate() {
            let level = match *word {
                "MUST" | "SHALL" | "SHOULD" if words.get(at + 1) == Some(&"NOT") => {
                    format!("{word} NOT")
                }
                "RECOMMENDED" if at > 0 && words[at - 1] == "NOT" => "NOT RECOMMENDED".into(),
                "MUST" | "SHALL" | "SHOULD" | "REQUIRED" | "RECOMMENDED" => (*word).into(),
                _ => continue,
            };
            *counts.entry(section.clone()).or_default().entry(level).or_default() += 1;
        }
    }
    counts
}

/// Counts the words that the rows stand for.
#[must_use]
pub fn in_rows(rfc: &Rfc) -> Counts {
    let mut counts = Counts::new();
    for row in rfc.rows.iter().filter(|row| row.words > 0) {
        let section = counts.entry(row.section.clone()).or_default();
        *section.entry(row.level.clone()).or_default() += row.words;
    }
    counts
}

/// Where rows and text differ, in the sections that are to be counted.
#[must_use]
pub fn differences(rfc: &Rfc, text: &str) -> Vec<String> {
    let (mut said, rows) = (in_text(text), in_rows(rfc));
    said.retain(|section, _| {
        let below = |top: &String| {
            section.strip_prefix(top).is_some_and(|r| r.is_empty() || r.starts_with('.'))
        };
        rfc.sections.iter().any(below)
    });
    let all: std::collections::BTreeSet<_> = said.keys().chain(rows.keys()).collect();
    let differs = all.into_iter().filter(|section| said.get(*section) != rows.get(*section));
    let line = |section: &String| {
        let none = BTreeMap::new();
        let (said, rows) = (said.get(section).unwrap_or(&none), rows.get(section).unwrap_or(&none));
        format!("RFC {} §{section}: the text has {said:?}, the rows {rows:?}", rfc.number)
    };
    differs.map(line).collect()
}

/// Heads and feet of pages.
fn is_furniture(line: &str) -> bool {
    let foot = line.trim_end().ends_with(']') && line.contains("[Page ");
    let head = line.starts_with("RFC ") && line.len() > 60;
    foot || head
}

/// The number of a section that begins here: at the front of the line, a title behind it.
fn heading(line: &str) -> Option<&str> {
    // Tables of contents have dots or page numbers.
    if line.contains("...") || line.contains(". .") {
        return None;
    }
    if let Some(appendix) = line.strip_prefix("Appendix ") {
        return appendix.get(..1);
    }
    let end = line.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, title) = line.split_at(end);
    let number = number.trim_end_matches('.');
    let sound = !number.is_empty() && number.split('.').all(|part| !part.is_empty());
    let titled = title.starts_with([' ', '\t'])
        && title.trim().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '"' || c == '\'');
    (sound && titled).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
1.  Words ......... 3
1.  Words

   This MUST be, and that MUST
RFC 1                     A standard with a long title              1999
   NOT; it is RECOMMENDED, or NOT RECOMMENDED.

1.1  More
   ; ABNF SHOULD
   ; NOT  |MUST NOT|[x]| must
";

    #[test]
    fn words_are_counted_by_section() {
        let counts = in_text(TEXT);
        let one = |section: &str, level: &str| counts[section].get(level).copied().unwrap_or(0);
        assert_eq!((one("1", "MUST"), one("1", "MUST NOT")), (1, 1));
        assert_eq!((one("1", "RECOMMENDED"), one("1", "NOT RECOMMENDED")), (1, 1));
        assert_eq!(
            (one("1.1", "SHOULD NOT"), one("1.1", "MUST NOT"), one("1.1", "MUST")),
            (1, 1, 0)
        );
    }

    #[test]
    fn what_differs_is_said() {
        let head = "# title: T\n# sections: 1.1\n";
        let row = "1-1.1-1 | SHOULD NOT | server | a |\n1-1.1-2 | MUST NOT | server | b |\n";
        let rfc = |rows: &str| Rfc::parse(1, &format!("{head}{rows}")).unwrap();
        assert_eq!(differences(&rfc(row), TEXT), Vec::<String>::new());
        let more = rfc(&row.replace("MUST NOT", "MUST NOT x2"));
        assert_eq!(differences(&more, TEXT).len(), 1);
    }
}
