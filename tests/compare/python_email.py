"""What Python's `email` makes of messages, one JSON object a line in the normal form of README.md.

    python_email.py default|compat32 LIST        LIST: lines of name TAB path"""

import email
import email.header
import email.policy
import email.utils
import json
import sys


def text(value):
    return str(value).encode("utf-8", "replace").decode("utf-8") if value is not None else ""


def decoded(value):
    """The documented way for compat32."""
    return str(email.header.make_header(email.header.decode_header(value))) if value else ""


def tried(read):
    """What it gives, or how it fails."""
    try:
        return read()
    except Exception as error:
        return f"raises {type(error).__name__}"


class Default:
    policy = email.policy.default

    def subject(self, message):
        return text(message["subject"])

    def date(self, message):
        found = message["date"]
        return int(found.datetime.timestamp()) if found is not None and found.datetime else None

    def addresses(self, message, name):
        entries = []
        for field in message.get_all(name, []):
            for group in field.groups:
                entries += [[text(group.display_name) if group.display_name is not None else None, text(a.display_name), text(a.addr_spec)]
                            for a in group.addresses] or [[text(group.display_name), None, None]]  # fmt: skip
        return entries

    def name(self, part):
        return part.get_filename()

    def text(self, part):
        return part.get_content()


class Compat32:
    policy = email.policy.compat32

    def subject(self, message):
        return text(decoded(message["subject"]))

    def date(self, message):
        found = message["date"]
        return int(email.utils.parsedate_to_datetime(text(found)).timestamp()) if found else None

    def addresses(self, message, name):
        found = email.utils.getaddresses([str(field) for field in message.get_all(name, [])])
        return [[None, text(decoded(name)), text(address)] for name, address in found]

    def name(self, part):
        found = part.get_filename()
        return decoded(found) if found is not None else None

    def text(self, part):
        return part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "replace")


def walk(reader, part, lists):
    structure, sizes, names = lists
    structure.append(part.get_content_type())
    name = tried(lambda: reader.name(part))
    if name is not None:
        names.append(text(name))
    inner = part.get_payload()
    if isinstance(inner, list) and inner:
        structure.append("(")
        for n, child in enumerate(inner):
            if n:
                structure.append(" ")
            walk(reader, child, lists)
        structure.append(")")
    elif part.get_content_maintype() != "multipart":
        content = tried(lambda: part.get_payload(decode=True))
        sizes.append(content if isinstance(content, str) else len(content or b""))


def show(reader, octets):
    message = email.message_from_bytes(octets, policy=reader.policy)
    lists = [], [], []
    walk(reader, message, lists)
    shown = {"structure": "".join(lists[0]), "sizes": lists[1], "names": lists[2]}
    part = next((p for p in message.walk() if p.get_content_maintype() == "text"), None)
    shown["text"] = text(tried(lambda: reader.text(part))[:200]) if part else None
    shown["subject"] = tried(lambda: reader.subject(message))
    shown["date"] = tried(lambda: reader.date(message))
    for name in ("from", "sender", "reply-to", "to", "cc", "bcc"):
        shown[name.replace("-", "_")] = tried(lambda: reader.addresses(message, name))
    return shown


reader = {"default": Default, "compat32": Compat32}[sys.argv[1]]()
for line in open(sys.argv[2], encoding="utf-8"):
    name, path = line.rstrip("\n").split("\t")
    try:
        shown = show(reader, open(path, "rb").read())
    except Exception as error:
        shown = {"failed": f"raises {type(error).__name__}"}
    print(json.dumps({"file": name, **shown}))
