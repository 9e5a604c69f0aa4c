//! The short way to read a path, for nearly all of them.

use memchr::memchr;

use super::Mailbox;
use super::local::{LOCAL_OCTETS, LocalPart, is_atext};
use crate::grammar::domain::{Domain, Host, LABEL_OCTETS};

/// The path that almost all are, read in one pass: atoms and dots in ASCII, `@`, labels that
/// are no A-labels. `None` says nothing: it is read with more care then.
pub(super) fn usual(text: &[u8]) -> Option<(Mailbox<'_>, &[u8])> {
    let [b'<', inner @ ..] = text else {
        return None;
    };
    let (path, rest) = inner.split_at_checked(memchr(b'>', inner)?)?;
    let local = memchr(b'@', path)?;
    let state = path.iter().fold(ATOM, |state, c| {
        STEPS.get(usize::from(*c)).map_or(WRONG, |row| row.wrapping_shr(state as u32))
    });
    // A domain that is no longer than a label has no label that is too long.
    if state & SHIFT != LETTER || local > LOCAL_OCTETS || path.len() - local > LABEL_OCTETS + 1 {
        return None;
    }
    let (local, host) = posthaste_simd::text::ascii(path)?.split_at_checked(local)?;
    let host = Host::Domain(Domain::checked(host.get(1..)?));
    Some((Mailbox { local: LocalPart::checked(local), host }, rest.get(1..)?))
}

// How far the path is: by how many bits a row of `STEPS` is shifted to bring forward what comes next. So a step
// is a shift, and waits for nothing but the step before it.

/// It is not a usual one.
const WRONG: u64 = 0;
/// An atom begins.
const ATOM: u64 = 6;
/// Within an atom.
const ATEXT: u64 = 12;
/// A label begins.
const LABEL: u64 = 18;
/// Within a label.
const LETTER: u64 = 24;
/// Behind a hyphen of a label. Two of them in a row may make it an A-label.
const HYPHEN: u64 = 30;
/// The bits of a state.
const SHIFT: u64 = 63;

/// By octet: which state follows on each, at the bits that it names.
const STEPS: [u64; 256] = {
    let mut steps = [0; 256];
    let mut c = 0_u8;
    while c < 128 {
        let mut row = WRONG;
        if is_atext(c) {
            row |= ATEXT << ATOM | ATEXT << ATEXT;
        }
        if c.is_ascii_alphanumeric() || c == b'_' {
            row |= LETTER << LABEL | LETTER << LETTER | LETTER << HYPHEN;
        }
        row |= match c {
            b'-' => HYPHEN << LETTER,
            b'.' => ATOM << ATEXT | LABEL << LETTER,
            b'@' => LABEL << ATEXT,
            _ => WRONG,
        };
        steps[c as usize] = row;
        c += 1;
    }
    steps
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
        assert!(usual(std::format!("<a@{long}>").as_bytes()).is_some());
        assert!(usual(std::format!("<a@{long}a>").as_bytes()).is_none());
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
