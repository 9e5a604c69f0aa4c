//! A name and a password in clear.

use alloc::borrow::Cow;
use core::fmt;

use super::Mechanism;
use super::prep::{self, Unfit};
use crate::text::{OwnedSecret, Secret, Text};

/// A name and a password in clear, as the peer sent them: borrowed where they stood so in its line
/// (POP3 `PASS`, IMAP `LOGIN`), owned and wiped when dropped where base64 hid them.
pub struct Credentials<'i> {
    mechanism: Option<Mechanism>,
    authorization: Option<Cow<'i, [u8]>>,
    user: Cow<'i, [u8]>,
    password: Password<'i>,
}

enum Password<'i> {
    Borrowed(Secret<'i>),
    Owned(OwnedSecret),
}

impl<'i> Credentials<'i> {
    /// A name and a password that stood in a line of the peer.
    pub fn new(user: impl Into<Cow<'i, [u8]>>, password: Secret<'i>) -> Self {
        Self {
            mechanism: None,
            authorization: None,
            user: user.into(),
            password: Password::Borrowed(password),
        }
    }

    /// A name and a password that were decoded from somewhere.
    pub fn owned(user: impl Into<Cow<'i, [u8]>>, password: OwnedSecret) -> Self {
        Self {
            mechanism: None,
            authorization: None,
            user: user.into(),
            password: Password::Owned(password),
        }
    }

    /// The same, as `mechanism` brought them.
    #[must_use]
    pub fn by(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = Some(mechanism);
        self
    }

    /// The same, for somebody who wants to act as `other`.
    #[must_use]
    pub fn acting_as(mut self, other: impl Into<Cow<'i, [u8]>>) -> Self {
        self.authorization = Some(other.into());
        self
    }

    /// The same, with name, password and authorization identity prepared for comparison (RFC 4616 §2).
    /// Does nothing to ASCII.
    ///
    /// # Errors
    /// [`Unfit`] if one of them is not UTF-8, holds what SASLprep prohibits, or has nothing left.
    pub fn prepared(mut self) -> Result<Self, Unfit> {
        fn octets(raw: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Unfit> {
            if prep::is_plain(&raw) {
                return Ok(raw);
            }
            Ok(Cow::Owned(prep::prepare_octets(&raw)?.into_owned().into_bytes()))
        }
        self.user = octets(self.user)?;
        self.authorization = self.authorization.map(octets).transpose()?;
        if !prep::is_plain(self.password().expose()) {
            let ready = prep::prepare_octets(self.password().expose())?;
            self.password = Password::Owned(OwnedSecret::new(ready.into_owned().into_bytes()));
        }
        Ok(self)
    }

    /// The mechanism that brought them; nothing for a protocol's own command (`PASS`, `LOGIN`).
    #[must_use]
    pub const fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Whose password this is.
    #[must_use]
    pub fn user(&self) -> Text<'_> {
        Text(&self.user)
    }

    /// Whom the client wants to act as, if it said so and it is not the user.
    #[must_use]
    pub fn authorization(&self) -> Option<Text<'_>> {
        self.authorization.as_deref().filter(|other| **other != *self.user).map(Text)
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> Secret<'_> {
        match &self.password {
            Password::Borrowed(secret) => *secret,
            Password::Owned(secret) => Secret::new(secret.expose()),
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mechanism) = self.mechanism {
            write!(f, "{mechanism} ")?;
        }
        write!(f, "{:?}", self.user())?;
        if let Some(other) = self.authorization() {
            write!(f, " as {other:?}")?;
        }
        write!(f, " {:?}", self.password())
    }
}
