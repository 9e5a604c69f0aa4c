//! Every rule of the contract, for every machine.

use posthaste_core::smtp::server::Role;
use posthaste_tests::property::heap::Counting;
use posthaste_tests::property::pop3::Pop3Server;
use posthaste_tests::property::smtp::SmtpServer;
use posthaste_tests::property::smtp_client::Sender;
use posthaste_tests::property::{Subject, Unit, rules};
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static HEAP: Counting = Counting;

/// Runs a rule on talks of a subject.
fn check<S: Subject>(subject: &S, cases: u32, rule: impl Fn(&S, &[Unit], u64)) {
    // PROPTEST_CASES asks for more, or less: 256 is what it has by itself.
    let cases = Config::default().cases * cases / 256;
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let talks = (subject.talk(), proptest::num::u64::ANY);
    TestRunner::new(config)
        .run(&talks, |(talk, seed)| {
            rule(subject, &talk, seed);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

macro_rules! properties {
    ($name:ident, $subject:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn cutting() {
                check(&$subject, 192, rules::cutting);
            }

            #[test]
            fn silence() {
                check(&$subject, 96, rules::silence);
            }

            #[test]
            fn refusal() {
                check(&$subject, 96, rules::refusal);
            }

            #[test]
            fn lateness() {
                check(&$subject, 64, rules::lateness);
            }

            #[test]
            fn closing() {
                check(&$subject, 32, rules::closing);
            }

            #[test]
            fn poking() {
                check(&$subject, 96, rules::poking);
            }

            #[test]
            fn injection() {
                rules::injection(&$subject);
            }

            #[test]
            fn idleness() {
                rules::idleness(&$subject);
            }
        }
    };
}

properties!(imap_server, posthaste_tests::property::imap::ImapServer::default());
properties!(pop3_server, Pop3Server::default());
properties!(smtp_commands, SmtpServer::<false>::new(Role::Smtp));
properties!(smtp_server, SmtpServer::<true>::new(Role::Smtp));
properties!(submission_server, SmtpServer::<true>::new(Role::Submission));
properties!(lmtp_server, SmtpServer::<true>::new(Role::Lmtp));
properties!(smtp_commands_under_tls, SmtpServer::<false>::under_tls(Role::Submission));
properties!(imap_server_under_tls, posthaste_tests::property::imap::ImapServer::under_tls());
properties!(pop3_server_under_tls, Pop3Server::under_tls());
properties!(smtp_client, Sender::new(false));
properties!(smtp_client_with_a_token, Sender::with_token());
properties!(smtp_client_bound_to_tls, Sender::bound());
properties!(lmtp_client, Sender::new(true));
