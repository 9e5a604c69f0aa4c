//! The parts of a message, drawn as a tree.

use comfy_table::{CellAlignment, Table};

use super::{Shown, places};
use crate::terminal;

/// The tree with what stands where, a part a line.
pub(super) fn draw(shown: &Shown<'_>, file: &str) -> String {
    let tree = shown.message.structure();
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header([
        "part", "section", "encoding", "header", "body", "octets", "lines", "content",
    ]);
    let places = places(tree);
    for ((index, part), (branch, place)) in
        tree.parts().iter().enumerate().zip(branches(shown).into_iter().zip(places))
    {
        let mut what = format!("{branch}{}", shown.media_type(index));
        if let Some(charset) = shown.parameters(index).decoded("charset") {
            what = format!("{what} {charset}");
        }
        if let Some(name) = shown.file_name(index) {
            what = format!("{what} \"{name}\"");
        }
        let body = shown.message.body_part(index);
        let encoding = body.as_ref().map_or(&b""[..], |body| body.encoding());
        let lines = body.as_ref().and_then(|body| body.lines());
        let is_leaf = tree.children(index).next().is_none();
        let content = match shown.content(index) {
            Some(content) if is_leaf => content.len().to_string(),
            None if is_leaf => "not known".into(),
            _ => String::new(),
        };
        let span = |span: posthaste_core::mime::Span| format!("{}..{}", span.start, span.end);
        table.add_row([
            plain(&what),
            place.body,
            plain(&String::from_utf8_lossy(encoding).to_ascii_lowercase()),
            span(part.header()),
            span(part.body()),
            part.body().len().to_string(),
            lines.map_or_else(String::new, |lines| lines.to_string()),
            content,
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let defects: Vec<_> = tree.defects().names().collect();
    let defects = if defects.is_empty() { "none".into() } else { defects.join(", ") };
    let count = match tree.parts().len() {
        1 => "1 part".to_owned(),
        count => format!("{count} parts"),
    };
    format!("{}: {} octets, {count}, defects: {defects}\n{table}", plain(file), shown.octets.len())
}

/// The branches before each part.
fn branches(shown: &Shown<'_>) -> Vec<String> {
    let tree = shown.message.structure();
    // Below what stands in each part, and the last of these.
    let mut below: Vec<String> = Vec::new();
    let mut last: Vec<Option<usize>> = Vec::new();
    let mut branches = Vec::new();
    for index in 0..tree.parts().len() {
        let (branch, inner) = match tree.parent(index) {
            None => (String::new(), String::new()),
            Some(parent) => {
                let before = below.get(parent).map_or("", String::as_str);
                if last.get(parent) == Some(&Some(index)) {
                    (format!("{before}└─ "), format!("{before}   "))
                } else {
                    (format!("{before}├─ "), format!("{before}│  "))
                }
            }
        };
        branches.push(branch);
        below.push(inner);
        last.push(tree.children(index).last());
    }
    branches
}

/// Text of a stranger's without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
