"""Real clients against `dev`: swaks, curl, msmtp, mbsync, fetchmail, mutt, gsasl, imapclient. Each check is a
function; one that fails says what the client said. None is skipped."""

import imaplib
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback

from posthaste import DOMAIN, PASSWORD, ROOT, Server

ALICE = f"alice@{DOMAIN}"
BOB = f"bob@{DOMAIN}"
PYTHON = ROOT / "target/interop/venv/bin/python"


def run(*command, stdin=None, env=None, ok=(0,)):
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        errors="replace",
        env={**os.environ, **(env or {})},
    )
    if done.returncode not in ok:
        raise AssertionError(
            f"{command[0]} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout + done.stderr


def want(text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text, re.M):
            raise AssertionError(f"no {pattern!r} in:\n{text[-3000:]}")


def swaks(server, *arguments):
    return run("swaks", "--server", "127.0.0.1", "--from", ALICE, "--to", BOB, *arguments)


SIGN_IN = ("--auth-user", ALICE, "--auth-password", PASSWORD)


def swaks_plain(server):
    want(swaks(server, "--port", server.port("smtp")), r"^<-  250 2\.\d\.\d", r"^<-  221")


def swaks_starttls_auth(server):
    for mechanism in ("PLAIN", "LOGIN"):
        text = swaks(server, "-p", server.port("submission"), "--tls", "--auth", mechanism, *SIGN_IN)
        want(text, r"=== TLS started", r"^<~  235 2\.7\.0", r"^<~  250 2\.\d\.\d")


def swaks_implicit_tls(server):
    text = swaks(server, "-p", server.port("submissions"), "--tls-on-connect", "--auth", "PLAIN", *SIGN_IN)
    want(text, r"^<~  235", r"^<~  250 2\.\d\.\d")


def swaks_pipelined(server):
    text = swaks(server, "-p", server.port("smtp"), "--pipeline", "--to", f"{ALICE},{BOB}")
    want(text, r"354", r"^<-  221")


def swaks_lmtp(server):
    text = swaks(server, "-p", server.port("lmtp"), "--protocol", "LMTP", "--to", f"{ALICE},{BOB}")
    want(text, r"LHLO", r"^<-  250 2\.\d\.\d")


def swaks_refused(server):
    """Strangers may not relay, and unknown users are refused at RCPT."""
    port = ("--server", "127.0.0.1", "-p", server.port("smtp"), "--from", "x@y.test")
    want(run("swaks", *port, "--to", f"nobody@{DOMAIN}", ok=(24,)), r"550 5\.1\.1")
    want(run("swaks", *port, "--to", "someone@elsewhere.test", ok=(24,)), r"550 5\.7\.1")


def curl(*arguments, **more):
    return run("curl", "-sS", "-k", "--max-time", "30", *arguments, **more)


def curl_smtp(server):
    mail = f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: by curl\r\n\r\nhello\r\n"
    login = ("-u", f"{ALICE}:{PASSWORD}")
    envelope = ("--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "-")
    curl(f"smtp://127.0.0.1:{server.port('smtp')}", *envelope, stdin=mail)
    curl(f"smtp://127.0.0.1:{server.port('submission')}", "--ssl-reqd", *login, *envelope, stdin=mail)
    curl(f"smtps://127.0.0.1:{server.port('submissions')}", *login, *envelope, stdin=mail)


def curl_imap(server):
    login = ("-u", f"{BOB}:{PASSWORD}")
    for url in (f"imap://127.0.0.1:{server.port('imap')}", f"imaps://127.0.0.1:{server.port('imaps')}"):
        want(curl(url, *login), r'\* LIST \(.*\) "/" "?INBOX"?\r?$')
        want(curl(f"{url}/INBOX;MAILINDEX=1", *login), r"^Received: ")
        want(curl(f"{url}/INBOX?SUBJECT%20curl", *login), r"\* (E?SEARCH|SEARCH) .*\d")
    starttls = curl(f"imap://127.0.0.1:{server.port('imap')}", "--ssl-reqd", *login)
    want(starttls, r"LIST")
    mail = f"From: {BOB}\r\nSubject: appended by curl\r\n\r\nhello\r\n"
    (server.folder / "mail").write_text(mail, newline="")
    curl(f"{url}/Drafts", *login, "-T", server.folder / "mail")
    want(curl(f"{url}/Drafts;MAILINDEX=1", *login), r"appended by curl")


def curl_pop3(server):
    login = ("-u", f"{BOB}:{PASSWORD}")
    for url in (f"pop3://127.0.0.1:{server.port('pop3')}", f"pop3s://127.0.0.1:{server.port('pop3s')}"):
        want(curl(f"{url}/", *login), r"^1 \d+")
        want(curl(f"{url}/1", *login), r"^Received: ")
    want(curl(f"pop3://127.0.0.1:{server.port('pop3')}/", "--ssl-reqd", *login), r"^1 \d+")


def msmtp(server):
    mail = f"From: {ALICE}\nTo: {BOB}\nSubject: by msmtp\n\nhello\n"
    for port, starttls in (("submission", "on"), ("submissions", "off")):
        for auth in ("plain", "login", "scram-sha-256"):
            try:
                run(
                    "msmtp", "--host=127.0.0.1", f"--port={server.port(port)}", "--tls=on",
                    f"--tls-starttls={starttls}", "--tls-certcheck=off", f"--auth={auth}",
                    f"--user={ALICE}", f"--passwordeval=echo {PASSWORD}", f"--from={ALICE}",
                    BOB, stdin=mail,
                )  # fmt: skip
            except AssertionError as error:
                # Debian's msmtp is built with or without each mechanism; only its own word excuses it.
                if auth != "scram-sha-256" or "not supported" not in str(error) and "unknown" not in str(error):
                    raise


def mbsync(server):
    """Two-way sync: everything comes, a second run moves nothing, changes go both ways."""
    folder = server.folder / "mbsync"
    (folder / "mail").mkdir(parents=True, exist_ok=True)
    config = folder / "mbsyncrc"
    config.write_text(
        f"""
IMAPAccount there
Host 127.0.0.1
Port {server.port("imap")}
User {ALICE}
Pass {PASSWORD}
SSLType None
AuthMechs *

IMAPStore there
Account there

MaildirStore here
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Both
Expunge Both
Remove Both
SyncState *
"""
    )
    imap = imaplib.IMAP4("127.0.0.1", server.port("imap"))
    imap.login(ALICE, PASSWORD)
    for n in range(40):
        imap.append("INBOX" if n % 2 else "Archive", r"\Seen" if n % 3 else None, None,
                    f"Message-ID: <{n}@sync.test>\r\nSubject: {n}\r\n\r\nbody {n}\r\n".encode())
    imap.create("Archive/2026")

    def state():
        """Every file here, and the latest change of every mailbox there."""
        files = sorted(str(path) for path in (folder / "mail").rglob("*") if path.parent.name in ("cur", "new"))
        _, rows = imap.list()
        names = [re.search(rb'"?([^" ]+)"?$', row).group(1).decode() for row in rows]
        return files, [imap.status(name, "(MESSAGES UIDNEXT HIGHESTMODSEQ)") for name in sorted(names)]

    run("mbsync", "-c", config, "-a")
    before = state()
    for turn in ("second", "third"):
        run("mbsync", "-c", config, "-a")
        assert state() == before, f"the {turn} run moved something: {before} -> {state()}"
    files = lambda: [pathlib.Path(name) for name in state()[0]]
    imap.select("INBOX", readonly=True)
    _, (numbers,) = imap.search(None, "ALL")
    inbox = [p for p in files() if "/INBOX/" in str(p)]
    assert len(inbox) == len(numbers.split()), f"{len(inbox)} files, {len(numbers.split())} messages"
    # Now a change on each side: a new file here, a flag there, and a fourth run carries both.
    (folder / "mail/INBOX/new/999.new.here").write_text("Subject: from here\n\nhello\n")
    imap.select("INBOX")
    imap.store("1", "+FLAGS", r"(\Flagged)")
    run("mbsync", "-c", config, "-a")
    imap.noop()
    _, (found,) = imap.search(None, "SUBJECT", '"from here"')
    assert found, "the new file did not arrive"
    assert any(",F" in p.name or re.search(r":2,[A-EG-Z]*F", p.name) for p in files()), "no flag came"
    imap.logout()
    return f"{len(before[0])} messages in {len(before[1])} mailboxes; runs 2 and 3 moved nothing"


def fetchmail(server):
    for protocol, port in (("imap", "imap"), ("pop3", "pop3"), ("imap", "imaps"), ("pop3", "pop3s")):
        run("swaks", "--server", "127.0.0.1", "-p", server.port("smtp"), "--from", BOB, "--to", ALICE,
            "--header", f"Subject: for fetchmail {port}")  # fmt: skip
        folder = server.folder / f"fetchmail-{port}"
        folder.mkdir()
        config = folder / "rc"
        ssl = "ssl" if port.endswith("s") else "sslproto ''"
        config.write_text(
            f"poll 127.0.0.1 protocol {protocol} port {server.port(port)} "
            f'user "{ALICE}" password "{PASSWORD}" {ssl} no sslcertck keep fetchall '
            f'mda "cat >> {folder}/mbox"\n'
        )
        config.chmod(0o600)
        run("fetchmail", "-f", config, "--nodetach", "--pidfile", folder / "pid", "-v", "-v",
            env={"FETCHMAILHOME": str(folder)})  # fmt: skip
        want((folder / "mbox").read_text(errors="replace"), f"Subject: for fetchmail {port}")


def mutt(server):
    """Opens INBOX, tags everything, saves a copy to a file, leaves."""
    folder = server.folder / "mutt"
    folder.mkdir()
    rc = folder / "rc"
    rc.write_text(
        f"""
set imap_user="{BOB}" imap_pass="{PASSWORD}" ssl_starttls=no ssl_force_tls=no
set imap_authenticators="plain:login"
set folder="imap://127.0.0.1:{server.port("imap")}/" spoolfile="+INBOX"
set header_cache="" confirmappend=no confirmcreate=no delete=no move=no quit=yes copy=no
set record="" mbox_type=mbox wait_key=no timeout=5 sleep_time=0
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{folder}/copy<enter><quit>"
"""
    )
    run("script", "-qec", f"mutt -n -F {rc}", "/dev/null", env={"TERM": "xterm", "HOME": str(folder)}, stdin="")
    copied = (folder / "copy").read_text(errors="replace")
    want(copied, r"^From ", r"^Received: ", r"Subject: ")
    return f"{len(re.findall('^From ', copied, re.M))} messages read"


IMAPCLIENT = r"""
import ssl, sys
from imapclient import IMAPClient
plain, tls, user, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
for client in (IMAPClient("127.0.0.1", plain, ssl=False), IMAPClient("127.0.0.1", tls, ssl_context=context)):
    client.login(user, password)
    assert client.has_capability("IDLE") and client.has_capability("UIDPLUS")
    client.id_({"name": "interop"})
    names = {name for _, _, name in client.list_folders()}
    assert {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"} <= names, names
    assert client.find_special_folder(b"\\Sent") == "Sent"
    if client.folder_exists("Entw\u00fcrfe & mehr"): client.delete_folder("Entw\u00fcrfe & mehr")
    client.create_folder("Entw\u00fcrfe & mehr"); client.subscribe_folder("Entw\u00fcrfe & mehr")
    client.append("Entw\u00fcrfe & mehr", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\r\nhello\r\n", flags=[b"\\Draft", b"$Label1"])
    info = client.select_folder("Entw\u00fcrfe & mehr")
    assert info[b"EXISTS"] == 1, info
    (uid,) = client.search(["SUBJECT", "Gr\u00fc\u00dfe"], charset="UTF-8")
    row = client.fetch([uid], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY[TEXT]", "MODSEQ"])[uid]
    assert row[b"BODY[TEXT]"] == b"hello\r\n", row
    assert set(row[b"FLAGS"]) >= {b"\\Draft", b"$Label1"}, row
    client.add_flags([uid], [b"\\Answered"]); assert b"\\Answered" in client.get_flags([uid])[uid]
    other = IMAPClient("127.0.0.1", plain, ssl=False); other.login(user, password)
    client.idle()
    other.append("Entw\u00fcrfe & mehr", b"Subject: two\r\n\r\n2\r\n")
    seen = client.idle_check(timeout=10); client.idle_done()
    assert any(item[1] == b"EXISTS" for item in seen), seen
    client.copy([uid], "Archive"); client.move([uid], "Trash")
    assert client.folder_status("Entw\u00fcrfe & mehr", ["MESSAGES"])[b"MESSAGES"] == 1
    client.rename_folder("Entw\u00fcrfe & mehr", "Archive/neu"); client.select_folder("Archive/neu")
    client.delete_messages(client.search()); client.expunge(); assert client.search() == []
    client.unselect_folder(); client.delete_folder("Archive/neu")
    other.logout(); client.logout()
"""


def gsasl(server, protocol, mechanism, *arguments, password=PASSWORD, ok=(0,)):
    port = server.port("submission" if protocol == "smtp" else "imap")
    return run(
        "gsasl", "--client", f"--{protocol}", "--connect", f"127.0.0.1:{port}", "--mechanism", mechanism,
        "--authentication-id", ALICE, "--password", password, "--hostname", "localhost", "--service", protocol,
        "--x509-ca-file=", "--no-client-first", "--quiet", *arguments, stdin="", ok=ok,
    )  # fmt: skip


def gsasl_scram(server):
    """GNU SASL binds to the TLS session as we do; below TLS 1.3 nobody is offered to."""
    for protocol, welcome in (("smtp", r"^235 2\.7\.0"), ("imap", r"^\. OK \[CAPABILITY .*\] Signed in")):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            want(gsasl(server, protocol, f"{mechanism}-PLUS"), welcome)
            want(gsasl(server, protocol, mechanism, "--no-cb"), welcome)
    wrong = gsasl(server, "smtp", "SCRAM-SHA-256-PLUS", password="wrong", ok=(1,))
    want(wrong, r"^535 5\.7\.8")
    old = ("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
    want(gsasl(server, "smtp", "SCRAM-SHA-256-PLUS", *old, ok=(1,)), r"^504 5\.5\.4")
    want(gsasl(server, "smtp", "SCRAM-SHA-256", "--no-cb", *old), r"^235 2\.7\.0")


def certificates(server):
    """GNU SASL and curl sign in by a certificate, once the account knows it."""
    key, certificate = server.folder / "k.pem", server.folder / "c.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=alice",
        "-keyout", key, "-out", certificate)  # fmt: skip
    shown = ("--x509-cert-file", certificate, "--x509-key-file", key)
    want(gsasl(server, "smtp", "EXTERNAL", *shown, ok=(1,)), r"^535 5\.7\.8")
    done = server.run("account", "certificate", "add", ALICE, certificate, "--data", server.data)
    assert done.returncode == 0, done.stdout + done.stderr
    want(gsasl(server, "smtp", "EXTERNAL", *shown), r"^235 2\.7\.0")
    by_curl = ("-E", certificate, "--key", key, "--login-options", "AUTH=EXTERNAL", "-u", f"{ALICE}:")
    want(curl(f"imaps://127.0.0.1:{server.port('imaps')}/", *by_curl), r"LIST")


def imapclient(server):
    run(PYTHON, "-c", IMAPCLIENT, server.port("imap"), server.port("imaps"), ALICE, PASSWORD)


def own_client(server):
    """`posthaste send`, and the account commands while the server runs."""
    done = server.run("send", "--to", ALICE, "--text", "hi", "--server", f"127.0.0.1:{server.port('smtp')}")
    assert done.returncode == 0, done.stdout + done.stderr
    done = server.run(
        "send", "--to", BOB, "--from", ALICE, "--user", ALICE, "--password-stdin", "--tls", "starttls",
        "--insecure", "--text", "hi", "--server", f"127.0.0.1:{server.port('submission')}",
        stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    at = ("--data", server.data)
    for arguments, text in (
        (("add", f"carol@{DOMAIN}", "--password-stdin"), "secret\n"),
        (("password", f"carol@{DOMAIN}", "--password-stdin"), "other\n"),
        (("list",), None),
        (("remove", f"carol@{DOMAIN}", "--yes"), None),
    ):
        done = server.run("account", *arguments, *at, stdin=text)
        assert done.returncode == 0, f"{arguments}: {done.stdout + done.stderr}"
    done = server.run("account", "remove", f"carol@{DOMAIN}", "--yes", *at)
    assert done.returncode == 65, f"removing twice: {done.returncode}"


CHECKS = [
    own_client, swaks_plain, swaks_starttls_auth, swaks_implicit_tls, swaks_pipelined, swaks_lmtp,
    swaks_refused, curl_smtp, curl_imap, curl_pop3, msmtp, mbsync, fetchmail, mutt, gsasl_scram, certificates,
    imapclient,
]  # fmt: skip


def main():
    runtime = os.environ.get("RUNTIME", "mio")
    failed = 0
    settings = ("server.scram_sha1=true", "server.client_certificates=true")
    with Server(*settings, runtime=runtime) as server:
        for check in CHECKS:
            begin = time.monotonic()
            try:
                note = check(server) or ""
                result = "ok"
            except Exception as error:
                failed += 1
                note = ""
                result = "FAILED"
                print("".join(traceback.format_exception_only(error)), file=sys.stderr)
            print(f"{check.__name__:22} {result:7} {time.monotonic() - begin:6.2f} s  {note}", flush=True)
        code = server.stop()
        print(f"{'SIGTERM':22} {'ok' if code == 0 else 'FAILED':7} exit code {code}")
        failed += code != 0
        if failed:
            print(server.tail(), file=sys.stderr)
    print(f"{len(CHECKS) + 1 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
