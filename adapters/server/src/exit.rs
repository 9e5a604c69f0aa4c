//! How the program ends: exit codes of `sysexits.h`, and failures a person can act on.

use std::fmt;
use std::process::ExitCode;

use crate::config::read::{Problem, show};

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Exit {
    /// 64: the command line is wrong.
    Usage,
    /// 65: what was given is wrong.
    Data,
    /// 69: a service is not there.
    Unavailable,
    /// 73: a file cannot be made.
    CannotCreate,
    /// 74: reading or writing failed.
    Io,
    /// 77: not allowed.
    Permission,
    /// 78: the config is wrong.
    Config,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::Permission => 77,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What failed: names the file, port or account.
    pub(crate) what: String,
    /// What to do; empty if `what` says it all.
    pub(crate) hint: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: hint.into() }
    }

    /// Mistakes in a config file.
    pub(crate) fn config(file: &str, source: &str, problems: &[Problem]) -> Self {
        let count = match problems.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        let shown = show(file, source, problems);
        Self::new(Exit::Config, format!("{count} in {file}\n\n{}", shown.trim_end()), "")
    }

    /// A failed file operation, with the exit code that its kind calls for.
    pub(crate) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let (exit, hint) = match error.kind() {
            ErrorKind::PermissionDenied => {
                (Exit::Permission, "run as the user that owns it, or choose another place")
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (Exit::Io, "make room on the disk")
            }
            ErrorKind::NotFound => (Exit::Io, "check the path"),
            _ => (Exit::Io, ""),
        };
        Self::new(exit, format!("{doing}: {error}"), hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "posthaste: {}", self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n  -> {}", self.hint)?;
        }
        Ok(())
    }
}
