//! What the handler says, in one place. Codes by RFC 3463 and RFC 5248.

use posthaste_core::smtp::reply::{Enhanced, Reply};

/// The message alone is bigger than what the account may hold.
pub(super) const BIGGER_THAN_QUOTA: Reply =
    Reply::constant(552, Enhanced(5, 2, 2), "The message is bigger than what the mailbox may hold");
/// There is too much to do to talk to strangers.
pub(super) const BUSY: Reply =
    Reply::constant(421, Enhanced(4, 3, 2), "Too much mail at once, try again later");
/// There is too much to do for this message.
pub(super) const BUSY_NOW: Reply =
    Reply::constant(451, Enhanced(4, 3, 2), "Too much mail at once, try again later");
/// The disk is full.
pub(super) const FULL: Reply =
    Reply::constant(452, Enhanced(4, 3, 1), "The server is full, try again later");
/// Too many Received fields.
pub(super) const LOOP: Reply =
    Reply::constant(554, Enhanced(5, 4, 6), "Too many hops, this is a loop");
/// LMTP from elsewhere.
pub(super) const NOT_FROM_HERE: Reply =
    Reply::constant(554, Enhanced(5, 7, 1), "LMTP is not open to this address");
/// The sender is not an address of the account.
pub(super) const NOT_YOURS: Reply =
    Reply::constant(553, Enhanced(5, 7, 1), "The sender is not an address of this account");
/// A stranger wants to send elsewhere.
pub(super) const NO_RELAY: Reply =
    Reply::constant(550, Enhanced(5, 7, 1), "Relaying is not allowed");
/// A user wants to send elsewhere.
pub(super) const NO_ROUTE: Reply =
    Reply::constant(550, Enhanced(5, 4, 4), "no outbound route is configured");
/// The mailbox has no room.
pub(super) const OVER_QUOTA: Reply = Reply::constant(452, Enhanced(4, 2, 2), "The mailbox is full");
/// Submission without sign-in.
pub(super) const SIGN_IN: Reply = Reply::constant(530, Enhanced(5, 7, 0), "Sign in first");
/// Nobody has this address.
pub(super) const UNKNOWN: Reply = Reply::constant(550, Enhanced(5, 1, 1), "No such user here");
