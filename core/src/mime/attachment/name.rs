//! Names that can be given to files, on any system.

use alloc::string::String;

/// How many octets a name has at most.
pub const LONGEST_NAME: usize = 255;

/// A name that can be given to a file, made of one that a stranger wrote; `None` if nothing is left.
///
/// * Of a path only its last component stays: what is behind the last `/` or `\`.
/// * Control characters, and those that change the direction of text (by which `exe.jpg` is shown for
///   `gpj.exe`), go; so do blanks and dots at both ends.
/// * `< > : " | ? *` become `_`.
/// * The names of Windows' devices (`CON`, `nul.txt`, `COM1`) get a `_` before them.
/// * Names of more than [`LONGEST_NAME`] octets are cut before their extension.
///
/// It may still be a name that is in use, and a type of file that is dangerous to open.
///
/// ```
/// use posthaste_core::mime::attachment::file_name;
///
/// assert_eq!(file_name("C:\\Temp\\report.pdf").as_deref(), Some("report.pdf"));
/// assert_eq!(file_name("../../etc/passwd\0").as_deref(), Some("passwd"));
/// assert_eq!(file_name("nul.txt").as_deref(), Some("_nul.txt"));
/// assert_eq!(file_name("../.."), None);
/// ```
#[must_use]
pub fn file_name(raw: &str) -> Option<String> {
    let raw = raw.trim_end_matches(|letter| is_dropped(letter) || is_end(letter));
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name = String::with_capacity(last.len().min(LONGEST_NAME) + 1);
    for letter in last.chars().filter(|letter| !is_dropped(*letter)) {
        name.push(match letter {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            // All blanks look alike, and some are not taken everywhere.
            blank if blank.is_whitespace() => ' ',
            letter => letter,
        });
    }
    let name = name.trim_matches(is_end);
    if name.is_empty() {
        return None;
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let mark = if is_device(stem) { "_" } else { "" };
    let room = LONGEST_NAME - mark.len();
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if name.len() - dot <= LONGEST_EXTENSION => {
            name.split_at_checked(dot).unwrap_or((name, ""))
        }
        _ => (name, ""),
    };
    let mut out = String::from(mark);
    if name.len() <= room {
        out.push_str(name);
        return Some(out);
    }
    let mut end = stem.len().min(room - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    out.push_str(stem.get(..end).unwrap_or_default().trim_end_matches(is_end));
    out.push_str(extension);
    Some(out)
}

fn is_dropped(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// What names may not start or end with.
fn is_end(letter: char) -> bool {
    letter == '.' || letter.is_whitespace()
}

/// Whether Windows takes a name for a device, whatever its extension.
fn is_device(stem: &str) -> bool {
    let devices = ["AUX", "CON", "CONIN$", "CONOUT$", "NUL", "PRN"];
    if devices.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let numbered = stem
        .get(..3)
        .is_some_and(|name| name.eq_ignore_ascii_case("COM") || name.eq_ignore_ascii_case("LPT"));
    let mut number = stem.get(3..).unwrap_or_default().chars();
    numbered
        && matches!(number.next(), Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'))
        && number.next().is_none()
}

/// How many octets an extension has at most, its dot included, to be kept where a name is cut.
const LONGEST_EXTENSION: usize = 32;
