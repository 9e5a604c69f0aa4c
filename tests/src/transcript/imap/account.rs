//! One account in memory, that answers every command as the RFCs want it: what a transcript's server has
//! behind it. Naive on purpose.

mod mails;

use std::collections::BTreeMap;
use std::mem::take;

use posthaste_core::imap::command::{Append, By, Command, List, Select, StatusItems};
use posthaste_core::imap::date::DateTime;
use posthaste_core::imap::fetch::{Facts, Place, Plan};
use posthaste_core::imap::mailbox::{Matcher, Pattern};
use posthaste_core::imap::response::{
    Code, ListAttribute, Listed, Mode, Reply, Responses, Seam, Status, StatusValue,
};
use posthaste_core::imap::server::{Allowed, Context, Decision};
use posthaste_core::imap::view::View;
use posthaste_core::imap::{Atom, Flag, Mailbox, SpecialUse};
use posthaste_core::mime::Structure;

/// When messages arrive that do not say it: 1 January 2020.
const NOW: i64 = 1_577_836_800;

/// A message.
#[derive(Debug)]
struct Mail {
    uid: u32,
    flags: Vec<Flag<'static>>,
    modseq: u64,
    date: DateTime,
    body: Vec<u8>,
    structure: Structure,
}

/// A mailbox.
#[derive(Debug, Default)]
struct Folder {
    validity: u32,
    next: u32,
    modseq: u64,
    mails: Vec<Mail>,
    special_use: Option<ListAttribute>,
}

/// What is kept of an APPEND while its message comes.
#[derive(Debug)]
struct Staged {
    mailbox: String,
    flags: Vec<Flag<'static>>,
    date: DateTime,
    body: Vec<u8>,
}

/// A FETCH that is being answered.
#[derive(Debug)]
struct Fetching {
    plan: Plan,
    place: Place,
    /// Messages still to come by sequence number and UID, the next one last.
    rows: Vec<(u32, u32)>,
    /// It sets `\Seen`.
    reads: bool,
}

/// An account with its mailboxes, and the one that is selected.
#[derive(Debug)]
pub struct Account {
    folders: BTreeMap<String, Folder>,
    subscribed: Vec<String>,
    validity: u32,
    selected: Option<String>,
    read_only: bool,
    view: View,
    mode: Mode,
    staged: Option<Staged>,
    plan: Option<Fetching>,
    seam: Seam,
}

impl Default for Account {
    fn default() -> Self {
        let mut account = Self {
            folders: BTreeMap::new(),
            subscribed: Vec::new(),
            validity: 0,
            selected: None,
            read_only: false,
            view: View::new(),
            mode: Mode::default(),
            staged: None,
            plan: None,
            seam: Seam::WHOLE,
        };
        account.make("INBOX", None);
        account
    }
}

impl Folder {
    fn deliver(&mut self, body: &[u8], flags: &[Flag<'static>], date: DateTime) -> u32 {
        self.modseq += 1;
        let uid = self.next;
        self.next += 1;
        self.mails.push(Mail {
            uid,
            flags: flags.to_vec(),
            modseq: self.modseq,
            date,
            body: body.to_vec(),
            structure: Structure::of(body),
        });
        uid
    }

    fn mail(&self, uid: u32) -> Option<&Mail> {
        self.mails.iter().find(|mail| mail.uid == uid)
    }

    fn count(&self, test: impl Fn(&Mail) -> bool) -> u32 {
        self.mails.iter().filter(|mail| test(mail)).count() as u32
    }
}

impl Mail {
    fn has(&self, flag: Flag<'_>) -> bool {
        self.flags.contains(&flag)
    }

    fn facts(&self, seq: u32, newly_seen: bool) -> Facts<'_> {
        Facts {
            date: self.date,
            flags: &self.flags,
            modseq: self.modseq,
            newly_seen,
            seq,
            size: self.body.len() as u32,
            structure: Some(&self.structure),
            uid: self.uid,
        }
    }
}

/// Settings, and what others do.
impl Account {
    fn make(&mut self, name: &str, special_use: Option<ListAttribute>) {
        self.validity += 1;
        let folder = Folder {
            validity: self.validity,
            next: 1,
            modseq: 1,
            special_use,
            ..Folder::default()
        };
        self.folders.insert(name.into(), folder);
    }

    /// `NAME` or `NAME \Use`.
    pub(super) fn setting_mailbox(&mut self, value: &str) -> Result<(), String> {
        let (name, special_use) = match value.split_once(" \\") {
            Some((name, special_use)) => {
                (name, Some(attribute_named(special_use).ok_or("no such special use")?))
            }
            None => (value, None),
        };
        self.make(name, special_use);
        Ok(())
    }

    /// `NAME NUMBER`.
    pub(super) fn setting_mails(&mut self, value: &str) -> Result<(), String> {
        let (name, number) = value.rsplit_once(' ').ok_or("a mailbox and a number")?;
        let number: u32 = number.parse().map_err(|_| "a number")?;
        let folder = self.folders.get_mut(name).ok_or("no such mailbox")?;
        for _ in 0..number {
            let body = format!("Subject: {}\r\n\r\n", folder.next);
            folder.deliver(body.as_bytes(), &[], DateTime::from_unix(NOW, 0));
        }
        Ok(())
    }

    /// What stands in APPEND, and the text in the place of the literal.
    pub(super) fn setting_mail(&mut self, value: &str) -> Result<(), String> {
        let (head, text) = value
            .rfind("\" ")
            .map(|at| (&value[..=at], &value[at + 2..]))
            .filter(|(head, _)| head.contains('('))
            .ok_or("NAME (flags) \"date\" text")?;
        let line = format!("a APPEND {head} {{0}}\r\n");
        let read = posthaste_core::imap::Tagged::read(line.as_bytes(), Default::default());
        let Ok(Command::Append(append)) = read.map(|read| read.command) else {
            return Err(format!("{head:?} is no mailbox with flags and a date"));
        };
        let flags: Vec<_> = append.flags.iter().map(keep).collect();
        let date = append.date.ok_or("a message wants a date")?;
        let name = append.mailbox.name().map_err(|bad| bad.to_string())?;
        let folder = self.folders.get_mut(&*name).ok_or("no such mailbox")?;
        let text = text.replace("\\r\\n", "\r\n");
        folder.deliver(text.as_bytes(), &flags, date);
        Ok(())
    }

    /// What somebody else does to the selected mailbox: `mail` or `expunge SEQ`.
    pub(super) fn meddle(&mut self, text: &str) -> Result<(), String> {
        let name = self.selected.clone().ok_or("nothing is selected")?;
        let folder = self.folders.get_mut(&name).ok_or("the mailbox is gone")?;
        if text == "mail" {
            folder.deliver(b"Subject: new\r\n\r\n", &[], DateTime::from_unix(NOW, 0));
            return Ok(());
        }
        let seq = text.strip_prefix("expunge ").and_then(|seq| seq.parse().ok());
        let uid = seq.and_then(|seq| self.view.uid(seq)).ok_or("mail or expunge SEQ")?;
        folder.mails.retain(|mail| mail.uid != uid);
        Ok(())
    }
}

/// Commands.
impl Account {
    pub(super) fn append(&mut self, head: &Append<'_>, mode: Mode) -> Decision {
        self.mode = mode;
        let Some(mailbox) = self.existing(&head.mailbox) else {
            return Decision::refuse(Code::TryCreate, "No such mailbox");
        };
        let flags = head.flags.iter().map(keep).collect();
        let date = head.date.unwrap_or(DateTime::from_unix(NOW, 0));
        self.staged = Some(Staged { mailbox, flags, date, body: Vec::new() });
        Decision::Accept
    }

    pub(super) fn stage(&mut self, run: &[u8]) {
        if let Some(staged) = &mut self.staged {
            staged.body.extend_from_slice(run);
        }
    }

    pub(super) fn unstage(&mut self) {
        self.staged = None;
    }

    pub(super) fn appended(&mut self) -> Reply {
        let staged = self.staged.take().expect("a message was staged");
        let folder = self.folders.get_mut(&staged.mailbox).expect("it was there");
        let uid = folder.deliver(&staged.body, &staged.flags, staged.date);
        let code = Code::AppendUid(folder.validity, uid);
        Responses::new().done(Status::Ok, Some(&code), "APPEND completed").changed()
    }

    pub(super) fn command(&mut self, command: &Command<'_>, context: &Context<'_>) -> Reply {
        self.mode = context.mode;
        let mut out = Responses::with(self.mode);
        match command {
            Command::Select(select) => self.select(select, false),
            Command::Examine(select) => self.select(select, true),
            Command::Close => {
                if !self.read_only {
                    self.expunged(None);
                }
                self.selected = None;
                out.ok("CLOSE completed")
            }
            Command::Unselect => {
                self.selected = None;
                out.ok("UNSELECT completed")
            }
            Command::Create(create) => match create.mailbox.new_name() {
                Err(bad) => out.no(Code::Cannot, &bad.to_string()),
                Ok(name) if self.folders.contains_key(&*name) => {
                    out.no(Code::AlreadyExists, "The mailbox is there")
                }
                Ok(name) => {
                    let special_use = create.uses.iter().next();
                    self.make(&name, special_use.and_then(|used| attribute(&used)));
                    out.ok("CREATE completed")
                }
            },
            Command::Delete(mailbox) => match self.existing(mailbox) {
                None => out.no(Code::NonExistent, "No such mailbox"),
                Some(name) if name == "INBOX" => out.no(Code::Cannot, "INBOX stays"),
                Some(name) => {
                    self.folders.remove(&name);
                    out.ok("DELETE completed")
                }
            },
            Command::Rename(rename) => self.rename(&rename.from, &rename.to),
            Command::Subscribe(mailbox) => match mailbox.name() {
                Err(bad) => out.no(Code::Cannot, &bad.to_string()),
                Ok(name) => {
                    self.subscribed.retain(|known| *known != *name);
                    self.subscribed.push(name.into());
                    self.subscribed.sort();
                    out.ok("SUBSCRIBE completed")
                }
            },
            Command::Unsubscribe(mailbox) => {
                let name = mailbox.name().unwrap_or_default();
                self.subscribed.retain(|known| *known != *name);
                out.ok("UNSUBSCRIBE completed")
            }
            Command::List(list) => self.list(list),
            Command::Lsub { reference, pattern } => self.lsub(reference, pattern),
            Command::Namespace => {
                out.namespace(&[("", '/')], &[], &[]);
                out.ok("NAMESPACE completed")
            }
            Command::Status(status) => match self.existing(&status.mailbox) {
                None => out.no(Code::NonExistent, "No such mailbox"),
                Some(name) => {
                    out.status(&name, &self.values(&name, status.items));
                    out.ok("STATUS completed")
                }
            },
            Command::Fetch(fetch) => self.fetch(fetch),
            Command::Search(search) => self.search(search, context.tag),
            Command::Store(store) => self.store(store),
            Command::Copy(copy) => self.copy(copy),
            Command::Move(copy) => self.move_to(copy),
            Command::Expunge => {
                let gone = self.expunged(None);
                self.view.expunge(&gone, &mut out);
                out.ok("EXPUNGE completed")
            }
            Command::UidExpunge(set) => {
                let Ok(picked) = self.view.pick(set, By::Uid) else {
                    return out.bad("No such message");
                };
                let uids = self.view.uids_of(&picked);
                let gone = self.expunged(Some(&uids));
                self.view.expunge(&gone, &mut out);
                out.ok("UID EXPUNGE completed")
            }
            other => out.no(Code::ServerBug, &format!("{} reached the account", other.verb())),
        }
    }

    /// What changed in the selected mailbox.
    pub(super) fn sync(&mut self, mode: Mode, allowed: Allowed) -> Responses {
        self.mode = mode;
        let mut out = Responses::with(mode);
        let Some(folder) = self.selected.as_ref().and_then(|name| self.folders.get(name)) else {
            return out;
        };
        if allowed == Allowed::Everything {
            let gone: Vec<u32> =
                self.view.uids().filter(|uid| folder.mail(*uid).is_none()).collect();
            self.view.expunge(&gone, &mut out);
        }
        let last = self.view.last_uid().unwrap_or(0);
        let new: Vec<u32> =
            folder.mails.iter().map(|mail| mail.uid).filter(|uid| *uid > last).collect();
        self.view.append(new, &mut out);
        out
    }

    /// The name of a mailbox, if it exists.
    fn existing(&self, mailbox: &Mailbox<'_>) -> Option<String> {
        let name = mailbox.name().ok()?;
        self.folders.contains_key(&*name).then(|| name.into())
    }

    fn select(&mut self, select: &Select<'_>, read_only: bool) -> Reply {
        let mut out = Responses::with(self.mode);
        self.selected = None;
        let Some(name) = self.existing(&select.mailbox) else {
            return out.no(Code::NonExistent, "No such mailbox");
        };
        let folder = &self.folders[&name];
        self.view = folder.mails.iter().map(|mail| mail.uid).collect();
        self.read_only = read_only;
        let flags = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        out.exists(self.view.len()).recent(0);
        let unseen = folder.mails.iter().position(|mail| !mail.has(Flag::Seen));
        if let (Some(first), false) = (unseen, self.mode.rev2) {
            out.note(&Code::Unseen(first as u32 + 1), "The first unseen message");
        }
        out.note(&Code::UidValidity(folder.validity), "UIDs valid");
        out.note(&Code::UidNext(folder.next), "Predicted next UID");
        out.flags(flags);
        let kept: &[Flag<'_>] = if read_only { &[] } else { &flags };
        out.note(&Code::PermanentFlags(kept, !read_only), "Flags that stay");
        if self.mode.condstore {
            out.note(&Code::HighestModSeq(folder.modseq), "Highest");
        }
        if self.mode.rev2 {
            // RFC 9051 §6.3.2: LIST is REQUIRED, with OLDNAME for a name that was written otherwise.
            let text = select.mailbox.wire().decode();
            let old = std::str::from_utf8(&text).ok().filter(|old| *old != name);
            out.list(&Listed {
                attributes: &[],
                child_info: false,
                delimiter: Some('/'),
                name: &name,
                old_name: old,
            });
        }
        self.selected = Some(name);
        let code = if read_only { Code::ReadOnly } else { Code::ReadWrite };
        let verb = if read_only { "EXAMINE completed" } else { "SELECT completed" };
        out.done(Status::Ok, Some(&code), verb)
    }

    fn rename(&mut self, from: &Mailbox<'_>, to: &Mailbox<'_>) -> Reply {
        let out = Responses::with(self.mode);
        let to = match to.new_name() {
            Ok(to) => to,
            Err(bad) => return out.no(Code::Cannot, &bad.to_string()),
        };
        if self.folders.contains_key(&*to) {
            return out.no(Code::AlreadyExists, "The mailbox is there");
        }
        let Some(from) = self.existing(from) else {
            return out.no(Code::NonExistent, "No such mailbox");
        };
        if from == "INBOX" {
            // RFC 9051 §6.3.6: its messages move, and INBOX stays, empty; inferiors are not touched.
            self.make(&to, None);
            let mails = take(&mut self.folders.get_mut("INBOX").expect("INBOX stays").mails);
            let there = self.folders.get_mut(&*to).expect("it was made");
            for mail in mails {
                there.deliver(&mail.body, &mail.flags, mail.date);
            }
            return out.ok("RENAME completed").changed();
        }
        let below = format!("{from}/");
        let names: Vec<String> = self
            .folders
            .keys()
            .filter(|name| **name == from || name.starts_with(&below))
            .cloned()
            .collect();
        for name in names {
            let folder = self.folders.remove(&name).expect("it is a key");
            self.folders.insert(format!("{to}{}", &name[from.len()..]), folder);
        }
        out.ok("RENAME completed")
    }

    /// All names there are, with levels that are no mailbox and names that are only subscribed to.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.folders.keys().chain(&self.subscribed) {
            let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
            names.extend(ends.map(|end| name[..end].to_owned()));
        }
        names.sort();
        names.dedup();
        names
    }

    fn list(&mut self, list: &List<'_>) -> Reply {
        let mut out = Responses::with(self.mode);
        if !list.extended && list.patterns.iter().all(|pattern| pattern.is_empty()) {
            out.list(&Listed {
                attributes: &[ListAttribute::NoSelect],
                child_info: false,
                delimiter: Some('/'),
                name: "",
                old_name: None,
            });
            return out.ok("LIST completed");
        }
        let matchers: Vec<Matcher> =
            list.patterns.iter().filter_map(|pattern| pattern.behind(&list.reference)).collect();
        for name in self.names() {
            if !matchers.iter().any(|matcher| matcher.matches(&name)) {
                continue;
            }
            let folder = self.folders.get(&name);
            let below = format!("{name}/");
            let children = self.folders.keys().any(|other| other.starts_with(&below));
            let subscribed = self.subscribed.contains(&name);
            let child_info = list.select.recursive_match
                && self.subscribed.iter().any(|other| other.starts_with(&below));
            if list.select.subscribed && !subscribed && !child_info {
                continue;
            }
            if !list.select.subscribed && folder.is_none() && !children {
                continue;
            }
            let special_use = folder.and_then(|folder| folder.special_use);
            if list.select.special_use && special_use.is_none() {
                continue;
            }
            let mut attributes = Vec::new();
            if folder.is_none() {
                attributes.push(ListAttribute::NonExistent);
            }
            if subscribed && (list.select.subscribed || list.returns.subscribed) {
                attributes.push(ListAttribute::Subscribed);
            }
            if list.returns.children || !list.extended {
                attributes.push(match children {
                    true => ListAttribute::HasChildren,
                    false => ListAttribute::HasNoChildren,
                });
            }
            attributes.extend(
                special_use.filter(|_| list.returns.special_use || list.select.special_use),
            );
            out.list(&Listed {
                attributes: &attributes,
                child_info,
                delimiter: Some('/'),
                name: &name,
                old_name: None,
            });
            if !list.returns.status.is_empty() && folder.is_some() {
                out.status(&name, &self.values(&name, list.returns.status));
            }
        }
        out.ok("LIST completed")
    }

    fn lsub(&self, reference: &Mailbox<'_>, pattern: &Pattern<'_>) -> Reply {
        let mut out = Responses::with(self.mode);
        let matcher = pattern.behind(reference);
        for name in self.names() {
            if !matcher.as_ref().is_some_and(|matcher| matcher.matches(&name)) {
                continue;
            }
            let below = format!("{name}/");
            // RFC 3501 §6.3.9: with % a level above a subscribed name is shown as \Noselect.
            let attributes: &[ListAttribute] = if self.subscribed.contains(&name) {
                &[]
            } else if matcher.as_ref().is_some_and(|matcher| matcher.text().ends_with('%'))
                && self.subscribed.iter().any(|other| other.starts_with(&below))
            {
                &[ListAttribute::NoSelect]
            } else {
                continue;
            };
            out.lsub(&Listed {
                attributes,
                child_info: false,
                delimiter: Some('/'),
                name: &name,
                old_name: None,
            });
        }
        out.ok("LSUB completed")
    }

    fn values(&self, name: &str, items: StatusItems) -> Vec<StatusValue> {
        let folder = &self.folders[name];
        items
            .iter()
            .map(|(item, _)| match item {
                StatusItems::MESSAGES => StatusValue::Messages(folder.count(|_| true)),
                StatusItems::UIDNEXT => StatusValue::UidNext(folder.next),
                StatusItems::UIDVALIDITY => StatusValue::UidValidity(folder.validity),
                StatusItems::UNSEEN => StatusValue::Unseen(folder.count(|m| !m.has(Flag::Seen))),
                StatusItems::DELETED => {
                    StatusValue::Deleted(folder.count(|m| m.has(Flag::Deleted)))
                }
                StatusItems::SIZE => {
                    StatusValue::Size(folder.mails.iter().map(|mail| mail.body.len() as u64).sum())
                }
                StatusItems::RECENT => StatusValue::Recent(0),
                _ => StatusValue::HighestModSeq(folder.modseq),
            })
            .collect()
    }
}

/// A flag that outlives its command: names of keywords are leaked, a transcript is short.
fn keep(flag: Flag<'_>) -> Flag<'static> {
    let atom = |name: Atom<'_>| {
        Atom::new(Box::leak(name.as_bytes().to_vec().into_boxed_slice())).expect("it is an atom")
    };
    match flag {
        Flag::Answered => Flag::Answered,
        Flag::Deleted => Flag::Deleted,
        Flag::Draft => Flag::Draft,
        Flag::Flagged => Flag::Flagged,
        Flag::Seen => Flag::Seen,
        Flag::Extension(name) => Flag::Extension(atom(name)),
        Flag::Keyword(name) => Flag::Keyword(atom(name)),
    }
}

fn attribute(special_use: &SpecialUse<'_>) -> Option<ListAttribute> {
    attribute_named(special_use.name().trim_start_matches('\\'))
}

fn attribute_named(name: &str) -> Option<ListAttribute> {
    [
        ListAttribute::All,
        ListAttribute::Archive,
        ListAttribute::Drafts,
        ListAttribute::Flagged,
        ListAttribute::Junk,
        ListAttribute::Sent,
        ListAttribute::Trash,
    ]
    .into_iter()
    .find(|attribute| attribute.name().trim_start_matches('\\').eq_ignore_ascii_case(name))
}
