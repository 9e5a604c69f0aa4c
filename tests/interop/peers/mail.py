"""The messages, the trace fields of each server, and what each server changes by its own design.

A message arrives if what is stored is the trace fields of each hop, each in the form that this server writes,
and behind them octet for octet what was sent. Where a server changes a message, `CHANGES` says how and why, and what
is stored must be exactly that."""

import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from corpus import CORPUS, expected, messages  # noqa: E402

FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")


class Sent:
    """A message with the name it is known by here, and what it needs of a server."""

    def __init__(self, name, octets, utf8=False, made=True):
        self.name, self.octets, self.utf8, self.made = name, octets, utf8, made
        self.eight_bit = not octets.isascii()

    @property
    def longest(self):
        return max(len(line) for line in self.octets.split(b"\r\n"))


def made():
    """Messages that show what the transport does to octets."""

    def mail(body, *fields):
        lines = [b"From: sender@elsewhere.test", b"Date: Mon, 1 Jan 2024 00:00:00 +0000",
                 b"Message-ID: <made@elsewhere.test>", *fields, b"", b""]  # fmt: skip
        return b"\r\n".join(lines) + body

    noise = random.Random(1)
    text = b"".join(
        bytes(noise.choices(b"abcdefghijklmnopqrstuvwxyz     .", k=noise.randrange(78))) + b"\r\n"
        for _ in range(26_000)
    )
    dots = b".\r\n..\r\n...\r\n.a\r\n..a\r\na.\r\n\r\n.\r\n\r\n. \r\n.\t\r\n.\r\n"
    eight = b'Content-Type: text/plain; charset="iso-8859-1"'
    rows = {
        "dots": mail(dots),
        "dots-only": mail(b".\r\n"),
        "line-998": mail(b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n"),
        "line-999": mail(b"x" * 999 + b"\r\n"),
        "line-2048": mail(b"y" * 2048 + b"\r\nz\r\n"),
        "line-10000": mail(b"." * 10_000 + b"\r\n"),
        "line-200000": mail(b"w" * 200_000 + b"\r\n"),
        "long-field": mail(b"text\r\n", b"X-Long: " + b"v" * 900),
        "folded-field": mail(b"text\r\n", b"X-Folded: a\r\n\tb\r\n  c", b"X-Empty:", b"X-Blank: "),
        "big-header": mail(b"text\r\n", *(b"X-%d: %s" % (n, b"h" * 60) for n in range(1200))),
        "eight-bit": mail(bytes(range(128, 256)) + b"\r\n.\xe9\r\n", b"MIME-Version: 1.0", eight,
                          b"Content-Transfer-Encoding: 8bit"),
        "eight-bit-no-mime": mail(bytes(range(128, 256)) + b"\r\n"),
        "controls": mail(bytes(set(range(1, 32)) - {10, 13}) + b"\x7f\r\n"),
        "one-megabyte": mail(text),
        "blanks": mail(b"trailing \t \r\n \r\n\t\r\n\r\n\r\n\r\n"),
        "from-line": mail(b"From here on\r\n>From there\r\n\r\nFrom \r\n"),
        "empty-body": mail(b""),
        "header-only": b"From: sender@elsewhere.test\r\nSubject: no body\r\n",
        "body-only": b"\r\nno header\r\n",
        "no-fields": b"this is no header\r\n\r\n.text\r\n",
        "own-trace": b"Return-Path: <first@elsewhere.test>\r\nReceived: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
                     b"Received: from b\r\n\tby c;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n" + mail(b"text\r\n"),
        "resent": mail(b"text\r\n", b"Resent-From: a@b.test", b"Resent-To: c@d.test", b"Bcc: e@f.test",
                       b"Content-Length: 7", b"Lines: 1", b"Status: RO"),
        "unqualified": mail(b"text\r\n", b"To: somebody, \"A. B\" <other>", b"Cc: undisclosed-recipients:;"),
    }  # fmt: skip
    for name, octets in rows.items():
        yield Sent(name, octets)
    subject = "Subject: Grüße aus Köln ✉".encode()
    yield Sent("utf8-header", mail("Schöne Grüße\r\n".encode(), subject, "To: Jürgen <größe@theirs.test>".encode()),
               utf8=True)  # fmt: skip


def corpus(step=1):
    """Every message of the corpus, or one of `step`."""
    if not (CORPUS / "messages.lst").exists():
        sys.exit(f"NOT RUN: no corpus at {CORPUS}")
    for name, octets in list(messages())[::step]:
        yield Sent(name, octets, made=False)


# Trace fields, as each server writes them in front.
FOLDED = rb"[^\r\n]*(?:\r\n[ \t][^\r\n]+)*\r\n"
TRACE = {
    "ours": rb"Return-Path: <([^\r\n]*)>\r\nReceived: from [^\r\n]*(?:\r\n\t[^\r\n]+)+\r\n",
    "postfix": rb"Received: (?:from|by) " + FOLDED,
    "postfix delivery": rb"Return-Path: <([^\r\n]*)>\r\nX-Original-To: [^\r\n]*\r\nDelivered-To: [^\r\n]*\r\n"
                        rb"Received: from " + FOLDED,
    "exim": rb"Received: (?:from|by) " + FOLDED,
    "exim delivery": rb"Return-path: <([^\r\n]*)>\r\nEnvelope-to: [^\r\n]*(?:\r\n[ \t][^\r\n]+)*\r\n"
                     rb"Delivery-date: [^\r\n]*\r\nReceived: from " + FOLDED,
    "opensmtpd": rb"Received: (?:from|by) " + FOLDED,
    "opensmtpd delivery": rb"Return-Path: <([^\r\n]*)>\r\nDelivered-To: [^\r\n]*\r\nReceived: from " + FOLDED,
    "dovecot delivery": rb"Return-Path: <([^\r\n]*)>\r\n(?:Delivered-To: [^\r\n]*\r\n)?Received: from " + FOLDED,
}  # fmt: skip


def split(stored, hops):
    """Who sent it, and what is behind the trace fields of these hops, the last first."""
    pattern = b"".join(TRACE[hop] for hop in hops)
    match = re.match(pattern, stored)
    return (match.group(1), stored[match.end() :]) if match else (None, None)


def header_end(octets, field=FIELD):
    """Where the first line begins that is no field and continues none."""
    at = 0
    while at < len(octets):
        end = octets.find(b"\r\n", at) + 2
        line = octets[at : end if end > 1 else len(octets)]
        if not (at and line[:1] in (b" ", b"\t")) and not field.match(line):
            break
        at += len(line)
    return at


def blank_line(octets, field=FIELD, at_end=False):
    """A blank line between header and text, where there is none; `at_end` also where there is no text."""
    at = header_end(octets, field)
    there = octets[at : at + 2] == b"\r\n" or (at == len(octets) and not at_end)
    return octets[:at] + (b"" if there else b"\r\n") + octets[at:]


CHANGES = {}


def arrives(sent, hops, command="DATA"):
    """What is to be stored behind the trace fields of these hops (the last first), and why it is not the same.
    `command` is what the first of them got it by."""
    octets, why = sent.octets, []
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    for hop in reversed(hops):
        for name, reason, change, *only in CHANGES.get(hop, ()):
            changed = change(octets) if not only or command in only else octets
            if changed != octets:
                why.append((hop.split()[0], name, reason))
                octets = changed
        if hop == "ours":
            octets = expected(octets)
    return octets, why
