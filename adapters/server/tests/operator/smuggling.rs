//! The forms of `tests/SMUGGLING.md` against the program as it is served: how many messages does it store?

use std::thread;

use crate::place::{PASSWORD, Place};
use crate::wire::Wire;

#[allow(dead_code, unreachable_pub)]
#[path = "../../../../tests/src/safety/ends.rs"]
mod ends;

use ends::{Form, forms, text};

const ANN: &str = "ann@example.org";
const VICTIM: &str = "victim@example.org";

/// Whom strangers call themselves; a user may send as nobody else.
const fn sender(port: &str) -> &str {
    if matches!(port.as_bytes(), b"submission") { ANN } else { "admin@elsewhere.test" }
}

/// Sends a message with a form in it, by DATA or by BDAT, whole or in two pieces with the cut inside the form.
/// Says whether the server took it.
fn send(place: &Place, port: &str, form: &Form, chunk: bool, cut: bool) -> bool {
    let (number, hello) = match port {
        "smtp" => (place.smtp, "EHLO a.test"),
        "lmtp" => (place.lmtp, "LHLO a.test"),
        _ => (place.submission, "EHLO a.test"),
    };
    let mut wire = Wire::connect(number);
    assert!(wire.reply().starts_with("220"));
    assert!(wire.ask(hello).starts_with("250"));
    if port == "submission" {
        // NUL, the name, NUL, the password.
        assert!(wire.ask("AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBjb3JyZWN0IGhvcnNl").starts_with("235"));
    }
    let from = sender(port);
    assert!(wire.ask(&format!("MAIL FROM:<{from}>")).starts_with("250"));
    assert!(wire.ask(&format!("RCPT TO:<{ANN}>")).starts_with("250"));
    let text = text(form, from, VICTIM);
    if chunk {
        wire.say(&format!("BDAT {} LAST", text.len()));
    } else {
        assert!(wire.ask("DATA").starts_with("354"));
    }
    let middle = if cut { ends::OUTER.len() + form.octets.len() / 2 } else { text.len() };
    wire.send(&text[..middle]);
    wire.send(&text[middle..]);
    wire.send(if chunk { b"QUIT\r\n" } else { b".\r\nQUIT\r\n" });
    wire.reply().starts_with("250 2.0.0 Stored")
}

/// Messages in an account's INBOX, by POP3.
fn count(place: &Place, account: &str) -> usize {
    let mut wire = Wire::connect(place.pop3);
    wire.reply();
    wire.ask(&format!("USER {account}"));
    assert!(wire.ask(&format!("PASS {PASSWORD}")).starts_with("+OK"));
    let stat = wire.ask("STAT");
    stat.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{stat}"))
}

#[test]
fn nothing_is_smuggled_into_the_store() {
    let place = Place::with(&[ANN, VICTIM]);
    let server = place.serve();
    let forms = forms();
    let all = |port, ways: &[(bool, bool)]| {
        let each = forms.iter().flat_map(|form| ways.iter().map(move |way| (form, way)));
        let taken = each.filter(|(form, (chunk, cut))| send(&place, port, form, *chunk, *cut));
        (taken.count(), forms.len() * ways.len())
    };
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    let counts = thread::scope(|scope| {
        // Checking a password takes its time, and is done for each message.
        let submission = scope.spawn(|| all("submission", &ways[1..3]));
        [all("smtp", &ways), all("lmtp", &ways), submission.join().unwrap()]
    });
    let (taken, sent) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert_eq!((count(&place, ANN), count(&place, VICTIM)), (taken, 0));
    println!("{} forms, {sent} sent, {taken} taken and stored, 0 inner messages", forms.len());

    // Behind a true end it is a message: otherwise this test could not fail.
    let end = Form { octets: b"\r\n.\r\n".to_vec(), name: "the end".to_owned() };
    for port in ["smtp", "submission"] {
        assert!(send(&place, port, &end, false, false));
    }
    assert_eq!((count(&place, ANN), count(&place, VICTIM)), (taken + 2, 2));
    server.stop();
}
