//! LANG (RFC 6856 §3): replies are in English, and this says so.

use alloc::vec::Vec;

use super::{Event, Server};
use crate::pop3::command;
use crate::pop3::reply;
use crate::text::Text;

impl Server {
    pub(super) fn lang<'i>(
        &mut self,
        range: Option<Text<'i>>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let Some(range) = range else {
            reply::ok("Languages follow", out);
            out.extend_from_slice(b"en English\r\n");
            reply::dot(out);
            return Event::Lang(Text(b""));
        };
        // A basic range (RFC 4647 §3.3.1) matches our only tag if it is that tag; "*" is what the
        // administrator prefers.
        if range.as_bytes() == b"*" || range.as_bytes().eq_ignore_ascii_case(b"en") {
            reply::ok("en English it is", out);
            return Event::Lang(range);
        }
        self.bad(command::shown(line), "No such language", out)
    }
}
