//! The short way to read a path, for nearly all of them.

use super::Mailbox;
use super::local::{LOCAL_OCTETS, LocalPart, is_atext};
use crate::grammar::domain::{DOMAIN_OCTETS, Domain, Host, LABEL_OCTETS};

/// The path that almost all are, read in one pass: atoms and dots in ASCII, `@`, labels that
/// are no A-labels. `None` says nothing: it is read with more care then.
pub(super) fn usual(text: &[u8]) -> Option<(Mailbox<'_>, &[u8])> {
    let [b'<', inner @ ..] = text else {
        return None;
    };
    let mut octets = inner.iter();
    // Each turn passes an atom and what ends it.
    let mut begin = inner.len();
    let local = loop {
        let end = first_not(ATEXT, &mut octets)?;
        let left = octets.len();
        match end {
            _ if begin - left == 1 => return None,
            b'@' => break inner.len() - left - 1,
            b'.' => begin = left,
            _ => return None,
        }
    };
    // Each turn passes a label and what ends it.
    let mut label = octets.as_slice();
    let end = loop {
        let end = first_not(LABEL, &mut octets)?;
        let left = octets.len();
        let length = label.len() - left - 1;
        match label {
            [b'-', ..] | [_, _, b'-', b'-', ..] => return None,
            _ if length == 0 || length > LABEL_OCTETS => return None,
            _ if label.get(length - 1) == Some(&b'-') => return None,
            _ => {}
        }
        match end {
            b'>' => break inner.len() - left - 1,
            b'.' => label = octets.as_slice(),
            _ => return None,
        }
    };
    if local > LOCAL_OCTETS || end - local > DOMAIN_OCTETS + 1 {
        return None;
    }
    let (path, rest) = (inner.get(..end)?, octets.as_slice());
    let (local, host) = posthaste_simd::text::ascii(path)?.split_at_checked(local)?;
    let host = Host::Domain(Domain::checked(host.get(1..)?));
    Some((Mailbox { local: LocalPart::checked(local), host }, rest))
}

/// Takes the octets of `kind` and the first that is of another, which it says.
#[inline]
fn first_not(kind: u8, octets: &mut core::slice::Iter<'_, u8>) -> Option<u8> {
    octets.find(|c| KINDS[usize::from(**c)] & kind == 0).copied()
}

/// Octets of atoms, in ASCII.
const ATEXT: u8 = 1;
/// Octets of labels, in ASCII.
const LABEL: u8 = 2;

/// What each octet may be in.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut c = 0_u8;
    while c < 128 {
        if is_atext(c) {
            kinds[c as usize] |= ATEXT;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_') {
            kinds[c as usize] |= LABEL;
        }
        c += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::super::path::{brackets, without_route};
    use super::*;

    /// The short way says nothing that the long one does not say.
    fn usual_is_right(text: &[u8]) {
        let Some((mailbox, rest)) = usual(text) else { return };
        let (inner, behind) = brackets(text).unwrap();
        assert_eq!(without_route(inner), Ok(inner));
        assert!(!inner.is_empty() && !inner.eq_ignore_ascii_case(b"postmaster"));
        let parsed = Mailbox::parse(inner).unwrap();
        assert_eq!(mailbox.local.as_str(), parsed.local.as_str());
        assert_eq!(mailbox.host.to_string(), parsed.host.to_string());
        assert_eq!((mailbox, rest), (parsed, behind));
    }

    proptest::proptest! {
        #[test]
        fn the_usual_path_is_the_path(
            local in "[aZ9.+_\"\\\\ -]{0,6}|[a.]{250,258}",
            between in "@|@@|\\.@|",
            host in "[aZ9._-]{0,8}|(xn--)?[a-]{1,5}\\.test|[a.]{0,4}[a]{60,66}\\.?|([a]{60}\\.){4}[a]{9,14}|\\[192\\.0\\.2\\.1\\]",
            rest in ">|> SIZE=1|",
        ) {
            usual_is_right(std::format!("<{local}{between}{host}{rest}").as_bytes());
        }

        #[test]
        fn the_usual_path_is_the_path_in_any_octets(
            text in proptest::collection::vec(
                proptest::prop_oneof![proptest::sample::select(b"ab.@@>-_\"\\:, ".to_vec()), 0..=255u8],
                0..16,
            ),
        ) {
            usual_is_right(&[b"<", &text[..], b">"].concat());
        }
    }

    #[test]
    fn the_usual_path_is_the_path_with_each_octet_anywhere() {
        let path = b"<a.bc@de.f-g.hi> SIZE=1";
        for at in 0..path.len() {
            for octet in 0..=255 {
                let mut text = *path;
                text[at] = octet;
                usual_is_right(&text);
                usual_is_right(&[&path[..at], &[octet], &path[at..]].concat());
            }
        }
    }

    #[test]
    fn the_usual_path_is_short() {
        for text in ["<a@b>", "<alice.b+c@client-1.example.test> SIZE=1", "<o'x@1.2_3>"] {
            assert!(usual(text.as_bytes()).is_some(), "{text}");
        }
        let long = "a".repeat(LABEL_OCTETS);
        assert!(usual(std::format!("<a@{long}.{long}>").as_bytes()).is_some());
        for text in [
            "",
            "<",
            "<>",
            "<@>",
            "<a@>",
            "<@b>",
            "<a@b",
            "<.a@b>",
            "<a.@b>",
            "<a..b@c>",
            "<a@.b>",
            "<a@b.>",
            "<a@-b>",
            "<a@b->",
            "<a@xn--b>",
            "<a@[192.0.2.1]>",
            "<\"a\"@b>",
            "<postmaster>",
            "<@r.test:a@b>",
            "<\u{fc}@b>",
            "<a@b\u{fc}>",
            "<a@b+c>",
            "<a b@c>",
            "a@b>",
        ] {
            assert!(usual(text.as_bytes()).is_none(), "{text}");
        }
    }
}
