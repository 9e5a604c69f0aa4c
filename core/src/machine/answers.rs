//! What all types of answers have in common.

/// Makes each of these, which are variants of `Answer` by their own names, an `Answer`, and sees that
/// an answer stays small enough to be handed from thread to thread.
macro_rules! answers {
    ($($name:ident),*) => {
        $(impl From<$name> for Answer {
            fn from(answer: $name) -> Self {
                Self::$name(answer)
            }
        })*

        const _: () = assert!(size_of::<Answer>() <= 64);
    };
}

pub(crate) use answers;
