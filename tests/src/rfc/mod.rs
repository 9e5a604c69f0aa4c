//! What the RFCs of SMTP demand, and which test shows that it is done.
//!
//! `tests/rfc/NUMBER.txt` has a row for every MUST and SHOULD of an RFC; a mark, `// RFC: 5321-4.1.1.4-2` above a
//! test or `# RFC: 5321-4.1.1.4-2` in a transcript or script, says which of them it shows. The test `rfc_table`
//! writes both down in `tests/rfc/SMTP.md`, and counts the words of the RFCs' texts where they are at hand.
//!
//! - [`rows`]: the rows
//! - [`marks`]: the marks, and where the code cites which section
//! - [`table`]: the page
//! - [`words`]: the texts

pub mod marks;
pub mod rows;
pub mod table;
pub mod words;

use std::path::{Path, PathBuf};

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
