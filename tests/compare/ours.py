"""What `posthaste mime --json` says, in the normal form of README.md.

    ours.py BINARY LIST        LIST: lines of name TAB path"""

import json
import subprocess
import sys


def entry(mailbox, group=None):
    return [group, mailbox["name"] or "", mailbox["address"]]


def addresses(listed):
    entries = []
    for one in listed:
        if "group" in one:
            entries += [entry(member, one["group"]) for member in one["members"]] or [[one["group"], None, None]]
        else:
            entries.append(entry(one))
    return entries


def structure(parts, at):
    inner = [n for n, part in enumerate(parts) if part["parent"] == at]
    shown = parts[at]["media_type"]
    if inner:
        shown += "(" + " ".join(structure(parts, n) for n in inner) + ")"
    return shown


def normal(shown):
    parts = shown["parts"]
    parents = {part["parent"] for part in parts}
    leaves = [part for n, part in enumerate(parts) if n not in parents and not part["media_type"].startswith("multipart/")]
    found = {
        "structure": structure(parts, 0),
        "sizes": [part["content"]["octets"] if part["content"] else None for part in leaves],
        "names": [part["file_name"] for part in parts if part["file_name"] is not None],
        "subject": shown["subject"] or "",
        "date": shown["date"] and shown["date"]["unix"],
    }
    for name in ("from", "sender", "reply_to", "to", "cc", "bcc"):
        found[name] = addresses(shown[name])
    found["text"] = next((part["preview"] for part in leaves if part["media_type"].startswith("text/")), None)
    found["defects"] = shown["defects"]
    return found


def run(binary, listed, *form):
    paths = [path for _, path in listed]
    return subprocess.run([binary, "mime", *form, *paths], check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    listed = [line.rstrip("\n").split("\t") for line in open(sys.argv[2], encoding="utf-8")]
    lines = run(sys.argv[1], listed, "--json").splitlines()
    for (name, _), line in zip(listed, lines, strict=True):
        print(json.dumps({"file": name, **normal(json.loads(line))}))
