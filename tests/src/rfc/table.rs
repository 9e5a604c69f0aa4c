//! The page `tests/rfc/SMTP.md`.

use std::fmt::Write;

use super::marks::{Cites, Marks, Test};
use super::rows::{Reason, Rfc, Row};

const HEAD: &str = "\
# The RFCs of SMTP, requirement by requirement

Written by `BLESS=1 cargo test -p posthaste-tests --test rfc_table` from the rows in this folder, from the marks
`RFC: 5321-4.1.1.4-2` in tests, transcripts and scripts, and from what the code cites; without `BLESS` the same test
fails where this page is old, where a mark names no row, and where a row has neither a test nor a reason.

The statements are ours, and short: the RFC counts. A level in small letters is demanded without one of its words.
*n/a* binds nobody here, *not yet* will bind us when it is built, *otherwise* is done otherwise on purpose.
";

/// Writes the page.
#[must_use]
pub fn page(rfcs: &[Rfc], marks: &Marks, cites: &Cites) -> String {
    let mut page = String::from(HEAD);
    // Writing to a string does not fail.
    let _ = summary(&mut page, rfcs, marks);
    for rfc in rfcs {
        let _ = one(&mut page, rfc, marks, cites);
    }
    page
}

fn summary(page: &mut String, rfcs: &[Rfc], marks: &Marks) -> std::fmt::Result {
    page.push_str("\n| RFC | | requirements | shown by tests | otherwise | n/a | not yet |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    let mut total = [0; 5];
    for rfc in rfcs {
        let mut counts = [rfc.rows.len(), 0, 0, 0, 0];
        for row in &rfc.rows {
            counts[match row.reason {
                None if marks.contains_key(&row.id) => 1,
                Some(Reason::Otherwise(_)) => 2,
                Some(Reason::NotApplicable(_)) => 3,
                None | Some(Reason::NotYet(_)) => 4,
            }] += 1;
        }
        let [all, shown, otherwise, never, later] = counts;
        let (number, title) = (rfc.number, &rfc.title);
        writeln!(
            page,
            "| [{number}](#rfc-{number}) | {title} | {all} | {shown} | {otherwise} | {never} | {later} |"
        )?;
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let [all, shown, otherwise, never, later] = total;
    writeln!(page, "| | | {all} | {shown} | {otherwise} | {never} | {later} |")
}

fn one(page: &mut String, rfc: &Rfc, marks: &Marks, cites: &Cites) -> std::fmt::Result {
    writeln!(
        page,
        "\n## RFC {}\n\n{}. Sections {}.",
        rfc.number,
        rfc.title,
        rfc.sections.join(", ")
    )?;
    for remark in &rfc.remarks {
        writeln!(page, "{remark}")?;
    }
    let mut section = "";
    for row in &rfc.rows {
        if row.section != section {
            section = &row.section;
            writeln!(page, "\n### RFC {} §{section}\n", rfc.number)?;
            if let Some(files) = cites.get(&(rfc.number, section.into())) {
                let link = |file: &String| format!("[{}](../../{file})", short(file));
                let links: Vec<String> = files.iter().map(link).collect();
                writeln!(page, "Cited in {}.\n", links.join(", "))?;
            }
            page.push_str("| | level | binds | what | shown by |\n|---|---|---|---|---|\n");
        }
        let Row { id, level, binds, says, .. } = row;
        writeln!(page, "| {id} | {level} | {binds} | {says} | {} |", shown(row, marks))?;
    }
    Ok(())
}

fn shown(row: &Row, marks: &Marks) -> String {
    if let Some(reason) = &row.reason {
        return reason.to_string();
    }
    let link = |test: &Test| format!("[{}](../../{})", test.name, test.file);
    let tests: Vec<String> = marks.get(&row.id).into_iter().flatten().map(link).collect();
    tests.join(", ")
}

/// A file without what all of them have in front.
fn short(file: &str) -> &str {
    let file = file.strip_prefix("core/src/").unwrap_or(file);
    file.strip_prefix("adapters/").unwrap_or(file)
}
