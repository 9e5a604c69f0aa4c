//! Atoms that more than one protocol uses.
