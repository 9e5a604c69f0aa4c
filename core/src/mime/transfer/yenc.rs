//! yEnc, noticed and left as it is: no mail format allows it (www.yenc.org, draft 1.3), yet it comes
//! over from news.

use memchr::{memchr, memmem};

/// What the first line of a yEnc file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yenc<'a> {
    /// Where its line starts in the text.
    pub at: usize,
    /// How long its lines are.
    pub line: u32,
    /// How many octets the file has.
    pub size: u64,
    /// The file's name: octets of no known charset.
    pub name: &'a [u8],
}

impl<'a> Yenc<'a> {
    /// The first line of `text` that reads `=ybegin ... line=L size=S name=N`.
    #[must_use]
    pub fn find(text: &'a [u8]) -> Option<Self> {
        memmem::find_iter(text, b"=ybegin ").find_map(|at| {
            if at > 0 && text.get(at - 1) != Some(&b'\n') {
                return None;
            }
            let line = text.get(at + b"=ybegin ".len()..)?;
            let line = line.get(..memchr(b'\n', line)?)?;
            let name_at = memmem::find(line, b"name=")?;
            let (numbers, name) = line.split_at_checked(name_at)?;
            let name = name.strip_prefix(b"name=")?.trim_ascii();
            let number = |key: &[u8]| {
                let mut words = numbers.split(u8::is_ascii_whitespace);
                let value = words.find_map(|word| word.strip_prefix(key))?;
                core::str::from_utf8(value).ok()?.parse::<u64>().ok()
            };
            let line = u32::try_from(number(b"line=")?).ok()?;
            (!name.is_empty()).then_some(Self { at, line, size: number(b"size=")?, name })
        })
    }
}
