//! The marks in tests, and the sections that the code cites.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A test that shows some requirements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Its file, from the root of the checkout.
    pub file: String,
    /// A function, or a transcript's or script's name.
    pub name: String,
}

/// Which tests show which requirement, by id.
pub type Marks = BTreeMap<String, BTreeSet<Test>>;

/// Which files cite a section, by RFC and section.
pub type Cites = BTreeMap<(u32, String), BTreeSet<String>>;

/// Folders that hold tests or code of ours.
const FOLDERS: [&str; 3] = ["adapters", "core/src", "tests"];
/// Folders below them that are somebody else's, or none of the code.
const SKIPPED: [&str; 3] = ["target", "rfc", "node_modules"];

/// Gathers the marks of the checkout at `root`.
///
/// # Errors
/// A file that cannot be read, or a mark that stands above no test.
pub fn marks(root: &Path) -> Result<Marks, String> {
    let mut all = Marks::new();
    for (file, text) in files(root)? {
        for (id, name) in marks_in(&file, &text).map_err(|fault| format!("{file}: {fault}"))? {
            all.entry(id).or_default().insert(Test { file: file.clone(), name });
        }
    }
    Ok(all)
}

/// Gathers what the code of the checkout at `root` cites.
///
/// # Errors
/// A file that cannot be read.
pub fn cites(root: &Path) -> Result<Cites, String> {
    let mut all = Cites::new();
    for (file, text) in files(root)? {
        let is_code = file.ends_with(".rs")
            && file.contains("/src/")
            && !file.starts_with("tests/")
            && !file.ends_with("/tests.rs")
            && !file.contains("/tests/");
        if !is_code {
            continue;
        }
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, section) in cites_in(code) {
            all.entry((number, section)).or_default().insert(file.clone());
        }
    }
    Ok(all)
}

/// The files that may hold marks, from the root.
fn files(root: &Path) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let fault = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !SKIPPED.contains(&name) && !name.starts_with('.') {
                    folders.push(path);
                }
                continue;
            }
            let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let script = file.starts_with("tests/interop/") && !name.contains('.');
            if script || [".rs", ".txt", ".py", ".sh"].iter().any(|ending| name.ends_with(ending)) {
                // What is no text holds no marks.
                if let Ok(text) = fs::read_to_string(&path) {
                    all.push((file, text));
                }
            }
        }
    }
    all.sort();
    Ok(all)
}

/// The ids that are marked in a file, each with the name of the test.
fn marks_in(file: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    let rust = file.ends_with(".rs");
    let sign = if rust { "// RFC: " } else { "# RFC: " };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(ids) = line.trim_start().strip_prefix(sign) else {
            continue;
        };
        let name = if rust { test_below(lines.clone()) } else { name_of(file) };
        let name = name.ok_or(format!("no test stands below the mark {ids:?}"))?;
        all.extend(ids.split_whitespace().map(|id| (id.to_owned(), name.clone())));
    }
    Ok(all)
}

/// The test that a mark stands above: attributes and comments may be between them, and one must be `#[test]`.
fn test_below<'t>(lines: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut is_test = false;
    for line in lines.map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        } else if !line.starts_with("//") {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return name.get(..end).filter(|_| is_test).map(Into::into);
        }
    }
    None
}

/// What a transcript or a script is called: folder and file, without the ending.
fn name_of(file: &str) -> Option<String> {
    let mut parts = file.rsplit('/');
    let name = parts.next()?;
    let stem = name.split_once('.').filter(|_| !file.ends_with(".txt")).map_or(name, |(s, _)| s);
    let stem = stem.strip_suffix(".txt").unwrap_or(stem);
    Some(format!("{}/{stem}", parts.next()?))
}

/// Every `RFC 5321 §4.1, §4.2 and §4.3`.
fn cites_in(text: &str) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for behind in text.split("RFC ").skip(1) {
        let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let (number, mut rest) = behind.split_at(digits);
        let Ok(number) = number.parse() else {
            continue;
        };
        loop {
            let lead = [" §", ", §", " and §", " to §"].iter().find_map(|l| rest.strip_prefix(l));
            let Some(behind) = lead else {
                break;
            };
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
            let end = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
            let section = behind[..end].trim_end_matches('.');
            all.push((number, section.to_owned()));
            rest = &behind[section.len()..];
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_above_tests() {
        // Put together, so that they are no marks here.
        let mark = |ids: &str| format!("    // {}: {ids}\n", "RFC");
        let one = mark("1-2-3 1-2-4");
        let text = format!("{one}    /// Words.\n    #[test]\n    fn it_does(x: u8) {{\n");
        let found = marks_in("core/src/a.rs", &text).unwrap();
        let names = |id: &str| (id.to_owned(), "it_does".to_owned());
        assert_eq!(found, [names("1-2-3"), names("1-2-4")]);
        for bad in ["fn no_test() {}\n", "#[test]\nlet x = 1;\n", ""] {
            assert!(marks_in("core/src/a.rs", &format!("{one}{bad}")).is_err(), "{bad:?}");
        }
        let text = format!("C: x\n# {}: 9-1-1\n", "RFC");
        let found = marks_in("tests/transcripts/smtp/rfc2033-4.2-each.txt", &text).unwrap();
        assert_eq!(found, [("9-1-1".to_owned(), "smtp/rfc2033-4.2-each".to_owned())]);
    }

    #[test]
    fn citations_are_found_alone_and_in_lists() {
        let text = "RFC 5321 §4.1.1.4. RFC 1 §2, §3.1 and §4, RFC 5321 appendix C; RFC 7 and §8; RFC 2 §1 to §1.5";
        let found = cites_in(text);
        let found: Vec<String> = found.iter().map(|(n, s)| format!("{n} {s}")).collect();
        assert_eq!(found, ["5321 4.1.1.4", "1 2", "1 3.1", "1 4", "7 8", "2 1", "2 1.5"]);
    }
}
