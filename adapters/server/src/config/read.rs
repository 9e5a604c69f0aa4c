//! Reading TOML so that every mistake is found at once and shown where it stands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::units::{DURATION_FORM, SIZE_FORM, parse_duration, parse_size};

/// One mistake in a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where, in octets of the file.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) wrong: String,
    /// What was expected, or what to do.
    pub(crate) expected: String,
}

/// Shows problems as `file:line:column`, the line itself, and what was expected.
pub(crate) fn show(file: &str, source: &str, problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let start = floor(source, problem.span.start);
        let before = &source[..start];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let column = source[line_start..start].chars().count() + 1;
        let end = floor(source, problem.span.end.clamp(start, line_end));
        let width = source[start..end].chars().count().max(1);
        let gutter = line.to_string().len();
        let _ = writeln!(text, "{file}:{line}:{column}: {}", problem.wrong);
        let _ = writeln!(text, " {:gutter$} |", "");
        let _ = writeln!(text, " {line} | {}", source[line_start..line_end].trim_end_matches('\r'));
        let _ = writeln!(text, " {:gutter$} | {}{}", "", " ".repeat(column - 1), "^".repeat(width));
        let _ = writeln!(text, " {:gutter$} = expected {}", "", problem.expected);
    }
    text
}

/// The nearest boundary of a character at or before `at`.
fn floor(source: &str, at: usize) -> usize {
    source.floor_char_boundary(at.min(source.len()))
}

/// Parses a whole file; `fill` reads the top level.
pub(crate) fn parse<T>(
    source: &str,
    fill: impl FnOnce(&mut Section<'_, '_>) -> T,
) -> Result<T, Vec<Problem>> {
    let table = DeTable::parse(source).map_err(|error| {
        vec![Problem {
            span: error.span().unwrap_or(0..0),
            wrong: error.message().lines().next().unwrap_or("not TOML").to_owned(),
            expected: "TOML, see https://toml.io".to_owned(),
        }]
    })?;
    let mut problems = Vec::new();
    let value = {
        let mut root = Section::new("", table.span(), table.into_inner(), &mut problems);
        let value = fill(&mut root);
        root.finish();
        value
    };
    if problems.is_empty() {
        Ok(value)
    } else {
        problems.sort_by_key(|problem| problem.span.start);
        Err(problems)
    }
}

/// A table of the file whose keys are taken one by one; what is left at the end is unknown.
pub(crate) struct Section<'s, 'p> {
    name: String,
    span: Range<usize>,
    values: BTreeMap<String, (Range<usize>, Spanned<DeValue<'s>>)>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'s, 'p> Section<'s, 'p> {
    fn new(
        name: &str,
        span: Range<usize>,
        table: DeTable<'s>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        let values = table
            .into_iter()
            .map(|(key, value)| (key.get_ref().clone().into_owned(), (key.span(), value)))
            .collect();
        Self { name: name.to_owned(), span, values, known: Vec::new(), problems }
    }

    /// Where the section stands, in octets of the file.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether the file has something under this key, which nobody took yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|(_, value)| {
            value.get_ref().as_array().is_none_or(|items| items.iter().next().is_some())
        })
    }

    /// Says that something is wrong with this section as a whole.
    pub(crate) fn wrong(&mut self, wrong: impl Into<String>, expected: impl Into<String>) {
        let span = self.span.clone();
        self.wrong_at(span, wrong, expected);
    }

    /// Says that something is wrong at `span`.
    pub(crate) fn wrong_at(
        &mut self,
        span: Range<usize>,
        wrong: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.problems.push(Problem { span, wrong: wrong.into(), expected: expected.into() });
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'s>>> {
        self.known.push(key);
        self.values.remove(key).map(|(_, value)| value)
    }

    fn mistaken(&mut self, key: &str, span: Range<usize>, found: &str, expected: &str) {
        self.wrong_at(span, format!("`{key}` cannot be {found}"), expected);
    }

    /// A value that `parse` understands, written as a string.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let Some(text) = value.get_ref().as_str() else {
            let found = describe(value.get_ref());
            self.mistaken(key, value.span(), &found, expected);
            return None;
        };
        let read = parse(text);
        if read.is_none() {
            self.mistaken(key, value.span(), &format!("{text:?}"), expected);
        }
        read
    }

    /// Any string but an empty one.
    pub(crate) fn text(&mut self, key: &'static str, expected: &str) -> Option<String> {
        self.parsed(key, expected, |text| (!text.trim().is_empty()).then(|| text.to_owned()))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.parsed(key, &format!("one of {}", names.join(", ")), |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
        })
    }

    /// `true` or `false`.
    pub(crate) fn switch(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            let found = describe(value.get_ref());
            self.mistaken(key, value.span(), &found, "true or false");
        }
        read
    }

    /// A whole number of at least one.
    pub(crate) fn count(&mut self, key: &'static str) -> Option<u64> {
        let value = self.take(key)?;
        let read = integer(value.get_ref()).filter(|n| *n > 0);
        if read.is_none() {
            let found = describe(value.get_ref());
            self.mistaken(key, value.span(), &found, "a whole number of at least 1");
        }
        read
    }

    /// Octets, as a number or with a unit.
    pub(crate) fn size(&mut self, key: &'static str) -> Option<u64> {
        self.known.push(key);
        if let Some((_, value)) = self.values.get(key)
            && let Some(octets) = integer(value.get_ref())
        {
            self.values.remove(key);
            return Some(octets);
        }
        self.parsed(key, SIZE_FORM, parse_size)
    }

    /// A duration with its unit.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, DURATION_FORM, parse_duration)
    }

    /// `"address:port"`.
    pub(crate) fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.parsed(key, "an address and a port, such as \"0.0.0.0:25\" or \"[::]:25\"", |text| {
            text.parse().ok()
        })
    }

    /// A list of strings that `parse` understands.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        mut parse: impl FnMut(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.take(key)?;
        let Some(items) = value.get_ref().as_array() else {
            let found = describe(value.get_ref());
            self.mistaken(key, value.span(), &found, &format!("a list of {expected}"));
            return None;
        };
        let mut read = Vec::new();
        let mut wrong = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str().and_then(&mut parse) {
                Some(one) => read.push(one),
                None => wrong.push((item.span(), describe(item.get_ref()))),
            }
        }
        for (span, found) in wrong {
            self.mistaken(key, span, &found, expected);
        }
        Some(read)
    }

    /// A table inside this one, `[key]`.
    pub(crate) fn section<T>(
        &mut self,
        key: &'static str,
        fill: impl FnOnce(&mut Section<'s, '_>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                let mut inner = Section::new(key, span, table, self.problems);
                let filled = fill(&mut inner);
                inner.finish();
                Some(filled)
            }
            other => {
                let found = describe(&other);
                self.mistaken(key, span, &found, &format!("a table, written [{key}]"));
                None
            }
        }
    }

    /// Tables in a row, `[[key]]`.
    pub(crate) fn sections<T>(
        &mut self,
        key: &'static str,
        mut fill: impl FnMut(&mut Section<'s, '_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let span = value.span();
        let expected = format!("tables, each written [[{key}]]");
        let DeValue::Array(items) = value.into_inner() else {
            self.mistaken(key, span, "a single value", &expected);
            return Vec::new();
        };
        let mut read = Vec::new();
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(table) => {
                    let mut inner = Section::new(key, span, table, self.problems);
                    read.extend(fill(&mut inner));
                    inner.finish();
                }
                other => {
                    let found = describe(&other);
                    self.mistaken(key, span, &found, &expected);
                }
            }
        }
        read
    }

    /// Requires a value that was read; says which key is missing otherwise.
    pub(crate) fn need<T>(&mut self, key: &str, value: Option<T>, example: &str) -> Option<T> {
        // A value that was there and wrong has been reported already.
        let told = self.problems.iter().any(|problem| {
            problem.span.start >= self.span.start && problem.wrong.starts_with(&format!("`{key}`"))
        });
        if value.is_none() && !told {
            let place = if self.name.is_empty() { "the file" } else { &self.name };
            let wrong = format!("{place} has no `{key}`");
            self.wrong(wrong, format!("{key} = {example}"));
        }
        value
    }

    fn finish(self) {
        for (key, (span, _)) in self.values {
            let nearest = self
                .known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, &key), known))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            let place =
                if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
            let expected = match nearest {
                Some((_, known)) => format!("`{known}`, perhaps"),
                None => {
                    let mut known = self.known.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("one of {}", known.join(", "))
                }
            };
            self.problems.push(Problem {
                span,
                wrong: format!("nothing is called `{key}`{place}"),
                expected,
            });
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
