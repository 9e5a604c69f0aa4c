//! Who reads a message as we do: speed is compared where the same was done.

use crate::{
    corpora::Corpus,
    rows::{self, READERS},
};

/// Messages in which the same [`READERS`] find as many parts as Posthaste does.
pub struct Group<'c> {
    pub messages: Vec<&'c [u8]>,
    /// Whether each of the readers does.
    agrees: [bool; READERS.len()],
}

impl Group<'_> {
    /// Whether this row sees the messages as Posthaste does; those that show no parts are believed.
    pub fn is_alike(&self, row: &str) -> bool {
        rows::reader(row).is_none_or(|reader| self.agrees[reader])
    }
}

/// The messages of a corpus by who sees them as Posthaste does.
pub fn groups(corpus: &Corpus) -> Vec<Group<'_>> {
    let mut rows = rows::of(corpus);
    let mut found = |name: &str| -> Option<Vec<usize>> {
        let row = rows.iter_mut().find(|row| row.name == name)?;
        Some(corpus.messages.iter().map(|message| (row.work)(message)).collect())
    };
    let ours = found(rows::WHOLE);
    let others = READERS.map(|(_, row)| found(row));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (at, message) in corpus.messages.iter().enumerate() {
        let parts = ours.as_ref().map(|ours| ours[at]);
        let agrees = others.each_ref().map(|other| other.as_ref().map(|other| other[at]) == parts);
        match groups.iter_mut().find(|group| group.agrees == agrees) {
            Some(group) => group.messages.push(message),
            None => groups.push(Group { messages: vec![message], agrees }),
        }
    }
    groups
}
