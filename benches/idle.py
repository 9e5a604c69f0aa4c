#!/usr/bin/env python3
"""Memory of idle IMAP connections: N sessions, signed in, INBOX selected, in IDLE. Plain and TLS, beside
Dovecot. User-space memory: the private and shared pages of the server's processes (PSS), before and with
the connections.

    benches/idle.py [--connections 2000] [--messages 100] [--only posthaste,dovecot]"""

import argparse
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from delivery import RELEASE, install, sh, tree, wait_port

USER, PASSWORD, DOMAIN = "idle@bench.test", "bench", "bench.test"


def context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    def __init__(self, port, tls):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        if tls:
            self.socket = tls.wrap_socket(self.socket)
        self.rest = b""

    def line(self):
        while b"\r\n" not in self.rest:
            octets = self.socket.recv(65536)
            if not octets:
                sys.exit("the server closed an idle connection")
            self.rest += octets
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def command(self, text, until):
        self.socket.sendall(text)
        while True:
            line = self.line()
            if line.startswith(until):
                return line
            if line.startswith((b"a NO", b"a BAD")):
                sys.exit(f"{text!r}: {line!r}")

    def idle(self):
        self.line()
        self.command(f"a LOGIN {USER} {PASSWORD}\r\n".encode(), b"a OK")
        self.command(b"a SELECT INBOX\r\n", b"a OK")
        self.command(b"a IDLE\r\n", b"+")


def memory(pid):
    """Octets of the process tree: proportional set size, so that shared pages count once."""
    total = 0
    for one in tree(pid):
        try:
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def rss(pid):
    return sum(int(line.split()[1]) * 1024 for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if line.startswith("RssAnon:"))  # fmt: skip


class Posthaste:
    name = "posthaste"

    def __init__(self, folder, port):
        self.plain, self.tls = port, port + 1
        folder.mkdir()
        config = folder / "posthaste.toml"
        listener = '[[listener]]\nprotocol = "imap"\naddress = "127.0.0.1:{}"\ntls = "{}"\n'
        config.write_text(
            f'[server]\nhostname = "{DOMAIN}"\ndata = "data"\nplaintext_auth = "loopback"\n'
            f'[log]\nlevel = "warn"\n[[domain]]\nname = "{DOMAIN}"\n'
            + listener.format(self.plain, "starttls")
            + listener.format(self.tls, "implicit")
        )
        sh(RELEASE / "posthaste", "account", "add", USER, "--password-stdin", "--config", config,
           input=PASSWORD + "\n", text=True, stdout=subprocess.DEVNULL)  # fmt: skip
        self.process = subprocess.Popen([RELEASE / "posthaste", "serve", "--config", config], stderr=subprocess.DEVNULL)
        wait(self.plain)


class Dovecot:
    name = "dovecot"

    def __init__(self, folder, port):
        self.plain, self.tls = port, port + 1
        folder.mkdir()
        os.chmod(folder, 0o755)
        nobody = pwd.getpwnam("nobody")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
           "-subj", "/CN=bench", "-keyout", folder / "key", "-out", folder / "cert", stderr=subprocess.DEVNULL)  # fmt: skip
        (folder / "mail").mkdir()
        os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        (folder / "dovecot.conf").write_text(
            f"""base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
ssl = yes
ssl_cert = <{folder}/cert
ssl_key = <{folder}/key
disable_plaintext_auth = no
mail_location = sdbox:{folder}/mail/%n
first_valid_uid = 1
default_process_limit = 5000
default_client_limit = 20000
mail_max_userip_connections = 10000
default_internal_user = nobody
default_login_user = nobody
userdb {{
  driver = static
  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={folder}/mail/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
service imap-login {{
  service_count = 0
  client_limit = 10000
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.plain}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.tls}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 5000
}}
"""
        )
        self.process = subprocess.Popen(["dovecot", "-F", "-c", folder / "dovecot.conf"], stderr=subprocess.DEVNULL)
        wait(self.plain)


def wait(port):
    for _ in range(3000):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                if s.recv(4) == b"* OK":
                    return
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"nothing greets at port {port}")


def fill(port, messages):
    filler = Connection(port, None)
    filler.line()
    filler.command(f"a LOGIN {USER} {PASSWORD}\r\n".encode(), b"a OK")
    for n in range(messages):
        mail = f"Subject: {n}\r\n\r\nhello\r\n".encode()
        filler.command(b"a APPEND INBOX {%d}\r\n" % len(mail), b"+")
        filler.command(mail + b"\r\n", b"a OK")
    filler.socket.close()


def measure(server, port, tls, connections):
    warm = [Connection(port, tls) for _ in range(50)]
    for connection in warm:
        connection.idle()
    time.sleep(1)
    before = memory(server.process.pid), rss(server.process.pid)
    begin = time.monotonic()
    held = []
    for _ in range(connections):
        held.append(Connection(port, tls))
        held[-1].idle()
    seconds = time.monotonic() - begin
    time.sleep(3)
    after = memory(server.process.pid), rss(server.process.pid)
    each = (after[0] - before[0]) / connections
    for connection in held + warm:
        connection.socket.close()
    time.sleep(2)
    return each, (after[1] - before[1]) / connections, seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--dovecot-connections", type=int, default=500, help="each is a process")
    parser.add_argument("--messages", type=int, default=100, help="in the mailbox that all have open")
    parser.add_argument("--only", default="posthaste,dovecot")
    arguments = parser.parse_args()
    install("dovecot-imapd")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    base = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-idle-"))
    os.chmod(base, 0o755)
    kinds = {"posthaste": Posthaste, "dovecot": Dovecot}
    print("| server | connections | octets each (PSS) | of which anonymous in the main process | connects/s |")
    print("|---|---|---|---|---|")
    try:
        for n, name in enumerate(arguments.only.split(",")):
            server = kinds[name](base / name, 22000 + 10 * n)
            try:
                fill(server.plain, arguments.messages)
                count = arguments.connections if name == "posthaste" else arguments.dovecot_connections
                for way, port, tls in (("plain", server.plain, None), ("TLS", server.tls, context())):
                    each, anonymous, seconds = measure(server, port, tls, count)
                    print(f"| {name}, {way} | {count:,} | {each:,.0f} | {anonymous:,.0f} | {count / seconds:,.0f} |", flush=True)
            finally:
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(timeout=60)
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
