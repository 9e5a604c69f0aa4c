//! Any command that can be built. What it borrows is leaked, since a strategy cannot lend.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::num::{NonZeroU32, NonZeroU64};

use proptest::collection::vec as many;
use proptest::option;
use proptest::prelude::*;

use crate::imap::command::{
    Append, Authenticate, By, Change, Command, CopyTo, Create, Entry, EntryKind, Fetch, FetchItem,
    IdField, Initial, Key, Keys, List as ListCommand, ListReturn, ListSelect, Login, ModSeq,
    Rename, Returns, Search, Select, SelectParam, Status, StatusItems, Store,
};
use crate::imap::date::{Date, DateTime};
use crate::imap::frame::Literal;
use crate::imap::list::{Element, List};
use crate::imap::mailbox::{Mailbox, Pattern};
use crate::imap::section::{Part, Partial, Section, SectionText};
use crate::imap::sequence::{Bound, Range, SequenceSet};
use crate::imap::{AString, Atom, Flag, SecretString, SpecialUse, Tag, Tagged};
use crate::text::Secret;

fn keep<T>(items: Vec<T>) -> &'static [T] {
    Box::leak(items.into_boxed_slice())
}

fn list<T: Element<'static> + core::fmt::Debug>(
    item: impl Strategy<Value = T>,
    sizes: core::ops::Range<usize>,
) -> impl Strategy<Value = List<'static, T>> {
    many(item, sizes).prop_map(|items| List::of(keep(items)))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9/._-]{1,12}",
        "[ -~]{0,12}",
        "[a-z\"\\\\&+%* é日😀\r\n\t]{0,8}",
        Just("INBOX".into()),
        Just("inbox".into()),
        Just("NIL".into()),
    ]
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => text().prop_map(String::into_bytes), 1 => many(1u8.., 0..20)]
}

fn astring() -> impl Strategy<Value = AString<'static>> {
    octets().prop_map(|octets| AString::new(keep(octets)).unwrap())
}

fn atom() -> impl Strategy<Value = Atom<'static>> {
    "[!-~&&[^(){%*\"\\\\\\]]]{1,10}".prop_map(|atom| Atom::new(keep(atom.into_bytes())).unwrap())
}

fn mailbox() -> impl Strategy<Value = Mailbox<'static>> {
    text().prop_map(|name| Mailbox::new(Box::leak(name.into_boxed_str())).unwrap())
}

fn pattern() -> impl Strategy<Value = Pattern<'static>> {
    text().prop_map(|name| Pattern::new(Box::leak(name.into_boxed_str())).unwrap())
}

fn flag() -> impl Strategy<Value = Flag<'static>> {
    prop_oneof![
        Just(Flag::Answered),
        Just(Flag::Deleted),
        Just(Flag::Draft),
        Just(Flag::Flagged),
        Just(Flag::Seen),
        atom().prop_map(Flag::system),
        atom().prop_map(Flag::Keyword),
    ]
}

fn special_use() -> impl Strategy<Value = SpecialUse<'static>> {
    prop_oneof![
        Just(SpecialUse::All),
        Just(SpecialUse::Archive),
        Just(SpecialUse::Drafts),
        Just(SpecialUse::Flagged),
        Just(SpecialUse::Junk),
        Just(SpecialUse::Sent),
        Just(SpecialUse::Trash),
        Just(SpecialUse::Other(Atom::new(b"Important").unwrap())),
    ]
}

fn nz() -> impl Strategy<Value = NonZeroU32> {
    prop_oneof![1u32..20, 1u32..].prop_map(|n| NonZeroU32::new(n).unwrap())
}

/// 63 bits.
fn number64() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..100, 0u64..1 << 63]
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![4 => nz().prop_map(Bound::Number), 1 => Just(Bound::Last)]
}

fn sequence_set() -> impl Strategy<Value = SequenceSet<'static>> {
    let range = prop_oneof![
        bound().prop_map(Range::one),
        (bound(), bound()).prop_map(|(from, to)| Range { from, to }),
    ];
    prop_oneof![
        6 => list(range, 1..5).prop_map(SequenceSet::Ranges),
        1 => Just(SequenceSet::Saved),
    ]
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![Just(By::Sequence), Just(By::Uid)]
}

fn date() -> impl Strategy<Value = Date> {
    (-719_528i64..2_932_896).prop_map(Date::from_days)
}

fn date_time() -> impl Strategy<Value = DateTime> {
    (-62_000_000_000i64..253_000_000_000, -5_999i16..=5_999)
        .prop_map(|(seconds, zone)| DateTime::from_unix(seconds, zone))
}

fn part(least: usize) -> impl Strategy<Value = Part<'static>> {
    list(nz(), least..4)
}

fn partial() -> impl Strategy<Value = Option<Partial>> {
    option::of((number64(), number64()).prop_map(|(offset, length)| Partial {
        offset,
        length: NonZeroU64::new(length).unwrap_or(NonZeroU64::MIN),
    }))
}

fn section() -> impl Strategy<Value = Section<'static>> {
    let names = || list(astring(), 1..3);
    let text = prop_oneof![
        Just(SectionText::Header),
        Just(SectionText::Text),
        names().prop_map(SectionText::HeaderFields),
        names().prop_map(SectionText::HeaderFieldsNot),
    ]
    .boxed();
    prop_oneof![
        (part(0), option::of(text)).prop_map(|(part, text)| Section { part, text }),
        part(1).prop_map(|part| Section { part, text: Some(SectionText::Mime) }),
    ]
}

fn fetch_item() -> impl Strategy<Value = FetchItem<'static>> {
    prop_oneof![
        (any::<bool>(), part(0), partial()).prop_map(|(peek, part, partial)| FetchItem::Binary {
            peek,
            part,
            partial
        }),
        part(0).prop_map(FetchItem::BinarySize),
        Just(FetchItem::Body),
        (any::<bool>(), section(), partial())
            .prop_map(|(peek, section, partial)| FetchItem::BodySection { peek, section, partial }),
        Just(FetchItem::BodyStructure),
        Just(FetchItem::Envelope),
        Just(FetchItem::Flags),
        Just(FetchItem::InternalDate),
        Just(FetchItem::ModSeq),
        Just(FetchItem::Rfc822),
        Just(FetchItem::Rfc822Header),
        Just(FetchItem::Rfc822Size),
        Just(FetchItem::Rfc822Text),
        Just(FetchItem::Uid),
    ]
}

fn mod_seq() -> impl Strategy<Value = ModSeq<'static>> {
    let kind = prop_oneof![Just(EntryKind::All), Just(EntryKind::Private), Just(EntryKind::Shared)];
    // A quoted string by the grammar, never a literal.
    let name = "[ -~]{0,12}".prop_map(|name| AString::new(keep(name.into_bytes())).unwrap());
    let entry = option::of((name, kind).prop_map(|(name, kind)| Entry { name, kind }));
    (entry, number64()).prop_map(|(entry, since)| ModSeq { entry, since })
}

fn simple_key() -> impl Strategy<Value = Key<'static>> {
    prop_oneof![
        prop::sample::select(vec![
            Key::All,
            Key::Answered,
            Key::Deleted,
            Key::Draft,
            Key::Flagged,
            Key::New,
            Key::Old,
            Key::Recent,
            Key::Seen,
            Key::Unanswered,
            Key::Undeleted,
            Key::Undraft,
            Key::Unflagged,
            Key::Unseen,
        ]),
        (astring(), 0..7u8).prop_map(|(s, i)| match i {
            0 => Key::Bcc(s),
            1 => Key::Body(s),
            2 => Key::Cc(s),
            3 => Key::From(s),
            4 => Key::Subject(s),
            5 => Key::Text(s),
            _ => Key::To(s),
        }),
        (date(), 0..6u8).prop_map(|(date, i)| match i {
            0 => Key::Before(date),
            1 => Key::On(date),
            2 => Key::SentBefore(date),
            3 => Key::SentOn(date),
            4 => Key::SentSince(date),
            _ => Key::Since(date),
        }),
        (astring(), astring()).prop_map(|(name, value)| Key::Header { name, value }),
        atom().prop_map(Key::Keyword),
        atom().prop_map(Key::Unkeyword),
        number64().prop_map(Key::Larger),
        number64().prop_map(Key::Smaller),
        mod_seq().prop_map(Key::ModSeq),
        sequence_set().prop_map(Key::Sequence),
        sequence_set().prop_map(Key::Uid),
    ]
}

fn keys() -> impl Strategy<Value = Keys<'static>> {
    let one = simple_key().prop_map(|key| vec![key]);
    let nested = one.prop_recursive(5, 24, 4, |key| {
        prop_oneof![
            key.clone().prop_map(|key| [vec![Key::Not], key].concat()),
            (key.clone(), key.clone()).prop_map(|(a, b)| [vec![Key::Or], a, b].concat()),
            many(key, 1..4)
                .prop_map(|keys| [vec![Key::Open], keys.concat(), vec![Key::Close]].concat()),
        ]
    });
    many(nested, 1..4).prop_map(|keys| Keys::of(keep(keys.concat())).unwrap())
}

fn status_items() -> impl Strategy<Value = StatusItems> {
    let all = vec![
        StatusItems::MESSAGES,
        StatusItems::UIDNEXT,
        StatusItems::UIDVALIDITY,
        StatusItems::UNSEEN,
        StatusItems::DELETED,
        StatusItems::SIZE,
        StatusItems::RECENT,
        StatusItems::HIGHESTMODSEQ,
    ];
    prop::sample::subsequence(all, 1..=8)
        .prop_map(|items| items.into_iter().fold(StatusItems::NONE, StatusItems::and))
}

fn list_command() -> impl Strategy<Value = ListCommand<'static>> {
    let select = any::<[bool; 4]>().prop_map(|[subscribed, remote, recursive, special_use]| {
        let recursive_match = recursive && (subscribed || special_use);
        ListSelect { subscribed, remote, recursive_match, special_use }
    });
    let status = option::of(status_items()).prop_map(Option::unwrap_or_default);
    let returns =
        (any::<[bool; 3]>(), status).prop_map(|([subscribed, children, special_use], status)| {
            ListReturn { subscribed, children, special_use, status }
        });
    prop_oneof![
        (mailbox(), pattern())
            .prop_map(|(reference, pattern)| ListCommand::plain(reference, keep(vec![pattern]))),
        (mailbox(), list(pattern(), 1..3), select, returns).prop_map(
            |(reference, patterns, select, returns)| ListCommand {
                reference,
                patterns,
                select,
                returns,
                extended: true,
            }
        ),
    ]
}

fn append() -> impl Strategy<Value = Append<'static>> {
    (mailbox(), list(flag(), 0..3), option::of(date_time()), any::<[bool; 2]>(), number64())
        .prop_map(|(mailbox, flags, date, [utf8, binary], octets)| Append {
            mailbox,
            flags,
            date,
            utf8,
            literal: Literal { octets, wait: true, binary: binary || utf8 },
        })
}

fn select() -> impl Strategy<Value = Select<'static>> {
    (mailbox(), list(Just(SelectParam::Condstore), 0..2))
        .prop_map(|(mailbox, params)| Select { mailbox, params })
}

fn copy() -> impl Strategy<Value = CopyTo<'static>> {
    (by(), sequence_set(), mailbox()).prop_map(|(by, set, mailbox)| CopyTo { by, set, mailbox })
}

fn authenticate() -> impl Strategy<Value = Authenticate<'static>> {
    let initial = "([A-Za-z0-9+/]{4}){0,5}"
        .prop_map(|base64| Initial(Secret::new(keep(base64.into_bytes()))));
    (atom(), option::of(initial))
        .prop_map(|(mechanism, initial)| Authenticate { mechanism, initial })
}

fn fetch() -> impl Strategy<Value = Fetch<'static>> {
    (by(), sequence_set(), list(fetch_item(), 1..5), option::of(1u64..1 << 63))
        .prop_map(|(by, set, items, changed_since)| Fetch { by, set, items, changed_since })
}

fn search() -> impl Strategy<Value = Search<'static>> {
    let returns = any::<[bool; 5]>().prop_map(|[min, max, all, count, save]| Returns {
        min,
        max,
        // An empty list says the same as ALL.
        all: all || !(min || max || count || save),
        count,
        save,
    });
    (by(), option::of(returns), option::of(astring()), keys())
        .prop_map(|(by, returns, charset, keys)| Search { by, returns, charset, keys })
}

fn store() -> impl Strategy<Value = Store<'static>> {
    let change = prop_oneof![Just(Change::Add), Just(Change::Remove), Just(Change::Replace)];
    (by(), sequence_set(), option::of(number64()), change, any::<bool>(), list(flag(), 0..4))
        .prop_map(|(by, set, unchanged_since, change, silent, flags)| Store {
            by,
            set,
            unchanged_since,
            change,
            silent,
            flags,
        })
}

pub(super) fn command() -> impl Strategy<Value = Command<'static>> {
    let field =
        (astring(), option::of(astring())).prop_map(|(name, value)| IdField { name, value });
    let small = prop_oneof![
        prop::sample::select(vec![
            Command::Capability,
            Command::Check,
            Command::Close,
            Command::Expunge,
            Command::Idle,
            Command::Logout,
            Command::Namespace,
            Command::Noop,
            Command::StartTls,
            Command::Unselect,
        ]),
        authenticate().prop_map(Command::Authenticate),
        copy().prop_map(Command::Copy),
        copy().prop_map(Command::Move),
        (mailbox(), list(special_use(), 0..3))
            .prop_map(|(mailbox, uses)| Command::Create(Create { mailbox, uses })),
        mailbox().prop_map(Command::Delete),
        mailbox().prop_map(Command::Subscribe),
        mailbox().prop_map(Command::Unsubscribe),
        list(atom(), 1..4).prop_map(Command::Enable),
        (astring(), astring()).prop_map(|(user, password)| Command::Login(Login {
            user,
            password: SecretString::new(password),
        })),
        sequence_set().prop_map(Command::UidExpunge),
    ];
    prop_oneof![
        2 => small,
        1 => append().prop_map(Command::Append),
        1 => select().prop_map(Command::Examine),
        1 => select().prop_map(Command::Select),
        3 => fetch().prop_map(Command::Fetch),
        1 => option::of(list(field, 0..4)).prop_map(Command::Id),
        2 => list_command().prop_map(Command::List),
        1 => (mailbox(), pattern())
            .prop_map(|(reference, pattern)| Command::Lsub { reference, pattern }),
        1 => (mailbox(), mailbox()).prop_map(|(from, to)| Command::Rename(Rename { from, to })),
        3 => search().prop_map(Command::Search),
        1 => (mailbox(), status_items())
            .prop_map(|(mailbox, items)| Command::Status(Status { mailbox, items })),
        2 => store().prop_map(Command::Store),
    ]
}

pub(super) fn tagged() -> impl Strategy<Value = Tagged<'static>> {
    let tag =
        "[!-~&&[^(){%*\"\\\\+]]{1,20}".prop_map(|tag| Tag::new(keep(tag.into_bytes())).unwrap());
    (tag, command()).prop_map(|(tag, command)| Tagged { tag, command })
}
