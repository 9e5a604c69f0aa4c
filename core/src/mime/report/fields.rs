//! Groups of fields with empty lines between them, as all reports are written (RFC 3464 §2.1).
//!
//! What real ones do is taken: any line ends, lines of blanks for empty ones, and long values whose
//! lines go on without a blank.

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{Extension, REPORT_EXTENSIONS};
use crate::mime::{encoded_word, text::Lines};

/// A field of a report.
#[derive(Clone, Debug)]
pub(super) struct Field<'t> {
    /// How many groups stand before its own.
    pub(super) group: usize,
    pub(super) name: &'t str,
    /// On one line, encoded words decoded, blanks at both ends gone.
    pub(super) value: Cow<'t, str>,
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Keeps it among those that are not known.
    pub(super) fn extend(self, extensions: &mut Vec<Extension>) {
        if extensions.len() < REPORT_EXTENSIONS {
            extensions.push((String::from(self.name), self.value.into_owned()));
        }
    }

    /// Its value, if it has one.
    pub(super) fn text(self) -> Option<String> {
        (!self.value.is_empty()).then(|| self.value.into_owned())
    }
}

/// Walks the fields of a report.
pub(super) struct Fields<'t> {
    lines: Lines<'t>,
    next: Option<&'t str>,
    group: usize,
    /// The group at hand has a field.
    begun: bool,
}

impl<'t> Fields<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { lines: Lines::new(text), next: None, group: 0, begun: false }
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = Field<'t>;

    fn next(&mut self) -> Option<Field<'t>> {
        loop {
            let line = self.next.take().or_else(|| self.lines.next())?;
            if line.trim().is_empty() {
                self.group += usize::from(self.begun);
                self.begun = false;
                continue;
            }
            // A line that continues nothing is passed over.
            let Some((name, first)) = split(line) else { continue };
            self.begun = true;
            let mut value = Cow::Borrowed(first);
            for line in self.lines.by_ref() {
                if line.trim().is_empty() || split(line).is_some() {
                    self.next = Some(line);
                    break;
                }
                let line = line.trim();
                let whole = value.to_mut();
                if !whole.is_empty() {
                    whole.push(' ');
                }
                whole.push_str(line);
            }
            if value.contains("=?") {
                value = Cow::Owned(encoded_word::decode(value.as_bytes()).into_owned());
            }
            return Some(Field { group: self.group, name, value });
        }
    }
}

/// The name and the value on a line that starts a field.
fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) =
        line.split_at_checked(line.bytes().take(LONGEST_NAME).position(|octet| octet == b':')?)?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    is_name.then(|| (name, value.get(1..).unwrap_or_default().trim()))
}

const LONGEST_NAME: usize = 78;
