"""Our server, with a domain for each way in, and our client."""

import pathlib
import poplib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from posthaste import BINARY  # noqa: E402

from .root import free_ports  # noqa: E402

# Of our accounts and of theirs.
PASSWORD = "far-end-of-the-wire"
LISTENERS = {
    "smtp": ("smtp", "starttls"),
    "smtps": ("smtp", "implicit"),
    "submission": ("submission", "starttls"),
    "submissions": ("submission", "implicit"),
    "lmtp": ("lmtp", "starttls"),
    "pop3s": ("pop3", "implicit"),
}
poplib._MAXLINE = 1 << 26


class Ours:
    """`posthaste serve` with these accounts, in their domains."""

    def __init__(self, pki, accounts):
        accounts = list(accounts)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-mtas-"))
        self.pki = pki
        self.ports = dict(zip(LISTENERS, free_ports(len(LISTENERS))))
        self.config = self.folder / "posthaste.toml"
        text = (
            "[server]\nhostname = \"mx.ours.test\"\ndata = \"data\"\nplaintext_auth = \"loopback\"\n"
            "submission_fixups = false\nclient_certificates = true\n"
            f"[tls]\ncertificate = \"{pki.certificate}\"\nkey = \"{pki.key}\"\n"
        )
        for name, (protocol, tls) in LISTENERS.items():
            text += f"[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{self.ports[name]}\"\n"
            text += f"tls = \"{tls}\"\n"
        for domain in sorted({account.partition("@")[2] for account in accounts}):
            text += f"[[domain]]\nname = \"{domain}\"\n"
        self.config.write_text(text)
        self.log = open(self.folder / "log", "ab")
        for account in accounts:
            self.account("add", account, "--password-stdin")
            if "external" in account:
                self.account("certificate", "add", account, pki.certificate)
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", self.config], stdout=self.log, stderr=self.log
        )

    def account(self, *arguments):
        done = subprocess.run(
            [BINARY, "account", *arguments, "--config", self.config],
            input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"account {arguments}: {done.stderr}")

    def mailbox(self, address, count, until):
        """The messages of an account's INBOX, when there are `count`; or what there is at that time."""
        while True:
            pop = poplib.POP3_SSL("127.0.0.1", self.ports["pop3s"], context=unverified())
            pop.user(address)
            pop.pass_(PASSWORD)
            have, _ = pop.stat()
            if have >= count or time.monotonic() > until:
                found = [b"".join(line + b"\r\n" for line in pop.retr(n + 1)[1]) for n in range(have)]
                pop.quit()
                return found
            pop.quit()
            time.sleep(0.2)

    def stop(self, keep=False):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def unverified():
    """A client context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Said:
    """How a run of our client ended."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


def send(port, *arguments, sender="sender@elsewhere.test", to=(), files=(), password=None):
    """Runs `posthaste send`."""
    command = [BINARY, "send", "--server", f"127.0.0.1:{port}", f"--from={sender}"]
    command += [f"--to={address}" for address in to]
    command += [f"--file={file}" for file in files]
    command += map(str, arguments)
    done = subprocess.run(
        command, input=None if password is None else f"{password}\n", capture_output=True, text=True,
        timeout=300, errors="replace", stdin=subprocess.DEVNULL if password is None else None,
    )  # fmt: skip
    return Said(done)
