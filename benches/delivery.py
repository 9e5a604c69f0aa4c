#!/usr/bin/env python3
"""Durable delivery end to end, peers in the same run: the ceiling (`sink`), Posthaste, Postfix with a
virtual maildir, Dovecot LMTP with maildir. Installs the peers from Debian's packages.

    benches/delivery.py [--rounds 5] [--sessions 1,10,100] [--messages 20000] [--only posthaste,sink]

Everybody syncs before the final reply. Each round runs every server once, in turn, so that the noise of
the machine hits all alike; figures are min / median / max of the rounds."""

import argparse
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = ROOT / "target/release"
USERS = 100
TICKS = os.sysconf("SC_CLK_TCK")


def sh(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, **more)


def install(*packages):
    """Debian's packages, and our own programs unless NO_BUILD is set."""
    programs = {
        "postfix": "/usr/sbin/postfix",
        "dovecot-lmtpd": "/usr/lib/dovecot/lmtp",
        "dovecot-imapd": "/usr/lib/dovecot/imap",
        "linux-perf": "/usr/bin/perf",
    }
    missing = [package for package in packages if not os.path.exists(programs[package])]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "update", "-qq")
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env, stdout=subprocess.DEVNULL)
    if not os.environ.get("NO_BUILD"):
        sh("cargo", "build", "--release", "-p", "posthaste", "-p", "posthaste-benches", "--bins", cwd=ROOT)


def wait_port(port):
    for _ in range(6000):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                if s.recv(3) == b"220":
                    return
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"nothing greets at port {port}")


def tree(pid):
    """A process and everything below it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
            except OSError:
                pass
    todo, found = [pid], []
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu(pid):
    """Seconds of CPU of a process tree, those that ended included."""
    ticks = 0
    for one in tree(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15] if one == pid else fields[11:13]))
            if one != pid:
                ticks += sum(map(int, fields[13:15]))
        except OSError:
            pass
    return ticks / TICKS


class Peer:
    lmtp = False
    domain = "bench.test"

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        folder.mkdir()

    def recipients(self):
        return [f"user{n}@{self.domain}" for n in range(USERS)]

    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


class Sink(Peer):
    name = "ceiling (sink)"

    def start(self):
        self.process = subprocess.Popen([RELEASE / "sink", f"127.0.0.1:{self.port}", self.folder / "log"])
        wait_port(self.port)


class Posthaste(Peer):
    name = "posthaste smtp"
    protocol, tls = "smtp", "starttls"
    runtime = "mio"

    def start(self):
        config = self.folder / "posthaste.toml"
        config.write_text(
            f'[server]\nhostname = "{self.domain}"\ndata = "data"\nruntime = "{self.runtime}"\n[log]\nlevel = "warn"\n'
            f'[[domain]]\nname = "{self.domain}"\n'
            f'[[listener]]\nprotocol = "{self.protocol}"\naddress = "127.0.0.1:{self.port}"\ntls = "{self.tls}"\n'
            "[limits]\nsmtp_transactions = 1000000\n"
        )
        for address in self.recipients():
            sh(RELEASE / "posthaste", "account", "add", address, "--password-stdin", "--config", config,
               input="bench\n", text=True, stdout=subprocess.DEVNULL)  # fmt: skip
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([RELEASE / "posthaste", "serve", "--config", config], stdout=log, stderr=log)
        wait_port(self.port)


class PosthasteLmtp(Posthaste):
    name = "posthaste lmtp"
    protocol, tls, lmtp = "lmtp", "none", True


class Postfix(Peer):
    name = "postfix maildir"

    def start(self):
        f = self.folder
        for part in ("etc", "queue", "lib", "mail"):
            (f / part).mkdir()
        nobody = pwd.getpwnam("nobody")
        (f / "etc/main.cf").write_text(
            f"""compatibility_level = 3.6
queue_directory = {f}/queue
data_directory = {f}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = {self.domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {self.domain}
virtual_mailbox_base = {f}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
default_process_limit = 200
virtual_destination_concurrency_limit = 50
maillog_file = {f}/log
maillog_file_prefixes = {f}
virtual_mailbox_limit = 0
in_flow_delay = 0
"""
        )
        maps = "".join(f"{address} {address}/\n" for address in self.recipients())
        (f / "etc/mailboxes").write_text(maps)
        text = (f / "etc/main.cf").read_text().replace("static:all/", f"texthash:{f}/etc/mailboxes")
        (f / "etc/main.cf").write_text(text)
        (f / "etc/master.cf").write_text(
            f"""127.0.0.1:{self.port} inet n - n - 200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - 50 virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
        )
        os.chmod(f, 0o755)
        sh("chown", "root", f / "queue")
        sh("chown", "postfix", f / "lib")
        sh("chown", "nobody", f / "mail")
        sh("postfix", "-c", f / "etc", "check", stderr=subprocess.DEVNULL)
        sh("postfix", "-c", f / "etc", "start", stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def pid(self):
        return int((self.folder / "queue/pid/master.pid").read_text())

    def delivered(self):
        return sum(len(files) for path, _, files in os.walk(self.folder / "mail") if path.endswith("/new"))

    def stop(self):
        sh("postfix", "-c", self.folder / "etc", "stop", stderr=subprocess.DEVNULL)


class Dovecot(Peer):
    name = "dovecot lmtp maildir"
    lmtp = True

    def start(self):
        f = self.folder
        nobody = pwd.getpwnam("nobody")
        (f / "dovecot.conf").write_text(
            f"""base_dir = {f}/run
state_dir = {f}/state
log_path = {f}/log
protocols = lmtp
ssl = no
mail_location = maildir:{f}/mail/%n
mail_fsync = optimized
first_valid_uid = 1
default_process_limit = 400
default_client_limit = 2000
default_internal_user = nobody
default_login_user = nobody
userdb {{
  driver = static
  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={f}/mail/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=yes
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.port}
  }}
  process_limit = 400
}}
service stats {{
  client_limit = 2000
}}
"""
        )
        (f / "mail").mkdir()
        os.chmod(f, 0o755)
        sh("chown", f"{nobody.pw_uid}:{nobody.pw_gid}", f / "mail")
        self.process = subprocess.Popen(["dovecot", "-F", "-c", f / "dovecot.conf"], stderr=subprocess.DEVNULL)
        wait_port(self.port)


PEERS = {"sink": Sink, "posthaste": Posthaste, "posthaste-lmtp": PosthasteLmtp, "postfix": Postfix, "dovecot": Dovecot}


def load(peer, sessions, messages, *more):
    command = [RELEASE / "load", "--server", f"127.0.0.1:{peer.port}", "--to", ",".join(peer.recipients()),
               "--sessions", sessions, "--messages", messages, *more]  # fmt: skip
    if peer.lmtp:
        command.append("--lmtp")
    before, begin = cpu(peer.pid()), time.monotonic()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"{peer.name}: {done.stderr}")
    result = json.loads(done.stdout)
    if result["refused"]:
        print(f"{peer.name}: {result['refused']} refused: {result['complaint']}", file=sys.stderr)
    if isinstance(peer, Postfix):
        # A 250 of Postfix means queued; delivered is when the maildirs have it.
        peer.wanted = getattr(peer, "wanted", 0) + result["accepted"]
        while peer.delivered() < peer.wanted:
            time.sleep(0.05)
            if time.monotonic() - begin > 600:
                sys.exit("postfix delivers no more")
        result["seconds"] = time.monotonic() - begin
        result["rate"] = result["accepted"] / result["seconds"]
    result["cpu_ms"] = (cpu(peer.pid()) - before) * 1000 / max(result["accepted"], 1)
    return result


SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")


def syncs(peer, sessions, messages):
    """Sync calls a message, counted by the kernel's tracepoints: a tracer that stops the server at each call makes
    it slow, and a slow server gathers fewer messages a sync. Counts those of the whole machine."""
    events = ",".join(f"syscalls:sys_enter_{call}" for call in SYNCS)
    counter = subprocess.Popen(["perf", "stat", "-a", "-x", ",", "-e", events], stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    result = load(peer, sessions, messages)
    counter.send_signal(signal.SIGINT)
    said = counter.communicate()[1]
    counts = [line.split(",")[0] for line in said.splitlines() if "sys_enter_" in line]
    if len(counts) != len(SYNCS) or not all(count.isdigit() for count in counts):
        sys.exit(f"perf counts no syncs (is /sys/kernel/tracing mounted, and are we root?): {said}")
    return sum(map(int, counts)) / max(result["accepted"], 1)


def disk(folder):
    """Raw append + fdatasync: batches of 1, 16 and 128 messages of 10 KB, in messages/s."""
    rates = {}
    for batch in (1, 16, 128):
        octets, done, begin = os.urandom(10_240) * batch, 0, time.monotonic()
        with open(folder / "raw", "wb", buffering=0) as file:
            while time.monotonic() - begin < 2:
                file.write(octets)
                os.fdatasync(file.fileno())
                done += batch
        rates[batch] = done / (time.monotonic() - begin)
        os.unlink(folder / "raw")
    return rates


def spread(values, form="{:,.0f}"):
    values = sorted(values)
    return " / ".join(form.format(v) for v in (values[0], statistics.median(values), values[-1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", default="1,10,100")
    parser.add_argument("--messages", type=int, default=20_000, help="for the fast ones, at 100 sessions")
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--only", default=",".join(PEERS))
    parser.add_argument("--variants", default="plain", help="of plain, pipelined, tls")
    parser.add_argument("--syncs", action="store_true", help="count syncs too")
    arguments = parser.parse_args()
    install("postfix", "dovecot-lmtpd", *["linux-perf"] * arguments.syncs)
    base = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-bench-"))
    os.chmod(base, 0o755)
    peers = [PEERS[name](base / name, 21000 + n) for n, name in enumerate(arguments.only.split(","))]
    rows = {}
    try:
        print(f"raw append + fdatasync, messages/s by batch: {disk(base)}", flush=True)
        for peer in peers:
            peer.start()
        for sessions in map(int, arguments.sessions.split(",")):
            for variant in arguments.variants.split(","):
                more = {"plain": [], "pipelined": ["--pipelined"], "tls": ["--starttls"]}[variant]
                for _ in range(arguments.rounds):
                    for peer in peers:
                        if variant == "tls" and (not isinstance(peer, Posthaste) or peer.lmtp):
                            continue
                        slow = isinstance(peer, (Postfix, Dovecot))
                        messages = arguments.messages * min(sessions, 100) // 100 // (8 if slow else 1)
                        messages = max(messages, 1_000 if slow else 2_000, sessions * 10)
                        result = load(peer, sessions, messages, "--size", arguments.size, *more)
                        rows.setdefault((sessions, variant, peer.name), []).append(result)
        print(f"raw append + fdatasync, messages/s by batch: {disk(base)}")
        print(f"\n{arguments.rounds} rounds, {arguments.size} octets a message, min / median / max\n")
        print("| sessions | variant | server | delivered/s | p50 ms | p99 ms | CPU ms a message |")
        print("|---|---|---|---|---|---|---|")
        for (sessions, variant, name), results in rows.items():
            print(
                f"| {sessions} | {variant} | {name} | {spread([r['rate'] for r in results])} "
                f"| {spread([r['p50_us'] / 1000 for r in results], '{:.2f}')} "
                f"| {spread([r['p99_us'] / 1000 for r in results], '{:.2f}')} "
                f"| {spread([r['cpu_ms'] for r in results], '{:.3f}')} |"
            )
        if arguments.syncs:
            print("\nsyncs a message (runs of their own)")
            for peer in peers:
                fast = not isinstance(peer, (Postfix, Dovecot))
                counts = {n: round(syncs(peer, n, max(2000, n * 200) if fast else max(500, n * 5)), 3) for n in map(int, arguments.sessions.split(","))}
                print(f"  {peer.name}: {counts}")
    finally:
        for peer in peers:
            try:
                peer.stop()
            except Exception as error:
                print(f"{peer.name}: {error}", file=sys.stderr)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
