//! How a part is signed or encrypted.

use posthaste_core::mime::security::{Armour, Protocol, Security, Smime, blocks};
use serde::Serialize;

use super::super::Shown;

#[derive(Serialize)]
pub(super) struct Protection {
    /// `signed`, `encrypted`, or what else S/MIME and PGP hold.
    kind: &'static str,
    /// `pgp` or `smime`, where one of them is named.
    protocol: Option<&'static str>,
    /// The hash of a signature, as in `sha-256`.
    algorithm: Option<String>,
    /// The sections of what is signed or encrypted, and of the signature.
    content: Option<String>,
    signature: Option<String>,
}

/// How part `index` is protected: by its type, or by the first PGP armour in its text.
pub(super) fn of(shown: &Shown<'_>, index: usize, sections: &[String]) -> Option<Protection> {
    let section = |part: Option<usize>| part.and_then(|part| sections.get(part)).cloned();
    let new = |kind, protocol| Protection {
        kind,
        protocol,
        algorithm: None,
        content: None,
        signature: None,
    };
    Some(match Security::of(&shown.message, index) {
        Some(Security::Signed(signed)) => Protection {
            algorithm: signed.algorithm,
            content: section(signed.content),
            signature: section(signed.signature),
            ..new("signed", name(signed.protocol))
        },
        Some(Security::Encrypted(encrypted)) => Protection {
            content: section(encrypted.content),
            ..new("encrypted", name(encrypted.protocol))
        },
        Some(Security::Smime(held)) => new(smime(held), Some("smime")),
        None => {
            let text = shown.message.readable(index)?;
            let block = blocks(&text).next()?;
            new(armour(block.armour), Some("pgp"))
        }
    })
}

const fn name(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Pgp => Some("pgp"),
        Protocol::Smime => Some("smime"),
        Protocol::Other => None,
    }
}

const fn smime(held: Smime) -> &'static str {
    match held {
        Smime::AuthEnveloped | Smime::Enveloped => "encrypted",
        Smime::Certificates => "certificates",
        Smime::Compressed => "compressed",
        Smime::Signed => "signed",
        Smime::Unknown => "unknown",
    }
}

const fn armour(armour: Armour) -> &'static str {
    match armour {
        Armour::Message => "encrypted",
        Armour::PrivateKey => "private_key",
        Armour::PublicKey => "public_key",
        Armour::Signature => "signature",
        Armour::Signed => "signed",
    }
}
