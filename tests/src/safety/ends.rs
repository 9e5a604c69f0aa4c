//! Ends of data that are none, and the message that somebody hopes to smuggle behind them.
//!
//! Uses nothing, so that tests of other crates can take it in by its path.

/// Octets that somebody may take for the end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The octets.
    pub octets: Vec<u8>,
    /// The octets in words.
    pub name: String,
}

/// What stands around the dot: the true end of a line, and what is taken for one.
const AROUND: [&str; 11] =
    ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "\0", " ", "\x0b", "\x0c", "\u{85}", "\u{2028}"];

/// Forms that are no product of [`AROUND`]: dots that are none, dots that are not alone, octets of other systems
/// that end a text.
const MORE: [&str; 22] = [
    "\r\n..\r\n",
    "\r\n.\0\r\n",
    "\r\n\0.\r\n",
    "\r\n.\r\0\n",
    "\r\n\r.\r\n",
    "\r\n.\r\r\n.\r\n",
    "\r\n.\n\r\n",
    "\r\n.\t\r\n",
    "\r\n. \r\n",
    "\r\n \r\n. \r\n",
    "\r\n\u{feff}.\r\n",
    "\r\n.\u{200b}\r\n",
    "\r\n\u{ff0e}\r\n",
    "\r\n\u{3002}\r\n",
    "\r\n\u{2024}\r\n",
    "\r\n=2E\r\n",
    "\r\n%2e\r\n",
    "\r\n.\x1a\r\n",
    "\r\n\x1a\r\n",
    "\r\n\x04\r\n",
    "\r\n\x08.\r\n",
    "\r\n.\x7f\r\n",
];

/// Every form: the products of what may stand around a dot, without the true end, and more.
#[must_use]
pub fn forms() -> Vec<Form> {
    let products = AROUND
        .iter()
        .flat_map(|before| AROUND.iter().map(move |after| format!("{before}.{after}")))
        .filter(|form| form != "\r\n.\r\n");
    let more = MORE.iter().map(|form| (*form).to_owned());
    products
        .chain(more)
        .map(|form| Form { name: words(form.as_bytes()), octets: form.into_bytes() })
        .collect()
}

/// The message around a form: its header, which tells it from what is smuggled.
pub const OUTER: &str = "Subject: outer\r\n\r\ntext";

/// What is hidden behind a form: another message, between these two.
#[must_use]
pub fn inner(from: &str, to: &str) -> String {
    format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: inner\r\n\r\nsmuggled\r\n")
}

/// The whole text of a message that holds a form and, behind it, another message.
#[must_use]
pub fn text(form: &Form, from: &str, to: &str) -> Vec<u8> {
    [OUTER.as_bytes(), &form.octets, inner(from, to).as_bytes()].concat()
}

/// Octets in words: `CR LF . NUL`.
#[must_use]
pub fn words(octets: &[u8]) -> String {
    let word = |c: char| match c {
        '\r' => "CR".to_owned(),
        '\n' => "LF".to_owned(),
        '\0' => "NUL".to_owned(),
        ' ' => "SP".to_owned(),
        '\t' => "HT".to_owned(),
        '\x0b' => "VT".to_owned(),
        '\x0c' => "FF".to_owned(),
        '\u{85}' => "NEL".to_owned(),
        '!'..='~' => c.to_string(),
        '\0'..='\x7f' => format!("0x{:02x}", u32::from(c)),
        _ => format!("U+{:04X}", u32::from(c)),
    };
    String::from_utf8_lossy(octets).chars().map(word).collect::<Vec<_>>().join(" ")
}
