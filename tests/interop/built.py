"""Messages that the builder made, read by Python's email package: no defects, the same values."""

import collections
import email.errors
import email.policy
import email.utils
import json
import subprocess
import sys

from posthaste import ROOT

POLICY = email.policy.default.clone(raise_on_defect=True)


def leaves(message):
    """The parts that hold no parts, in their order."""
    for part in message.walk():
        if not part.is_multipart():
            yield part


def content(part):
    octets = part.get_payload(decode=True)
    if part.get_content_maintype() == "text" or part.get_content_type() == "application/json":
        octets = octets.decode(part.get_content_charset() or "utf-8").encode()
    return octets


def squeezed(name):
    """A display name without blanks: Python makes one of several, and shows one between encoded words."""
    return "".join((name or "").split())


def mailboxes(entries):
    return [[squeezed(name), address] for _, members in entries for name, address in members]


def compare(made):
    """What differs between a message and what went into it."""
    message = email.message_from_bytes(bytes.fromhex(made["message"]), policy=POLICY)
    names = [name for name, _ in made["fields"]]
    own = {"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-Description"}
    if sorted(name for name in message.keys() if name not in own) != sorted(names):
        yield "fields", message.keys(), names
    for name, value in made["fields"]:
        if names.count(name) > 1:
            continue
        found = message[name]
        if name == "Date":
            found = [int(found.datetime.timestamp()), found.datetime.utcoffset().total_seconds() / 60]
        elif isinstance(value, list):
            groups = [squeezed(group.display_name) for group in found.groups]
            if groups != [squeezed(group) for group, _ in value]:
                yield "group", groups, [group for group, _ in value]
            found = [[squeezed(one.display_name), one.addr_spec] for one in found.addresses]
            value = mailboxes(value)
        if found != value:
            yield name, found, value
        for defect in getattr(message[name], "defects", ()):
            # Control characters that were asked for.
            if not isinstance(defect, email.errors.NonPrintableDefect):
                yield "defect", defect, name
    parts = list(leaves(message))
    if len(parts) != len(made["parts"]):
        yield "parts", len(parts), len(made["parts"])
        return
    for part, (media, name, octets, alone) in zip(parts, made["parts"]):
        wanted = bytes.fromhex(octets)
        found = content(part)
        if alone and found != wanted:
            wanted += b"\r\n"
        if found != wanted:
            yield "content", found, wanted
        if part.get_content_type() != media:
            yield "type", part.get_content_type(), media
        # Python takes blanks and quotes at both ends away.
        if part.get_filename() not in (name, name and name.strip(), name and email.utils.unquote(name.strip())):
            yield "file name", part.get_filename(), name


def main():
    cases = sys.argv[1] if len(sys.argv) > 1 else "1000"
    command = ["cargo", "run", "-q", "-p", "posthaste-tests", "--example", "built_messages", cases]
    lines = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    counts, agree, total = collections.Counter(), 0, 0
    for number, line in enumerate(lines.splitlines()):
        total += 1
        try:
            differences = list(compare(json.loads(line)))
        except Exception as error:
            differences = [("error", type(error).__name__, error)]
        for what, found, wanted in differences:
            counts[what] += 1
            if counts[what] <= 3:
                print(f"message {number}, {what}: {found!r}, built from {wanted!r}")
        agree += not differences
    print(f"{agree} of {total} built messages read alike by Python's email; differences: {dict(counts)}")
    sys.exit(agree != total)


main()
