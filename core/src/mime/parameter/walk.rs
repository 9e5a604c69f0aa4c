//! The walk over parameters as they stand.

use posthaste_simd::octets::Set;

use super::{MIME_PARAMS, Param};
use crate::mime::lexer::{BLANK, Lexer, NO_TOKEN, Stops, TOKEN, is_blank, run};

/// The next parameter. What is no parameter is passed over.
pub(super) fn next<'a>(lexer: &mut Lexer<'a>) -> Option<Param<'a>> {
    loop {
        lexer.cfws();
        lexer.peek()?;
        let name = lexer.take(TOKEN);
        lexer.cfws();
        if name.is_empty() || !lexer.eat(b'=') {
            skip_to_next(lexer);
            continue;
        }
        lexer.cfws();
        if lexer.peek() == Some(b'"') {
            let value = lexer.quoted();
            lexer.cfws();
            if !starts_param(*lexer) {
                skip_to_next(lexer);
            }
            return Some(Param { name, value, quoted: true });
        }
        return Some(Param { name, value: bare_value(lexer), quoted: false });
    }
}

/// A value without quotes: to the next `;`, or to the blank before a comment or another parameter
/// (mailers forget the `;` at a fold); other blanks within are kept, as in `name=my file.txt`.
fn bare_value<'a>(lexer: &mut Lexer<'a>) -> &'a [u8] {
    let start = lexer.rest();
    // Nearly all are a token and nothing else.
    let token = lexer.take(TOKEN);
    match lexer.peek() {
        None => return token,
        Some(b';') => {
            lexer.bump();
            return token;
        }
        Some(_) => {}
    }
    let end = loop {
        lexer.take_while(|octet| octet != b';' && !is_blank(octet));
        let end = start.len() - lexer.rest().len();
        lexer.blanks();
        match lexer.peek() {
            Some(b'(') => {
                lexer.cfws();
                if !starts_param(*lexer) {
                    skip_to_next(lexer);
                }
                break end;
            }
            Some(b';') => {
                lexer.bump();
                break end;
            }
            None => break end,
            Some(_) if starts_param(*lexer) => break end,
            Some(_) => {}
        }
    };
    start.get(..end).unwrap_or_default()
}

/// Steps over parameters up to the end; `None` where [one is not plain](Params::is_plain).
pub(super) fn plain(mut lexer: Lexer<'_>) -> Option<()> {
    loop {
        closed_cfws(&mut lexer)?;
        match lexer.peek() {
            None => return Some(()),
            Some(b';') => lexer.bump(),
            Some(_) => return None,
        }
        closed_cfws(&mut lexer)?;
        if matches!(lexer.peek(), None | Some(b';')) {
            continue;
        }
        if lexer.take(TOKEN).is_empty() {
            return None;
        }
        closed_cfws(&mut lexer)?;
        lexer.eat(b'=').then_some(())?;
        closed_cfws(&mut lexer)?;
        if lexer.peek() == Some(b'"') {
            closed(&mut lexer, Lexer::quoted)?;
        } else {
            lexer.take_while(|octet| !matches!(octet, b';' | b'"' | b'(') && !is_blank(octet));
            if matches!(lexer.peek(), Some(b'"' | b'(')) {
                return None;
            }
        }
    }
}

/// Steps over blanks and comments; `None` where a comment does not end.
fn closed_cfws(lexer: &mut Lexer<'_>) -> Option<()> {
    lexer.blanks();
    while lexer.peek() == Some(b'(') {
        closed(lexer, Lexer::comment)?;
        lexer.blanks();
    }
    Some(())
}

/// Steps over what stands between two octets; `None` where the second one is missing.
fn closed<'a>(lexer: &mut Lexer<'a>, step: impl Fn(&mut Lexer<'a>) -> &'a [u8]) -> Option<()> {
    let start = lexer.rest().len();
    let inner = step(lexer).len();
    (start - lexer.rest().len() == inner + 2).then_some(())
}

/// Whether `name=` stands here. Looks at no more than a name may be long.
fn starts_param(mut lexer: Lexer<'_>) -> bool {
    let window = lexer.rest();
    lexer = Lexer::new(window.get(..LONGEST_NAME).unwrap_or(window));
    !lexer.take(TOKEN).is_empty() && lexer.eat(b'=')
}

/// Goes on behind the next `;` that stands in no quoted string.
fn skip_to_next(lexer: &mut Lexer<'_>) {
    loop {
        lexer.take_while(|octet| octet != b';' && octet != b'"');
        match lexer.peek() {
            Some(b'"') => _ = lexer.quoted(),
            _ => return lexer.bump(),
        }
    }
}

/// See [`Params::only`](super::Params::only), but for bare CRs.
pub(super) fn only<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (mut tokens, mut quotes) = (Stops::new(text, &NO_TOKEN), Stops::new(text, &IN_QUOTES));
    let (mut at, mut found) = (0, None);
    for _ in 0..=MIME_PARAMS {
        at = run(text, at, BLANK);
        match text.get(at) {
            None => return found,
            Some(b';') => at = run(text, at + 1, BLANK),
            Some(_) => return None,
        }
        if matches!(text.get(at), None | Some(b';')) {
            continue;
        }
        let equals = tokens.next(at);
        let here = text.get(at..equals).filter(|here| !here.is_empty())?;
        let value = match text.get(equals..)? {
            [b'=', b'"', ..] => {
                let end = quotes.next(equals + 2);
                at = end + 1;
                text.get(equals + 2..end).filter(|_| text.get(end) == Some(&b'"'))?
            }
            [b'=', value @ ..] => {
                let ends = |octet: &u8| matches!(octet, b';' | b'"' | b'(') || is_blank(*octet);
                let len = value.iter().position(ends).unwrap_or(value.len());
                at = equals + 1 + len;
                value.get(..len)?
            }
            _ => return None,
        };
        let is_name = |start: &[u8]| start.eq_ignore_ascii_case(name.as_bytes());
        if here.get(..name.len()).is_some_and(is_name) {
            if here.len() > name.len() || found.is_some() {
                return None;
            }
            found = Some(value);
        }
    }
    None
}

/// What does not stand for itself in quotes, but for CR.
static IN_QUOTES: Set = Set::of(b"\"\\\n");

/// How long a name may be for a parameter to be seen where its `;` is missing.
const LONGEST_NAME: usize = 64;
