//! `message/external-body` (RFC 2046 §5.2.3): a body that is somewhere else. It is never fetched here.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::mime::{Message, date::DateTime, head::Head, text::Media};

/// Where a body is and how to get it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalBody<'a> {
    /// How to get it.
    pub access: Access,
    /// Until when it is there.
    pub expiration: Option<DateTime>,
    /// How many octets it has.
    pub size: Option<u64>,
    /// Whether it may be written, too (`permission=read-write`).
    pub writable: bool,
    header: Cow<'a, [u8]>,
}

/// How to get a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ftp`, `anon-ftp` or `tftp`.
    Ftp {
        /// The access type in lower case.
        kind: String,
        /// The host.
        site: String,
        /// The folder.
        directory: Option<String>,
        /// The file.
        name: String,
        /// How it is to be transferred, as `image`.
        mode: Option<String>,
    },
    /// `local-file`: a file that some hosts can reach.
    LocalFile {
        /// The file.
        name: String,
        /// The hosts, by a domain.
        site: Option<String>,
    },
    /// `mail-server`: a mail that asks for it.
    MailServer {
        /// Where the mail goes.
        server: String,
        /// Its subject.
        subject: Option<String>,
        /// Its body, which is the body of the part.
        request: Vec<u8>,
    },
    /// `url` (RFC 2017), blanks taken out.
    Url(String),
    /// Any other access type, in lower case; nothing if none is given.
    Other(String),
}

impl<'a> ExternalBody<'a> {
    /// Where the body of part `index` is; `None` for other parts and without the bytes of the message.
    #[must_use]
    pub fn of(message: &Message<'a>, index: usize) -> Option<Self> {
        let media = Media::of(message, index);
        if !media.is("message", "external-body") {
            return None;
        }
        let text = |name| media.params.decoded(name).map(|value| String::from(&*value));
        let content = message.content(index)?;
        let kind = text("access-type").unwrap_or_default().to_ascii_lowercase();
        let access = match kind.as_str() {
            "ftp" | "anon-ftp" | "tftp" => Access::Ftp {
                site: text("site").unwrap_or_default(),
                directory: text("directory"),
                name: text("name").unwrap_or_default(),
                mode: text("mode"),
                kind,
            },
            "local-file" => {
                Access::LocalFile { name: text("name").unwrap_or_default(), site: text("site") }
            }
            "mail-server" => Access::MailServer {
                server: text("server").unwrap_or_default(),
                subject: text("subject"),
                request: behind_header(&content).to_vec(),
            },
            // RFC 2017 §3: blanks are only there to fold.
            "url" => {
                let url = text("url").unwrap_or_default();
                Access::Url(url.chars().filter(|letter| !letter.is_ascii_whitespace()).collect())
            }
            _ => Access::Other(kind),
        };
        Some(Self {
            access,
            expiration: text("expiration").and_then(|date| DateTime::parse(date.as_bytes())),
            size: text("size").and_then(|size| size.trim().parse().ok()),
            writable: text("permission")
                .is_some_and(|found| found.eq_ignore_ascii_case("read-write")),
            header: content,
        })
    }

    /// The header of the body that is somewhere else: its type and its Content-ID.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head::parse(&self.header)
    }
}

/// What follows the first empty line.
fn behind_header(content: &[u8]) -> &[u8] {
    let mut rest = content;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
        if matches!(line, b"\n" | b"\r\n") {
            return after;
        }
        rest = after;
    }
    &[]
}
