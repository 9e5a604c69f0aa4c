//! Every limit of the server by its name in `[limits]`, with its default.

use std::time::Duration;

use super::read::Section;

/// How a limit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number of things.
    Count,
    /// Octets.
    Size,
    /// A wait.
    Wait,
}

/// A limit with its value, for `config show` and the manual.
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The value; a wait in milliseconds.
    pub(crate) value: u64,
    /// The default; a wait in milliseconds.
    pub(crate) default: u64,
    pub(crate) about: &'static str,
}

macro_rules! limits {
    (@type Count) => { u64 };
    (@type Size) => { u64 };
    (@type Wait) => { Duration };
    (@raw Wait $value:expr) => { u64::try_from($value.as_millis()).unwrap_or(u64::MAX) };
    (@raw $kind:ident $value:expr) => { $value };
    (@read $section:ident Count $name:ident) => { $section.count(stringify!($name)) };
    (@read $section:ident Size $name:ident) => { $section.size(stringify!($name)) };
    (@read $section:ident Wait $name:ident) => { $section.duration(stringify!($name)) };
    ($($name:ident: $kind:ident = $default:expr, $about:literal;)*) => {
        /// `[limits]`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct Limits {
            $(#[doc = $about] pub(crate) $name: limits!(@type $kind),)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Takes the values that the section has.
            pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
                let mut limits = Self::default();
                $(if let Some(value) = limits!(@read section $kind $name) { limits.$name = value; })*
                limits
            }

            /// All of them, in the order of the manual.
            pub(crate) fn table(&self) -> Vec<Shown> {
                let default = Self::default();
                vec![$(Shown {
                    name: stringify!($name),
                    kind: Kind::$kind,
                    value: limits!(@raw $kind self.$name),
                    default: limits!(@raw $kind default.$name),
                    about: $about,
                },)*]
            }
        }
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

limits! {
    message_size: Size = 50 * MIB, "Largest message, announced by SIZE";
    smtp_recipients: Count = 1_000, "Recipients a transaction";
    smtp_transactions: Count = 1_000, "Transactions a connection";
    smtp_command_line: Size = 2_048, "Longest SMTP command line";
    smtp_text_line: Size = MIB, "Longest line of a message";
    smtp_auth_line: Size = 12_288, "Longest line of a sign-in exchange";
    smtp_command_wait: Wait = secs(300), "How long an SMTP client may be silent";
    smtp_hello_wait: Wait = secs(600), "How long an SMTP client may take to say hello";
    smtp_transaction_wait: Wait = secs(1_800), "How long an SMTP client may be silent between messages, commands added up";
    smtp_body_wait: Wait = secs(180), "How long an SMTP client may be silent inside a message";
    body_rate: Size = 512, "Least octets a second of a message";
    body_rate_span: Wait = secs(60), "What that is measured over";
    answer_wait: Wait = secs(240), "How long a session waits for the server's own answers";
    errors: Count = 20, "Failed commands a connection";
    tarpit_errors: Count = 10, "Of these, how many an SMTP client gets answered at once";
    tarpit_delay: Wait = secs(1), "How long the reply to another is kept back";
    junk_commands: Count = 100, "Commands a connection that move no mail";
    auth_failures: Count = 3, "Failed sign-ins a connection";
    auth_checks: Count = 100, "Passwords checked a minute an account";
    hops: Count = 50, "Received fields before a message counts as looping";
    imap_line_before_login: Size = 8 * KIB, "Longest IMAP command before sign-in";
    imap_line: Size = 64 * KIB, "Longest IMAP command, literals apart";
    imap_literal_before_login: Size = 4 * KIB, "Largest IMAP literal before sign-in";
    imap_literal: Size = 64 * KIB, "Largest IMAP literal that is not a message";
    imap_literals: Size = MIB, "All literals of an IMAP command together";
    imap_nesting: Count = 32, "Parentheses and keys inside one another in an IMAP command, up to 64";
    imap_set_ranges: Count = 10_000, "Ranges in one set of IMAP messages";
    imap_login_wait: Wait = secs(60), "How long an IMAP client may take to sign in";
    imap_idle: Wait = secs(1_800), "How long a signed-in IMAP client may be silent";
    imap_idle_gap: Wait = Duration::from_millis(50), "Least time between two updates to an idling client";
    imap_body_wait: Wait = secs(180), "How long an IMAP client may be silent inside a literal";
    pop3_line: Size = 512, "Longest POP3 command line";
    pop3_idle: Wait = secs(600), "How long a POP3 client may be silent";
    connections: Count = 20_000, "Connections in all";
    connections_per_address: Count = 50, "Connections an address";
    connections_per_network: Count = 200, "Connections a network (/24, /64)";
    connect_rate: Count = 60, "New connections a minute an address, in the long run";
    connect_burst: Count = 30, "New connections an address at a stroke";
    reserved: Count = 10, "Percent of the connections kept for trusted networks";
    stress_connections: Count = 75, "Percent of what strangers may have of the connections that begins the stress";
    bytes_in_flight: Size = 256 * MIB, "Message octets received and not yet on disk";
    stress_bytes: Count = 50, "Percent of these in use at which strangers have to be quick";
    shed_connect: Count = 75, "Percent at which new strangers are sent away";
    shed_data: Count = 90, "Percent at which messages of strangers are not taken for now";
    shed_bulk: Count = 95, "Percent at which submitted messages for many are not taken for now";
    bulk_recipients: Count = 20, "Recipients of a submitted message that is not for many";
    tls_handshake: Wait = secs(10), "How long a TLS handshake may take";
    write_stall: Wait = secs(60), "How long a peer may refuse to take octets";
    drain: Wait = secs(30), "How long sessions may go on after a stop was asked for";
}
