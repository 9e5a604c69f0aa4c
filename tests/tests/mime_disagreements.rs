//! Where MIME parsers disagree, and what we chose: a test for each kind of malformed mail in which two
//! parsers may see different messages. What others make of the same files: `tests/compare/TOLERANCE.md`.

use std::{fs, path::Path};

use posthaste_core::mime::{Defects, Limits, Message, Scanner, Structure, transfer};

/// One of `tests/compare/deviations`, and its tree.
struct Mail {
    octets: Vec<u8>,
    tree: Structure,
}

impl Mail {
    fn of(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/deviations");
        let octets = fs::read(folder.join(name).with_extension("eml")).expect("a deviation");
        let tree = Structure::of(&octets);
        Self { octets, tree }
    }

    fn message(&self) -> Message<'_> {
        Message::new(&self.tree, &self.octets)
    }

    /// The types of all parts, those within in parentheses.
    fn structure(&self) -> String {
        self.shape(0)
    }

    fn shape(&self, index: usize) -> String {
        let part = self.message().body_part(index).expect("a part");
        let (kind, subtype) = part.media_type();
        let mut shape = String::from_utf8_lossy(&[kind, b"/", subtype].concat()).into_owned();
        let within: Vec<String> =
            self.tree.children(index).map(|child| self.shape(child)).collect();
        if !within.is_empty() {
            shape += &format!("({})", within.join(" "));
        }
        shape
    }

    /// The content of the part that a section path names.
    fn content(&self, path: &[u32]) -> String {
        let part = self.tree.part(self.tree.find(path).expect("a part")).expect("a part");
        let content = transfer::decode(part.encoding(), part.body().of(&self.octets));
        String::from_utf8_lossy(&content.expect("a known encoding")).into_owned()
    }

    fn subject(&self) -> String {
        self.message().subject().expect("a subject").into_owned()
    }

    /// The file name of the message.
    fn file_name(&self) -> Option<String> {
        self.message().head(0).file_name().map(|name| name.into_owned())
    }

    #[track_caller]
    fn has(&self, defects: &[Defects]) {
        for defect in defects {
            let found: Vec<_> = self.tree.defects().names().collect();
            assert!(self.tree.defects().contains(*defect), "only {found:?}");
        }
    }
}

/// RFC 2046 §5.1.1 lets a comparison end with the boundary; then `--abc` would be a delimiter of the
/// boundary `ab`, and whoever compares so sees other parts than whoever does not.
#[test]
fn a_boundary_that_is_a_prefix_of_another_does_not_match_the_longer_one() {
    let mail = Mail::of("boundary-prefix-of-another");
    assert_eq!(
        mail.structure(),
        "multipart/mixed(multipart/alternative(text/plain text/html) text/css)"
    );
    mail.has(&[Defects::BOUNDARY_REUSED]);
}

/// RFC 2046 §5.1.2: a message that was cut off still shows what came, to its last octet.
#[test]
fn the_last_part_of_a_multipart_that_is_not_closed_reaches_to_the_end() {
    let mail = Mail::of("close-delimiter-missing");
    assert_eq!(mail.structure(), "multipart/mixed(text/plain text/html)");
    assert_eq!(mail.content(&[2]), "two\r\n");
    mail.has(&[Defects::NOT_CLOSED]);
}

/// RFC 2046 §5.1.1: what stands before the first delimiter is preamble, even if it looks like a part:
/// nobody shows it.
#[test]
fn a_part_whose_first_delimiter_is_missing_is_preamble() {
    assert_eq!(Mail::of("first-delimiter-missing").structure(), "multipart/mixed(text/html)");
    let none = Mail::of("delimiters-missing");
    assert_eq!(none.structure(), "multipart/mixed");
    none.has(&[Defects::NO_DELIMITER, Defects::NOT_CLOSED]);
}

/// RFC 5322 §3.6 and RFC 2045 §5 allow one. mail-parser and GMime believe the last; the first is what
/// Python and Dovecot believe, and the mark tells filters that others may see another message.
#[test]
fn of_two_content_types_the_first_counts() {
    let mail = Mail::of("two-content-types");
    assert_eq!(mail.structure(), "multipart/mixed(text/plain)");
    mail.has(&[Defects::TWO_TYPES]);
}

/// RFC 2045 §5.1: a parameter is there once. Peers agree on the first.
#[test]
fn of_two_boundary_parameters_the_first_counts() {
    let mail = Mail::of("two-boundary-parameters");
    assert_eq!(mail.structure(), "multipart/mixed(text/plain)");
    assert_eq!(mail.content(&[1]), "one");
}

/// RFC 2046 §5.1.1: a delimiter starts a line; blanks before it are text.
#[test]
fn a_boundary_in_mid_line_is_text() {
    let mail = Mail::of("boundary-in-mid-line");
    assert_eq!(mail.content(&[1]), "one --b\r\nand more text --b--");
    let mail = Mail::of("delimiter-after-blanks");
    assert_eq!(mail.structure(), "multipart/mixed(text/plain)");
}

/// RFC 2046 §5.1.1: padding is blanks; its note lets anything follow. Behind a blank it is passed over,
/// as mail-parser and Dovecot do; what follows at once makes it another line, since it may be another
/// boundary.
#[test]
fn a_delimiter_with_trailing_junk_is_one_if_a_blank_stands_between() {
    let mail = Mail::of("delimiter-with-junk");
    assert_eq!(mail.structure(), "multipart/mixed(text/plain)");
    assert!(mail.content(&[1]).contains("--bjunk"), "{}", mail.content(&[1]));
    assert!(!mail.content(&[1]).contains("epilogue"));
    mail.has(&[Defects::BOUNDARY_PREFIX]);
    let padded = Mail::of("delimiter-with-blanks");
    assert_eq!(padded.structure(), "multipart/mixed(text/plain text/html)");
    assert!(padded.tree.defects().is_empty());
}

/// RFC 2046 §5.1.1: the part has no body; all peers agree.
#[test]
fn a_delimiter_within_a_header_ends_it() {
    let mail = Mail::of("boundary-in-header");
    assert_eq!(mail.structure(), "multipart/mixed(text/html text/plain)");
    assert_eq!(mail.content(&[1]), "");
    mail.has(&[Defects::BOUNDARY_IN_HEADER, Defects::NO_BLANK_LINE]);
}

/// RFC 2046 §5.1.2 does not allow it. The innermost open multipart is meant; when it is closed, the one
/// around it has its boundary back. Python gives all parts to the outer one.
#[test]
fn a_boundary_in_use_at_two_levels_belongs_to_the_innermost() {
    let mail = Mail::of("boundary-reused");
    assert_eq!(
        mail.structure(),
        "multipart/mixed(multipart/alternative(text/plain text/html) text/css)"
    );
    mail.has(&[Defects::BOUNDARY_REUSED]);
}

/// RFC 2046 §5.1.1: a boundary has at least one character. GMime, Python and Dovecot let every line `--`
/// delimit, which is how signatures start.
#[test]
fn an_empty_boundary_delimits_nothing() {
    for name in ["boundary-empty", "boundary-missing"] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), "multipart/mixed", "{name}");
        mail.has(&[Defects::NO_BOUNDARY]);
    }
}

/// RFC 2046 §5.1.1 (bchars): mailers write other characters, and who refuses them misses the parts. It is
/// taken as it stands: an encoded word in it is not decoded (RFC 2047 §5 (3)), though mail-parser and GMime do.
#[test]
fn an_invalid_boundary_is_taken_as_it_stands() {
    for name in ["boundary-illegal-characters", "boundary-unquoted-specials"] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), "multipart/mixed(text/plain)", "{name}");
        assert!(mail.tree.defects().is_empty());
    }
    assert_eq!(Mail::of("boundary-encoded-word").structure(), "multipart/mixed(text/html)");
}

/// RFC 2046 §5.1.1 allows 70 octets; some mailers write more, and all peers but Dovecot compare it whole.
#[test]
fn a_boundary_of_more_than_70_octets_counts_whole() {
    for name in ["boundary-of-120", "boundary-of-1100"] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), "multipart/mixed(text/plain)", "{name}");
        assert_eq!(mail.content(&[1]), "one", "{name}");
    }
}

/// RFC 2231 §4: the boundary is what the parameter means, not how it is written; RFC 2046 §5.1.1 forbids
/// blanks at its end, and where one has them, they count.
#[test]
fn a_boundary_is_what_its_parameter_means() {
    for (name, content) in [
        ("boundary-by-rfc2231", "one"),
        ("boundary-in-rfc2231-pieces", "one"),
        ("boundary-with-blank-at-end", "one"),
    ] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), "multipart/mixed(text/plain)", "{name}");
        assert_eq!(mail.content(&[1]), content, "{name}");
    }
}

/// RFC 2045 §6.4 allows only identity encodings: nothing is undone, so that parts are found where they
/// stand, and what hides them is marked.
#[test]
fn the_transfer_encoding_of_a_multipart_is_not_undone() {
    for (name, structure) in [
        ("multipart-base64", "multipart/mixed"),
        ("multipart-quoted-printable", "multipart/mixed(text/plain text/html)"),
        ("multipart-labelled-base64", "multipart/mixed(text/plain text/html)"),
    ] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), structure, "{name}");
        mail.has(&[Defects::ENCODED_PARTS]);
    }
    assert_eq!(Mail::of("multipart-quoted-printable").content(&[1]), "o=6Ee");
}

/// RFC 4155: an mbox line got into the message, perhaps quoted. It is no field and passed over.
#[test]
fn an_mbox_line_in_front_is_passed_over() {
    for name in ["mbox-from-line-first", "quoted-mbox-from-line-first"] {
        let mail = Mail::of(name);
        assert_eq!(mail.subject(), "test", "{name}");
        assert_eq!(mail.content(&[1]), "text\r\n", "{name}");
        mail.has(&[Defects::BAD_FIELD]);
    }
}

/// RFC 5322 §2.1: an empty line ends the header, also the first one: the message has no fields. A line of
/// blanks is none (§4.2), though mail-parser ends the header there.
#[test]
fn a_blank_line_in_front_ends_the_header() {
    let mail = Mail::of("blank-line-first");
    assert_eq!(mail.message().fields(0).count(), 0);
    assert!(mail.content(&[1]).starts_with("From: ann@example.org"));
    assert_eq!(Mail::of("line-of-blanks-first").subject(), "test");
}

/// RFC 6532 §3: UTF-8 without encoding. What is not UTF-8 is what old mailers meant: windows-1252.
#[test]
fn raw_8bit_headers_are_utf8_or_else_windows_1252() {
    assert_eq!(Mail::of("header-utf8-cut").subject(), "Списо\u{fffd}");
    for name in ["header-utf8", "header-latin1"] {
        let mail = Mail::of(name);
        assert_eq!(mail.subject(), "Grüße", "{name}");
        mail.has(&[Defects::EIGHT_BIT_HEADER]);
    }
}

/// RFC 2047 §3: each word starts and ends in ASCII, so that words of a stateful charset are decoded one by
/// one; mail-parser joins their octets and shows U+FFFD between. Octets of UTF-8 are joined, as mailers
/// cut characters there (§5 forbids it).
#[test]
fn words_of_a_stateful_charset_are_decoded_one_by_one_and_others_joined() {
    assert_eq!(Mail::of("iso-2022-jp-across-words").subject(), "テストテスト");
    assert_eq!(Mail::of("utf8-character-across-words").subject(), "Grüße");
}

/// RFC 2231 §3, §4.1: pieces are joined in the order of their numbers, and only those with a star are
/// percent-decoded.
#[test]
fn a_file_name_is_joined_from_its_rfc_2231_pieces() {
    let name = |file| Mail::of(file).file_name();
    assert_eq!(name("file-name-in-rfc2231-pieces").as_deref(), Some("naïve .txt"));
    assert_eq!(name("file-name-pieces-out-of-order").as_deref(), Some("ab.txt"));
    // As browsers do (RFC 6266 §4.3); mail-parser, GMime and Python take the plain form.
    assert_eq!(name("file-name-plain-and-rfc2231").as_deref(), Some("naïve.txt"));
}

/// RFC 2047 §5 (3) forbids encoded words there, most mailers write them.
#[test]
fn an_encoded_word_in_a_file_name_is_decoded() {
    for file in ["file-name-encoded-word-in-quotes", "file-name-encoded-word-bare"] {
        assert_eq!(Mail::of(file).file_name().as_deref(), Some("naïve.txt"), "{file}");
    }
}

/// RFC 2183 §2.3; `name` is what came before it (RFC 2046 §4.5.1).
#[test]
fn filename_wins_over_name() {
    assert_eq!(Mail::of("name-against-filename").file_name().as_deref(), Some("disposition.exe"));
    assert_eq!(Mail::of("name-only").file_name().as_deref(), Some("type.txt"));
}

/// RFC 2045 §5.2: what has no subtype is text; but a file named so is still one, and who only looks at
/// types that can be read lets it past.
#[test]
fn a_type_that_cannot_be_read_still_names_a_file() {
    let mail = Mail::of("name-of-type-without-subtype");
    assert_eq!(mail.structure(), "text/plain");
    assert_eq!(mail.file_name().as_deref(), Some("type.exe"));
    mail.has(&[Defects::BAD_TYPE]);
}

/// RFC 5322 §3.4: nobody knows what is meant where a comma or the brackets are missing. No address
/// swallows another one, and what stands before the last word is a name.
#[test]
fn addresses_without_commas_or_brackets_are_read_one_by_one() {
    let addresses = |name| -> Vec<String> {
        let mail = Mail::of(name);
        mail.message().from().mailboxes().map(|one| one.address().into_owned()).collect()
    };
    assert_eq!(addresses("address-without-comma"), ["ann@example.org", "carl@example.org"]);
    assert_eq!(addresses("address-without-brackets"), ["ann@example.org"]);
    assert_eq!(addresses("address-semicolons"), ["ann@example.org", "carl@example.org"]);
}

/// RFC 2046 §5.1.1: behind the last delimiter the boundary means nothing; who goes on finds a part that
/// nobody else shows.
#[test]
fn a_boundary_in_the_epilogue_is_text() {
    assert_eq!(Mail::of("epilogue-with-boundary").structure(), "multipart/mixed(text/plain)");
}

/// RFC 2046 §5.1.2: a delimiter of an outer multipart ends all that is open within.
#[test]
fn an_outer_delimiter_ends_what_is_open_within() {
    let mail = Mail::of("delimiter-of-outer-in-message");
    assert_eq!(
        mail.structure(),
        "multipart/mixed(message/rfc822(multipart/mixed(text/plain)) text/html)"
    );
    mail.has(&[Defects::NOT_CLOSED]);
}

/// RFC 5322 §2.3 forbids bare CR and LF. An LF ends a line, as in files; a CR does not, as nobody but
/// Python takes it for one.
#[test]
fn a_bare_lf_ends_a_line_and_a_bare_cr_does_not() {
    for name in ["bare-lf", "mixed-line-ends"] {
        let mail = Mail::of(name);
        assert_eq!(mail.structure(), "multipart/mixed(text/plain text/html)", "{name}");
        mail.has(&[Defects::BARE_LF]);
    }
    assert_eq!(Mail::of("bare-cr").structure(), "text/plain");
}

/// Every deviation can be read, and gives one tree at every cutting.
#[test]
fn every_deviation_gives_one_tree_at_every_cutting() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/deviations");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "eml") {
            continue;
        }
        let octets = fs::read(&path).unwrap();
        let whole = Structure::of(&octets);
        for piece in [1, 2, 3, 5, 64] {
            let mut scanner = Scanner::new(Limits::DEFAULT);
            octets.chunks(piece).for_each(|piece| scanner.feed(piece));
            assert_eq!(scanner.finish(), whole, "{} in pieces of {piece}", path.display());
        }
        count += 1;
    }
    assert!(count > 90, "{count}");
}
