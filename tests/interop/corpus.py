"""Every message of the corpus goes in by submission (STARTTLS, AUTH) and by LMTP and comes back by IMAP
and POP3: byte-identical but for the trace fields in front. Python's own clients."""

import imaplib
import os
import pathlib
import poplib
import re
import smtplib
import sys

from posthaste import DOMAIN, PASSWORD, ROOT, Server, tls

imaplib._MAXLINE = 1 << 26
poplib._MAXLINE = 1 << 26

CORPUS = pathlib.Path(os.environ.get("POSTHASTE_CORPUS", ROOT.parent / "shared/corpus"))


def messages():
    """Name and wire form: every bare CR or LF becomes CR LF, NULs are dropped."""
    for name in (CORPUS / "messages.lst").read_text().split("\n"):
        if name.strip():
            octets = (CORPUS / name.strip()).read_bytes().replace(b"\0", b"")
            octets = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
            if octets and not octets.endswith(b"\r\n"):
                octets += b"\r\n"
            yield name.strip(), octets


TRACE = re.compile(rb"Return-Path: <[^\r\n]*>\r\nReceived: from [^\r\n]*(\r\n\t[^\r\n]+)+\r\n")


def arrived(octets, sent):
    """Whether this is the message with the trace fields that delivery puts in front, and nothing else."""
    body = expected(sent)
    return octets.endswith(body) and TRACE.fullmatch(octets[: len(octets) - len(body)])


def expected(octets):
    """Final delivery removes the Return-Path fields of the message's own header, which ends at the first line
    that is no field."""
    kept, keep, at = b"", True, 0
    while at < len(octets):
        end = octets.find(b"\r\n", at) + 2
        line = octets[at : end or len(octets)]
        if line[:1] not in (b" ", b"\t"):
            if not re.match(rb"[!-9;-~]+[ \t]*:", line):
                break
            keep = not re.match(rb"(?i)return-path[ \t]*:", line)
        if keep:
            kept += line
        at += len(line)
    return kept + octets[at:]


def send(client, sender, recipient, octets):
    """Hands the octets over as they are; smtplib's own `data` would touch the line ends."""
    code, text = client.mail(sender)
    if code != 250:
        return code, text
    code, text = client.rcpt(recipient)
    if code not in (250, 251):
        return code, text
    client.putcmd("DATA")
    code, text = client.getreply()
    if code != 354:
        return code, text
    stuffed = re.sub(rb"(?m)^\.", b"..", octets)
    client.send(stuffed + b".\r\n")
    return client.getreply()


def main():
    if not (CORPUS / "messages.lst").exists():
        sys.exit(f"NOT RUN: no corpus at {CORPUS}")
    wire = list(messages())
    with Server("server.submission_fixups=false") as server:
        refused = {"submission": [], "lmtp": []}
        sent = {"submission": [], "lmtp": []}

        client = smtplib.SMTP("127.0.0.1", server.port("submission"))
        client.starttls(context=tls())
        client.ehlo()
        client.login(f"alice@{DOMAIN}", PASSWORD)
        for name, octets in wire:
            code, text = send(client, f"alice@{DOMAIN}", f"alice@{DOMAIN}", octets)
            if code == 250:
                sent["submission"].append((name, octets))
            else:
                refused["submission"].append((name, code, text.decode()))
                client.rset()
        client.quit()

        client = smtplib.LMTP("127.0.0.1", server.port("lmtp"))
        client.ehlo()
        for name, octets in wire:
            code, text = send(client, "someone@elsewhere.test", f"bob@{DOMAIN}", octets)
            if code == 250:
                sent["lmtp"].append((name, octets))
            else:
                refused["lmtp"].append((name, code, text.decode()))
                client.rset()
        client.quit()

        wrong = []
        for way, account in (("submission", "alice"), ("lmtp", "bob")):
            imap = imaplib.IMAP4("127.0.0.1", server.port("imap"))
            imap.starttls(tls())
            imap.login(f"{account}@{DOMAIN}", PASSWORD)
            _, (count,) = imap.select("INBOX", readonly=True)
            if int(count) != len(sent[way]):
                wrong.append((way, "imap", "count", f"{int(count)} of {len(sent[way])}"))
            for number, (name, octets) in enumerate(sent[way], 1):
                _, reply = imap.fetch(str(number), "(RFC822.SIZE BODY[])")
                body = reply[0][1]
                size = int(re.search(rb"RFC822.SIZE (\d+)", reply[0][0] + reply[-1]).group(1))
                if size != len(body):
                    wrong.append((way, "imap", name, f"size {size}, body {len(body)}"))
                if not arrived(body, octets):
                    wrong.append((way, "imap", name, "differs"))
            imap.logout()
            pop = poplib.POP3_SSL("127.0.0.1", server.port("pop3s"), context=tls())
            pop.user(f"{account}@{DOMAIN}")
            pop.pass_(PASSWORD)
            count, _ = pop.stat()
            if count != len(sent[way]):
                wrong.append((way, "pop3", "count", f"{count} of {len(sent[way])}"))
            for number, (name, octets) in enumerate(sent[way], 1):
                _, lines, _ = pop.retr(number)
                body = b"".join(line + b"\r\n" for line in lines)
                if not arrived(body, octets):
                    wrong.append((way, "pop3", name, "differs"))
            pop.quit()

    print(f"messages {len(wire)}")
    for way in sent:
        print(f"{way}: accepted {len(sent[way])}, refused {len(refused[way])}")
        for name, code, text in refused[way]:
            print(f"  {name}: {code} {text}")
    print(f"read back by IMAP and POP3: {2 * sum(map(len, sent.values()))}, wrong {len(wrong)}")
    for row in wrong[:40]:
        print("  ", *row)
    sys.exit(1 if wrong or not sent["submission"] or not sent["lmtp"] else 0)


if __name__ == "__main__":
    main()
