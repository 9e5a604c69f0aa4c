//! Fields with typed values, written.

use alloc::vec::Vec;

use super::{
    error::{Fault, Unfit},
    fold::{Folder, chunks},
    parameter,
    part::Value,
    value::{Address, Disposition, Mailbox, MediaType, MessageId},
    words,
};
use crate::mime::{HEADER_ADDRESSES, MIME_PARAMS, date::DateTime};

/// Writes the field `name`.
pub(super) fn write(
    name: &str,
    value: &Value<'_>,
    utf8: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let mut to = Folder::new(name, out);
    match value {
        Value::Addresses(list) => addresses(name, list, utf8, &mut to)?,
        Value::Date(date) => self::date(name, date, &mut to)?,
        Value::Ids(ids) => identifiers(name, ids, utf8, &mut to)?,
        Value::Structured(value) => {
            chunks(value.as_str())
                .for_each(|(blanks, word)| to.spaced(blanks.max(1), word.as_bytes()));
        }
        Value::Text(text) => words::text(text.as_str(), utf8, &mut to),
    }
    to.end();
    Ok(())
}

/// Writes Content-Type. `own` is a parameter that the builder gives, in place of one by the same
/// name.
pub(super) fn media(
    media: &MediaType<'_>,
    own: &[u8],
    utf8: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let mut to = Folder::new("Content-Type", out);
    to.leave(1);
    to.word(media.essence().as_bytes());
    let own_name = own.split(|octet| *octet == b'=').next().unwrap_or_default();
    let params = media
        .params
        .iter()
        .filter(|param| !param.name.as_str().as_bytes().eq_ignore_ascii_case(own_name));
    let pieces = parameter::write(params, utf8, &mut to);
    if !own.is_empty() {
        parameter::piece(own, &mut to);
    }
    to.end();
    few(pieces)
}

/// Writes Content-Disposition.
pub(super) fn disposition(
    disposition: &Disposition<'_>,
    utf8: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let mut to = Folder::new("Content-Disposition", out);
    to.leave(1);
    to.word(disposition.kind.as_str().as_bytes());
    let pieces = parameter::write(&disposition.params, utf8, &mut to);
    to.end();
    few(pieces)
}

/// Not more parameters than a reader looks at.
const fn few(pieces: usize) -> Result<(), Unfit> {
    if pieces >= MIME_PARAMS {
        return Err(Unfit::new("parameters", Fault::Long(MIME_PARAMS)));
    }
    Ok(())
}

fn addresses(
    name: &str,
    list: &[Address<'_>],
    utf8: bool,
    to: &mut Folder<'_>,
) -> Result<(), Unfit> {
    let entries = list.iter().map(|address| match address {
        Address::Mailbox(_) => 1,
        Address::Group(_, members) => members.len() + 2,
    });
    if entries.sum::<usize>() > HEADER_ADDRESSES {
        return Err(Unfit::field(name, Fault::Long(HEADER_ADDRESSES)));
    }
    if list.is_empty() {
        return Err(Unfit::field(name, Fault::Empty));
    }
    for (at, address) in list.iter().enumerate() {
        let end = if at + 1 < list.len() { "," } else { "" };
        match address {
            Address::Mailbox(one) => mailbox(name, one, end, utf8, to)?,
            Address::Group(phrase, members) => {
                // `:;,`
                to.leave(3);
                if words::phrase(phrase.as_str(), utf8, to) {
                    to.word(b":");
                } else {
                    to.join(b":");
                }
                for (at, member) in members.iter().enumerate() {
                    let end = if at + 1 < members.len() { "," } else { "" };
                    mailbox(name, member, end, utf8, to)?;
                }
                to.join(b";");
                to.join(end.as_bytes());
                to.leave(0);
            }
        }
    }
    Ok(())
}

fn mailbox(
    name: &str,
    mailbox: &Mailbox<'_>,
    end: &str,
    utf8: bool,
    to: &mut Folder<'_>,
) -> Result<(), Unfit> {
    let address = mailbox.address.as_str();
    if !utf8 && !address.is_ascii() {
        return Err(Unfit::field(name, Fault::Ascii));
    }
    let mut word = Vec::with_capacity(address.len() + 3);
    if let Some(phrase) = &mailbox.name {
        words::phrase(phrase.as_str(), utf8, to);
        word.push(b'<');
        word.extend_from_slice(address.as_bytes());
        word.push(b'>');
    } else {
        word.extend_from_slice(address.as_bytes());
    }
    word.extend_from_slice(end.as_bytes());
    to.word(&word);
    Ok(())
}

fn identifiers(
    name: &str,
    ids: &[MessageId<'_>],
    utf8: bool,
    to: &mut Folder<'_>,
) -> Result<(), Unfit> {
    if ids.is_empty() {
        return Err(Unfit::field(name, Fault::Empty));
    }
    let mut word = Vec::new();
    for id in ids {
        let id = id.as_str();
        if !utf8 && !id.is_ascii() {
            return Err(Unfit::field(name, Fault::Ascii));
        }
        word.clear();
        word.push(b'<');
        word.extend_from_slice(id.as_bytes());
        word.push(b'>');
        to.word(&word);
    }
    Ok(())
}

/// The fields of a [`DateTime`] may hold anything; a header holds days that are.
fn date(name: &str, date: &DateTime, to: &mut Folder<'_>) -> Result<(), Unfit> {
    let mut text = Vec::with_capacity(32);
    date.write_rfc5322(&mut text);
    if DateTime::parse(&text) != Some(*date) {
        return Err(Unfit::field(name, Fault::Form));
    }
    to.word(&text);
    Ok(())
}
