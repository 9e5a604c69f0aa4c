use super::super::atom::{AString, SecretString};
use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;

/// LOGIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'i> {
    /// Who.
    pub user: AString<'i>,
    /// The password.
    pub password: SecretString<'i>,
}

impl<'i> Login<'i> {
    /// Reads what follows `LOGIN`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let user = cursor.astring("expected a user name")?;
        cursor.sp()?;
        let password = SecretString::new(cursor.astring("expected a password")?);
        Ok(Self { user, password })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        to.astring(self.user);
        to.octet(b' ');
        to.astring(self.password.expose());
    }
}
