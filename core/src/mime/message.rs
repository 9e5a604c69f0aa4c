//! A tree and the bytes behind it, together: lazy views that copy nothing.

use super::{
    header::{self, Name},
    structure::{Part, Structure},
};

/// A message to look at: its tree, and its bytes or at least the fields that the tree kept.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    structure: &'a Structure,
    bytes: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// The message `bytes`, whose tree is `structure`.
    #[must_use]
    pub const fn new(structure: &'a Structure, bytes: &'a [u8]) -> Self {
        Self { structure, bytes: Some(bytes) }
    }

    /// What is known of a message without its bytes: ENVELOPE and BODYSTRUCTURE, if the tree
    /// [keeps their fields](Structure::keeps_fields).
    #[must_use]
    pub const fn kept(structure: &'a Structure) -> Self {
        Self { structure, bytes: None }
    }

    /// Its tree.
    #[must_use]
    pub const fn structure(&self) -> &'a Structure {
        self.structure
    }

    /// Its part with this index.
    #[must_use]
    pub fn part(&self, index: usize) -> Option<&'a Part> {
        self.structure.part(index)
    }

    /// The body of part `index`, still encoded; `None` without the bytes of the message.
    #[must_use]
    pub fn body(&self, index: usize) -> Option<&'a [u8]> {
        Some(self.structure.part(index)?.body().of(self.bytes?))
    }

    /// The header of part `index` with its empty line; `None` without the bytes of the message.
    #[must_use]
    pub fn header(&self, index: usize) -> Option<&'a [u8]> {
        Some(self.structure.part(index)?.header().of(self.bytes?))
    }

    /// The fields of part `index` in order: those that are listed, or, without the bytes of the
    /// message, those that were kept.
    pub fn fields(
        &self,
        index: usize,
    ) -> impl Iterator<Item = (Name, header::Field<'a>)> + use<'a> {
        let structure = self.structure;
        let listed = self.bytes.map(|bytes| {
            let fields = structure.fields(index).iter();
            fields.map(move |field| (field.name(), field.span().of(bytes)))
        });
        let kept = match listed {
            Some(_) => None,
            None => Some(structure.kept_fields(index)),
        };
        let all = listed.into_iter().flatten().chain(kept.into_iter().flatten());
        all.map(|(name, raw)| (name, header::Field::new(raw)))
    }

    /// The first field of part `index` with this name.
    #[must_use]
    pub fn field(&self, index: usize, name: Name) -> Option<header::Field<'a>> {
        self.fields(index).find(|(found, _)| *found == name).map(|(_, field)| field)
    }
}
