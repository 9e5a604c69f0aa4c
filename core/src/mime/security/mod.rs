//! Signed and encrypted mail: recognised, not checked.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Security`]: S/MIME (RFC 8551), PGP/MIME (RFC 3156) and their multiparts (RFC 1847) |
//! | `armour.rs` | [`blocks`]: PGP between lines of text |
//!
//! ```
//! use posthaste_core::mime::{Message, Structure, security::{Protocol, Security}};
//!
//! let bytes = b"Content-Type: multipart/signed; protocol=\"application/pgp-signature\";\r\n\
//!     \x20micalg=pgp-sha256; boundary=x\r\n\r\n--x\r\nA: b\r\n\r\nText\r\n\r\n--x\r\n\
//!     Content-Type: application/pgp-signature\r\n\r\n...\r\n--x--\r\n";
//! let tree = Structure::of(bytes);
//! let message = Message::new(&tree, bytes);
//! let Some(Security::Signed(signed)) = Security::of(&message, 0) else { panic!() };
//! assert_eq!((signed.protocol, signed.algorithm.as_deref()), (Protocol::Pgp, Some("pgp-sha256")));
//! assert_eq!(&*signed.octets(&message).unwrap(), b"A: b\r\n\r\nText\r\n");
//! ```

mod armour;

use alloc::{borrow::Cow, string::String, vec::Vec};

use memchr::memchr_iter;

pub use armour::{Armour, Block, Blocks, blocks, clear_text};

use super::{Message, Span, lexer::trim, structure::Kind, text::Media, transfer};

/// How a part is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// `multipart/encrypted` (RFC 1847 §2.2).
    Encrypted(Encrypted),
    /// `multipart/signed` (RFC 1847 §2.1).
    Signed(Signed),
    /// One part of S/MIME that holds all (RFC 8551 §3): `application/pkcs7-mime`, or a part that is
    /// named as one.
    Smime(Smime),
}

/// Who signs or encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenPGP (RFC 3156).
    Pgp,
    /// S/MIME (RFC 8551).
    Smime,
    /// Anything else.
    Other,
}

/// A part and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Who signs: by the `protocol` parameter, or, where that says nothing, by the type of the
    /// signature.
    pub protocol: Protocol,
    /// `micalg`: the hash, as in `sha-256` or `pgp-sha256`, in lower case.
    pub algorithm: Option<String>,
    /// The part that is signed; `None` if there is none.
    pub content: Option<usize>,
    /// The part that is the signature; `None` if there is none.
    pub signature: Option<usize>,
}

/// A part that is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// Who encrypts.
    pub protocol: Protocol,
    /// The part that says how (RFC 3156 §4: `Version: 1`).
    pub control: Option<usize>,
    /// The part that is encrypted.
    pub content: Option<usize>,
}

/// What a part of S/MIME holds (RFC 8551 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smime {
    /// Encrypted so that changes show (`authEnveloped-data`).
    AuthEnveloped,
    /// Certificates and nothing else (`certs-only`).
    Certificates,
    /// Compressed (`compressed-data`).
    Compressed,
    /// Encrypted (`enveloped-data`).
    Enveloped,
    /// Signed, with its content within (`signed-data`).
    Signed,
    /// It cannot be told.
    Unknown,
}

impl Security {
    /// How part `index` is protected; `None` if it is not. PGP between lines of text is found by
    /// [`blocks`].
    ///
    /// What S/MIME holds is told by `smime-type`, else by the first octets of the content, else by the
    /// name of the part.
    #[must_use]
    pub fn of(message: &Message<'_>, index: usize) -> Option<Self> {
        let part = message.part(index)?;
        let media = Media::of(message, index);
        if part.kind() == Kind::Multipart {
            let mut children = message.structure().children(index);
            let (first, second) = (children.next(), children.next());
            let protocol = || {
                let said = media.params.raw("protocol").and_then(|name| Protocol::of(&name));
                let shown = |child: Option<usize>| {
                    let media = Media::of(message, child?);
                    Protocol::of_type(media.kind, media.subtype)
                };
                said.or_else(|| shown(second)).or_else(|| shown(first)).unwrap_or(Protocol::Other)
            };
            if media.is("multipart", "signed") {
                let text =
                    |value: Cow<'_, [u8]>| String::from_utf8_lossy(&value).to_ascii_lowercase();
                return Some(Self::Signed(Signed {
                    protocol: protocol(),
                    algorithm: media.params.raw("micalg").map(text),
                    content: first,
                    signature: second,
                }));
            }
            if media.is("multipart", "encrypted") {
                let encrypted = Encrypted { protocol: protocol(), control: first, content: second };
                return Some(Self::Encrypted(encrypted));
            }
            return None;
        }
        Smime::of(message, index, &media).map(Self::Smime)
    }

    /// The first part of the message that is protected, and how; messages within are not looked
    /// into.
    #[must_use]
    pub fn find(message: &Message<'_>) -> Option<(usize, Self)> {
        let structure = message.structure();
        let mut at = 0;
        while let Some(part) = structure.part(at) {
            if let Some(found) = Self::of(message, at) {
                return Some((at, found));
            }
            let skipped = part.kind() == Kind::Message;
            at = if skipped { structure.after(at)? } else { at + 1 };
        }
        None
    }
}

impl Protocol {
    fn of(name: &[u8]) -> Option<Self> {
        let slash = name.iter().position(|octet| *octet == b'/')?;
        let (kind, subtype) = name.split_at_checked(slash)?;
        Self::of_type(trim(kind), trim(subtype.get(1..)?))
    }

    fn of_type(kind: &[u8], subtype: &[u8]) -> Option<Self> {
        const SUBTYPES: [(&[u8], Protocol); 7] = [
            (b"pgp-encrypted", Protocol::Pgp),
            (b"pgp-keys", Protocol::Pgp),
            (b"pgp-signature", Protocol::Pgp),
            (b"pkcs7-mime", Protocol::Smime),
            (b"pkcs7-signature", Protocol::Smime),
            (b"x-pkcs7-mime", Protocol::Smime),
            (b"x-pkcs7-signature", Protocol::Smime),
        ];
        let found = SUBTYPES.iter().find(|(known, _)| subtype.eq_ignore_ascii_case(known));
        let found = found.filter(|_| kind.eq_ignore_ascii_case(b"application"));
        found.map(|(_, protocol)| *protocol)
    }
}

impl Signed {
    /// The octets that are signed (RFC 1847 §2.1): the first part with its header, in canonical form,
    /// without the line end before the boundary. `None` without the bytes of the message.
    #[must_use]
    pub fn octets<'a>(&self, message: &Message<'a>) -> Option<Cow<'a, [u8]>> {
        Some(canonical(message.octets(self.span(message)?)?))
    }

    /// Where the octets that are signed stand in the message, before they are made canonical.
    #[must_use]
    pub fn span(&self, message: &Message<'_>) -> Option<Span> {
        Some(message.part(self.content?)?.whole())
    }
}

/// Octets with CR LF for every line end (RFC 8551 §3.1.1, RFC 3156 §3): where a LF stands alone, a CR
/// is put before it.
#[must_use]
pub fn canonical(octets: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| octets.get(before));
        before != Some(&b'\r')
    };
    let Some(first) = memchr_iter(b'\n', octets).find(|at| is_bare(*at)) else {
        return Cow::Borrowed(octets);
    };
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32 + 1);
    let mut start = 0;
    for at in memchr_iter(b'\n', octets).filter(|at| *at >= first && is_bare(*at)) {
        out.extend_from_slice(octets.get(start..at).unwrap_or_default());
        out.push(b'\r');
        start = at;
    }
    out.extend_from_slice(octets.get(start..).unwrap_or_default());
    Cow::Owned(out)
}

impl Smime {
    fn of(message: &Message<'_>, index: usize, media: &Media<'_>) -> Option<Self> {
        let declared =
            media.is("application", "pkcs7-mime") || media.is("application", "x-pkcs7-mime");
        // RFC 8551 §3.2.1: by its name, where the type was lost on the way.
        let lost = media.is("application", "octet-stream");
        if !declared && !lost {
            return None;
        }
        let name = message.head(index).file_name();
        let extension = name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
        let by_name = extension.and_then(|extension| {
            const ENDS: [(&str, Smime); 3] =
                [("p7c", Smime::Certificates), ("p7m", Smime::Unknown), ("p7z", Smime::Compressed)];
            let found = ENDS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
            found.map(|(_, kind)| *kind)
        });
        if !declared && by_name.is_none() {
            return None;
        }
        let said = media.params.raw("smime-type").and_then(|said| Self::parse(&said));
        let shown = || Self::sniff(message, index);
        Some(said.or_else(shown).or(by_name).unwrap_or(Self::Unknown))
    }

    /// What a value of `smime-type` means.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        const TYPES: [(&[u8], Smime); 6] = [
            (b"authenveloped-data", Smime::AuthEnveloped),
            (b"certs-only", Smime::Certificates),
            (b"compressed-data", Smime::Compressed),
            (b"enveloped-data", Smime::Enveloped),
            (b"signed-data", Smime::Signed),
            // RFC 2634: a receipt is signed.
            (b"signed-receipt", Smime::Signed),
        ];
        let value = trim(value);
        TYPES.iter().find(|(known, _)| value.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
    }

    /// What the first octets say: the content type of CMS (RFC 5652 §3).
    fn sniff(message: &Message<'_>, index: usize) -> Option<Self> {
        let body = message.body(index)?;
        let content = transfer::decode(
            message.part(index)?.encoding(),
            body.get(..FIRST_OCTETS).unwrap_or(body),
        )?;
        // A SEQUENCE, its length, and the identifier of the type.
        let [0x30, length, rest @ ..] = &*content else { return None };
        let more = if *length > 0x80 { usize::from(*length & 0x7f) } else { 0 };
        let rest = rest.get(more..)?;
        const TYPES: [(&[u8], Smime); 4] = [
            (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", Smime::Signed),
            (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", Smime::Enveloped),
            (b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09", Smime::Compressed),
            (b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", Smime::AuthEnveloped),
        ];
        TYPES.iter().find(|(start, _)| rest.starts_with(start)).map(|(_, kind)| *kind)
    }
}

const FIRST_OCTETS: usize = 128;

#[cfg(test)]
mod tests;
