//! The extensions that can be switched on and off.

use std::str::FromStr;

use posthaste_core::smtp::server::Config;

/// An extension that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    /// RFC 3030.
    BinaryMime,
    /// RFC 3030.
    Chunking,
    /// RFC 2852.
    DeliverBy,
    /// RFC 3461.
    Dsn,
    /// RFC 6152.
    EightBitMime,
    /// RFC 6710.
    MtPriority,
    /// RFC 2920.
    Pipelining,
    /// RFC 8689.
    RequireTls,
    /// RFC 6531.
    SmtpUtf8,
}

impl Extension {
    const NAMES: [(&str, Self); 9] = [
        ("8BITMIME", Self::EightBitMime),
        ("BINARYMIME", Self::BinaryMime),
        ("CHUNKING", Self::Chunking),
        ("DELIVERBY", Self::DeliverBy),
        ("DSN", Self::Dsn),
        ("MT-PRIORITY", Self::MtPriority),
        ("PIPELINING", Self::Pipelining),
        ("REQUIRETLS", Self::RequireTls),
        ("SMTPUTF8", Self::SmtpUtf8),
    ];

    /// Offers it, or does not.
    pub(super) const fn switch(self, on: bool, config: &mut Config) {
        match self {
            Self::BinaryMime => config.binarymime = on,
            Self::Chunking => config.chunking = on,
            Self::DeliverBy => config.deliver_by = if on { Some(0) } else { None },
            Self::Dsn => config.dsn = on,
            Self::EightBitMime => config.eight_bit = on,
            Self::MtPriority => config.mt_priority = on,
            Self::Pipelining => config.pipelining = on,
            Self::RequireTls => config.requiretls = on,
            Self::SmtpUtf8 => config.smtputf8 = on,
        }
    }
}

impl FromStr for Extension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, extension)| *extension).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name);
            format!("expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthaste_core::smtp::server::Role;

    #[test]
    fn each_switches_something() {
        for (name, extension) in Extension::NAMES {
            assert_eq!(name.to_lowercase().parse(), Ok(extension));
            let switched = |on| {
                let mut config = Config::new(Role::Smtp, "x.test");
                extension.switch(on, &mut config);
                format!("{config:?}")
            };
            assert_ne!(switched(true), switched(false), "{name}");
        }
        assert!("STARTTLS".parse::<Extension>().is_err());
    }
}
