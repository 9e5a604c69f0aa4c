//! Mail on its way in.

mod fields;
