"""ENVELOPE and BODYSTRUCTURE of Debian's Dovecot and of ours, one JSON object a line: values as IMAP has them,
encoded words and all; sizes are those of the encoded bodies.

    imap.py dovecot LIST
    imap.py ours BINARY LIST        LIST: lines of name TAB path"""

import io
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from imap_differential import PORT, Client, Dovecot, fetched, install, parse  # noqa: E402

from ours import run  # noqa: E402


def text(value):
    return value.decode("utf-8", "replace") if value is not None else None


def addresses(listed):
    entries, group = [], None
    for name, route, mailbox, host in listed or []:
        if host is None:
            if mailbox is not None and group is None:
                group = [text(mailbox), len(entries)]
            elif mailbox is None and group is not None:
                if len(entries) == group[1]:
                    entries.append([group[0], None, None])
                group = None
            continue
        # The words that stand for what is missing.
        mailbox = b"" if mailbox == b"MISSING_MAILBOX" else mailbox
        host = b"" if host == b"MISSING_DOMAIN" else host
        address = (text(mailbox) or "") + ("@" + text(host) if host else "")
        entries.append([group and group[0], text(name) or "", address])
    return entries


def parameter(pairs, name):
    found = dict(zip((p.lower() for p in (pairs or [])[::2]), (pairs or [])[1::2]))
    return found.get(name + b"*", found.get(name))


def walk(body, lists):
    structure, sizes, lines, names = lists
    if isinstance(body[0], list):
        count = next(n for n, part in enumerate(body) if not isinstance(part, list))
        parameters, disposition = body[count + 1], body[count + 2]
        structure.append(f"multipart/{text(body[count]).lower()}(")
        note_name(parameters, disposition, names)
        for n, part in enumerate(body[:count]):
            structure.append(" " * (n > 0))
            walk(part, lists)
        structure.append(")")
        return
    kind = f"{text(body[0])}/{text(body[1])}".lower()
    structure.append(kind)
    extension = 7
    inner = None
    if kind in ("message/rfc822", "message/global") and isinstance(body[7], list):
        inner, extension = body[8], 10
        lines.append(int(body[9]))
    elif kind.startswith("text/"):
        extension = 8
        lines.append(int(body[7]))
    note_name(body[2], body[extension + 1] if len(body) > extension + 1 else None, names)
    if inner:
        structure.append("(")
        walk(inner, lists)
        structure.append(")")
    else:
        sizes.append(int(body[6]))


def note_name(parameters, disposition, names):
    name = parameter(disposition[1], b"filename") if disposition else None
    name = name if name is not None else parameter(parameters, b"name")
    if name is not None:
        names.append(text(name))


def normal(envelope, body):
    lists = [], [], [], []
    walk(body, lists)
    found = {"structure": "".join(lists[0]), "sizes": lists[1], "lines": lists[2], "names": lists[3]}
    date, subject, author, sender, reply_to, to, cc, bcc, answers, identifier = envelope
    found |= {"subject": text(subject) or "", "date": text(date)}
    found |= {"from": addresses(author), "sender": addresses(sender), "reply_to": addresses(reply_to)}
    found |= {"to": addresses(to), "cc": addresses(cc), "bcc": addresses(bcc)}
    return found | {"in_reply_to": text(answers), "message_id": text(identifier)}


def lines_of(octets):
    """Each line with its literals, parsed."""
    file = io.BytesIO(octets)
    while True:
        pieces = []
        while True:
            line = file.readline()
            if not line:
                return
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if not literal:
                pieces.append(line.rstrip(b"\n"))
                break
            pieces += [line[: literal.start()], file.read(int(literal[1]))]
        yield parse(pieces)[0]


def main():
    listed = [line.rstrip("\n").split("\t") for line in open(sys.argv[-1], encoding="utf-8")]
    if sys.argv[1] == "ours":
        both = zip(lines_of(run(sys.argv[2], listed, "--envelope")), lines_of(run(sys.argv[2], listed, "--bodystructure")))
    else:
        install()
        both = []
        with Dovecot():
            client = Client("dovecot", PORT, "alice")
            kept = []
            for _, path in listed:
                octets = pathlib.Path(path).read_bytes()
                last = client.do(b"APPEND INBOX {%d+}\r\n" % len(octets), octets)[1]
                kept.append(last.startswith(b"OK"))
            client.ok(b"SELECT INBOX")
            number = 0
            for taken in kept:
                if not taken:
                    both.append(None)
                    continue
                number += 1
                rows = fetched(client.ok(b"FETCH %d (ENVELOPE BODYSTRUCTURE)" % number)[0])[number]
                both.append((rows[b"ENVELOPE"], rows[b"BODYSTRUCTURE"]))
    for (name, _), values in zip(listed, both, strict=True):
        shown = normal(*values) if values else {"failed": "refused"}
        print(json.dumps({"file": name, **shown}))


main()
