//! DELE and RSET: marks, which count only when QUIT comes.

use alloc::vec::Vec;

use super::{Event, Server, State};
use crate::line::CRLF;
use crate::pop3::command::Number;

impl Server {
    /// RFC 1939 §5.
    pub(super) fn dele<'i>(
        &mut self,
        number: Number,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let State::Transaction(transaction) = &mut self.state else {
            return self.missing(line, out);
        };
        let Some(number) = transaction.find(number) else { return self.missing(line, out) };
        if transaction.deletions.mark(number) {
            let size = transaction.maildrop.size(number);
            transaction.marked = transaction.marked.saturating_add(size);
        }
        out.extend_from_slice(b"+OK Marked\r\n");
        Event::Dele(number)
    }

    /// RFC 1939 §5.
    pub(super) fn rset<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        if let State::Transaction(transaction) = &mut self.state {
            transaction.deletions.clear();
            transaction.marked = 0;
            out.extend_from_slice(b"+OK ");
            transaction.summary(out);
            out.extend_from_slice(CRLF);
        }
        Event::Rset
    }
}
