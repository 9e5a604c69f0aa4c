//! Reading the model: a view is a copy of the account.

use super::model::{Holder, Letter};
use crate::id::{MailboxId, ModSeq, Uid};
use crate::outcome::FlagRow;
use crate::view::{Account, Changes, Fault, Mailbox, Row, View};
use bytes::Bytes;
use std::ops::RangeInclusive;
use std::sync::Arc;

pub(super) struct MemoryView(pub(super) Arc<Holder>);

impl MemoryView {
    fn range(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
    ) -> impl Iterator<Item = (&Uid, &Arc<Letter>)> {
        let folder = self.0.folders.get(&mailbox).filter(|_| !range.is_empty());
        folder.into_iter().flat_map(move |folder| folder.letters.range(range.clone()))
    }
}

impl View for MemoryView {
    fn account(&self) -> &Account {
        &self.0.info
    }

    fn keywords(&self) -> &[Arc<str>] {
        &self.0.keywords
    }

    fn mailboxes(&self) -> Result<Vec<Mailbox>, Fault> {
        Ok(self.0.folders.values().map(|f| f.status()).collect())
    }

    fn mailbox(&self, mailbox: MailboxId) -> Result<Option<Mailbox>, Fault> {
        Ok(self.0.folders.get(&mailbox).map(|f| f.status()))
    }

    fn subscriptions(&self) -> Result<Vec<Arc<str>>, Fault> {
        Ok(self.0.subscriptions.iter().cloned().collect())
    }

    fn setting(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        Ok(self.0.settings.get(name).cloned())
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), Fault> {
        rows.extend(self.range(mailbox, range).take(limit).map(|(_, letter)| letter.row.clone()));
        Ok(())
    }

    fn flags(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<FlagRow>,
    ) -> Result<(), Fault> {
        rows.extend(self.range(mailbox, range).take(limit).map(|(_, letter)| letter.flag_row()));
        Ok(())
    }

    fn changes(&self, mailbox: MailboxId, since: ModSeq) -> Result<Option<Changes>, Fault> {
        let Some(folder) = self.0.folders.get(&mailbox) else { return Err(Fault::Missing) };
        let mut changes = Changes { modseq: folder.modseq, ..Changes::default() };
        let letters = folder.letters.values().filter(|letter| letter.row.modseq > since);
        changes.changed.extend(letters.map(|letter| letter.flag_row()));
        for (_, uids) in folder.vanished.iter().filter(|(modseq, _)| *modseq > since) {
            for range in uids.ranges() {
                changes.vanished.insert_range(range);
            }
        }
        Ok(Some(changes))
    }
}
