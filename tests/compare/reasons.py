"""Why parsers disagree: named categories, each with the rule of the RFC and the disagreements it accounts for.

A category is tried in the order of REASONS; the first that fits is the reason of a row. `judgement` says who is right:
`ours`, `theirs`, or `free` where the RFCs leave room."""

import re
from dataclasses import dataclass
from typing import Callable

PARTS = ("structure", "sizes", "lines", "names")
ADDRESSES = ("from", "sender", "reply_to", "to", "cc", "bcc")
TEXTS = (*ADDRESSES, "subject", "names", "message_id", "in_reply_to", "date")
FIELD = {"reply_to": "reply-to", "message_id": "message-id", "in_reply_to": "in-reply-to"}


@dataclass
class Row:
    peer: str
    field: str
    message: str
    ours: object
    theirs: object
    #: All that the two say of the message, and its octets.
    all_ours: dict
    all_theirs: dict
    octets: bytes

    def header(self):
        return re.split(rb"\r?\n\r?\n", self.octets, maxsplit=1)[0]

    def values(self, name):
        """The values of the fields of this name in the header of the message."""
        found, last = [], None
        for line in re.split(rb"\r?\n", self.header()):
            if line[:1] in (b" ", b"\t"):
                if last is not None:
                    found[last] += b"\n" + line
                continue
            at, _, value = line.partition(b":")
            last = None
            if at.strip().lower() == name.encode():
                last = len(found)
                found.append(value)
        return found

    def value(self):
        """The first value of the field at hand."""
        found = self.values(FIELD.get(self.field, self.field))
        return found[0] if found else b""

    def defect(self, name):
        return name in self.all_ours["defects"]

    def inside(self, *names):
        return any(re.fullmatch(name, self.message) for name in names)

    def both(self, change):
        """Whether the two are alike once they are changed so."""
        return change(self.ours) == change(self.theirs)


@dataclass
class Reason:
    title: str
    rule: str
    judgement: str
    fits: Callable[[Row], bool]


def texts(value, change):
    """A value with all its texts changed."""
    if isinstance(value, list):
        return [texts(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


def blanks(text):
    return " ".join(text.split())


def ascii_only(text):
    return re.sub(r"[^\x21-\x7e]|\?", "", text)


def addresses_only(entries):
    return [entry[2] for entry in entries] if isinstance(entries, list) else entries


def bare(entries):
    """An address without a domain is one, whether it is called name or address."""
    if not isinstance(entries, list):
        return entries
    return [[group, "", name] if name and not address else [group, name, address] for group, name, address in entries]


def no_parts_of_messages(structure):
    """Without what Python finds in message types that are no messages."""
    if not isinstance(structure, str):
        return structure
    before = None
    while before != structure:
        before = structure
        structure = re.sub(
            r"message/(delivery-status|disposition-notification|feedback-report|external-body|partial|news)\([^()]*(\([^()]*\)[^()]*)*\)",
            r"message/\1", structure)  # fmt: skip
    return structure


def comments(entries):
    return texts(entries, lambda text: blanks(re.sub(r"\(.*\)", "", text)))


def twice(row):
    """Whether the field at hand is there more than once, or the one that IMAP shows in its place (RFC 9051 §7.5.2)."""
    found = row.values(FIELD.get(row.field, row.field))
    if not found and row.peer == "dovecot" and row.field in ("sender", "reply_to"):
        found = row.values("from")
    return len(found) > 1


def follows(row):
    """What is said of the parts follows from which parts there are."""
    return row.field in ("sizes", "names", "lines") and row.all_ours["structure"] != row.all_theirs.get("structure")


def structure_reason(row):
    return Row(row.peer, "structure", row.message, row.all_ours["structure"], row.all_theirs.get("structure"),
               row.all_ours, row.all_theirs, row.octets)  # fmt: skip


def no_field(row):
    """Whether a line of the header is neither a field nor the continuation of one, but for mbox's first."""
    lines = re.split(rb"\r?\n", row.octets)
    for n, line in enumerate(lines):
        if not line:
            break
        if not re.match(rb"[ \t]|[!-9;-~]+:", line) and not (n == 0 and line.startswith(b"From ")):
            return True
    parts = re.findall(rb"\r?\n--[^\r\n]+\r?\n((?:[^\r\n]+\r?\n)+)", row.octets)
    return any(not re.match(rb"[ \t]|[!-9;-~]+:", line) for part in parts for line in part.splitlines())


def junk_behind_delimiter(row):
    """Whether a line begins with a boundary and goes on."""
    boundaries = [b.strip() for b in re.findall(rb'(?i)boundary\s*=\s*"?([^";\r\n]+)', row.octets)]
    lines = [line for line in re.split(rb"\r?\n", row.octets) if line.startswith(b"--")]
    return any(line[2:].startswith(b) and line[2 + len(b) :].strip() not in (b"", b"--") for b in boundaries for line in lines)


def grouped(entries):
    """Without groups, as compat32 has none."""
    return [[None, *entry[1:]] for entry in entries if entry[2]] if isinstance(entries, list) else entries


def raw_8bit(row):
    return row.field in (*TEXTS, "names") and not row.octets.isascii() and row.both(lambda value: texts(value, ascii_only))


def is_python(row):
    return row.peer in ("python", "compat32")


REASONS = [
    # The message as a whole.
    Reason(
        "nothing that is a header", "RFC 5322 §2.2: a message without a field is shown as a body, or as fields without a name; not refused",
        "ours", lambda row: row.inside(r".*/malformedHeader(StartsBody)?-noheader\.msg") and bool(row.all_theirs.get("failed")),
    ),
    Reason(
        "first line of blanks", "RFC 5322 §4.2 (obs-FWS) and §3.5: only an empty line ends the header",
        "free", lambda row: row.peer in ("mail-parser", "gmime") and re.match(rb"[ \t]+\r?\n", row.octets) is not None,
    ),
    Reason(
        "first line is no field", "RFC 5322 §2.2; GMime refuses a header that starts so",
        "ours", lambda row: row.inside(".*/cpython/msg_19.txt") and row.peer == "gmime",
    ),
    Reason(
        "a line that is no field, in the header", "RFC 5322 §2.2: it is passed over; Python takes it for the start of the body",
        "free", lambda row: is_python(row) and no_field(row) and (row.field in ("sizes", "structure") or not row.theirs),
    ),
    Reason(
        "blanks before the colon", "RFC 5322 §4.5: obs-optional allows them; Python ends the header there",
        "ours", lambda row: is_python(row) and re.search(rb"(?m)^[A-Za-z-]+[ \t]+:", row.header()) is not None,
    ),
    # Delimiters.
    Reason(
        "lines of a message without a line end at its end", "RFC 9051 §7.5.2: lines are line ends here; Dovecot counts the unfinished one of a message, though not of a text",
        "free", lambda row: row.field == "lines" and row.peer == "dovecot" and row.all_ours["structure"] == row.all_theirs["structure"],
    ),
    Reason(
        "boundary written by RFC 2231", "RFC 2231 §4: boundary*= is the parameter in extended form, which Dovecot does not know",
        "ours", lambda row: row.field in ("structure", "sizes", "names", "lines") and b"boundary*" in row.octets,
    ),
    Reason(
        "delimiter with more on its line", "RFC 2046 §5.1.1: padding only; its note lets a comparison end with the boundary",
        "free", lambda row: row.field in PARTS and junk_behind_delimiter(row),
    ),
    Reason(
        "boundary of more than 70 octets", "RFC 2046 §5.1.1 allows 70; it counts whole here, Dovecot compares its first 80, GMime gives up at 1,000",
        "ours", lambda row: row.peer in ("dovecot", "gmime") and row.field in PARTS and row.inside(".*/very-(very-)?long-boundary.msg"),
    ),
    Reason(
        "boundary with characters that want quotes", "RFC 2045 §5.1 (tspecials): without quotes the value is read to its `;`; Python stops at the `=`",
        "ours", lambda row: row.peer in ("python", "compat32", "dovecot") and row.field in PARTS
        and re.search(rb"boundary=-*=", row.octets) is not None,
    ),
    Reason(
        "one boundary at two levels", "RFC 2046 §5.1.2: the innermost open multipart is meant, and a closed one means nothing any more",
        "ours", lambda row: row.defect("boundary_reused") and row.field in PARTS,
    ),
    Reason(
        "delimiter behind a delimiter", "RFC 2046 §5.1.1: a part may be empty; a delimiter within its header ends it",
        "ours", lambda row: row.defect("boundary_in_header") and row.field in ("structure", "sizes", "lines"),
    ),
    Reason(
        "delimiter that never comes", "RFC 2046 §5.1: the text of a multipart without a delimiter is its preamble; the last part reaches to the end",
        "free", lambda row: row.field in ("structure", "sizes", "lines") and (row.defect("not_closed") or row.defect("no_boundary")),
    ),
    # Types.
    Reason(
        "two Content-Type fields", "RFC 5322 §3.6 allows one of a kind: the first counts here and in Python and Dovecot, the last in mail-parser and GMime",
        "free", lambda row: row.defect("two_types") and row.field in ("structure", "sizes", "lines"),
    ),
    Reason(
        "Content-Type that cannot be read", "RFC 2045 §5.2: text/plain; §5.1 wants a subtype",
        "free", lambda row: row.defect("bad_type") and row.field in ("structure", "sizes", "lines"),
    ),
    Reason(
        "message types that are no messages", "RFC 3464 §2.1, RFC 2046 §5.2.2 and §5.2.3: their bodies are not messages; Python parses every message/*, GMime message/news",
        "ours", lambda row: row.peer in ("python", "compat32", "gmime") and (
            row.field == "structure" and row.both(no_parts_of_messages)
            or row.field in ("sizes", "names") and no_parts_of_messages(row.all_ours["structure"]) == no_parts_of_messages(row.all_theirs.get("structure"))
            and row.all_ours["structure"] != row.all_theirs.get("structure")),
    ),
    Reason(
        "message/global", "RFC 6532 §3.7: it is a message",
        "ours", lambda row: row.inside(".*/enclosed-global.eml"),
    ),
    Reason(
        "message/rfc822 in base64 or quoted-printable", "RFC 2046 §5.2.1: 7bit, 8bit or binary only; mail-parser decodes it, GMime shows no parts, others read it as it is",
        "free", lambda row: row.defect("encoded_parts") and row.field in ("structure", "sizes", "lines", "names"),
    ),
    # Contents.
    Reason(
        "uuencode as a transfer encoding", "RFC 2045 §6.3: x-uuencode is a private encoding; mail-parser does not decode it",
        "ours", lambda row: row.field == "sizes" and re.search(rb"(?i)content-transfer-encoding:\s*x?-?uue", row.octets) is not None,
    ),
    Reason(
        "base64 with a pad in its middle", "RFC 2045 §6.8: a pad may be taken for the end; what follows is decoded here and by mail-parser, so that nothing hides behind a pad",
        "free", lambda row: row.field == "sizes" and row.inside(".*/big5-base64.1"),
    ),
    Reason(
        "what is no base64, for Python", "RFC 2045 §6.8: all else is passed over; Python gives the body undecoded",
        "ours", lambda row: row.field == "sizes" and is_python(row) and row.inside(".*/ham/mime4"),
    ),
    Reason(
        "the CR of a delimiter", "RFC 2046 §5.1.1: the CR LF before a delimiter is part of it; GMime keeps the CR behind an empty line of quoted-printable",
        "ours", lambda row: row.field == "sizes" and row.peer == "gmime" and len(row.ours) == len(row.theirs)
        and b"\r\n\r\n--" in row.octets and all(b - (a or 0) in (0, 1) for a, b in zip(row.ours, row.theirs)),
    ),
    Reason(
        "blanks at the end of a quoted-printable line", "RFC 2045 §6.7 rule 3: they are padding and go",
        "ours", lambda row: row.field == "sizes" and re.search(rb"(?m)[ \t]\r?$", row.octets) is not None
        and re.search(rb"(?i)quoted-printable", row.octets) is not None,
    ),
    Reason(
        "base64 whose last group is not whole", "RFC 4648 §4: the octets that its digits hold are kept here; GMime drops them",
        "free", lambda row: row.field == "sizes" and row.peer == "gmime" and re.search(rb"(?i)transfer-encoding:\s*base64", row.octets) is not None,
    ),
    # Fields.
    Reason(
        "a field that is there twice", "RFC 5322 §3.6 allows one: the first counts here, the last or all of them there",
        "free", lambda row: row.field in TEXTS and twice(row),
    ),
    Reason(
        "blanks", "RFC 5322 §2.2.3: unfolding takes out the line end only; blanks around a text are not shown",
        "free", lambda row: row.field in TEXTS and row.both(lambda value: texts(value, blanks)),
    ),
    Reason(
        "the comment behind an address as its name", "RFC 5322 §3.4 (note): legacy implementations put the name there; Python drops it",
        "ours", lambda row: row.peer == "python" and row.field in ADDRESSES and row.both(addresses_only) and b"(" in row.value(),
    ),
    Reason(
        "comments are no part of a name", "RFC 5322 §3.2.2, §3.4",
        "ours", lambda row: row.field in ADDRESSES and isinstance(row.theirs, list) and row.value().count(b"(") > 0,
    ),
    Reason(
        "a word without a domain", "RFC 5322 §3.4.1: it is no address; here it is a mailbox without a domain, there a name without an address",
        "free", lambda row: row.field in ADDRESSES and row.both(bare),
    ),
    Reason(
        "dots in a name", "RFC 5322 §4.1: obs-phrase allows them; Python drops the name",
        "ours", lambda row: row.peer == "python" and row.field in ADDRESSES and row.both(addresses_only) and not row.value().startswith(b'"'),
    ),
    Reason(
        "an encoded word with what no phrase may hold", "RFC 2047 §5 (3): only letters, digits and !*+-/=_ in a phrase; it is one word here, whatever it holds",
        "free", lambda row: row.inside(".*/stack-overflow.txt"),
    ),
    Reason(
        "multibyte characters cut between two words", "RFC 2047 §5: each word stands for whole characters; octets of neighbours are joined here, GMime and mail-parser lose the rest",
        "ours", lambda row: row.field == "subject" and row.inside(".*/bilingual-simple.eml", ".*/ham/unicode2", ".*/example14.eml", ".*/iso-2022-jp.*"),
    ),
    Reason(
        "octets above 127 that are not UTF-8", "RFC 6532 §3: UTF-8 or nothing; other octets are read as windows-1252 here, as U+FFFD or `?` there",
        "free", raw_8bit,
    ),
    Reason(
        "octets above 127 in a field, for compat32", "RFC 6532 §3.2; what compat32 gives for them is U+FFFD, and no encoded word beside them is decoded",
        "ours", lambda row: row.peer == "compat32" and row.field in TEXTS and not row.octets.isascii(),
    ),
    Reason(
        "octets above 127 in an address", "RFC 6532 §3.2: UTF-8 only; others are U+FFFD here, GMime drops the address",
        "free", lambda row: row.peer == "gmime" and row.inside(".*/mailformed-headers.eml"),
    ),
    # Dates.
    Reason(
        "comments and blanks within a date", "RFC 5322 §4.3, §3.2.2: CFWS may stand between all its tokens, also before the zone",
        "ours", lambda row: row.field == "date" and re.search(rb"\(.*\).*\d|\d\s+:", row.value()) is not None,
    ),
    Reason(
        "dates without seconds or zone, with 2-digit years or old zones", "RFC 5322 §3.3 (no seconds), §4.3 (years, zones); no zone is read as UTC",
        "ours", lambda row: row.field == "date" and row.ours is not None,
    ),
    Reason(
        "a date that is none", "RFC 5322 §3.3: no value; Python's function raises",
        "free", lambda row: row.field == "date" and row.ours is None and str(row.theirs).startswith("raises"),
    ),
    # Addresses that no grammar has.
    Reason(
        "addresses without a comma or brackets", "RFC 5322 §3.4: none of it is an address; two mailboxes here and in GMime, one in others, and what stands before the last word is a name",
        "free", lambda row: row.inside(".*/raw_email_multiple_from.eml", ".*/mix_caps_content_type.eml"),
    ),
    Reason(
        "an address in front of brackets", "RFC 5322 §3.4: what stands in the brackets is the address; what stands before it is its name, though no phrase may hold an @",
        "ours", lambda row: row.inside(".*/issue358.txt", ".*/raw_email_with_at_display_name.eml"),
    ),
    Reason(
        "empty brackets", "RFC 5322 §3.4.1: no address; the name is shown without one",
        "free", lambda row: row.inside(".*/cpython/msg_43.txt"),
    ),
    Reason(
        "a mailbox without an address", "RFC 5322 §3.4: a name alone; GMime drops it, Python makes an address of it",
        "free", lambda row: row.peer in ("gmime", "python", "compat32") and row.inside(".*/example13.eml", ".*/ham/unicode2"),
    ),
    Reason(
        "two dots in a local part", "RFC 5322 §3.2.3: not allowed; kept here, as such mailboxes exist; GMime drops the address",
        "free", lambda row: row.peer == "gmime" and b".." in row.value(),
    ),
    Reason(
        "route of an address", "RFC 5322 §4.4: it is no part of the address; empty items of a list are none",
        "ours", lambda row: row.inside(".*/rfc2822/example11.eml"),
    ),
    Reason(
        "groups, for compat32", "RFC 5322 §3.4: its getaddresses knows no groups",
        "ours", lambda row: row.peer == "compat32" and row.field in ADDRESSES and row.both(grouped),
    ),
    Reason(
        "a group and a comment", "RFC 5322 §3.4, §3.2.2: Python fails on the comment behind the group",
        "ours", lambda row: row.peer == "python" and str(row.theirs).startswith("raises"),
    ),
    # Names, words, charsets.
    Reason(
        "octets that the charset has not", "RFC 2047 §6.3, RFC 2231: octets above 127 are none of iso-2022-jp; read as Shift_JIS here, as Latin-1 by GMime, U+FFFD elsewhere",
        "free", lambda row: row.field == "names" and b"iso-2022-jp'" in row.octets,
    ),
    Reason(
        "a parameter without the quotes it wants", "RFC 2045 §5.1: blanks and tspecials want quotes; read to its `;` here, to the first blank or `=` there",
        "free", lambda row: row.field == "names" and re.search(rb"name=[^\";\r\n]+[ =]", row.octets) is not None,
    ),
    Reason(
        "backslashes within quotes", "RFC 5322 §3.2.4: each quotes the next character; compat32 keeps them",
        "ours", lambda row: row.peer == "compat32" and row.field == "names" and row.both(lambda names: texts(names, lambda t: t.replace("\\", ""))),
    ),
]
