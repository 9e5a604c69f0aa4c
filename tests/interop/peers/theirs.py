"""What the other servers change or refuse by their own design. Each row names the reason; what is stored must be
exactly what the row says, so that nothing else hides behind it."""

import re

from .mail import CHANGES, blank_line, header_end


def mailbox_line(octets):
    """A mailbox's From line in front becomes a field."""
    for word in (b"From ", b">From "):
        if octets.startswith(word):
            return b"X-Mailbox-Line: " + octets
    return octets


def white_front(octets):
    """Lines in front that begin with a blank are read with the trace field."""
    return re.sub(rb"\A(?:[ \t][^\r\n]*\r\n)+", b"", octets)


def blanks_before_colon(octets):
    """`Subject :` becomes `Subject:`."""
    end = header_end(octets)
    return re.sub(rb"(?m)^([!-9;-~]+)[ \t]+:", rb"\1:", octets[:end]) + octets[end:]


NO_BLANK = "a blank line comes between a header and a text that follow each other without one"

CHANGES["postfix"] = [
    ("From line", "by DATA, a From line of a mailbox in front becomes X-Mailbox-Line", mailbox_line, "DATA"),
    ("white first line", "by BDAT, lines in front that begin with a blank become part of its Received field",
     white_front, "BDAT"),
    ("blanks before a colon", "blanks between a field's name and its colon go", blanks_before_colon),
    ("blank line", NO_BLANK, blank_line),
]
# What Exim takes for a field: any name without blanks and controls, in 8 bits too.
EXIM_FIELD = re.compile(rb"[^\0- :\x7f]+[ \t]*:")


def exim_blank_line(octets):
    """The same with Exim's idea of a field."""
    return blank_line(octets, EXIM_FIELD, at_end=True)


def exim_white_line(octets):
    """A line of blanks alone in front of the blank line goes."""
    end = header_end(octets, EXIM_FIELD)
    return re.sub(rb"(?:\r\n[ \t]+)+\r\n\Z", b"\r\n", octets[:end]) + octets[end:]


def exim_miscounts(message):
    """A line that is no field ends the header, and looks folded."""
    at = header_end(message.octets, EXIM_FIELD)
    return bool(re.match(rb"[^\r\n]+\r\n[ \t]", message.octets[at:]))


# Server: what it is called, why, which messages it spoils, on which ways it does not, and how we refuse them.
SPOILT = {
    "exim": (
        "BDAT one octet short",
        "where a folded line that is no field ends the header, its BDAT counts one octet too few, and the last LF follows"
        " the chunk as a command: refused as a bare CR",
        exim_miscounts,
        ("no-chunking",),
        b"550 5.6.0 The message holds a bare CR",
    )
}

# What OpenSMTPD takes for a field: any line with a colon.
OPENSMTPD_FIELD = re.compile(rb"[^ \t:\r\n][^:\r\n]*:")

# Fields in which it completes addresses.
ADDRESSES = re.compile(rb"(?i)(from|to|cc|sender|reply-to)[ \t]*:")
# Stands for a value that a server makes up; no message here holds a NUL.
STAMP = re.compile(
    rb"(?m)^Date: \w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000 \(UTC\)\r\n|^Message-ID: <[0-9a-f]+@mx\.theirs\.test>\r\n"
)


def stamped(stored, known):
    """What is stored, with the Date and Message-ID that OpenSMTPD made up as words that stand for them, and without
    the domain that it gave to addresses that had none. `known` are the lines of the messages that were sent."""
    end = header_end(stored, OPENSMTPD_FIELD)

    def word(match):
        return match.group() if match.group() in known else b"\0" + match.group()[:4] + b"\r\n"

    header = STAMP.sub(word, stored[:end])
    bare = b"".join(
        re.sub(b"@mx[.]theirs[.]test", b"", field) if ADDRESSES.match(field) else field
        for field in fields(header)
    )
    return bare + stored[end:], bare != header


def fields(octets):
    """The fields of a header, each with its folded lines."""
    return re.findall(rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", octets)


def no_bcc(octets):
    """Bcc goes."""
    end = header_end(octets, OPENSMTPD_FIELD)
    return b"".join(f for f in fields(octets[:end]) if not re.match(rb"(?i)bcc[ \t]*:", f)) + octets[end:]


def missing_fields(octets):
    """A Date and a Message-ID behind the last field, if they are missing."""
    at = header_end(octets, OPENSMTPD_FIELD)
    add = b""
    for name in (b"Date", b"Message-ID"):
        if not re.search(rb"(?im)^" + name + rb":", octets[:at]):
            add += b"\0" + name[:4] + b"\r\n"
    return octets[:at] + add + octets[at:]


# OpenSMTPD's name for what `stamped` takes back.
QUALIFIED = ("opensmtpd", "unqualified addresses", "an address without a domain gets the server's")

CHANGES["exim"] = [
    ("white line", "a line of blanks at the end of the header goes", exim_white_line),
    ("blank line", NO_BLANK, exim_blank_line),
]
CHANGES["dovecot"] = [
    ("white first line", "lines in front that begin with a blank become part of its Received field", white_front),
]
CHANGES["opensmtpd"] = [
    ("Bcc", "Bcc goes", no_bcc),
    ("Date, Message-ID", "a message without Date or Message-ID gets them", missing_fields),
]

# What holds on the way to us holds on the way to their mailboxes.
for name in list(CHANGES):
    CHANGES[f"{name} delivery"] = CHANGES[name]

# Server: what it is called, why, the reply, which messages.
REFUSALS = {
    "opensmtpd": [
        ("long line", "a line may have 65,536 octets", "500 5.0.0 Line too long", lambda m: m.longest > 65_536),
        ("long field", "a field may have 65,536 octets", "Message is not RFC 2822 compliant",
         lambda m: any(len(f) > 65_536 for f in fields(m.octets[: header_end(m.octets)]))),
        ("malformed", "a header must end with a blank line, and each line of it be a field",
         "Message is not RFC 2822 compliant", lambda m: blank_line(m.octets, OPENSMTPD_FIELD) != m.octets),
    ],
}
