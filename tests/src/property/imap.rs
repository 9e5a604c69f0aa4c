//! The IMAP server as a subject, with one mailbox behind it.

use std::sync::Arc;

use posthaste_core::imap::command::{By, Change, Command, Fetch, Search, Store};
use posthaste_core::imap::date::DateTime;
use posthaste_core::imap::fetch::{Facts, Place, Plan, Progress};
use posthaste_core::imap::response::{
    Code, ListAttribute, Listed, Mode, Reply, Responses, Seam, Status, StatusValue,
};
use posthaste_core::imap::search::{Found, Query};
use posthaste_core::imap::server::{Admission, Allowed, Config, Decision, Event, Server, Update};
use posthaste_core::imap::view::{Set, View};
use posthaste_core::imap::{Atom, Flag, Imap, Tag};
use posthaste_core::machine::{Answered, Machine, TlsFacts};
use posthaste_core::mime::Structure;
use posthaste_core::sasl::{Found as Salted, Grant, Mechanism, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::string::string_regex;

use super::{Look, Script, Subject, Unit};
use crate::sign_in;
use crate::simulator::random::Random;

/// A server that offers everything.
pub struct ImapServer {
    config: Arc<Config>,
    /// TLS that comes first.
    tls: Option<TlsFacts>,
}

impl Default for ImapServer {
    fn default() -> Self {
        let config = Config {
            plaintext_auth: true,
            mechanisms: Mechanism::ALL.to_vec(),
            ..Config::new("imap.example")
        };
        Self { config: Arc::new(config), tls: None }
    }
}

impl ImapServer {
    /// The same, with TLS from the first octet and a client that showed a certificate.
    #[must_use]
    pub fn under_tls() -> Self {
        Self { tls: Some(sign_in::SHOWN), ..Self::default() }
    }
}

impl Subject for ImapServer {
    type Protocol = Imap;
    type Machine = Server;
    type Script = Host;

    const SECRETS: &'static [&'static str] = sign_in::SECRETS;

    // A literal may hold CR LF, which ends no line.
    fn counts_lines(&self, sent: &[u8]) -> bool {
        !sent.contains(&b'{')
    }

    fn machine(&self) -> Server {
        let mut server = Server::new(self.config.clone());
        if let Some(facts) = self.tls {
            server.secured(facts);
        }
        server
    }

    fn script(&self, calm: bool) -> Host {
        Host::new(calm)
    }

    fn talk(&self) -> BoxedStrategy<Vec<Unit>> {
        let opening = prop_oneof![
            if self.tls.is_some() { 12 } else { 1 } => sign_in::talks("a AUTHENTICATE"),
            1 => Just(Vec::new()),
            4 => Just(Unit::lines(&["a LOGIN alice c4narybird", "b SELECT INBOX"])),
            1 => Just(Unit::lines(&["a LOGIN {5}", "alice {10+}", "c4narybird", "b EXAMINE inbox"])),
            1 => Just(Unit::lines(&["a AUTHENTICATE PLAIN AGFsaWNlAGM0bmFyeWJpcmQ="])),
            1 => Just(Unit::lines(&["a AUTHENTICATE LOGIN", "YWxpY2U=", "YzRuYXJ5YmlyZA=="])),
            1 => Just(Unit::lines(&["a AUTHENTICATE SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj", "Yz1i", "*"])),
            1 => Just(vec![
                Unit::waiting("s STARTTLS\r\n"),
                Unit::new("a LOGIN alice c4narybird\r\nb SELECT INBOX\r\n"),
            ]),
            2 => Just(Unit::lines(&["a LOGIN alice c4narybird", "e ENABLE IMAP4rev2 CONDSTORE", "b SELECT INBOX"])),
        ];
        (opening, vec(unit(), 0..14))
            .prop_map(|(mut talk, more)| {
                talk.extend(more);
                talk
            })
            .boxed()
    }

    fn idle(&self) -> Vec<Unit> {
        // Signed in, and behind everything that can need heap.
        Unit::lines(&[
            "a LOGIN alice c4narybird",
            "b SELECT INBOX",
            "c FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[])",
            "d SEARCH TEXT one",
            "e APPEND INBOX {3+}",
            "abc",
            "f NOOP",
            "g IDLE",
        ])
    }

    fn injection(&self) -> Option<Vec<Unit>> {
        self.tls.is_none().then(|| Unit::lines(&["s STARTTLS", "a LOGIN alice c4narybird"]))
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    let set = "([1-7]|[1-4]:[2-9]|\\*|2:\\*|1,3|\\$)";
    let item = "(FLAGS|UID|ENVELOPE|BODY|BODYSTRUCTURE|INTERNALDATE|MODSEQ|RFC822|RFC822\\.SIZE|\
                RFC822\\.HEADER|RFC822\\.TEXT|BODY\\[\\]|BODY\\.PEEK\\[[12](\\.MIME|\\.TEXT|\\.HEADER)?\\]<[0-9]\\.99>|\
                BODY\\[HEADER\\.FIELDS \\(subject x\\)\\]|BINARY\\[1\\]|BINARY\\.SIZE\\[2\\]|BINARY\\.PEEK\\[3\\]<2\\.3>)";
    let key = "(ALL|SEEN|UNSEEN|NEW|OLD|FROM a|TEXT one|BODY two|SUBJECT x|LARGER 20|MODSEQ 3|2:3|UID 1:4|\
               NOT SEEN|OR DELETED BODY x|\\(FLAGGED UNKEYWORD k\\)|SENTON 1-Jan-2020|SINCE 1-Feb-2020|HEADER X \"\")";
    let lines = [
        format!(
            "t (UID )?FETCH {set} ({item}|\\({item} {item}\\)|ALL|FULL)( \\(CHANGEDSINCE 2\\))?"
        ),
        format!(
            "t (UID )?SEARCH( RETURN \\((MIN|MAX COUNT|ALL|SAVE|SAVE MIN)?\\))? {key}( {key})?"
        ),
        format!(
            "t (UID )?STORE {set} [+-]?FLAGS(\\.SILENT)? \\((\\\\Seen|\\\\Deleted|k1|\\\\Flagged k2)\\)"
        ),
        format!("t (UID )?(COPY|MOVE) {set} (INBOX|Other)"),
        "t (NOOP|CHECK|EXPUNGE|CLOSE|UNSELECT|NAMESPACE|CAPABILITY|ID NIL|ID \\(\"name\" \"x\"\\)|UID EXPUNGE 1:3)".to_owned(),
        "t (SELECT|EXAMINE|STATUS|CREATE|DELETE|SUBSCRIBE|UNSUBSCRIBE) (INBOX|&AOQ-|x/y|\"\")( \\((MESSAGES UIDNEXT|CONDSTORE)\\))?".to_owned(),
        "t (LIST|LSUB) \"\" (\\*|%|\"\"|x/%)( RETURN \\(CHILDREN STATUS \\(MESSAGES\\)\\))?".to_owned(),
        "t (RENAME x y|ENABLE (CONDSTORE|IMAP4rev2|X)|LOGOUT)".to_owned(),
    ];
    let lines = lines.map(|line| string_regex(&line).expect("it is a pattern").boxed());
    let line = proptest::strategy::Union::new(lines);
    prop_oneof![
        14 => line.prop_map(|line| Unit::new(format!("{line}\r\n"))),
        3 => (0..40_usize, any::<bool>(), "[A-Z ~]{0,4}").prop_map(|(n, wait, head)| {
            let plus = if wait { "" } else { "+" };
            Unit::new(format!("p APPEND {head}INBOX {{{n}{plus}}}\r\n{}\r\n", "m".repeat(n)))
        }),
        1 => Just(Unit::new("p APPEND INBOX (\\Seen) \" 1-Jan-2020 00:00:00 +0000\" ~{3+}\r\n\0\0\0\r\n")),
        1 => Just(Unit::new("p APPEND INBOX {3+}\r\n\0\0\0\r\n")),
        2 => Just(Unit::new("i IDLE\r\n")),
        2 => Just(Unit::new("DONE\r\n")),
        1 => Just(Unit::waiting("s STARTTLS\r\n")),
        1 => Just(Unit::new("a AUTHENTICATE PLAIN\r\n")),
        1 => Just(Unit::new("AGFsaWNlAGM0bmFyeWJpcmQ=\r\n")),
        1 => Just(Unit::new("*\r\n")),
        1 => (0..70_u32, any::<bool>()).prop_map(|(n, wait)| {
            let plus = if wait { "" } else { "+" };
            Unit::new(format!("l DELETE {{{}{plus}}}\r\n", n * n * n))
        }),
        1 => (8_100_usize..8_300).prop_map(|n| Unit::new(format!("x DELETE {}\r\n", "x".repeat(n)))),
        2 => vec(any::<u8>(), 0..9).prop_map(Unit::new),
        2 => "[ -~\r\n\0]{0,12}(\r\n)?".prop_map(Unit::new),
    ]
}

/// A message.
#[derive(Clone)]
struct Mail {
    uid: u32,
    flags: Vec<Flag<'static>>,
    modseq: u64,
    body: Arc<[u8]>,
    structure: Arc<Structure>,
}

/// A FETCH that is being answered: sequence numbers and UIDs of the messages that are left, the last first.
type Running = (Plan, Place, Vec<(u32, u32)>);

/// A host with one mailbox, which now and then says no.
pub struct Host {
    calm: bool,
    mails: Vec<Mail>,
    view: View,
    next: u32,
    modseq: u64,
    staged: Vec<u8>,
    mode: Mode,
    /// The FETCH that is being answered: what it wants, and of which messages still.
    plan: Option<Running>,
    seam: Seam,
}

const KEYWORDS: [&[u8]; 3] = [b"k1", b"k2", b"k3"];

impl Host {
    fn new(calm: bool) -> Self {
        let mut host = Self {
            calm,
            mails: Vec::new(),
            view: View::new(),
            next: 1,
            modseq: 1,
            staged: Vec::new(),
            mode: Mode::default(),
            plan: None,
            seam: Seam::WHOLE,
        };
        let large = [&b"Subject: x\r\n\r\n"[..], &[b'l'; 40_000]].concat();
        let nested = b"From: a@b\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\none\r\n--q\r\n\
            Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ntwo\r\n--q\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            AAECAw==\r\n--q--\r\n";
        for body in [&b""[..], b"Subject: one\r\n\r\nx\0y", nested, &large, b"\xff\r\n\r\n"] {
            host.deliver(body);
        }
        host
    }

    fn deliver(&mut self, body: &[u8]) -> u32 {
        let uid = self.next;
        self.next += 1;
        self.modseq += 1;
        self.mails.push(Mail {
            uid,
            flags: Vec::new(),
            modseq: self.modseq,
            body: body.into(),
            structure: Arc::new(Structure::of(body)),
        });
        uid
    }

    /// Below `bound`; small means trouble.
    fn mood(&self, bound: u64, random: &mut Random) -> u64 {
        if self.calm { bound - 1 } else { random.below(bound) }
    }

    fn mail(&self, uid: u32) -> Option<&Mail> {
        self.mails.iter().find(|mail| mail.uid == uid)
    }

    fn facts(mail: &Mail, seq: u32, newly_seen: bool) -> Facts<'_> {
        Facts {
            date: DateTime::from_unix(1_577_836_800, 0),
            flags: &mail.flags,
            modseq: mail.modseq,
            newly_seen,
            seq,
            size: mail.body.len() as u32,
            structure: Some(&mail.structure),
            uid: mail.uid,
        }
    }

    fn fetch(&mut self, fetch: &Fetch<'_>, random: &mut Random) -> Reply {
        let Ok(picked) = self.view.pick(&fetch.set, fetch.by) else {
            return Responses::new().bad("No such message");
        };
        let plan = Plan::new(fetch, self.mode);
        let mut rows: Vec<_> = self.view.each(&picked).collect();
        rows.reverse();
        self.plan = Some((plan, Place::default(), rows));
        self.seam = Seam::WHOLE;
        self.rows(random)
    }

    /// Goes on with the FETCH. Now and then it breaks off, which the machine has to survive.
    fn rows(&mut self, random: &mut Random) -> Reply {
        let mut out = Responses::resume(self.seam).mode(self.mode);
        let Some((plan, mut place, mut rows)) = self.plan.take() else { return out.ok("Done") };
        if self.mood(60, random) == 0 {
            return out.no(Code::Unavailable, "Broken off");
        }
        while let Some(&(seq, uid)) = rows.last() {
            // The octets of a message that is gone are still there for who began to read it.
            let Some(mail) = self.mail(uid).filter(|mail| plan.wants(mail.modseq)) else {
                rows.pop();
                continue;
            };
            let facts = Self::facts(mail, seq, false);
            let progress = plan.row(&mut place, &facts, &mut &mail.body[..], &mut out);
            if progress == Ok(Progress::Done) {
                rows.pop();
            }
            if progress == Ok(Progress::Part) || out.is_full() || random.below(8) == 0 {
                self.seam = out.seam();
                self.plan = Some((plan, place, rows));
                return out.part();
            }
        }
        plan.done(&place, out)
    }

    fn search(&mut self, search: &Search<'_>, tag: Tag<'_>) -> Reply {
        let query = match Query::new(search, &self.view) {
            Ok(query) => query,
            Err(refusal) => return refusal.reply(),
        };
        let mut found = Found::new(search, self.mode);
        for (seq, uid) in self.view.uids().enumerate().map(|(at, uid)| (at as u32 + 1, uid)) {
            let Some(mail) = self.mail(uid) else { continue };
            let facts = Self::facts(mail, seq, false);
            if query.matches(&facts, &mut &mail.body[..]) == Ok(true) {
                found.push(&facts);
            }
        }
        found.save(&mut self.view);
        let mut out = Responses::with(self.mode);
        found.write(tag, &mut out);
        out.ok("Searched")
    }

    fn store(&mut self, store: &Store<'_>) -> Reply {
        let Ok(picked) = self.view.pick(&store.set, store.by) else {
            return Responses::new().bad("No such message");
        };
        let wanted: Vec<Flag<'static>> = store
            .flags
            .iter()
            .filter_map(|flag| match flag {
                Flag::Seen => Some(Flag::Seen),
                Flag::Deleted => Some(Flag::Deleted),
                Flag::Flagged => Some(Flag::Flagged),
                Flag::Keyword(name) => KEYWORDS
                    .iter()
                    .filter_map(|known| Atom::new(known))
                    .find(|known| *known == name)
                    .map(Flag::Keyword),
                _ => None,
            })
            .collect();
        let mut out = Responses::with(self.mode);
        let rows: Vec<_> = self.view.each(&picked).collect();
        for (seq, uid) in rows {
            self.modseq += 1;
            let modseq = self.modseq;
            let Some(mail) = self.mails.iter_mut().find(|mail| mail.uid == uid) else { continue };
            match store.change {
                Change::Add => mail.flags.extend(&wanted),
                Change::Remove => mail.flags.retain(|flag| !wanted.contains(flag)),
                Change::Replace => mail.flags = wanted.clone(),
            }
            mail.modseq = modseq;
            if !store.silent {
                let flags = mail.flags.clone();
                out.row(seq).uid(uid).flags(flags).modseq(modseq).end();
            }
        }
        out.ok("Stored")
    }

    fn expunge(&mut self, only: Option<&Set>) -> Reply {
        let gone: Vec<u32> = self
            .mails
            .iter()
            .filter(|mail| mail.flags.contains(&Flag::Deleted))
            .map(|mail| mail.uid)
            .filter(|uid| only.is_none_or(|only| only.contains(*uid)))
            .collect();
        self.mails.retain(|mail| !gone.contains(&mail.uid));
        let mut out = Responses::with(self.mode);
        assert_eq!(self.view.expunge(&gone, &mut out), 0);
        out.ok("Expunged")
    }

    fn command(&mut self, command: Command<'_>, tag: Tag<'_>, random: &mut Random) -> Reply {
        if self.mood(25, random) == 0 {
            return Reply::unavailable();
        }
        let mut out = Responses::with(self.mode);
        match command {
            Command::Select(select) | Command::Examine(select) if select.mailbox.is_inbox() => {
                self.view = self.mails.iter().map(|mail| mail.uid).collect();
                out.flags([Flag::Seen, Flag::Deleted]).exists(self.view.len()).recent(0);
                out.note(&Code::UidValidity(7), "UIDs last");
                out.note(&Code::PermanentFlags(&[Flag::Seen], true), "Flags that stay");
                out.note(&Code::HighestModSeq(self.modseq), "The highest");
                out.done(Status::Ok, Some(&Code::ReadWrite), "Selected")
            }
            Command::Fetch(fetch) => self.fetch(&fetch, random),
            Command::Search(search) => self.search(&search, tag),
            Command::Store(store) => self.store(&store),
            Command::Expunge => self.expunge(None),
            Command::UidExpunge(set) => {
                let picked = self.view.pick(&set, By::Uid).expect("UIDs never fail");
                let uids = self.view.uids_of(&picked);
                self.expunge(Some(&uids))
            }
            Command::Copy(copy) => {
                let Ok(picked) = self.view.pick(&copy.set, copy.by) else {
                    return out.bad("No such message");
                };
                let here = self.view.uids_of(&picked);
                let bodies: Vec<_> =
                    here.iter().filter_map(|uid| Some(self.mail(uid)?.body.clone())).collect();
                let there: Set = bodies.iter().map(|body| self.deliver(body)).collect();
                let code = Code::CopyUid(7, here.ranges(), there.ranges());
                out.done(Status::Ok, Some(&code), "Copied").changed()
            }
            Command::Close | Command::Unselect => out.ok("Closed"),
            Command::List(_) | Command::Lsub { .. } => {
                let listed = Listed {
                    attributes: &[ListAttribute::HasNoChildren],
                    child_info: true,
                    delimiter: Some('/'),
                    name: "\u{e4}/b",
                    old_name: Some("c"),
                };
                out.list(&listed).lsub(&listed);
                out.ok("Listed")
            }
            Command::Namespace => {
                out.namespace(&[("", '/')], &[], &[]);
                out.ok("Done")
            }
            Command::Status(_) => {
                out.status("INBOX", &[StatusValue::Messages(self.mails.len() as u32)]);
                out.ok("Done")
            }
            _ => out.no(Code::NonExistent, "No such mailbox"),
        }
    }

    fn sync(&mut self, allowed: Allowed, random: &mut Random) -> Update {
        let mut out = Responses::with(self.mode);
        if allowed == Allowed::Everything {
            // Somebody else removes and delivers.
            if self.mood(6, random) == 0 && !self.mails.is_empty() {
                self.mails.remove(random.below(self.mails.len() as u64) as usize);
            }
            let gone: Vec<u32> = self.view.uids().filter(|uid| self.mail(*uid).is_none()).collect();
            self.view.expunge(&gone, &mut out);
        }
        if self.mood(6, random) == 1 {
            self.deliver(b"Subject: new\r\n\r\n");
        }
        let last = self.view.last_uid().unwrap_or(0);
        let new: Vec<u32> =
            self.mails.iter().map(|mail| mail.uid).filter(|uid| *uid > last).collect();
        self.view.append(new, &mut out);
        Update { responses: out, more: self.mood(9, random) == 0 }
    }
}

impl Script<Imap> for Host {
    fn look(&self, event: &Event<'_>) -> Look {
        let run = match event {
            Event::Body(run) => Some(run.as_bytes().to_vec()),
            Event::Skipped(run) => Some(run.expose().to_vec()),
            _ => None,
        };
        let lines = match event {
            Event::Bad { .. }
            | Event::Bearer(..)
            | Event::Command(..)
            | Event::Done
            | Event::External(..)
            | Event::Heard(_)
            | Event::Lookup(..)
            | Event::Response(_)
            | Event::SignIn(..)
            | Event::SignInFailed(_)
            | Event::StartTls => 1,
            _ => 0,
        };
        let user = match event {
            Event::Bearer(_, token) => token.user.clone(),
            Event::External(_, certificate) => certificate.authorization.clone(),
            _ => None,
        };
        Look { run, lines, ended: matches!(event, Event::Ended(_)), user }
    }

    fn answer(&mut self, event: Event<'_>, random: &mut Random) -> Option<Answered<Imap>> {
        Some(match event {
            Event::Connected(ask) => ask.with(if self.mood(20, random) > 0 {
                Admission::Accept
            } else {
                Admission::Refuse
            }),
            Event::SignIn(ask, credentials) => ask.with(match self.mood(10, random) {
                0 => Verdict::Unavailable,
                _ if credentials.password().expose() == b"c4narybird" => Verdict::Accepted,
                _ => Verdict::Rejected,
            }),
            Event::Lookup(ask, identity) => ask.with(match self.mood(4, random) {
                0 => Salted::Unavailable,
                _ => sign_in::known(&identity, "c4narybird"),
            }),
            Event::Bearer(ask, token) => ask.with(match self.mood(6, random) {
                0 => Grant::Unavailable,
                _ => sign_in::grant(&token, "c4narybird"),
            }),
            Event::External(ask, _) => ask.with(match self.mood(3, random) {
                0 => Verdict::Unavailable,
                1 => Verdict::Rejected,
                _ => Verdict::Accepted,
            }),
            Event::Append(ask, ..) => ask.with(match self.mood(5, random) {
                0 => Decision::refuse(Code::TryCreate, "No such mailbox"),
                _ => Decision::Accept,
            }),
            Event::Body(run) => {
                self.staged.extend_from_slice(run.as_bytes());
                return None;
            }
            Event::BodyLost => {
                self.staged.clear();
                return None;
            }
            Event::Appended(ask) => {
                let body = std::mem::take(&mut self.staged);
                let uid = self.deliver(&body);
                let code = Code::AppendUid(7, uid);
                ask.with(Responses::new().done(Status::Ok, Some(&code), "Stored").changed())
            }
            Event::Command(ask, context, command) => {
                self.mode = context.mode;
                ask.with(self.command(command, context.tag, random))
            }
            Event::Next(ask) => ask.with(self.rows(random)),
            Event::Sync(ask, mode, allowed) => {
                self.mode = mode;
                ask.with(self.sync(allowed, random))
            }
            _ => return None,
        })
    }
}
