"""Runs all parsers over one list of messages, each on the same octets.

`collect(listed, folder)` gives {parser: {message: normal form}}."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "compare"
CORPUS = pathlib.Path(os.environ.get("POSTHASTE_CORPUS", ROOT.parent / "shared/corpus"))
BINARY = TARGET.parent / "debug/posthaste"


def as_stored(octets):
    """As the server keeps a message: every bare CR or LF is CR LF, NULs are dropped."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets.replace(b"\0", b""))


def corpus():
    for name in (CORPUS / "messages.lst").read_text().split("\n"):
        if name.strip():
            yield name.strip(), as_stored((CORPUS / name.strip()).read_bytes())


def folder(path, convert):
    for file in sorted(p for p in pathlib.Path(path).rglob("*") if p.is_file()):
        yield str(file.relative_to(path)), convert(file.read_bytes())


def unquoted(row):
    """The same with addresses whose local parts have no quotes, as some parsers keep them and some do not."""
    for name in ("from", "sender", "reply_to", "to", "cc", "bcc"):
        for entry in row.get(name) if isinstance(row.get(name), list) else []:
            quoted = re.match(r'"((?:[^"\\]|\\.)*)"(?=@|$)', entry[2] or "")
            if quoted:
                entry[2] = re.sub(r"\\(.)", r"\1", quoted[1]) + entry[2][quoted.end() :]
    return row


def collect(messages, work):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    listing = work / "list"
    lines = []
    for n, (name, octets) in enumerate(messages):
        file = work / f"{n:05}.eml"
        file.write_bytes(octets)
        lines.append(f"{name}\t{file}\n")
    listing.write_text("".join(lines), encoding="utf-8")
    python = [sys.executable]
    commands = {
        "posthaste": [*python, HERE / "ours.py", BINARY, listing],
        "mail-parser": [TARGET / "debug/compare-mail-parser", listing],
        "gmime": [TARGET / "gmime", listing],
        "python": [*python, HERE / "python_email.py", "default", listing],
        "compat32": [*python, HERE / "python_email.py", "compat32", listing],
        "posthaste-imap": [*python, HERE / "imap.py", "ours", BINARY, listing],
        "dovecot": [*python, HERE / "imap.py", "dovecot", listing],
    }
    found = {}
    for parser, command in commands.items():
        done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        if done.returncode:
            sys.exit(f"{parser} failed: {' '.join(map(str, command))}")
        (work / f"{parser}.json").write_bytes(done.stdout)
        rows = [unquoted(json.loads(line)) for line in done.stdout.splitlines()]
        found[parser] = {row["file"]: row for row in rows}
        if len(found[parser]) != len(lines):
            sys.exit(f"{parser} read {len(rows)} of {len(lines)} messages")
    return found
