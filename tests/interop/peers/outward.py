"""We send to them: the same messages by `posthaste send`, each way that they take, to a maildir of theirs."""

import re
import smtplib
import time

from . import theirs
from .inward import STEP, behind_tls, lines
from .mail import Sent, arrives, corpus, made, split
from .ours import send, unverified
from .results import difference
from .tap import Tap

WAIT = 60
SENDER, UTF8_SENDER = "{way}@elsewhere.test", "größe+{way}@elsewhere.test"
# Seconds without a new message after which none is expected.
STILL = 10


def check(peer, password, results, folder):
    place = folder / peer.name
    place.mkdir()
    taps = {name: Tap(port) for name, port in peer.ports.items()}
    ports = {name: tap.port for name, tap in taps.items()}
    try:
        messages(peer, ports, password, results, place)
        if peer.dsn:
            reports(peer, ports, results, place)
        refusals(peer, ports, password, results, place)
        offers(peer, password, results)
        for way, listener, options, _ in ways(peer, password):
            hidden = {"TLS from the start"} if way == "implicit" else {"STARTTLS"} if "starttls" in options else set()
            senders = (SENDER.format(way=way), UTF8_SENDER.format(way=way))
            results.uses("out", way, taps[listener].used(*senders) | hidden | behind_tls(way))
        if peer.dsn:
            results.uses("out", "smtp", taps["plain"].used("report@theirs.test"))
        used = results.used("out")
        for word in peer.we_use:
            results.need(word in used, f"we use {word}", sorted(used))
    finally:
        for tap in taps.values():
            tap.close()


def ways(peer, password):
    """Name, listener, options, password."""
    ca = ("--ca", peer.pki.ca)
    under = ("--tls", "starttls", *ca)
    if "lmtp" in peer.ports:
        yield "lmtp", "lmtp", ("--lmtp",), None
        yield "lmtp-one-by-one", "lmtp", ("--lmtp", "--pipelining", "off"), None
        yield "lmtp-data", "lmtp", ("--lmtp", "--chunking", "off"), None
        yield "lmtp-starttls", "lmtp", ("--lmtp", *under), None
        return
    yield "smtp", "plain", (), None
    yield "one-by-one", "plain", ("--pipelining", "off",), None
    yield "data", "plain", ("--chunking", "off",), None
    yield "data-one-by-one", "plain", ("--chunking", "off", "--pipelining", "off"), None
    yield "starttls", "plain", under, None
    yield "implicit", "implicit", ("--tls", "implicit", *ca), None
    for mechanism in peer.mechanisms:
        way = f"auth-{mechanism.lower()}"
        yield way, "submission", (*under, "--user", peer.user, "--mechanism", mechanism, "--password-stdin"), password


def messages(peer, ports, password, results, place):
    some = {sent.name for sent in corpus(STEP)}
    everything = list(made()) + list(corpus())
    known = lines(everything)
    files = {}
    for number, message in enumerate(everything):
        file = place / f"{number}.eml"
        file.write_bytes(message.octets)
        files[str(file)] = message
    expected = {}
    total = 0
    first = True
    for way, listener, options, secret in ways(peer, password):
        chosen = {f: m for f, m in files.items() if first or m.made or m.name in some}
        plain = {f: m for f, m in chosen.items() if not m.utf8}
        total += give(peer, way, ports[listener], options, secret, plain, results, expected)
        utf8 = {f: m for f, m in chosen.items() if m.utf8}
        if peer.utf8:
            total += give(peer, way, ports[listener], (*options, "--smtputf8"), secret, utf8, results, expected,
                          sender=UTF8_SENDER, to="größe@theirs.test")  # fmt: skip
        first = False
    many(peer, ports, results, place, expected)
    total += MANY
    until = time.monotonic() + WAIT
    have, moved = -1, time.monotonic()
    while have < total and time.monotonic() < until:
        now = peer.root.size(peer.mailbox)
        if now != have:
            have, moved = now, time.monotonic()
        elif time.monotonic() - moved > STILL:
            break
        time.sleep(0.1)
    found = peer.root.maildir(peer.mailbox)
    if len(found) != total:
        results.wrong.append(f"out: {len(found)} messages of {total} in their maildir")
    unclaimed = []
    for stored in found:
        sender, rest = split(stored, [f"{peer.name} delivery"])
        qualified = False
        if peer.name == "opensmtpd" and rest is not None:
            rest, qualified = theirs.stamped(rest, known)
        if sender is None:
            results.wrong.append(f"out: trace fields are not as expected: {stored[:500]!r}")
            continue
        way = sender.decode(errors="replace")
        open_ = expected.get(way, {})
        candidates = open_.get(rest)
        if not candidates:
            unclaimed.append((way, rest))
            continue
        message, why, name = candidates.pop()
        why = why + [theirs.QUALIFIED] * qualified
        if not candidates:
            del open_[rest]
        results.arrived("out", name, message, rest, rest, why)
    for way, rest in unclaimed:
        results.wrong.append(f"out {way}: {nearest(rest, expected.get(way, {}))}")
    for open_ in expected.values():
        for octets, rows in open_.items():
            for message, _, name in rows:
                results.wrong.append(f"out {name} {message.name}: did not arrive as it should: {octets[:200]!r}")


def give(peer, way, port, options, secret, files, results, expected, sender=SENDER, to="u@theirs.test"):
    """Sends files over one connection; gives how many were taken."""
    sender = sender.format(way=way)
    counts = results.way("out", way)
    counts["sent"] += len(files)
    command = "BDAT" if peer.bdat and "--chunking" not in options else "DATA"
    total, left = 0, dict(files)
    while left:
        said = send(port, *options, sender=sender, to=[to], files=list(left), password=secret)
        if len(left) == 1:
            (only,) = left
            taken, refused = ({only}, {}) if said.code == 0 else (set(), {only: said.err})
        else:
            taken = {line.partition(": ")[0] for line in said.out.splitlines()}
            told = re.findall(r"^(?:posthaste: )?(\S+\.eml)(?: to \S+?)?: (.*)", said.err, re.M)
            refused = {file: reason for file, reason in told if file in left}
        for file, reason in refused.items():
            results.refusal(peer.name, "out", way, left[file], reason)
        for file in taken:
            octets, why = arrives(left[file], [f"{peer.name} delivery"], command)
            expected.setdefault(sender, {}).setdefault(octets, []).append((left[file], why, way))
        total += len(taken)
        if not taken and not refused:
            results.wrong.append(f"out {way}: {said.err}")
            break
        # A server may close behind a message that it refused; the others go over another connection.
        left = {file: message for file, message in left.items() if file not in taken and file not in refused}
    return total


MANY = 100


def many(peer, ports, results, place, expected):
    """A hundred recipients, one of them unknown: the others get it, and the refusal is told with its recipient."""
    message = Sent("many-recipients", b"From: sender@elsewhere.test\r\nSubject: many\r\n\r\n.text\r\n")
    file = place / "many.eml"
    file.write_bytes(message.octets)
    way = "lmtp" if "lmtp" in ports else "smtp"
    port = ports["lmtp" if "lmtp" in ports else "plain"]
    to = [f"u+{n}@theirs.test" for n in range(MANY - 1)] + ["nobody@theirs.test", "u+last@theirs.test"]
    options = ("--lmtp",) if "lmtp" in ports else ()
    said = send(port, *options, sender="many@elsewhere.test", to=to, files=[file])
    told = re.search(r"nobody@theirs\.test: 5\d\d .*", said.err)
    results.prove("an unknown recipient is told, the others get it", said.code == 69 and told, said.err)
    octets, why = arrives(message, [f"{peer.name} delivery"])
    results.way("out", way)["sent"] += MANY
    expected["many@elsewhere.test"] = {octets: [(message, why, way)] * MANY}


def reports(peer, ports, results, place):
    """RFC 3461: what was asked for is in the report about the delivery."""
    file = place / "dsn.eml"
    file.write_bytes(b"From: report@theirs.test\r\nSubject: dsn\r\n\r\nthe whole text\r\n")
    before = peer.root.size(peer.reports)
    said = send(ports["plain"], "--notify", "success", "--ret", "headers", "--envid", "QQ 31+4",
                "--orcpt", "rfc822;first+one@elsewhere.test", sender="report@theirs.test",
                to=["u+dsn@theirs.test"], files=[file])  # fmt: skip
    results.prove("DSN is taken", said.code == 0, said.err)
    silent = send(ports["plain"], "--notify", "never", sender="report@theirs.test",
                  to=["u+silent@theirs.test"], files=[file])  # fmt: skip
    results.prove("NOTIFY=NEVER is taken", silent.code == 0, silent.err)
    until = time.monotonic() + WAIT
    while peer.root.size(peer.reports) < before + 1 and time.monotonic() < until:
        time.sleep(0.1)
    found = peer.root.maildir(peer.reports)
    report = found[-1] if found else b""
    results.prove("NOTIFY=SUCCESS brings a report", len(found) == before + 1, f"{len(found)} reports")
    for what, pattern in peer.report:
        results.prove(what, re.search(pattern, report, re.I | re.M), report.decode(errors="replace"))


def refusals(peer, ports, password, results, place):
    """What they refuse, our client reports with their reason, and ends with 69."""
    small, big = place / "small.eml", place / "big.eml"
    small.write_bytes(b"Subject: small\r\n\r\ntext\r\n")
    with open(big, "wb") as out:
        out.write(b"Subject: big\r\n\r\n")
        out.truncate(22_000_000)

    def refused(what, pattern, listener, *options, to=("u@theirs.test",), file=small, secret=None):
        lmtp = ("--lmtp",) if "lmtp" in ports else ()
        said = send(ports[listener], *lmtp, *options, to=list(to), files=[file], password=secret)
        results.prove(what, said.code == 69 and re.search(pattern, said.err), f"{said.code} {said.out} {said.err}")

    listener = "lmtp" if "lmtp" in ports else "plain"
    unknown = r"550 5\.1\.1|550 .*nown|550 Invalid|550 Unrouteable"
    refused("an unknown user is refused", unknown, listener, to=["nobody@theirs.test"])
    stranger = ("--tls", "starttls", "--ca", peer.pki.stranger)
    refused("a certificate of a stranger is not believed", "UnknownIssuer", listener, *stranger)
    secure = ("--tls", "starttls", "--ca", peer.pki.ca)
    refused("REQUIRETLS is not offered, so nothing is sent", "requires TLS", listener, *secure, "--requiretls")
    refused("FUTURERELEASE is not offered, so nothing is sent", "hold", listener, "--hold", "4h")
    refused("DELIVERBY is not offered, so nothing is sent", "in time", listener, "--by", "3600;R")
    refused("BINARYMIME is not offered, so nothing is sent", "binary", listener, "--body", "binarymime")
    if not peer.utf8:
        refused("SMTPUTF8 is not offered, so nothing is sent", "internationalized", listener, to=["größe@theirs.test"])
    if "lmtp" in ports:
        return
    refused("a message over SIZE is not sent", "bigger", listener, file=big)
    refused("relaying is refused", r"55\d", listener, to=["u@far.test"])
    user = ("--user", peer.user)
    if peer.mechanisms:
        refused("a wrong password is refused", r"535", "submission", *secure, *user, "--password-stdin",
                secret="wrong")  # fmt: skip
        refused("submission without sign-in is refused", r"5[35]\d", "submission", *secure)
    if "small" in ports:
        refused("greylisting is told with its reason", r"450 4\.2\.0 .*Greylisted", listener, to=["grey@theirs.test"])
        five = [f"u+few{n}@theirs.test" for n in range(5)]
        refused("too many recipients are told one by one", r"u\+few4@theirs\.test: 452 4\.5\.3", "small", to=five)


def offers(peer, password, results):
    """What they offer, before and behind TLS."""
    for listener, port in peer.ports.items():
        if listener in ("inject", "small"):
            continue
        if listener == "implicit":
            client = smtplib.SMTP_SSL("127.0.0.1", port, context=unverified())
            client.ehlo()
        else:
            client = (smtplib.LMTP if listener == "lmtp" else smtplib.SMTP)("127.0.0.1", port)
            client.ehlo()
            results.they_offer |= set(words(client.esmtp_features))
            client.starttls(context=unverified())
            client.ehlo()
        results.they_offer |= set(words(client.esmtp_features))
        client.quit()
    if "implicit" in peer.ports:
        results.they_offer.add("TLS from the start")


def words(features):
    for name, rest in features.items():
        if name == "auth":
            yield from (f"AUTH {mechanism}" for mechanism in rest.upper().split())
        else:
            yield name.upper()


def nearest(rest, open_):
    """The expected message that is most like this one, and where they part."""
    def common(octets):
        return next((n for n, (a, b) in enumerate(zip(octets, rest)) if a != b), min(len(octets), len(rest)))

    best = max(open_, key=common, default=None)
    return difference(best, rest) if best is not None else f"nobody sent {rest[:300]!r}"
