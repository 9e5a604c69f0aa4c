//! Finding whole commands in what arrived (RFC 9051 §2.2.1, §4.3).

/// A counted string that a line announces: `{n}`, `{n+}` or `~{n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// How many octets follow.
    pub octets: u64,
    /// The client waits for `+` before it sends them: it is not `{n+}`.
    pub wait: bool,
    /// It is `literal8` and may hold NUL (RFC 3516 §4.4).
    pub binary: bool,
}
