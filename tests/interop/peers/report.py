"""The tables, as they are committed, and the summary."""

# Extension, how a server offers it, how a client is seen to use it.
EXTENSIONS = (
    ("PIPELINING", "PIPELINING", "PIPELINING"),
    ("SIZE", "SIZE", "SIZE"),
    ("8BITMIME", "8BITMIME", "BODY=8BITMIME"),
    ("SMTPUTF8", "SMTPUTF8", "SMTPUTF8"),
    ("CHUNKING (BDAT)", "CHUNKING", "BDAT"),
    ("BINARYMIME", "BINARYMIME", "BODY=BINARYMIME"),
    ("DSN: NOTIFY", "DSN", "NOTIFY"),
    ("DSN: ORCPT", "DSN", "ORCPT"),
    ("DSN: RET", "DSN", "RET"),
    ("DSN: ENVID", "DSN", "ENVID"),
    ("ENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES", None),
    ("STARTTLS", "STARTTLS", "STARTTLS"),
    ("TLS from the start", "TLS from the start", "TLS from the start"),
    ("AUTH", "AUTH", "AUTH"),
    ("AUTH PLAIN", "AUTH PLAIN", "AUTH PLAIN"),
    ("AUTH LOGIN", "AUTH LOGIN", "AUTH LOGIN"),
    ("AUTH SCRAM-SHA-256", "AUTH SCRAM-SHA-256", "AUTH SCRAM-SHA-256"),
    ("AUTH EXTERNAL", "AUTH EXTERNAL", "AUTH EXTERNAL"),
    ("REQUIRETLS", "REQUIRETLS", "REQUIRETLS"),
    ("LIMITS", "LIMITS", None),
    ("FUTURERELEASE", "FUTURERELEASE", "HOLDFOR"),
    ("DELIVERBY", "DELIVERBY", "BY"),
    ("MT-PRIORITY", "MT-PRIORITY", "MT-PRIORITY"),
)
KINDS = ("sent", "same", "changed", "refused")
INTRODUCTION = """# Beside Postfix, Exim, OpenSMTPD and Dovecot

Written by `tests/interop/mtas`, which runs Debian's packages of these servers beside ours, on one machine. A message
is *equal* if what is stored at the far end is the trace fields of each hop and, behind them, what was sent, octet for
octet. The messages are the corpus and two dozen made for this: dots, long lines, 8-bit and control characters, UTF-8
headers and addresses, no header, no body, a megabyte, a hundred recipients, no sender. Any other outcome fails, but for
what a server changes or refuses by its own design: that is named below, and what is stored is compared with exactly
that. A way that is not the first of its server carries every twentieth message of the corpus, and all that were made.
"""
PEERS = """
OpenSMTPD is Debian 13's: 6.8.0p2-4+b4 of Debian 12 cannot serve TLS. Each handshake, with `openssl s_client` too, ends
with an alert and `SSL_accept: error:020000B3:rsa routines::missing private key` in its log (its issues 1171 and 1239).
"""


def summary(results):
    """What came of it, in one line."""
    sent, same, changed, refused = (sum(each.total(kind) for each in results) for kind in KINDS)
    wrong = sum(len(each.wrong) for each in results)
    return (f"{len(results)} servers, {sent} messages: {same} equal, {changed} changed and {refused} refused as the"
            f" table names, {wrong} wrong")  # fmt: skip


def write(results, path):
    """Writes the tables to a file: nothing in it depends on the clock."""
    out = [INTRODUCTION, "| server | version |", "|---|---|"]
    out += [f"| {each.title} | {each.version} |" for each in results]
    out.append(PEERS)
    for side, title in (("in", "They send to us"), ("out", "We send to them")):
        out += [f"## {title}", "", "| server | way | used on it | messages | equal | changed | refused |"]
        out.append("|---|---|---|---:|---:|---:|---:|")
        for each in results:
            for way, counts in each.counts[side].items():
                words = ", ".join(sorted(each.words[side].get(way, ())))
                row = " | ".join(str(counts[kind]) for kind in KINDS)
                out.append(f"| {each.title} | {way} | {words} | {row} |")
        out.append("")
    out += extensions(results)
    out += ["## What they change or refuse", "", "| server | what | why | times |", "|---|---|---|---:|"]
    for each in results:
        for kind, rows in (("changed", each.changed), ("refused", each.refused)):
            for (name, reason), count in sorted(rows.items()):
                out.append(f"| {each.title} | {kind}: {name} | {reason} | {count} |")
    out += ["", "## What else was checked", *facts(results)]
    path.write_text("\n".join(out) + "\n")


def extensions(results):
    """What is offered and used, server by server."""
    yield from (
        "## Extensions",
        "",
        "*Offered* by them; used by *us* when we send to them, and by *them* when they send to us, where we offer it,",
        "as read on the wire. Behind TLS nothing is read: there the mechanism is the only one that the client was allowed",
        "(OpenSMTPD's has no setting for that), and the ways without TLS show the same client.",
        "",
        "| extension |" + "".join(f" {each.title}: offered | us | them |" for each in results),
        "|---|" + ":-:|" * (3 * len(results)),
    )
    for name, offer, use in EXTENSIONS:
        row = f"| {name} |"
        for each in results:
            row += " yes |" if has(each.they_offer, offer) else " – |"
            for side in ("out", "in"):
                row += " · |" if use is None else " yes |" if has(each.used(side), use) else " – |"
        yield row
    yield ""


def has(words, wanted):
    return any(f"{word} ".startswith(f"{wanted} ") for word in words)


def facts(results):
    """What was proved, together for the servers of which it holds."""
    servers = {}
    for each in results:
        for fact in dict.fromkeys(each.proved):
            servers.setdefault(fact, []).append(each.title)
    together = {}
    for fact, titles in servers.items():
        together.setdefault(", ".join(titles), []).append(fact)
    for titles, rows in together.items():
        yield from ("", f"**{titles}**", "", *(f"- {row}" for row in rows))
