//! The rows of `tests/rfc/NUMBER.txt`: what an RFC demands of whom, in our words.
//!
//! ```text
//! # title: Simple Mail Transfer Protocol
//! # sections: 3 4
//! # A remark goes to the page.
//! 5321-4.1.1.9-1 | SHOULD | server | a text behind NOOP is ignored |
//! 5321-4.5.4.1-2 | MUST | queue | a failed destination is not tried again at once | not yet: there is no queue
//! ```
//!
//! An id is RFC, section and a number. The level is the RFC's word, `x2` behind it where the row stands for that word
//! two times; in small letters it is what an RFC demands without such a word, and stands for none. The last column is
//! empty where tests show the row; else it is the reason why none does:
//!
//! | reason | meaning |
//! |---|---|
//! | `n/a: ...` | it binds nobody here: people, other software, what we do not do at all |
//! | `not yet: ...` | it will bind us once that is built |
//! | `otherwise: ...` | we do otherwise, on purpose |

use std::path::Path;
use std::{fmt, fs};

/// The words that make a requirement, as rows have them.
pub const LEVELS: [&str; 9] = [
    "MUST",
    "MUST NOT",
    "SHALL",
    "SHALL NOT",
    "REQUIRED",
    "SHOULD",
    "SHOULD NOT",
    "RECOMMENDED",
    "NOT RECOMMENDED",
];

/// Whom a requirement may bind.
pub const BOUND: [&str; 9] =
    ["both", "client", "delivery", "gateway", "operator", "people", "queue", "relay", "server"];

/// One RFC.
#[derive(Clone, Debug)]
pub struct Rfc {
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// The sections that are counted, with all below them.
    pub sections: Vec<String>,
    /// What else the head of the file says.
    pub remarks: Vec<String>,
    /// The rows, in order.
    pub rows: Vec<Row>,
}

/// One requirement.
#[derive(Clone, Debug)]
pub struct Row {
    /// `5321-4.1.1.9-1`.
    pub id: String,
    /// `4.1.1.9`.
    pub section: String,
    /// One of [`LEVELS`], or one of them in small letters.
    pub level: String,
    /// How many words of the text it stands for.
    pub words: usize,
    /// One of [`BOUND`].
    pub binds: String,
    /// The requirement.
    pub says: String,
    /// Why no test shows it.
    pub reason: Option<Reason>,
}

/// Why no test shows a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It binds nobody here.
    NotApplicable(String),
    /// It will bind us.
    NotYet(String),
    /// We do otherwise.
    Otherwise(String),
}

impl Reason {
    fn parse(text: &str) -> Option<Self> {
        let (kind, why) = text.split_once(": ")?;
        Some(match kind {
            "n/a" => Self::NotApplicable(why.into()),
            "not yet" => Self::NotYet(why.into()),
            "otherwise" => Self::Otherwise(why.into()),
            _ => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotApplicable(why) => write!(f, "n/a: {why}"),
            Self::NotYet(why) => write!(f, "**not yet**: {why}"),
            Self::Otherwise(why) => write!(f, "**otherwise**: {why}"),
        }
    }
}

/// Reads every RFC of `folder`, by number.
///
/// # Errors
/// A file or a line that cannot be read.
pub fn all(folder: &Path) -> Result<Vec<Rfc>, String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_none_or(|ending| ending != "txt") {
            continue;
        }
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|n| n.parse().ok());
        let number = number.ok_or(format!("{} is no number of an RFC", path.display()))?;
        all.push(
            Rfc::parse(number, &text).map_err(|fault| format!("{}: {fault}", path.display()))?,
        );
    }
    all.sort_by_key(|rfc| rfc.number);
    Ok(all)
}

impl Rfc {
    /// Reads one file.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(number: u32, text: &str) -> Result<Self, String> {
        let mut rfc = Self {
            number,
            title: String::new(),
            sections: Vec::new(),
            remarks: Vec::new(),
            rows: Vec::new(),
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(head) = line.strip_prefix('#') {
                let head = head.trim();
                match head.split_once(": ") {
                    Some(("title", title)) => rfc.title = title.into(),
                    Some(("sections", list)) => {
                        rfc.sections = list.split_whitespace().map(Into::into).collect();
                    }
                    _ => rfc.remarks.push(head.into()),
                }
                continue;
            }
            let row = Row::parse(number, line).map_err(|fault| format!("{fault}: {line}"))?;
            if rfc.rows.iter().any(|other| other.id == row.id) {
                return Err(format!("two rows are called {}", row.id));
            }
            rfc.rows.push(row);
        }
        if rfc.title.is_empty() || rfc.sections.is_empty() || rfc.rows.is_empty() {
            return Err("a title, sections and rows are wanted".into());
        }
        Ok(rfc)
    }
}

impl Row {
    fn parse(number: u32, line: &str) -> Result<Self, &'static str> {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, level, binds, says, reason] = columns[..] else {
            return Err("a row has five columns");
        };
        let mut parts = id.splitn(3, '-');
        let (Some(rfc), Some(section), Some(counter)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("an id is RFC-SECTION-NUMBER");
        };
        if rfc != number.to_string() || section.is_empty() || counter.parse::<u32>().is_err() {
            return Err("an id is RFC-SECTION-NUMBER");
        }
        let (level, times) = match level.rsplit_once(" x") {
            Some((level, times)) => (level, times.parse().map_err(|_| "x wants a number")?),
            None => (level, 1),
        };
        let loud = LEVELS.contains(&level);
        if !loud && !LEVELS.contains(&level.to_ascii_uppercase().as_str()) {
            return Err("no such level");
        }
        if !BOUND.contains(&binds) {
            return Err("nobody is called so");
        }
        if says.is_empty() {
            return Err("a row says something");
        }
        let reason = match reason {
            "" => None,
            text => Some(Reason::parse(text).ok_or("n/a, not yet or otherwise, and why")?),
        };
        Ok(Self {
            id: id.into(),
            section: section.into(),
            level: level.into(),
            words: if loud { times } else { 0 },
            binds: binds.into(),
            says: says.into(),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# title: T\n# sections: 4\n# more\n";

    #[test]
    fn a_file_falls_apart() {
        let rows = "5321-4.1-1 | MUST NOT x2 | server | a thing |\n\n\
                    5321-4.1-2 | must | queue | another | not yet: no queue: none\n";
        let rfc = Rfc::parse(5321, &format!("{HEAD}{rows}")).unwrap();
        assert_eq!(
            (rfc.title.as_str(), rfc.sections, rfc.remarks.len()),
            ("T", vec!["4".into()], 1)
        );
        let [first, second] = &rfc.rows[..] else { panic!() };
        assert_eq!(
            (first.section.as_str(), first.level.as_str(), first.words),
            ("4.1", "MUST NOT", 2)
        );
        assert_eq!(
            (second.words, &second.reason),
            (0, &Some(Reason::NotYet("no queue: none".into())))
        );
    }

    #[test]
    fn what_is_no_row_is_a_fault() {
        for row in [
            "5321-4.1-1 | MUST | server | four columns",
            "5322-4.1-1 | MUST | server | another RFC |",
            "5321-4.1 | MUST | server | no number |",
            "5321-4.1-1 | WILL | server | no level |",
            "5321-4.1-1 | MUST xx | server | no number |",
            "5321-4.1-1 | MUST | nobody | binds whom |",
            "5321-4.1-1 | MUST | server | |",
            "5321-4.1-1 | MUST | server | says | because",
            "5321-4.1-1 | MUST | server | once |\n5321-4.1-1 | MUST | server | twice |",
            "",
        ] {
            assert!(Rfc::parse(5321, &format!("{HEAD}{row}\n")).is_err(), "{row}");
        }
    }
}
