//! What an account does with the mails of the selected mailbox.

use posthaste_core::imap::command::{By, Change, CopyTo, Fetch, Search, Store};
use posthaste_core::imap::fetch::{Place, Plan, Progress};
use posthaste_core::imap::response::{Code, Reply, Responses, Seam, Status};
use posthaste_core::imap::search::{Found, Query};
use posthaste_core::imap::view::Set;
use posthaste_core::imap::{Flag, Tag};

use super::{Account, Fetching, Folder, keep};

impl Account {
    pub(super) fn folder(&mut self) -> &mut Folder {
        let name = self.selected.as_ref().expect("the machine saw that one is selected");
        self.folders.get_mut(name).expect("it was not deleted")
    }

    pub(super) fn fetch(&mut self, fetch: &Fetch<'_>) -> Reply {
        let Ok(picked) = self.view.pick(&fetch.set, fetch.by) else {
            return Responses::new().bad("No such message");
        };
        let mut rows: Vec<_> = self.view.each(&picked).collect();
        rows.reverse();
        let reads = Plan::sets_seen(fetch) && !self.read_only;
        let plan = Plan::new(fetch, self.mode);
        self.plan = Some(Fetching { plan, place: Place::default(), rows, reads });
        self.seam = Seam::WHOLE;
        self.next()
    }

    /// Goes on with the FETCH.
    pub(in crate::transcript::imap) fn next(&mut self) -> Reply {
        let mut out = Responses::resume(self.seam).mode(self.mode);
        let Some(Fetching { plan, mut place, mut rows, reads }) = self.plan.take() else {
            return out.bad("Nothing is being fetched");
        };
        while let Some(&(seq, uid)) = rows.last() {
            let folder = self.folder();
            let modseq = folder.modseq + 1;
            let Some(mail) = folder.mails.iter_mut().find(|mail| mail.uid == uid) else {
                rows.pop();
                continue;
            };
            if !plan.wants(mail.modseq) {
                rows.pop();
                continue;
            }
            let newly_seen = reads && !mail.has(Flag::Seen);
            if newly_seen {
                mail.flags.push(Flag::Seen);
                mail.modseq = modseq;
                folder.modseq = modseq;
            }
            let mail = self.folder().mail(uid).expect("it was there");
            let body = mail.body.clone();
            let facts = mail.facts(seq, newly_seen);
            let progress = plan.row(&mut place, &facts, &mut &body[..], &mut out);
            if progress == Ok(Progress::Done) {
                rows.pop();
            }
            if progress == Ok(Progress::Part) || out.is_full() {
                self.seam = out.seam();
                self.plan = Some(Fetching { plan, place, rows, reads });
                return out.part();
            }
        }
        plan.done(&place, out)
    }

    pub(super) fn search(&mut self, search: &Search<'_>, tag: Tag<'_>) -> Reply {
        let query = match Query::new(search, &self.view) {
            Ok(query) => query,
            Err(refusal) => return refusal.reply(),
        };
        let mut found = Found::new(search, self.mode);
        let uids: Vec<u32> = self.view.uids().collect();
        for (seq, uid) in (1..).zip(uids) {
            let Some(mail) = self.folder().mail(uid) else { continue };
            let facts = mail.facts(seq, false);
            if query.matches(&facts, &mut &mail.body[..]) == Ok(true) {
                found.push(&facts);
            }
        }
        found.save(&mut self.view);
        let mut out = Responses::with(self.mode);
        found.write(tag, &mut out);
        out.ok("SEARCH completed")
    }

    pub(super) fn store(&mut self, store: &Store<'_>) -> Reply {
        let mut out = Responses::with(self.mode);
        if self.read_only {
            return out.no(Code::ReadOnly, "The mailbox is open for reading");
        }
        let Ok(picked) = self.view.pick(&store.set, store.by) else {
            return out.bad("No such message");
        };
        let wanted: Vec<Flag<'static>> = store.flags.iter().map(keep).collect();
        let condstore = self.mode.condstore;
        let rows: Vec<_> = self.view.each(&picked).collect();
        let mut modified = Set::new();
        for (seq, uid) in rows {
            let folder = self.folder();
            let modseq = folder.modseq + 1;
            let Some(mail) = folder.mails.iter_mut().find(|mail| mail.uid == uid) else { continue };
            if store.unchanged_since.is_some_and(|since| mail.modseq > since) {
                modified.push(if store.by == By::Uid { uid } else { seq });
                continue;
            }
            match store.change {
                Change::Add => {
                    let new: Vec<_> =
                        wanted.iter().filter(|flag| !mail.flags.contains(flag)).copied().collect();
                    mail.flags.extend(new);
                }
                Change::Remove => mail.flags.retain(|flag| !wanted.contains(flag)),
                Change::Replace => mail.flags.clone_from(&wanted),
            }
            mail.modseq = modseq;
            let flags = mail.flags.clone();
            folder.modseq = modseq;
            if store.silent && !condstore {
                continue;
            }
            let mut row = out.row(seq);
            if store.by == By::Uid {
                row = row.uid(uid);
            }
            if !store.silent {
                row = row.flags(flags);
            }
            if condstore {
                row = row.modseq(modseq);
            }
            row.end();
        }
        if modified.is_empty() {
            return out.ok("STORE completed");
        }
        out.done(Status::Ok, Some(&Code::Modified(modified.ranges())), "Some had changed")
    }

    /// Copies; which messages, and where to.
    pub(super) fn copied(&mut self, copy: &CopyTo<'_>) -> Result<(u32, Set, Set), Reply> {
        let out = Responses::with(self.mode);
        let Some(name) = self.existing(&copy.mailbox) else {
            return Err(out.no(Code::TryCreate, "No such mailbox"));
        };
        let Ok(picked) = self.view.pick(&copy.set, copy.by) else {
            return Err(out.bad("No such message"));
        };
        let here = self.view.uids_of(&picked);
        let mails: Vec<_> = here
            .iter()
            .filter_map(|uid| {
                let mail = self.folder().mail(uid)?;
                Some((mail.body.clone(), mail.flags.clone(), mail.date))
            })
            .collect();
        let folder = self.folders.get_mut(&name).expect("it exists");
        let there =
            mails.iter().map(|(body, flags, date)| folder.deliver(body, flags, *date)).collect();
        Ok((folder.validity, here, there))
    }

    pub(super) fn copy(&mut self, copy: &CopyTo<'_>) -> Reply {
        match self.copied(copy) {
            Err(reply) => reply,
            Ok((validity, here, there)) => {
                let code = Code::CopyUid(validity, here.ranges(), there.ranges());
                Responses::with(self.mode).done(Status::Ok, Some(&code), "COPY completed").changed()
            }
        }
    }

    pub(super) fn move_to(&mut self, copy: &CopyTo<'_>) -> Reply {
        match self.copied(copy) {
            Err(reply) => reply,
            Ok((validity, here, there)) => {
                let mut out = Responses::with(self.mode);
                // RFC 9051 §6.4.8: COPYUID comes before the EXPUNGEs.
                out.note(&Code::CopyUid(validity, here.ranges(), there.ranges()), "Moved");
                let gone: Vec<u32> = here.iter().collect();
                self.folder().mails.retain(|mail| !gone.contains(&mail.uid));
                self.view.expunge(&gone, &mut out);
                out.ok("MOVE completed").changed()
            }
        }
    }

    /// Removes what is deleted; which UIDs that were.
    pub(super) fn expunged(&mut self, only: Option<&Set>) -> Vec<u32> {
        if self.read_only {
            return Vec::new();
        }
        let folder = self.folder();
        let gone: Vec<u32> = folder
            .mails
            .iter()
            .filter(|mail| mail.has(Flag::Deleted))
            .map(|mail| mail.uid)
            .filter(|uid| only.is_none_or(|only| only.contains(*uid)))
            .collect();
        folder.mails.retain(|mail| !gone.contains(&mail.uid));
        gone
    }
}
