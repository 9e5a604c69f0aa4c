//! Mutations out of random octets, and the comparison of two stores.

use posthaste_store::*;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;
use std::sync::mpsc;

/// How many cases a test runs: `default`, or what `POSTHASTE_CASES` says.
pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("POSTHASTE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// A step of a test: eight octets that say what to do.
pub(crate) type Step = [u8; 8];

fn account(n: u8) -> AccountId {
    AccountId([0, 1, 1, 1, 2, 2, 2, 3][usize::from(n % 8)])
}

fn mailbox(n: u8) -> MailboxId {
    MailboxId([1, 1, 1, 1, 2, 2, 3, 4][usize::from(n % 8)])
}

fn target(a: u8, m: u8) -> Target {
    Target { account: account(a), mailbox: mailbox(m) }
}

fn uids(a: u8, b: u8) -> UidSet {
    let uid = |n: u8| Uid::new(u32::from(n % 12) + 1).unwrap();
    if a == 255 {
        return UidSet::all();
    }
    let mut set = UidSet::from(uid(a)..=uid(a.saturating_add(b % 5)));
    set.insert(uid(b));
    set
}

fn flags(n: u8) -> FlagNames {
    let names = ["$Junk", "Work", "$junk", "a", "b"];
    let keywords = match n >> 5 {
        0..=3 => vec![],
        4 | 5 => vec![names[usize::from(n % 5)].into()],
        _ => vec![names[usize::from(n % 5)].into(), names[usize::from(n / 5 % 5)].into()],
    };
    FlagNames { system: SystemFlags(n & 31), keywords }
}

fn body(n: u8) -> Body {
    let len = [0, 1, 10, 511, 700, 4096, 5000][usize::from(n % 7)];
    Body::whole((0..len).map(|i| (i as u8).wrapping_mul(n | 1)).collect::<Vec<u8>>())
}

fn message(n: u8, m: u8) -> Message {
    let time = |n: u8| Timestamp(i64::from(n) * 1000 - 500);
    let summary = vec![m; usize::from(m % 40)].into();
    Message { body: body(n), internal: time(n), received: time(m), summary }
}

fn name(n: u8) -> Arc<str> {
    let name = ["Archive", "Sent", "Work/a", "Work/b", "inbox", "", "Entwürfe", "x"];
    name[usize::from(n % 8)].into()
}

fn new_mailbox(a: u8, b: u8) -> NewMailbox {
    let role = [None, None, Some(Role::Sent), Some(Role::Trash)][usize::from(b % 4)];
    NewMailbox { name: name(a), role, subscribed: b & 4 == 0 }
}

fn quota(a: u8, b: u8) -> Quota {
    let limit = |n: u8, unit: u64| (n < 200).then_some(u64::from(n) * unit);
    Quota { bytes: limit(a, 400), messages: limit(b, 1) }
}

/// The mutation a step stands for.
pub(crate) fn mutation(s: Step) -> Mutation {
    let [kind, a, b, c, d, e, f, g] = s;
    let since = (g & 1 == 0).then_some(ModSeq(u64::from(g % 40)));
    match kind % 24 {
        0 => Mutation::AccountCreate {
            settings: vec![b; 3].into(),
            quota: quota(200, 255),
            mailboxes: if c & 1 == 0 { vec![] } else { vec![new_mailbox(d, e), new_mailbox(f, g)] },
        },
        1 => Mutation::AccountPut { account: account(a), settings: vec![b; 5].into() },
        2 if b > 200 => Mutation::AccountRemove { account: account(a) },
        3 => Mutation::QuotaSet { account: account(a), quota: quota(b, c) },
        2 | 4..=7 => Mutation::Deliver {
            message: message(b, c),
            flags: flags(d),
            to: match e % 3 {
                0 => smallvec![target(a, f)],
                1 => smallvec![target(a, f), target(a.wrapping_add(1), 0)],
                _ => smallvec![target(1, 0), target(2, 0), target(a, g)],
            },
            whole: g & 1 == 0,
        },
        8..=10 => Mutation::Append {
            to: target(a, b),
            messages: (0..c % 3).map(|i| (message(d.wrapping_add(i), e), flags(f))).collect(),
        },
        11 => Mutation::Copy { from: target(a, b), uids: uids(c, d), to: mailbox(e) },
        12 => Mutation::Move { from: target(a, b), uids: uids(c, d), to: mailbox(e) },
        13..=16 => Mutation::SetFlags {
            mailbox: target(a, b),
            uids: uids(c, d),
            how: [FlagChange::Add, FlagChange::Remove, FlagChange::Replace][usize::from(e % 3)],
            flags: flags(f),
            unchanged_since: since,
        },
        17 | 18 => Mutation::Expunge {
            mailbox: target(a, b),
            which: match c % 3 {
                0 => Expunged::Deleted,
                1 => Expunged::DeletedAmong(uids(d, e)),
                _ => Expunged::Uids(uids(d, e)),
            },
        },
        19 => Mutation::MailboxCreate { account: account(a), mailbox: new_mailbox(b, c) },
        20 => Mutation::MailboxRename { mailbox: target(a, b), name: name(c) },
        21 if c > 128 => Mutation::MailboxDelete { mailbox: target(a, b) },
        21 | 22 => Mutation::Subscribe { account: account(a), name: name(b), on: c & 1 == 0 },
        _ => Mutation::SettingPut {
            account: account(a),
            name: name(b),
            value: (c & 1 == 0).then(|| vec![d; 4].into()),
        },
    }
}

/// Batches made of steps: some hold several mutations, some have an id, some are sent twice.
pub(crate) fn batches(steps: &[Step]) -> Vec<Batch> {
    let mut batches = Vec::new();
    // A store without accounts teaches little.
    let create =
        |n: u8| Batch::one(Timestamp(i64::from(n) * 10_000), mutation([0, n, n, 1, 1, 2, 3, 7]));
    batches.extend([create(1), create(2)]);
    let mut rest = steps;
    while let Some((&first, after)) = rest.split_first() {
        let many = if first[7] > 220 { usize::from(first[7] % 3) + 1 } else { 1 };
        let (now, later) = rest.split_at(many.min(rest.len()));
        rest = if many == 1 { after } else { later };
        let id = (first[6] > 200).then_some(BatchId(u128::from(first[6])));
        let now = now.iter().copied().map(mutation).collect::<SmallVec<_>>();
        batches.push(Batch { id, now: Timestamp(i64::from(first[5]) * 100_000), mutations: now });
    }
    batches
}

/// Hands in a batch; the receiver gets its outcomes.
pub(crate) fn submit(store: &dyn Store, batch: &Batch) -> mpsc::Receiver<Outcomes> {
    let (tell, told) = mpsc::channel();
    store.submit(batch.clone(), Box::new(move |outcomes| drop(tell.send(outcomes))));
    told
}

/// Does a batch on a store that does it inside `submit`.
pub(crate) fn run(store: &Memory, batch: &Batch) -> Outcomes {
    submit(store, batch).try_recv().expect("the model completes at once")
}

/// Everything about a store that can be seen.
pub(crate) fn picture(store: &dyn Store) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |line: String| lines.push(line);
    for name in 0..8 {
        let name = name_of(name);
        add(format!("{name:?} {:?}", store.setting(AccountId::SERVER, &name)));
    }
    for account in store.accounts().unwrap() {
        let view = store.view(account.id).unwrap().expect("a listed account has a view");
        assert_eq!(*view.account(), account);
        add(format!("{account:?} {:?} {:?}", view.keywords(), view.subscriptions()));
        for name in 0..8 {
            let name = name_of(name);
            add(format!("{name:?} {:?}", view.setting(&name)));
        }
        let (mut bytes, mut messages) = (0, 0);
        for mailbox in view.mailboxes().unwrap() {
            assert_eq!(view.mailbox(mailbox.id).unwrap().as_ref(), Some(&mailbox));
            bytes += mailbox.bytes;
            messages += mailbox.messages;
            let (mut rows, mut flags) = (Vec::new(), Vec::new());
            let mut from = Uid::MIN;
            loop {
                let before = rows.len();
                view.rows(mailbox.id, from..=Uid::MAX, 3, &mut rows).unwrap();
                if rows.len() < before + 3 {
                    break;
                }
                from = rows.last().unwrap().uid.next();
            }
            view.flags(mailbox.id, Uid::MIN..=Uid::MAX, usize::MAX, &mut flags).unwrap();
            assert_eq!(rows.len() as u64, mailbox.messages, "{mailbox:?}");
            let of_rows: Vec<_> = rows
                .iter()
                .map(|r| FlagRow { uid: r.uid, flags: r.flags.clone(), modseq: r.modseq })
                .collect();
            assert_eq!(of_rows, flags);
            assert_eq!(mailbox.bytes, rows.iter().map(|r| r.size).sum::<u64>());
            let count = |flag| rows.iter().filter(|r| r.flags.system.has(flag)).count() as u64;
            assert_eq!(mailbox.unseen, mailbox.messages - count(SystemFlags::SEEN));
            assert_eq!(mailbox.deleted, count(SystemFlags::DELETED));
            for row in &rows {
                let body = store.read(&row.blob, 0..u64::MAX).unwrap();
                assert_eq!(BlobId::of(&body), row.blob);
                assert_eq!(body.len() as u64, row.size);
                assert_eq!(
                    store.read(&row.blob, 3..9).unwrap(),
                    body.slice(3.min(body.len())..9.min(body.len()))
                );
                assert_eq!(view.row(mailbox.id, row.uid).unwrap().as_ref(), Some(row));
            }
            add(format!("{mailbox:?}"));
            rows.iter().for_each(|row| add(format!("  {row:?}")));
            for since in (0..account.modseq.0 + 2).step_by(3) {
                add(format!("  {since} {:?}", view.changes(mailbox.id, ModSeq(since))));
            }
        }
        assert_eq!(account.usage, Usage { bytes, messages });
    }
    lines
}

fn name_of(n: u8) -> Arc<str> {
    name(n)
}

/// Fails with the first line that differs.
pub(crate) fn assert_same(expected: &[String], got: &[String], when: &str) {
    if let Some((a, b)) = expected.iter().zip(got).find(|(a, b)| a != b) {
        panic!("{when}:\nexpected {a}\n     got {b}");
    }
    assert_eq!(expected.len(), got.len(), "{when}");
}

/// Options for tests: little of everything.
pub(crate) fn small() -> Options {
    Options {
        shards: 2,
        pack_size: 32 * 1024,
        mark: Some(0x1122_3344_5566_7788),
        group_messages: 3,
        checkpoint_messages: 7,
        ..Options::default()
    }
}

/// An account of no settings and no limits.
pub(crate) fn create_account() -> Mutation {
    Mutation::AccountCreate {
        settings: Default::default(),
        quota: Quota::default(),
        mailboxes: vec![],
    }
}

/// A message for the INBOX of an account.
pub(crate) fn deliver(account: AccountId, body: Body) -> Mutation {
    Mutation::Deliver {
        message: Message {
            body,
            internal: Timestamp(0),
            received: Timestamp(0),
            summary: Default::default(),
        },
        flags: FlagNames::default(),
        to: smallvec::smallvec![Target { account, mailbox: MailboxId::INBOX }],
        whole: true,
    }
}
