//! What a handler's session on tokio costs in memory.

use posthaste_tests::property::heap::{Counting, calls, is_counting};
use posthaste_tokio::smtp::{
    Body, Config, Handler, Outcome, Peer, Recipient, Refusal, Role, Transaction, rehearse,
};

#[global_allocator]
static HEAP: Counting = Counting;

/// Counts octets, and allocates nothing.
struct Counter(usize);

impl Handler for Counter {
    async fn recipient(&mut self, _: &Transaction, _: &Recipient) -> Result<(), Refusal> {
        Ok(())
    }

    async fn message(&mut self, _: &Transaction, body: &mut Body<'_>) -> Result<Outcome, Refusal> {
        while let Some(run) = body.chunk().await? {
            self.0 += run.len();
        }
        Ok(Outcome::taken("Counted"))
    }
}

/// Allocations of a session with so many messages.
async fn session(messages: usize) -> u64 {
    let one = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nhi\r\n.\r\n";
    let says = format!("EHLO x\r\n{}NOOP\r\nRSET\r\nQUIT\r\n", one.repeat(messages));
    let mut counter = Counter(0);
    let before = calls();
    let config = Config::new(Role::Smtp, "mx.test");
    let heard = rehearse(config, Peer::here(), &mut counter, says).await;
    let after = calls();
    assert_eq!((counter.0, heard.matches("Counted").count()), (4 * messages, messages));
    after - before
}

/// A message costs what handlers are shown of it: sender and recipient, each with what canonical form they have, and
/// the list of recipients. Nothing is allocated for an event, a question or a run of the body.
#[test]
fn a_message_allocates_its_addresses() {
    assert!(is_counting());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let each = runtime.block_on(async {
        session(1).await;
        let (few, many) = (session(10).await, session(110).await);
        (many - few) as f64 / 100.0
    });
    println!("{each} allocations a message");
    assert!(each < 5.5, "{each} allocations a message");
}

/// A connection costs its task; what happens once in it (TLS, the goodbye) has its memory then and gives it back.
#[test]
fn a_session_is_small() {
    let mut counter = Counter(0);
    let task = rehearse(Config::new(Role::Smtp, "mx.test"), Peer::here(), &mut counter, "");
    println!("{} octets a session", size_of_val(&task));
    assert!(size_of_val(&task) < 6 << 10);
}
