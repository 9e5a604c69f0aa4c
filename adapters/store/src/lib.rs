//! Mail on disk: a checksummed log, and an index that can be rebuilt from it.
//!
//! # The map
//! Read [`Store`] first: it is the whole boundary. Then [`Mutation`] (what can be done), [`Outcome`]
//! (what became of it) and [`View`] (reading). Everything is in terms of mail: accounts, mailboxes,
//! messages, flags; protocols and sessions are unknown here.
//!
//! | module | holds |
//! |---|---|
//! | `store`, `watch` | [`Store`], [`Watcher`], [`Watch`]; who watches which account |
//! | `mutation` | [`Batch`], [`Mutation`] and their parts, the named limits |
//! | `outcome` | [`Outcome`], [`Refusal`], [`Completion`] |
//! | `view` | [`View`], [`Mailbox`], [`Row`], [`Changes`], [`Fault`] |
//! | `staging` | [`Staging`], [`Body`]: a body on its way in |
//! | `id`, `flags`, `uids` | numbers and names, flags and keywords, sets of UIDs |
//! | `memory` | [`Memory`]: the plainest possible engine, the oracle of all tests |
//! | `engine` | [`Engine`]: the embedded engine, log and index; [`Inline`]: the same without threads |
//! | [`disk`] | the files under it: real ones, and simulated ones that fail |
//!
//! # In short
//! ```
//! use posthaste_store::*;
//! use smallvec::smallvec;
//!
//! let store = Memory::new();
//! let (tell, told) = std::sync::mpsc::channel();
//! let run = |mutation| {
//!     let tell = tell.clone();
//!     store.submit(Batch::one(Timestamp(0), mutation), Box::new(move |o| tell.send(o).unwrap()));
//!     told.recv().unwrap().remove(0)
//! };
//!
//! let made = run(Mutation::AccountCreate {
//!     settings: Default::default(),
//!     quota: Quota::default(),
//!     mailboxes: vec![],
//! });
//! let Outcome::Account(account) = made else { panic!() };
//!
//! let mut staging = store.staging(0);
//! staging.append(b"Subject: hello\r\n\r\nworld\r\n")?;
//! let message = Message {
//!     body: staging.finish()?,
//!     internal: Timestamp(0),
//!     received: Timestamp(0),
//!     summary: Default::default(),
//! };
//! run(Mutation::Deliver {
//!     message,
//!     flags: FlagNames::default(),
//!     to: smallvec![Target { account, mailbox: MailboxId::INBOX }],
//!     whole: false,
//! });
//!
//! let view = store.view(account)?.unwrap();
//! let row = view.row(MailboxId::INBOX, Uid::MIN)?.unwrap();
//! assert_eq!(store.read(&row.blob, 0..7)?, "Subject");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod disk;
mod engine;
mod flags;
mod id;
mod memory;
mod mutation;
mod outcome;
mod staging;
mod store;
mod uids;
mod view;
mod watch;

#[doc(hidden)]
pub use engine::fuzz;
pub use engine::{Counters, Engine, Inline, OpenError, Options, Spawn};
pub use flags::{FlagChange, FlagNames, Flags, KeywordId, SystemFlags};
pub use id::{AccountId, BatchId, BlobId, EmailId, MailboxId, ModSeq, Timestamp, Uid};
pub use memory::Memory;
pub use mutation::{
    Batch, Expunged, MAX_KEYWORDS, MAX_MAILBOXES, MAX_NAME, MAX_SUMMARY, MAX_VALUE, Message,
    Mutation, NewMailbox, Quota, REMEMBERED_BATCHES, Role, Target,
};
pub use outcome::{Completion, FlagRow, Outcome, Outcomes, Refusal, Stored};
pub use staging::{Body, Staging};
pub use store::{Store, Watch, Watcher};
pub use uids::UidSet;
pub use view::{Account, Changes, Fault, Mailbox, Row, Usage, View};
