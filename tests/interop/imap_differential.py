"""IMAP beside Debian's Dovecot: the same mailbox in both, the same questions to both. Prints per item how
many answers agree and lists every disagreement; one that has no reason in EXPLAINED fails the run.

    tests/interop/imap_differential.py [part ...]        parts: fetch, sections, search, sessions"""

import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from corpus import CORPUS, messages
from posthaste import DOMAIN, PASSWORD, Server

PORT = int(os.environ.get("DOVECOT_PORT", 27143))


def install():
    if not os.path.exists("/usr/lib/dovecot/imap"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=env)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "dovecot-imapd"], check=True,
                       env=env, stdout=subprocess.DEVNULL)  # fmt: skip


class Dovecot:
    """A private instance in a folder of its own; any password signs in."""

    def __init__(self):
        self.folder = f = pathlib.Path(tempfile.mkdtemp(prefix="dovecot-interop-"))
        nobody = pwd.getpwnam("nobody")
        (f / "dovecot.conf").write_text(
            f"""base_dir = {f}/run
state_dir = {f}/state
log_path = {f}/log
protocols = imap
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:{f}/mail/%n
mail_fsync = never
first_valid_uid = 1
default_internal_user = nobody
default_login_user = nobody
namespace inbox {{
  inbox = yes
  separator = /
}}
userdb {{
  driver = static
  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={f}/mail/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {PORT}
  }}
}}
service anvil {{
  chroot =
}}
"""
        )
        (f / "mail").mkdir()
        os.chmod(f, 0o755)
        shutil.chown(f / "mail", nobody.pw_uid, nobody.pw_gid)

    def __enter__(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.folder / "dovecot.conf"], stderr=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                with socket.create_connection(("127.0.0.1", PORT), timeout=5) as s:
                    if s.recv(4) == b"* OK":
                        return self
            except OSError:
                pass
            time.sleep(0.01)
        sys.exit(f"dovecot does not greet; its log: {self.folder}/log")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=15)
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """One connection. A response is a list: words as bytes, strings as bytes, NIL as None, lists as lists."""

    def __init__(self, name, port, user):
        self.name, self.count, self.port, self.user = name, 0, port, user
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.ok(b"LOGIN %s %s" % (self.user.encode(), PASSWORD.encode()))

    def response(self):
        """One response, literals in place."""
        pieces = []
        while True:
            line = self.file.readline()
            if not line.endswith(b"\r\n"):
                raise EOFError(f"{self.name} hung up: {line!r}")
            literal = re.search(rb"~?\{(\d+)\}\r\n$", line)
            if not literal:
                pieces.append(line[:-2])
                return pieces
            pieces += [line[: literal.start()], self.file.read(int(literal[1]))]

    def send(self, *pieces):
        self.count += 1
        tag = b"t%d" % self.count
        self.socket.sendall(tag + b" " + b"".join(pieces) + b"\r\n")
        return tag

    def finish(self, tag):
        """The untagged responses, and the tagged one without its tag."""
        found = []
        while True:
            pieces = self.response()
            if pieces[0].startswith(tag + b" "):
                return found, pieces[0][len(tag) + 1 :]
            found.append(parse(pieces))

    def do(self, *pieces):
        return self.finish(self.send(*pieces))

    def ok(self, *pieces):
        found, last = self.do(*pieces)
        if not last.startswith(b"OK"):
            raise RuntimeError(f"{self.name}: {pieces!r:.80} {last!r}")
        return found, last


def parse(pieces):
    stack = [[]]
    for n, piece in enumerate(pieces):
        if n % 2:
            stack[-1].append(piece)
            continue
        at = 0
        # Text of a status response is for people.
        status = n == 0 and re.match(rb"\* (OK|NO|BAD|BYE|PREAUTH)( \[[^\]]*\])?", piece)
        if status:
            return [b"*", status[1], status[2]]
        while at < len(piece):
            c = piece[at : at + 1]
            if c == b" ":
                at += 1
            elif c == b"(":
                stack.append([])
                at += 1
            elif c == b")":
                done = stack.pop()
                stack[-1].append(done)
                at += 1
            elif c == b'"':
                m = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S).match(piece, at)
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", m[1]))
                at = m.end()
            else:
                m = re.compile(rb"(?:[^ ()\"\[]|\[[^\]]*\]?)+").match(piece, at)
                stack[-1].append(None if m[0].upper() == b"NIL" else m[0])
                at = m.end()
    return stack[0]


def fetched(found):
    """Items by sequence number."""
    rows = {}
    for row in found:
        if len(row) == 4 and row[2] == b"FETCH":
            items = row[3]
            rows.setdefault(int(row[1]), {}).update(zip((w.upper() for w in items[::2]), items[1::2]))
    return rows


class Report:
    """What agrees and what does not."""

    def __init__(self):
        self.agree, self.differ, self.wrong = {}, {}, []

    def compare(self, item, where, ours, theirs):
        if ours == theirs:
            self.agree[item] = self.agree.get(item, 0) + 1
        else:
            self.differ.setdefault(item, []).append((where, ours, theirs))

    def must(self, fact, where, detail=""):
        item = "consistent"
        if fact:
            self.agree[item] = self.agree.get(item, 0) + 1
        else:
            self.differ.setdefault(item, []).append((where, detail, ""))

    def print(self):
        unexplained = 0
        for item in sorted(self.agree.keys() | self.differ.keys()):
            rows = self.differ.get(item, [])
            print(f"{item}: {self.agree.get(item, 0)} agree, {len(rows)} differ")
            for where, ours, theirs in rows:
                reason = why(item, where, ours, theirs)
                unexplained += not reason
                print(f"  {where}: {reason or 'UNEXPLAINED'}")
                if not reason or os.environ.get("VERBOSE"):
                    ours, theirs = first_difference(ours, theirs)
                    print(f"    posthaste {ours}\n    dovecot   {theirs}")
        return unexplained


def first_difference(a, b):
    """The innermost values that differ."""
    while isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        a, b = next((x, y) for x, y in zip(a, b) if x != y)
    if isinstance(a, bytes) and isinstance(b, bytes):
        at = next((n for n, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        at = max(0, at - 20)
        return f"{len(a)} @{at} {a[at:at + 100]!r}", f"{len(b)} @{at} {b[at:at + 100]!r}"
    return f"{a!r:.300}", f"{b!r:.300}"


# Messages, and commands, about which the two may differ: what stands after `item: ` is matched at its start.
EXPLAINED = {
    "a field that is there twice: the first counts here, the last or all of them there": r"ENVELOPE: messages/mail-gem/mime_emails/raw_email_with_(binary|multipart)|ENVELOPE: spam/(ham/cjk/big5|spam/(008|dmarc))",
    "addresses that no grammar has": r"ENVELOPE: messages/(mail-gem/plain_emails/(mix_caps|raw_email_(multiple_from|with_at))|mail-gem/rfc2822/example11|mimekit/messages/(issue358|stack-overflow))",
    "no Content-Type that can be read is text/plain (RFC 2045 §5.2)": r"BODY(STRUCTURE)?: (messages/(cpython/msg_14|flanker/(spam/broken-ctype|torture))|spam/ham/mime8)",
    "parameters that are written badly, or by RFC 2231": r"BODY(STRUCTURE)?: messages/(cpython/msg_(29|32)|mail-gem/attachment_emails/attachment_with_unq|mail-parser/rfc/001)",
    "one language is a string or a list (RFC 9051 §9)": r"BODYSTRUCTURE: (messages/flanker/bounce/office365|spam/spam/(extracttext|olevb))",
    "message/global is a message (RFC 9051 §9)": r"[^:]+: \S+enclosed-global",
    "delimiters that are written badly, or not at all": r"(BODY|BINARY)[^:]*: messages/(cpython/msg_47|mime4j|mail-gem/(mime|plain)_emails|mimekit)",
    "a header that ends with its part, or without an empty line": r"BODY\[[^:]*(MIME|HEADER)[^:]*: ",
    "parts of messages and of multiparts are not decoded with them (RFC 9051 §6.4.5.1)": r"BINARY.SIZE",
    "a message without a Date is judged by its internal date; 1969 and 2-digit years count": r"SEARCH: .*SENT",
    "fields are searched as they stand, there only what is an address": r"SEARCH: .*(FROM|CC) ",
    "text of a multipart without parts, and of badly labelled parts, is searched": r"SEARCH: .*(BODY|TEXT|SUBJECT)",
    "RFC 9051 §9: 400:* is *:400": r"SEARCH: .*400:\*",
    "LIST may always tell about children and need not know of marks": r"sessions: 1 LIST",
    "a name that is subscribed to and gone cannot be selected": r"sessions: 1 LSUB",
    "flags that nobody can set are passed over": r"sessions: 1 (APPEND wrong|STORE 2 FLAGS) \(.(Nonsense|Recent)",
    "the grammar has no such day, part or length": r"sessions: 1 (APPEND wrong .32|FETCH 1 BODY)",
    "what was opened by EXAMINE cannot be changed; dovecot says OK and changes nothing": r"sessions: 2 (STORE|EXPUNGE|UID EXPUNGE)",
    "another moment, or order, to tell of what others did": r"sessions: (2 (NOOP|\?|DELETE|COPY)|1 FETCH [34]|1 STORE 2 FLAGS \(\))",
    "NOOP has no argument": r"sessions: 1 NOOP now",
    "dovecot ends sessions whose mailbox is deleted or renamed": r"sessions: 1 (NOOP|SELECT copies|FETCH 1 UID|UNSELECT)",
}


def plain(value):
    """Without regard to case and white space."""
    if isinstance(value, list):
        return [plain(x) for x in value]
    return b" ".join(value.lower().split()) if isinstance(value, bytes) else value


def sizeless(value):
    """The same without octets and lines."""
    if isinstance(value, list):
        return [sizeless(x) for x in value]
    return b"" if value and value.isdigit() else plain(value)


def why(item, where, ours, theirs):
    if item == "consistent":
        return None
    if ours is None and theirs == b"":
        return "a part that there is not"
    if item == "INTERNALDATE" and ours.replace(b" ", b"0", 1) == theirs:
        return "one digit of a day, or two"
    if plain(ours) == plain(theirs) and not item.startswith("BODY["):
        return "case, or white space (unfolding keeps it, RFC 5322 §2.2.3)"
    crlf = item.startswith("BODY[") and isinstance(ours, bytes) and ours + b"\r\n" == theirs
    if crlf or item in ("BODY", "BODYSTRUCTURE") and sizeless(ours) == sizeless(theirs):
        return "the CR LF before a delimiter belongs to it (RFC 2046 §5.1.1)"
    return next((reason for reason, pattern in EXPLAINED.items() if re.match(pattern, f"{item}: {where}")), None)


def load(clients, wire):
    for client in clients:
        for n, (name, octets) in enumerate(wire):
            flags = [b"", b"\\Seen", b"\\Flagged \\Answered", b"$Forwarded", b"\\Draft keyed", b"\\Deleted"][n % 6]
            date = b"%02d-%s-20%02d %02d:30:00 +0000" % (n % 28 + 1, [b"Jan", b"Jun", b"Dec"][n % 3], n % 25, n % 24)
            client.ok(b'APPEND INBOX (%s) "%s" {%d+}\r\n' % (flags, date, len(octets)), octets)
        client.ok(b"SELECT INBOX")


ITEMS = [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY", b"BODYSTRUCTURE"]


def check_fetch(report, clients, wire):
    rows = [fetched(client.ok(b"FETCH 1:* (%s)" % b" ".join(ITEMS))[0]) for client in clients]
    for n, (name, octets) in enumerate(wire, 1):
        ours, theirs = (row.get(n, {}) for row in rows)
        for item in ITEMS:
            a, b = ours.get(item), theirs.get(item)
            if item == b"FLAGS":
                a, b = sorted(f for f in a if f != b"\\Recent"), sorted(f for f in b if f != b"\\Recent")
            report.compare(item.decode(), name, a, b)
        report.must(ours.get(b"RFC822.SIZE") == b"%d" % len(octets), name, "RFC822.SIZE")
    return rows[0]


def parts(body, path=()):
    """Number, and description, of every part."""
    if body and isinstance(body[0], list):
        for n, part in enumerate([p for p in body if isinstance(p, list)][: count_parts(body)], 1):
            yield from inner(part, (*path, n))
    else:
        yield from inner(body, (*path, 1))


def count_parts(body):
    return next((n for n, part in enumerate(body) if not isinstance(part, list)), len(body))


def inner(part, path):
    yield path, part
    if isinstance(part[0], list):
        yield from parts(part, path)
    elif part[0].lower() == b"message" and part[1].lower() in (b"rfc822", b"global"):
        yield from parts(part[8], path)


def check_sections(report, clients, wire, described):
    whole = [b"HEADER", b"TEXT", b"HEADER.FIELDS (From To subject)", b"HEADER.FIELDS.NOT (Received DATE)"]
    for n, (name, octets) in enumerate(wire, 1):
        wanted = [b"BODY.PEEK[%s]" % w for w in whole] + [b"BODY.PEEK[]<3.50>", b"BODY.PEEK[TEXT]<10.100>", b"BODY.PEEK[]<9999999.5>"]
        body = described.get(n, {}).get(b"BODYSTRUCTURE") or []
        known = list(parts(body))
        for path, part in known[:60]:
            number = b".".join(b"%d" % p for p in path)
            wanted += [b"BODY.PEEK[%s]" % number, b"BODY.PEEK[%s.MIME]" % number, b"BODY.PEEK[%s]<5.20>" % number]
            wanted += [b"BINARY.SIZE[%s]" % number]
            if not isinstance(part[0], list) and part[0].lower() == b"message" and len(part) > 9 and isinstance(part[7], list):
                wanted += [b"BODY.PEEK[%s.%s]" % (number, w) for w in whole]
        wanted += [b"BODY.PEEK[1.9]", b"BODY.PEEK[99]", b"BODY.PEEK[99.MIME]", b"RFC822.HEADER"]
        answers = []
        for client in clients:
            try:
                found, last = client.do(b"FETCH %d (BODY.PEEK[] %s)" % (n, b" ".join(wanted)))
            except EOFError:
                if client is clients[0]:
                    raise
                client.connect()
                client.ok(b"SELECT INBOX")
                found, last = [], b"HUNG UP"
            row = fetched(found).get(n, {})
            if not last.startswith(b"OK"):
                if client is clients[0] and b"UNKNOWN-CTE" not in last:
                    report.must(False, name, last)
                # One bad part spoils the command: once more without decoding.
                found, last = client.do(b"FETCH %d (BODY.PEEK[] %s)" % (n, b" ".join(w for w in wanted if b"BINARY" not in w)))
                row.update(fetched(found).get(n, {}))
            answers.append(row)
        ours, theirs = answers
        report.must(ours.get(b"BODY[]") == octets, name, "BODY[]")
        for key in sorted(ours.keys() | theirs.keys()):
            if key.startswith(b"BINARY") and not (key in ours and key in theirs):
                continue
            shape = re.sub(rb"\d+(\.\d+)*", b"n", re.sub(rb"<\d+>", b"<>", key)).decode()
            report.compare(shape, f"{name} {key.decode()}", ours.get(key, b"absent"), theirs.get(key, b"absent"))
        for path, part in known[:60]:
            number = b".".join(b"%d" % p for p in path)
            content = ours.get(b"BODY[%s]" % number)
            if content is None:
                # A multipart without parts: BODYSTRUCTURE must show one, which has nothing in it.
                report.must(part[6:7] == [b"0"], f"{name} {number.decode()}", f"octets {part[6]} but there is no such part")
                continue
            if not isinstance(part[0], list):
                report.must(b"%d" % len(content or b"") == part[6], f"{name} {number.decode()}",
                            f"octets {part[6]} but {len(content or b'')}")  # fmt: skip
                lines = {b"text": 7, b"message": 9}.get(part[0].lower())
                if lines and len(part) > lines and isinstance(part[lines], bytes) and (lines == 7 or isinstance(part[7], list)):
                    report.must(int(part[lines]) == content.count(b"\n"),
                                f"{name} {number.decode()}", f"lines {part[lines]} but {content.count(bytes([10]))}")  # fmt: skip


SEARCHES = """ALL|ANSWERED|DELETED|DRAFT|FLAGGED|SEEN|UNANSWERED|UNDELETED|UNDRAFT|UNFLAGGED|UNSEEN
KEYWORD keyed|KEYWORD $Forwarded|UNKEYWORD keyed|UNKEYWORD never|KEYWORD never|NOT KEYWORD KEYED
BEFORE 1-Jan-2010|ON 14-Jun-2007|SINCE 1-Jan-2015|SINCE 1-Dec-2005 BEFORE 1-Jan-2012|NOT ON 14-Jun-2007|BEFORE 1-Jan-1971
SENTBEFORE 1-Jan-2001|SENTON 20-Apr-2001|SENTSINCE 1-Jan-2010|SENTSINCE 1-Jan-2000 SENTBEFORE 1-Jan-2003|NOT SENTSINCE 1-Jan-1990
LARGER 10000|SMALLER 500|LARGER 0|SMALLER 0|LARGER 1000 SMALLER 2000|LARGER 4294967295
FROM barry|FROM "Mikel Lindsaar"|FROM example.com|FROM "" UNSEEN|TO mikel|CC a|BCC a|FROM @|TO "example.net"|CC "example.com"
SUBJECT test|SUBJECT "Testing outlook"|SUBJECT re:|SUBJECT "zzzz"|SUBJECT TEST|SUBJECT "message"|SUBJECT é
HEADER Message-ID @|HEADER Received ""|HEADER X-Mailer outlook|HEADER List-Id ""|HEADER Content-Type multipart|HEADER MIME-Version 1.0
HEADER X-Spam-Status ""|HEADER Reply-To mikel|HEADER References ""|HEADER In-Reply-To "<"|HEADER Return-Path ""|HEADER Date 2001
BODY dingus|BODY "This is the dingus fish"|BODY the|BODY "viagra"|BODY html|BODY "<html>"|BODY "Content-Type"|BODY boundary
BODY "hello"|BODY "unsubscribe"|BODY привет|BODY "日本"|BODY "ü"|BODY "This message is in MIME format"
TEXT barry|TEXT "Subject: "|TEXT test|TEXT "zzzzzz"|TEXT mikel|TEXT "text/html"|TEXT base64|TEXT "unsubscribe"|TEXT "für"|TEXT "café"
OR SEEN FLAGGED|OR (SEEN LARGER 1000) (FLAGGED SMALLER 1000)|NOT (SEEN)|NOT OR SEEN FLAGGED|(OR FROM a FROM b) UNSEEN|NOT NOT SEEN
1:10|5|*|1:*|300:*|400:*|*:350|1,3,5:7|UID 1:10|UID 400:500|UID 5000:*|NOT UID 1:100|NOT 1:100|UID 358:* SEEN|10:1|UID *
1:20 SEEN|SEEN 1:20 FROM a|OR 1:5 350:*|OR UID 1:5 UID 9:10|(1:50 (SEEN))|NOT (1:50 SEEN)|1:300 UID 290:310
MODSEQ 1|MODSEQ 99999999|MODSEQ "/flags/\\\\Seen" all 1|1:5000|5000|$"""
RETURNS = ["", "RETURN () ", "RETURN (ALL) ", "RETURN (COUNT) ", "RETURN (MIN MAX) ", "RETURN (MIN MAX COUNT ALL) "]


def ranged(word):
    """The numbers of a set, so that two ways to write it are equal."""
    numbers = set()
    for piece in word.split(b","):
        low, _, high = piece.partition(b":")
        numbers.update(range(int(low), int(high or low) + 1))
    return numbers


def sought(found, last):
    """What a SEARCH says, and how it ends."""
    said = []
    for row in found:
        if row[1] == b"SEARCH":
            said.append(["SEARCH", [n for n in row[2:] if not isinstance(n, list)]])
        elif row[1] == b"ESEARCH":
            row = [x for x in row[2:] if not (isinstance(x, list) and x[0] == b"TAG")]
            uid = row[:1] == [b"UID"]
            row = row[uid:]
            pairs = dict(zip(row[::2], row[1::2]))
            pairs.pop(b"MODSEQ", None)
            if b"ALL" in pairs:
                pairs[b"ALL"] = ranged(pairs[b"ALL"])
            said.append(["ESEARCH", uid, pairs])
    return said, last.split()[0], re.findall(rb"\[([A-Z-]+)", last)


def check_search(report, clients, wire):
    keys = [key for line in SEARCHES.split("\n") for key in line.split("|")]
    for n, key in enumerate(keys):
        key = key.encode()
        charset = b"" if key.isascii() else b"CHARSET UTF-8 "
        key = re.sub(rb"[^ \"]*[\x80-\xff]+[^ \"]*", lambda m: b"{%d+}\r\n" % len(m[0]) + m[0], key.replace(b'"', b"") if charset else key)
        for uid in (b"", b"UID "):
            for form in ("", RETURNS[n % len(RETURNS)]) if n % len(RETURNS) else ("",):
                words = uid + b"SEARCH " + form.encode() + charset + key
                ours, theirs = (sought(*client.do(words)) for client in clients)
                where = words.decode().replace("\r\n", "")
                if ours != theirs and ours[0] and theirs[0] and ours[0][0][0] == "SEARCH" == theirs[0][0][0]:
                    a, b = set(ours[0][0][1]), set(theirs[0][0][1])
                    only = [wire[int(x) - 1][0] for x in sorted(a - b, key=int)], [wire[int(x) - 1][0] for x in sorted(b - a, key=int)]
                    report.compare("SEARCH", where, f"only {len(only[0])} {only[0][:6]}", f"only {len(only[1])} {only[1][:6]}")
                else:
                    report.compare("SEARCH", where, ours, theirs)


# Two sessions of one account; `1` and `2` say which one speaks. What follows `?` is a line of IDLE's.
SESSIONS = r"""
1 SELECT zwei
1 CREATE zwei
1 CREATE zwei
1 CREATE inbox
1 CREATE a
1 CREATE a/b
1 CREATE a/b/c
1 CREATE d
1 CREATE copies
1 CREATE wrong
1 CREATE "x//y"
1 CREATE "/lead"
1 CREATE ""
1 CREATE "a&b"
1 CREATE "a&AOQ-b"
1 CREATE "&Jjo-"
1 CREATE "&Jjo"
1 CREATE "&AGE-"
1 LIST "" a*
1 LIST "" %
1 LIST "" *
1 LIST "" ""
1 LIST "a/" %
1 LIST "a/" b/*
1 LIST "" a/%/c
1 LIST "" inbox
1 LIST "" INB%
1 LSUB "" *
1 SUBSCRIBE a/b/c
1 SUBSCRIBE a/b
1 LSUB "" %
1 LSUB "" a/%
1 LSUB "" a/b/*
1 LIST (SUBSCRIBED) "" a*
1 LIST (SUBSCRIBED RECURSIVEMATCH) "" %
1 LIST (RECURSIVEMATCH) "" %
1 LIST (SUBSCRIBED) "" a* RETURN (CHILDREN SUBSCRIBED)
1 LIST "" (a d zwei) RETURN (STATUS (MESSAGES UIDNEXT))
1 LIST (REMOTE) "" d
1 LIST (NONSENSE) "" d
1 STATUS zwei (MESSAGES UIDNEXT UNSEEN RECENT)
1 STATUS zwei ()
1 STATUS nowhere (MESSAGES)
1 STATUS zwei (NONSENSE)
1 UNSUBSCRIBE a/b
1 UNSUBSCRIBE never/there
1 DELETE a/b/c
1 LIST "" a*
1 LSUB "" a*
1 UNSUBSCRIBE a/b/c
1 DELETE inbox
1 DELETE nowhere
1 RENAME nowhere b
1 RENAME zwei d
1 RENAME d d/e
1 CREATE k
1 RENAME d k/m
1 LIST "" k*
1 RENAME k n
1 LIST "" n*
1 APPEND nowhere {3+}
abc
1 APPEND zwei {0+}

1 APPEND zwei (\Seen) " 1-Jan-2020 00:00:00 +0000" {12+}
A: b

text
1 APPEND wrong (\Nonsense) {12+}
A: b

text
1 APPEND wrong (\Recent) {12+}
A: b

text
1 APPEND wrong "32-Jan-2020 00:00:00 +0000" {12+}
A: b

text
1 APPEND zwei (kw1 $MDNSent) {12+}
A: b

text
1 APPEND zwei {12+}
A: b

text
1 APPEND zwei {12+}
A: b

text
1 FETCH 1 FLAGS
1 CLOSE
1 CHECK
1 UNSELECT
1 SELECT zwei
2 EXAMINE zwei
1 FETCH 99 FLAGS
1 FETCH 1:99 FLAGS
1 UID FETCH 99 FLAGS
1 UID FETCH 1:99 FLAGS
1 FETCH 0 FLAGS
1 FETCH 1:* FLAGS
1 FETCH 1 ()
1 FETCH 1 NONSENSE
1 FETCH 1 BODY[NONSENSE]
1 FETCH 1 BODY[MIME]
1 FETCH 1 BODY[1.MIME]
1 FETCH 1 BODY[0]
1 FETCH 1 BODY.PEEK[]<0.0>
1 FETCH 1 ALL
1 FETCH 1 FAST
1 FETCH 1 FULL
1 FETCH 3 BODY[]
2 NOOP
1 FETCH 3 FLAGS
1 FETCH 4 RFC822.TEXT
1 STORE 1 +FLAGS (\Flagged kw2)
2 NOOP
2 STORE 1 +FLAGS (\Seen)
2 FETCH 2 BODY[]
2 FETCH 2 FLAGS
2 EXPUNGE
2 UID EXPUNGE 1
2 COPY 1 zwei
1 NOOP
1 STORE 2 FLAGS ()
1 STORE 2 FLAGS \Answered
1 STORE 2 -FLAGS.SILENT (\Answered)
1 STORE 2 FLAGS (\Recent)
1 STORE 2 FLAGS (\Nonsense)
1 STORE 99 FLAGS ()
1 UID STORE 99 FLAGS ()
1 UID STORE 2 +FLAGS (\Deleted)
1 COPY 1:2 nowhere
1 COPY 1:2 copies
1 UID COPY 99 copies
1 COPY 99 copies
1 MOVE 1 copies
2 NOOP
1 UID MOVE 99 copies
1 UID MOVE 3 nowhere
2 CLOSE
2 SELECT zwei
1 UID STORE 4 +FLAGS (\Deleted)
2 UID EXPUNGE 4
1 FETCH 1:2 UID
1 NOOP
1 FETCH 1:* (UID FLAGS)
1 EXPUNGE
2 NOOP
2 IDLE
1 APPEND zwei (\Seen) {12+}
A: b

text
2 ?
1 STORE 1 +FLAGS (\Flagged)
2 ?
1 STORE 1 +FLAGS (\Deleted)
2 ?
1 EXPUNGE
2 ?
2 DONE
1 SELECT nowhere
1 FETCH 1 FLAGS
1 SELECT zwei (CONDSTORE)
1 FETCH 1:* (FLAGS MODSEQ)
1 STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\Draft)
1 STORE 1 (UNCHANGEDSINCE 9999999) +FLAGS (\Draft)
1 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)
1 SEARCH MODSEQ 1
1 STATUS copies (MESSAGES HIGHESTMODSEQ)
1 SEARCH RETURN (SAVE) ALL
1 FETCH $ UID
1 SEARCH UID $
1 SEARCH $
1 SEARCH RETURN (SAVE COUNT) SEEN
1 STORE $ +FLAGS.SILENT (\Seen)
1 SEARCH CHARSET NONSENSE SEEN
1 SEARCH NONSENSE
1 SEARCH
1 SEARCH RETURN (NONSENSE) ALL
1 CREATE empty
1 SELECT empty
1 FETCH 1:* FLAGS
1 FETCH * FLAGS
1 UID FETCH 1:* FLAGS
1 SEARCH 1:*
1 UID SEARCH 1:*
1 SEARCH UID 1:*
1 SEARCH RETURN (MIN MAX) ALL
1 STORE 1:* +FLAGS (\Seen)
1 COPY 1:* copies
1 EXPUNGE
2 DELETE empty
1 NOOP
1 SELECT copies
1 RENAME copies moved
1 NOOP
1 FETCH 1 UID
1 NONSENSE
1 NOOP now
1 LOGIN a b
1 NAMESPACE
1 ID NIL
1 ID ("name" "x")
1 UNSELECT
2 CREATE fromhere
2 RENAME INBOX fromhere
2 RENAME INBOX inboxed
2 STATUS inboxed (MESSAGES)
2 STATUS INBOX (MESSAGES)
2 LOGOUT
"""


def spoken(found, last):
    """What a command says, but for what each server may choose: texts, UIDVALIDITY, mod-sequences."""

    ours = (b"Archive", b"Drafts", b"Junk", b"Sent", b"Trash")

    def plain(value):
        if isinstance(value, list):
            return [plain(x) for x in value]
        return value.upper() if isinstance(value, bytes) and value.startswith(b"\\") else value

    said = []
    for row in found:
        if row[1] in (b"OK", b"NO", b"BAD", b"BYE"):
            code = re.match(rb" \[([A-Z-]+)", row[2] or b"")
            if not code or code[1] in (b"UIDNEXT", b"UIDVALIDITY", b"HIGHESTMODSEQ", b"PERMANENTFLAGS"):
                continue
            row = [row[1], code[1]]
        elif row[1] in (b"RECENT", b"FLAGS", b"ID", b"CAPABILITY") or row[2:3] == [b"RECENT"]:
            continue
        elif row[2:3] == [b"FETCH"]:
            items = dict(zip(row[3][::2], row[3][1::2]))
            # Posthaste says them of its own accord more often than it must.
            items.pop(b"MODSEQ", None)
            items.pop(b"UID", None)
            if b"INTERNALDATE" in items:
                items[b"INTERNALDATE"] = re.sub(rb"^ ", b"0", items[b"INTERNALDATE"])
            if b"FLAGS" in items:
                items[b"FLAGS"] = sorted(f for f in items[b"FLAGS"] if f != b"\\Recent")
            row = [row[1], b"FETCH", sorted(items.items())]
        elif row[1] in (b"LIST", b"LSUB"):
            # Accounts of Posthaste begin with these, and are subscribed to them and to INBOX.
            if row[4] in ours or (row[1] == b"LSUB" or b"\\Subscribed" in row[2]) and row[4] == b"INBOX":
                continue
            row[2] = [a for a in row[2] if a.lower() not in (b"\\hasnochildren",)]
            row = [row[1], sorted(plain(row[2])), *row[3:]]
        elif row[1] == b"STATUS":
            items = dict(zip(row[3][::2], row[3][1::2]))
            row = [row[1], row[2], sorted((k, b"" if k in (b"RECENT", b"HIGHESTMODSEQ") else v) for k, v in items.items())]
        elif row[1] in (b"SEARCH", b"ESEARCH"):
            row = [x for x in row[1:] if not isinstance(x, list)]
        said.append(row)
    code = re.match(rb"\w+ \[([A-Z-]+)((?: [\d:,]+)*)", last)
    # Codes that Dovecot does not use: they say more than its bare NO.
    if code and code[1] in (b"NONEXISTENT", b"CANNOT", b"HASCHILDREN"):
        code = None
    code = code and (code[1], code[2].split()[1:] if b"UID" in code[1] else [])
    return sorted(map(repr, said)), last.split()[0], code


def check_sessions(report, pairs):
    """The same script for both servers, step by step."""
    steps = [step for step in re.split(r"(?m)^(?=[12] )", SESSIONS.strip("\n")) if step]
    answers = []
    for clients in pairs:
        said, idle = [], {}
        for step in steps:
            client, words = clients[int(step[0]) - 1], step[2:].removesuffix("\n")
            octets = words.replace("\\\\", "\\").replace("\n", "\r\n").encode()
            if words == "IDLE":
                idle[client] = client.send(b"IDLE")
                client.response()
                said.append("idle")
            elif words == "?":
                # What comes within a while; both servers gather changes for some time.
                time.sleep(0.5)
                rows = []
                client.socket.setblocking(False)
                while b"\r\n" in client.file.peek(1):
                    rows.append(parse(client.response()))
                client.socket.settimeout(15)
                said.append(spoken([r for r in rows if r[1] != b"OK"], b"IDLE"))
            elif words == "DONE":
                client.socket.sendall(b"DONE\r\n")
                said.append(spoken(*client.finish(idle.pop(client))))
            else:
                try:
                    said.append(spoken(*client.do(octets)))
                except (EOFError, BrokenPipeError):
                    client.connect()
                    said.append("hung up")
        answers.append(said)
    for step, ours, theirs in zip(steps, *answers):
        report.compare("sessions", step.replace("\n", " "), ours, theirs)


def main():
    if not (CORPUS / "messages.lst").exists():
        sys.exit(f"NOT RUN: no corpus at {CORPUS}")
    install()
    chosen = sys.argv[1:] or ["fetch", "sections", "search", "sessions"]
    wire = list(messages())
    report = Report()
    with Server(offset=int(os.environ.get("OFFSET", 25000))) as server, Dovecot():
        def pair():
            return Client("posthaste", server.port("imap"), f"alice@{DOMAIN}"), Client("dovecot", PORT, "alice")

        clients = pair()
        load(clients, wire)
        described = check_fetch(report, clients, wire)
        if "sections" in chosen:
            check_sections(report, clients, wire, described)
        if "search" in chosen:
            check_search(report, clients, wire)
        if "sessions" in chosen:
            others = pair()
            check_sessions(report, list(zip(clients, others)))
    print(f"messages {len(wire)}")
    unexplained = report.print()
    print(f"unexplained: {unexplained}")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
