//! Fields of a header by their names: which are meant, and the walk.

use core::slice;

use crate::mime::{
    header::{Field, Fields, Name},
    structure::{self, KeptFields},
};

/// Which field is meant: a known name, or any name by its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'n> {
    /// One of the names that this crate knows.
    Known(Name),
    /// Another name, compared without regard to the case of the letters.
    Other(&'n [u8]),
}

impl From<Name> for Wanted<'_> {
    fn from(name: Name) -> Self {
        Self::Known(name)
    }
}

impl<'n> From<&'n [u8]> for Wanted<'n> {
    fn from(name: &'n [u8]) -> Self {
        match Name::of(name) {
            Name::Other => Self::Other(name),
            known => Self::Known(known),
        }
    }
}

impl<'n> From<&'n str> for Wanted<'n> {
    fn from(name: &'n str) -> Self {
        name.as_bytes().into()
    }
}

impl Wanted<'_> {
    /// Whether the field `raw`, which was taken for `name`, is meant.
    pub(super) fn is(self, name: Name, raw: &[u8]) -> bool {
        match self {
            Self::Known(wanted) if name != Name::Other => wanted == name,
            // A tree that was stored before the name became known.
            Self::Known(wanted) => {
                raw.get(..wanted.as_str().len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(wanted.as_str().as_bytes()))
                    && Field::new(raw).is(wanted.as_str().as_bytes())
            }
            Self::Other(wanted) => name == Name::Other && Field::new(raw).is(wanted),
        }
    }
}

/// Walks fields; see [`Head::all`](super::Head::all) and [`Head::fields`](super::Head::fields).
#[derive(Clone, Debug)]
pub struct All<'a, 'n> {
    pub(super) raw: Raw<'a>,
    pub(super) wanted: Option<Wanted<'n>>,
}

impl<'a> Iterator for All<'a, '_> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let (name, raw) = match self.wanted {
            None => self.raw.next()?,
            Some(wanted) => self.raw.find(|(name, raw)| wanted.is(*name, raw))?,
        };
        Some(Field::listed(name, raw))
    }
}

/// Walks the octets of fields and what they were taken for.
#[derive(Clone, Debug)]
pub(in crate::mime) enum Raw<'a> {
    Octets(Fields<'a>),
    Listed(slice::Iter<'a, structure::Field>, &'a [u8]),
    Kept(KeptFields<'a>),
}

impl<'a> Iterator for Raw<'a> {
    type Item = (Name, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(Name, &'a [u8])> {
        match self {
            Self::Octets(fields) => fields.next().map(|field| (field.kind(), field.raw())),
            Self::Listed(fields, bytes) => {
                fields.next().map(|field| (field.name(), field.span().of(bytes)))
            }
            Self::Kept(fields) => fields.next(),
        }
    }
}
