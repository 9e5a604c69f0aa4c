#!/usr/bin/env python3
"""Durable delivery end to end, peers in the same run: the ceiling (`posthaste smtp-sink --mbox --sync`), Posthaste
on mio, on tokio and over LMTP, Postfix with a virtual maildir, Dovecot LMTP with maildir. The load is `posthaste
smtp-load`. Installs the peers from Debian's packages.

    benches/delivery.py [--rounds 5] [--sessions 1,10,100] [--messages 20000] [--only posthaste,sink]
                        [--variants plain,pipelined,bdat,starttls,implicit,one,one-implicit] [--syncs]

plain waits for each reply; pipelined and bdat do not, and all the others are pipelined too; one sends one
message a connection. Everybody syncs before the final reply. Each round runs every server once, in turn, so that
the noise of the machine hits all alike; figures are min / median / max of the rounds."""

import argparse
import json
import os
import pathlib
import pwd
import resource
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


def wait_port(port, tls=False):
    for _ in range(6000):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                if tls or s.recv(3) == b"220":
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


# What the load is told; and, where not every peer can take it, who does not.
VARIANTS = {
    "plain": ["--pipelining", "off", "--chunking", "off"],
    "pipelined": ["--chunking", "off"],
    "bdat": [],
    "starttls": ["--tls", "starttls", "--insecure", "--chunking", "off"],
    "implicit": ["--tls", "implicit", "--insecure", "--chunking", "off"],
    "one": ["--per-connection", "1", "--chunking", "off"],
    "one-implicit": ["--per-connection", "1", "--tls", "implicit", "--insecure", "--chunking", "off"],
}


class Peer:
    lmtp = False
    domain = "bench.test"
    # Ways to encrypt besides none.
    tls = ()

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        # Where TLS comes first.
        self.secure = port + 100
        folder.mkdir()

    def takes(self, variant):
        words = VARIANTS[variant]
        return "--tls" not in words or words[words.index("--tls") + 1] in self.tls

    def recipients(self):
        return [f"user{n}@{self.domain}" for n in range(USERS)]

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


class Sink(Peer):
    name = "ceiling (smtp-sink)"
    tls = ("starttls", "implicit")

    def start(self):
        self.processes = []
        for port, tls in ((self.port, "starttls"), (self.secure, "implicit")):
            command = [RELEASE / "posthaste", "smtp-sink", f"127.0.0.1:{port}", "--tls", tls, "--sync"]
            self.processes.append(
                subprocess.Popen([*command, "--mbox", self.folder / tls], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        wait_port(self.port)
        wait_port(self.secure, tls=True)

    def pids(self):
        return [process.pid for process in self.processes]

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


class Posthaste(Peer):
    name = "posthaste smtp"
    protocol, tls = "smtp", ("starttls", "implicit")
    runtime = "mio"

    def start(self):
        config = self.folder / "posthaste.toml"
        config.write_text(
            f'[server]\nhostname = "{self.domain}"\ndata = "data"\nruntime = "{self.runtime}"\n[log]\nlevel = "warn"\n'
            f'[[domain]]\nname = "{self.domain}"\n'
            + self.listener(self.port, "starttls" if self.tls else "none")
            + (self.listener(self.secure, "implicit") if self.tls else "")
            + "[limits]\nsmtp_transactions = 1000000\n"
        )
        for address in self.recipients():
            sh(RELEASE / "posthaste", "account", "add", address, "--password-stdin", "--config", config,
               input="bench\n", text=True, stdout=subprocess.DEVNULL)  # fmt: skip
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([RELEASE / "posthaste", "serve", "--config", config], stdout=log, stderr=log)
        wait_port(self.port)

    def listener(self, port, tls):
        return f'[[listener]]\nprotocol = "{self.protocol}"\naddress = "127.0.0.1:{port}"\ntls = "{tls}"\n'


class PosthasteTokio(Posthaste):
    name = "posthaste smtp, tokio"
    runtime = "tokio"


class PosthasteLmtp(Posthaste):
    name = "posthaste lmtp"
    protocol, tls, lmtp = "lmtp", (), True


class Postfix(Peer):
    name = "postfix maildir"
    tls = ("starttls",)

    def start(self):
        f = self.folder
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
           "-subj", f"/CN={self.domain}", "-keyout", f / "key.pem", "-out", f / "certificate.pem",
           stderr=subprocess.DEVNULL)  # fmt: skip
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
smtpd_tls_security_level = may
smtpd_tls_cert_file = {f}/certificate.pem
smtpd_tls_key_file = {f}/key.pem
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
tlsmgr unix - - n 1000? 1 tlsmgr
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

    def pids(self):
        return [int((self.folder / "queue/pid/master.pid").read_text())]

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


PEERS = {
    "sink": Sink,
    "posthaste": Posthaste,
    "posthaste-tokio": PosthasteTokio,
    "posthaste-lmtp": PosthasteLmtp,
    "postfix": Postfix,
    "dovecot": Dovecot,
}


def load(peer, sessions, messages, variant, size):
    more = VARIANTS[variant]
    port = peer.secure if "implicit" in more else peer.port
    command = [RELEASE / "posthaste", "smtp-load", f"127.0.0.1:{port}", "--to", ",".join(peer.recipients()), "--json",
               "--sessions", sessions, "--messages", messages, "--size", size, *more]  # fmt: skip
    if peer.lmtp:
        command.append("--lmtp")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    before, begin = sum(map(cpu, peer.pids())), time.monotonic()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode not in (0, 69) or not done.stdout:
        sys.exit(f"{peer.name}: {done.stderr}")
    report = json.loads(done.stdout)
    accepted = report["messages"]["accepted"]
    if done.returncode:
        print(f"{peer.name}: {done.stderr.strip()}: {report['refusals']} {report['connections']}", file=sys.stderr)
    wait = report["latency_us"].get("message", {"p50": 0, "p99": 0})
    result = {"accepted": accepted, "rate": report["messages_per_second"], "p50": wait["p50"], "p99": wait["p99"]}
    if isinstance(peer, Postfix):
        # A 250 of Postfix means queued; delivered is when the maildirs have it.
        peer.wanted = getattr(peer, "wanted", 0) + accepted
        while peer.delivered() < peer.wanted:
            time.sleep(0.05)
            if time.monotonic() - begin > 600:
                sys.exit("postfix delivers no more")
        result["rate"] = accepted / (time.monotonic() - begin)
    result["cpu_ms"] = (sum(map(cpu, peer.pids())) - before) * 1000 / max(accepted, 1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    result["load_ms"] = spent * 1000 / max(accepted, 1)
    return result


SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")


def syncs(peer, sessions, messages, variant, size):
    """Sync calls a message, counted by the kernel's tracepoints: a tracer that stops the server at each call makes
    it slow, and a slow server gathers fewer messages a sync. Counts those of the whole machine."""
    events = ",".join(f"syscalls:sys_enter_{call}" for call in SYNCS)
    counter = subprocess.Popen(["perf", "stat", "-a", "-x", ",", "-e", events], stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    result = load(peer, sessions, messages, variant, size)
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
    parser.add_argument("--variants", default="plain", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--syncs", action="store_true", help="count syncs too")
    arguments = parser.parse_args()
    install("postfix", "dovecot-lmtpd", *["linux-perf"] * arguments.syncs)
    base = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-bench-"))
    os.chmod(base, 0o755)
    peers = [PEERS[name](base / name, 21000 + n) for n, name in enumerate(arguments.only.split(","))]
    variants = arguments.variants.split(",")
    rows, synced = {}, {}

    def count(peer, sessions, fast, slow):
        is_slow = isinstance(peer, (Postfix, Dovecot))
        return max(slow if is_slow else fast, sessions * 10)

    try:
        print(f"raw append + fdatasync, messages/s by batch: {disk(base)}", flush=True)
        for peer in peers:
            peer.start()
        for sessions in map(int, arguments.sessions.split(",")):
            scaled = arguments.messages * min(sessions, 100) // 100
            for variant in variants:
                takers = [peer for peer in peers if peer.takes(variant)]
                for _ in range(arguments.rounds):
                    for peer in takers:
                        messages = count(peer, sessions, max(scaled, 2_000), max(scaled // 8, 1_000))
                        result = load(peer, sessions, messages, variant, arguments.size)
                        rows.setdefault((sessions, variant, peer.name), []).append(result)
                if arguments.syncs:
                    for peer in takers:
                        messages = count(peer, sessions, max(2_000, sessions * 200), 500)
                        synced[sessions, variant, peer.name] = syncs(peer, sessions, messages, variant, arguments.size)
        print(f"raw append + fdatasync, messages/s by batch: {disk(base)}")
        print(f"\n{arguments.rounds} rounds, {arguments.size} octets a message, min / median / max\n")
        print("| sessions | variant | server | delivered/s | p50 ms | p99 ms | CPU ms a message | load's CPU ms | syncs a message |")
        print("|---|---|---|---|---|---|---|---|---|")
        for (sessions, variant, name), results in rows.items():
            wait = synced.get((sessions, variant, name))
            print(
                f"| {sessions} | {variant} | {name} | {spread([r['rate'] for r in results])} "
                f"| {spread([r['p50'] / 1000 for r in results], '{:.2f}')} "
                f"| {spread([r['p99'] / 1000 for r in results], '{:.2f}')} "
                f"| {spread([r['cpu_ms'] for r in results], '{:.3f}')} "
                f"| {statistics.median(r['load_ms'] for r in results):.3f} "
                f"| {'' if wait is None else f'{wait:.3f}'} |"
            )
    finally:
        for peer in peers:
            try:
                peer.stop()
            except Exception as error:
                print(f"{peer.name}: {error}", file=sys.stderr)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
