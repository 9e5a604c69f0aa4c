"""They send to us: what they are given by SMTP and by sendmail, they relay to us each way that they know."""

import re
import smtplib
import time

from . import theirs
from .mail import Sent, arrives, corpus, made, split

# Of the corpus, the first way carries all, the others one of so many.
STEP = 20
MANY = 100
MAILBOXES = 10
# Seconds that their queue may take.
WAIT = 60


def check(peer, ours, domains, taps, results):
    open_ways = [way for way in peer.routes if "auth" not in way]
    signed = [way for way in peer.routes if "auth" in way]
    utf8 = peer.utf8
    messages = list(made())
    some = {sent.name for sent in corpus(STEP)}
    messages += list(corpus())
    known = lines(messages)
    expected, spoilt = {}, {}
    waiting = dict.fromkeys(peer.routes, 0)
    client = Injector(peer.ports["inject"])

    def give(message, ways, sender, options=()):
        """Hands a message over for these ways."""
        recipients = [f"u@{domains[way]}" for way in ways]
        for way in ways:
            results.way("in", way)["sent"] += 1
        reply = client.send(message, sender, recipients, options)
        if reply is not None:
            for way in ways:
                results.refusal(peer.name, "in", way, message, reply)
            return
        name, reason, spoils, spared, _ = theirs.SPOILT.get(peer.name, (None, None, lambda _: False, (), None))
        for way in ways:
            if way not in spared and spoils(message):
                results.way("in", way)["refused"] += 1
                results.refused[name, reason] += 1
                spoilt.setdefault(way, []).append(sender)
                continue
            waiting[way] += 1
            expected[way, sender] = message

    for number, message in enumerate(messages):
        if message.utf8 and not utf8:
            continue
        ways = open_ways if message.made or message.name in some else open_ways[:1]
        name = f"größe+{number}" if message.utf8 else f"m{number}"
        give(message, ways, f"{name}@elsewhere.test")
        for way in signed if message.made or message.name in some else ():
            # Submission takes only the account's own address; and one with UTF-8 is none of its.
            give(message, [way], f"u+{number}@{domains[way]}")
    first = open_ways[0]
    dots = next(message for message in messages if message.name == "dots")
    give(Sent("null-sender", dots.octets), [first], "")
    # A mailbox gets a message once a transaction, whatever addresses lead to it.
    many = [f"r{n % MAILBOXES}+{n}@{domains[first]}" for n in range(MANY)]
    message = Sent("many-recipients", dots.octets)
    results.way("in", first)["sent"] += 1
    reply = client.send(message, "many@elsewhere.test", many)
    results.prove(f"{MANY} recipients are taken", reply is None, reply)
    if peer.dsn:
        parameters = ("RET=HDRS", "ENVID=QQ314159")
        rcpt = ("NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;u@{domains[first]}")
        client.rcpt_options = rcpt
        give(Sent("dsn", dots.octets), [first], "dsn@elsewhere.test", options=parameters)
        client.rcpt_options = ()
    client.quit()
    by_command(peer, domains[first], first, results, expected, waiting)

    until = time.monotonic() + WAIT
    for way in peer.routes:
        found = ours.mailbox(f"u@{domains[way]}", waiting[way], until)
        if len(found) != waiting[way]:
            results.wrong.append(f"in {way}: {len(found)} messages of {waiting[way]}")
        seen = {}
        for stored in found:
            sender, rest = split(stored, ["ours", peer.name])
            qualified = False
            if peer.name == "opensmtpd" and rest is not None:
                rest, qualified = theirs.stamped(rest, known)
            sent = expected.get((way, None if sender is None else sender.decode()))
            if sent is None:
                results.wrong.append(f"in {way}: nobody sent {stored[:600]!r}")
                continue
            seen[sent.name] = seen.get(sent.name, 0) + 1
            octets, why = arrives(sent, ["ours", peer.name])
            why += [theirs.QUALIFIED] * qualified
            if seen[sent.name] == 1 or rest != octets:
                results.arrived("in", way, sent, rest, octets, why)
            protocol(peer, way, sent, stored, results)
        missing = {m.name for (w, _), m in expected.items() if w == way} - set(seen)
        if missing:
            results.wrong.append(f"in {way}: did not arrive: {sorted(missing)}")
        if way == first:
            found = [ours.mailbox(f"r{n}@{domains[first]}", 1, until) for n in range(MAILBOXES)]
            bodies = [split(stored, ["ours", peer.name])[1] for each in found for stored in each]
            octets, why = arrives(message, ["ours", peer.name])
            right = all(found) and bodies == [octets] * len(bodies)
            results.prove(f"{MANY} recipients get it", right, [len(each) for each in found])
            results.way("in", first)["same"] += right
            for sender in spoilt.get(way, ()):
                refused = theirs.SPOILT[peer.name][-1] in taps[way].told(sender)
                results.prove("what it spoils is refused", refused, sender)
        words = taps[way].used()
        results.uses("in", way, words | behind_tls(way))
        for word in peer.uses(way):
            results.need(word in words, f"{way}: its client uses {word}", sorted(words))
        # RFC 3461 §4: what is not offered is not used.
        foreign = words & {"NOTIFY", "ORCPT", "RET", "ENVID", "REQUIRETLS", "MT-PRIORITY", "HOLDFOR", "BY"}
        results.need(not foreign, f"{way}: its client uses nothing that was not offered", foreign)


def lines(messages):
    """All lines of some messages."""
    return {line for message in messages for line in message.octets.splitlines(keepends=True)}


def by_command(peer, domain, way, results, expected, waiting):
    """The same by their sendmail command, which takes the line ends of Unix."""
    head = (
        b"From: sender@elsewhere.test\nTo: u@x.test\nSubject: by command\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n"
        b"Message-ID: <command@elsewhere.test>\n\n"
    )
    for name, body in (
        ("command-dots", b".\n..\n.a\n\nend\n"),
        ("command-no-newline", b"a line\nno newline at the end"),
        ("command-eight-bit", b"Gr\xfc\xdfe\n"),
    ):
        sender = f"{name}@elsewhere.test"
        message = Sent(name, (head + body).replace(b"\n", b"\r\n"))
        results.way("in", way)["sent"] += 1
        peer.root.run(*peer.sendmail, "-f", sender, f"u@{domain}", stdin=head + body)
        waiting[way] += 1
        expected[way, sender] = message


def protocol(peer, way, message, stored, results):
    """What our Received field says of how it came, RFC 3848 and RFC 6531 §4.3."""
    word = "LMTP" if "lmtp" in way else "ESMTP"
    if message.utf8 and peer.utf8:
        word = "UTF8" + word.removeprefix("E")
    tls = "starttls" in way or "implicit" in way or way in peer.signed_under_tls
    word += "S" * tls + "A" * ("auth" in way)
    said = re.search(rb"\r\n\tby mx\.ours\.test with (\w+) ", stored)
    said = said.group(1).decode() if said else ""
    if said != word:
        results.wrong.append(f"in {way} {message.name}: came with {said}, expected {word}")


def behind_tls(way):
    """How a way signs in, which is not read on the wire: its client may use this mechanism alone, if it is named."""
    verb, _, mechanism = way.partition("-")
    return {f"AUTH {mechanism.upper()}".strip()} if verb == "auth" else set()


class Injector:
    """A client that hands messages over as they are, over one connection."""

    def __init__(self, port):
        self.port = port
        self.rcpt_options = ()
        self.connect()

    def connect(self):
        self.client = smtplib.SMTP("127.0.0.1", self.port, local_hostname="inject.test", timeout=120)
        self.client.command_encoding = "utf-8"
        self.client.ehlo()

    def send(self, message, sender, recipients, options=()):
        """The refusal, or nothing."""
        options = list(options)
        if message.eight_bit:
            options.append("BODY=8BITMIME")
        if message.utf8:
            options.append("SMTPUTF8")
        try:
            # A server that refused a message for its lines has closed.
            if self.client.docmd("RSET")[0] != 250:
                self.connect()
        except smtplib.SMTPServerDisconnected:
            self.connect()
        try:
            return self.transact(message, sender, recipients, options)
        except smtplib.SMTPServerDisconnected as gone:
            self.connect()
            return f"closed: {gone}"

    def transact(self, message, sender, recipients, options):
        client = self.client
        steps = [f"MAIL FROM:<{sender}> {' '.join(options)}".rstrip()]
        steps += [f"RCPT TO:<{to}> {' '.join(self.rcpt_options)}".rstrip() for to in recipients]
        for step in (*steps, "DATA"):
            code, text = client.docmd(step)
            if code >= 400:
                client.docmd("RSET")
                return f"{code} {text.decode(errors='replace')}"
        client.send(re.sub(rb"(?m)^\.", b"..", message.octets) + b".\r\n")
        code, text = client.getreply()
        return None if code == 250 else f"{code} {text.decode(errors='replace')}"

    def quit(self):
        self.client.quit()
