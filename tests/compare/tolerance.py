"""What each parser makes of each message of deviations/, and why we read it as we do: writes TOLERANCE.md."""

import json
import sys

from collect import HERE, TARGET, collect, folder
from report import PEERS, code

S, T, N, R = ["structure"], ["text"], ["names"], ["from"]

# Each message: its name, the fields that show the deviation, what we do, and the rule.
DEVIATIONS = {
    "Delimiters": [
        ("boundary-prefix-of-another", S, "the longest boundary that a line begins with is meant", "RFC 2046 §5.1.1"),
        ("close-delimiter-missing", S, "the last part reaches to the end", "RFC 2046 §5.1.2"),
        ("first-delimiter-missing", S, "what stands before the first delimiter is preamble, a part's header included", "RFC 2046 §5.1.1"),
        ("delimiters-missing", [*S, "sizes"], "no parts; all of it is preamble", "RFC 2046 §5.1"),
        ("boundary-in-mid-line", S, "a delimiter starts a line", "RFC 2046 §5.1.1"),
        ("delimiter-with-junk", S, "what follows behind a blank is passed over; what follows at once makes it another line", "RFC 2046 §5.1.1, its note"),
        ("delimiter-with-blanks", S, "padding", "RFC 2046 §5.1.1"),
        ("delimiter-after-blanks", S, "no delimiter: it starts a line", "RFC 2046 §5.1.1"),
        ("boundary-in-header", S, "a delimiter ends a header too: the part has no body", "RFC 2046 §5.1.1"),
        ("boundary-reused", S, "the innermost open multipart is meant; when that is closed, the one around it", "RFC 2046 §5.1.2"),
        ("delimiter-of-outer-in-message", S, "an outer delimiter ends everything within, messages too", "RFC 2046 §5.1.2"),
        ("epilogue-with-boundary", S, "behind the last delimiter the boundary means nothing", "RFC 2046 §5.1.1"),
        ("preamble-with-blank-delimiter", S, "two delimiters in a row hold an empty part", "RFC 2046 §5.1.1"),
        ("nested-multipart-without-blank-line", S, "the first delimiter ends the header, so that the parts within are seen; the message is marked", "RFC 2046 §5.1.1"),
        ("nesting-of-150", S, "100 levels (`mime_depth`); what is deeper is not looked into, and the message is marked", "RFC 2046 §5.1.2 sets no bound"),
    ],
    "Boundaries": [
        ("boundary-missing", S, "no parts", "RFC 2046 §5.1.1: it is required"),
        ("boundary-empty", S, "no boundary at all", "RFC 2046 §5.1.1: 1 to 70 characters"),
        ("two-boundary-parameters", S, "the first counts", "RFC 2045 §5.1: a name is there once"),
        ("boundary-illegal-characters", S, "taken as it is", "RFC 2046 §5.1.1: bchars"),
        ("boundary-unquoted-specials", S, "read to the `;`", "RFC 2045 §5.1"),
        ("boundary-with-blank-at-end", S, "blanks at its end count", "RFC 2046 §5.1.1: bcharsnospace"),
        ("boundary-encoded-word", S, "as it stands, and not what it would decode to", "RFC 2047 §5 (3)"),
        ("boundary-quote-unclosed", S, "the quoted string ends with the field", "RFC 5322 §3.2.4"),
        ("boundary-of-120", S, "up to 8,192 octets are taken", "RFC 2046 §5.1.1: 70"),
        ("boundary-of-1100", S, "up to 8,192 octets are taken", "RFC 2046 §5.1.1: 70"),
        ("boundary-by-rfc2231", S, "decoded", "RFC 2231 §4"),
        ("boundary-in-rfc2231-pieces", S, "joined", "RFC 2231 §3"),
    ],
    "Types and transfer encodings": [
        ("two-content-types", S, "the first counts", "RFC 5322 §3.6, RFC 2045 §5"),
        ("content-type-unreadable", S, "text/plain", "RFC 2045 §5.2"),
        ("content-type-empty", S, "text/plain", "RFC 2045 §5.2"),
        ("content-type-semicolon-missing", S, "the parameter is read", "RFC 2045 §5.1"),
        ("content-type-comment", S, "comments are passed over", "RFC 2045 §5.1"),
        ("digest-defaults", S, "message/rfc822 where nothing is said", "RFC 2046 §5.1.5"),
        ("multipart-base64", S, "not decoded: no parts", "RFC 2045 §6.4: 7bit, 8bit or binary only"),
        ("multipart-quoted-printable", [*S, "text"], "not decoded: parts are found as they stand", "RFC 2045 §6.4"),
        ("multipart-labelled-base64", S, "the label is passed over: parts are found", "RFC 2045 §6.4"),
        ("message-base64", [*S, "sizes"], "not decoded: a message without fields", "RFC 2046 §5.2.1"),
        ("message-labelled-quoted-printable", S, "not decoded: read as it stands", "RFC 2046 §5.2.1"),
        ("transfer-encoding-unknown", [*S, "sizes"], "the content is not known", "RFC 2045 §6.4: application/octet-stream"),
        ("transfer-encoding-two", ["text"], "the first counts", "RFC 5322 §3.6"),
        ("uuencode", ["names", "sizes"], "decoded", "RFC 2045 §6.3: private"),
        ("base64-with-junk", T, "what is not of the alphabet is passed over", "RFC 2045 §6.8"),
        ("base64-behind-pad", T, "decoded on, so that nothing hides behind a pad", "RFC 2045 §6.8: a pad may be taken for the end"),
        ("base64-short-group", T, "the whole octets of the last group count", "RFC 4648 §3.2"),
        ("quoted-printable-bad-escapes", T, "an escape that is none stands for itself; small letters are digits", "RFC 2045 §6.7 (1), its notes"),
        ("body-8bit-labelled-7bit", T, "taken as it is", "RFC 2045 §2.7"),
    ],
    "Where the header starts and ends": [
        ("mbox-from-line-first", ["from", "subject"], "passed over", "RFC 4155, appendix A"),
        ("quoted-mbox-from-line-first", ["from", "subject"], "passed over", "RFC 4155, appendix A"),
        ("blank-line-first", ["from", "structure"], "an empty header: all of it is body", "RFC 5322 §2.1"),
        ("line-of-blanks-first", ["from", "subject"], "passed over: only an empty line ends a header", "RFC 5322 §4.2"),
        ("header-missing", ["from", "text"], "lines that are no fields are header until an empty line comes", "RFC 5322 §2.2"),
        ("header-only", ["from", "text"], "no body", "RFC 5322 §3.5"),
        ("header-without-line-end", ["from", "date"], "the last field ends with the message", "RFC 5322 §3.5"),
        ("empty", S, "an empty text", "RFC 5322 §3.5"),
        ("header-line-without-colon", ["to", "subject"], "passed over", "RFC 5322 §2.2"),
        ("header-ends-without-blank-line", ["subject", "text"], "its lines are passed over: only an empty line ends a header", "RFC 5322 §2.1"),
        ("header-continuation-first", ["from", "subject"], "passed over", "RFC 5322 §2.2.3"),
        ("header-blanks-before-colon", ["from", "subject"], "allowed", "RFC 5322 §4.5"),
        ("header-fold-of-blanks", ["subject"], "a fold like others", "RFC 5322 §4.2: obs-FWS"),
        ("nul-octets", ["subject", "text"], "kept as they are", "RFC 5322 §4: obsolete"),
        ("bare-lf", S, "an end of line", "RFC 5322 §2.3 forbids it; SMTP refuses or turns it"),
        ("bare-cr", S, "no end of line", "RFC 5322 §2.3"),
        ("mixed-line-ends", S, "each is one", "RFC 5322 §2.3"),
    ],
    "Fields": [
        ("duplicate-fields", ["subject", "from", "to", "date"], "the first counts; recipients of all fields", "RFC 5322 §3.6, §4.5"),
        ("date-no-date", ["date"], "none", "RFC 5322 §3.3"),
        ("date-impossible", ["date"], "none", "RFC 5322 §3.3"),
        ("date-two-digit-year", ["date"], "the years 1950 to 2049; zones by name", "RFC 5322 §4.3"),
        ("date-wrong-order", ["date"], "read; no zone is UTC", "RFC 5322 §4.3"),
        ("date-iso8601", ["date"], "read; a date of RFC 3339", "RFC 5322 §3.3"),
        ("quoted-string-unclosed", R, "it ends with the field: one word", "RFC 5322 §3.2.4"),
        ("comment-unclosed", ["from", "date"], "it ends with the field", "RFC 5322 §3.2.2"),
        ("address-without-comma", R, "a word behind an address begins another", "RFC 5322 §3.4"),
        ("address-without-brackets", R, "what stands before the last word is a name", "RFC 5322 §3.4"),
        ("address-semicolons", R, "a semicolon is taken for a comma", "RFC 5322 §3.4"),
        ("group-unclosed", ["to"], "it ends with the field", "RFC 5322 §3.4"),
    ],
    "Text, charsets and encoded words": [
        ("header-utf8", ["subject", "from"], "UTF-8", "RFC 6532 §3"),
        ("header-latin1", ["subject", "from"], "what is not UTF-8 is windows-1252", "RFC 6532 §3"),
        ("header-utf8-cut", ["subject"], "UTF-8 with one broken character", "RFC 6532 §3"),
        ("iso-2022-jp-across-words", ["subject"], "each word is decoded by itself", "RFC 2047 §3"),
        ("iso-2022-jp-shift-across-words", ["subject"], "a word goes on among two-octet characters where the one before it ended there", "RFC 2047 §3 forbids it"),
        ("utf8-character-across-words", ["subject"], "octets of neighbours are joined", "RFC 2047 §5 forbids it"),
        ("encoded-word-unclosed", ["subject"], "stands for itself", "RFC 2047 §2"),
        ("encoded-word-with-blanks", ["subject"], "decoded all the same", "RFC 2047 §2"),
        ("encoded-words-touching", ["subject"], "decoded wherever they stand", "RFC 2047 §5 (1)"),
        ("encoded-word-bad-base64", ["subject"], "what can be decoded", "RFC 2047 §6.3"),
        ("encoded-word-unknown-charset", ["subject"], "UTF-8 if it is that, else windows-1252", "RFC 2047 §6.2"),
        ("charset-wrong", T, "a label of UTF-8 is not believed where it cannot be: windows-1252", "RFC 2046 §4.1.2"),
        ("charset-unknown", T, "UTF-8 if it is that, else windows-1252", "RFC 2046 §4.1.2"),
        ("charset-us-ascii-with-latin1", T, "the label is not believed: UTF-8, else windows-1252", "RFC 2046 §4.1.2"),
    ],
    "File names": [
        ("name-against-filename", N, "the `filename` of the disposition wins", "RFC 2183 §2.3"),
        ("name-only", N, "the `name` of the type", "RFC 2046 §4.5.1"),
        ("name-of-type-without-subtype", N, "its `name` counts all the same", "RFC 2045 §5.1"),
        ("file-name-in-rfc2231-pieces", N, "joined and decoded; only pieces with a star are percent-decoded", "RFC 2231 §3, §4.1"),
        ("file-name-pieces-out-of-order", N, "sorted by their numbers", "RFC 2231 §3"),
        ("file-name-pieces-with-gap", N, "ends at the gap", "RFC 2231 §3"),
        ("file-name-plain-and-rfc2231", N, "the form of RFC 2231 wins", "RFC 6266 §4.3 says so for HTTP; RFC 2231 is silent"),
        ("file-name-rfc2231-in-quotes", N, "decoded", "RFC 2231 §7 wants no quotes"),
        ("file-name-encoded-word-in-quotes", N, "decoded", "RFC 2047 §5 (3) forbids it"),
        ("file-name-encoded-word-bare", N, "decoded", "RFC 2047 §5 (3) forbids it"),
        ("file-name-unquoted-blanks", N, "read to the `;`", "RFC 2045 §5.1"),
        ("file-name-raw-utf8", N, "UTF-8", "RFC 6532 §3"),
        ("file-name-two", N, "the first counts", "RFC 2045 §5.1"),
    ],
}  # fmt: skip


def cell(value, ours):
    return "same" if value == ours else show(value)


def show(value):
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return code(text if len(text) <= 160 else text[:100] + "…" + f" ({len(text)} characters)") if text else "(empty)"


def main():
    messages = list(folder(HERE / "deviations", lambda octets: octets))
    messages = [(name, octets) for name, octets in messages if name.endswith(".eml")]
    found = collect(messages, TARGET / "deviations")
    described = [f"{row[0]}.eml" for rows in DEVIATIONS.values() for row in rows]
    if sorted(described) != sorted(name for name, _ in messages):
        sys.exit(f"not alike: {sorted(set(described) ^ {name for name, _ in messages})}")
    out = [
        "# What parsers make of malformed mail",
        "",
        "Generated by `tests/compare/run`; do not edit. Each row is a message of `deviations/`, read by all parsers as it is;",
        "the values are in the normal form of [README.md](README.md), `text` is how the first text begins. `same`: as ours.",
        "Dovecot shows IMAP's values: encoded words and file names undecoded, no `text`.",
    ]
    same = {peer: 0 for peer in PEERS}
    alone = []
    count = {peer: 0 for peer in PEERS}
    for title, rows in DEVIATIONS.items():
        out += ["", f"## {title}", "", "| deviation | what we do | rule | our defects | field | ours | " + " | ".join(PEERS) + " |",
                "|---|---|---|---|---|---|" + "---|" * len(PEERS)]  # fmt: skip
        for name, fields, does, rule in rows:
            file = f"{name}.eml"
            ours = found["posthaste"][file]
            for n, field in enumerate(fields):
                head = [name, does, rule, ", ".join(ours["defects"])] if n == 0 else ["", "", "", ""]
                cells, others = [], []
                for peer in PEERS:
                    theirs = found[peer][file]
                    mine = found["posthaste-imap"][file] if peer == "dovecot" else ours
                    if field == "text" and peer == "dovecot":
                        cells.append("")
                        continue
                    count[peer] += 1
                    if "failed" in theirs:
                        cells.append(theirs["failed"])
                        continue
                    a, b = mine.get(field), theirs.get(field)
                    if field == "text":
                        a, b = (" ".join((x or "").split()) for x in (a, b))
                    same[peer] += a == b
                    if peer != "dovecot":
                        others.append(json.dumps(b))
                    cells.append(cell(b, a))
                if len(others) == 4 and len(set(others)) == 1 and cells[0] != "same":
                    alone.append(f"{name} ({field})")
                out.append("| " + " | ".join([*head, field, show(ours.get(field)), *cells]) + " |")
    out += ["", "Alike: " + ", ".join(f"{PEERS[peer]} {same[peer]} of {count[peer]}" for peer in PEERS) + ".", ""]
    out += ["Where mail-parser, GMime and both of Python agree on something else: " + (", ".join(alone) or "nowhere") + ".", ""]
    (HERE / "TOLERANCE.md").write_text("\n".join(out))
    print(f"{len(messages)} deviations; " + out[-4])
    print(out[-2])


main()
