"""A real `posthaste serve`, what it takes of memory, and somebody who delivers mail to it and behaves."""

import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("POSTHASTE", ROOT / "target/release/posthaste"))
DOMAIN, PASSWORD = "slow.test", "correct horse"
MIB = 1 << 20
# Messages a second, and on a connection; a /24 each, so that the limits of addresses and networks hold for them, too.
RATE, PER_CONNECTION = 100, 10
SOURCES = [f"127.200.{n}.1" for n in range(30)]
LISTENERS = {
    "smtp": ("smtp", "starttls"),
    "smtps": ("smtp", "implicit"),
    "submission": ("submission", "starttls"),
    "imap": ("imap", "starttls"),
}


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Server:
    """Started on entry, in a folder of its own; `limits` is the config's section."""

    def __init__(self, runtime, limits):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-slow-"))
        self.config = self.folder / "posthaste.toml"
        self.ports = dict(zip(LISTENERS, free_ports(len(LISTENERS))))
        # Nobody is trusted: all are strangers, to whom the limits apply.
        text = (
            f'[server]\nhostname = "mail.{DOMAIN}"\ndata = "data"\nruntime = "{runtime}"\ntrusted = []\n'
            f'plaintext_auth = "loopback"\n[log]\nlevel = "warn"\n[[domain]]\nname = "{DOMAIN}"\n[limits]\n{limits}\n'
        )
        for name, (protocol, tls) in LISTENERS.items():
            text += f'[[listener]]\nprotocol = "{protocol}"\naddress = "127.0.0.1:{self.ports[name]}"\ntls = "{tls}"\n'
        self.config.write_text(text)
        self.log = open(self.folder / "log", "wb")

    def run(self, *arguments, stdin=""):
        said = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True, timeout=60)
        if said.returncode:
            sys.exit(f"posthaste {' '.join(map(str, arguments))}: {said.stderr}")
        return said.stdout

    def __enter__(self):
        for name in ("ann", "flood"):
            self.run("account", "add", f"{name}@{DOMAIN}", "--password-stdin", "--config", self.config,
                     stdin=PASSWORD + "\n")  # fmt: skip
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.config], stderr=self.log)
        for _ in range(3000):
            try:
                with socket.create_connection(("127.0.0.1", self.ports["smtp"]), timeout=5) as s:
                    if s.recv(3) == b"220":
                        return self
            except OSError:
                time.sleep(0.01)
        sys.exit("the server does not greet")

    def __exit__(self, kind, value, trace):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=90)
        self.log.close()
        log = (self.folder / "log").read_text(errors="replace")
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None and (code or "panicked" in log):
            sys.exit(f"the server ended with {code}:\n{log[-4000:]}")

    def rss(self):
        """Octets of memory that the process has."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def status(self):
        return json.loads(self.run("status", "--json", "--config", self.config))


class Peak:
    """The most memory that the server had meanwhile."""

    def __init__(self, server):
        self.server, self.over = server, threading.Event()
        self.before = self.most = server.rss()

    def look(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, self.server.rss())

    def __enter__(self):
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def growth(self):
        return self.most - self.before


class Deliverer:
    """Sends a message when the clock says so, `RATE` a second for so long, by a process of its own. Each is to be answered
    with 250; its time counts from the moment it was due and has the connection in it, where one had to be made."""

    seeds = itertools.count(1)

    def __init__(self, server, seconds):
        command = [BINARY, "smtp-load", f"127.0.0.1:{server.ports['smtp']}", "--to", f"ann@{DOMAIN}", "--json",
                   "--rate", RATE, "--per-connection", PER_CONNECTION, "--sessions", 20, "--messages", round(RATE * seconds),
                   "--size", "4 KiB", "--timeout", "30s", "--seed", next(self.seeds),
                   "--source", ",".join(SOURCES)]  # fmt: skip
        self.process = subprocess.Popen([str(one) for one in command], stdout=subprocess.PIPE, text=True)

    def report(self):
        """Messages accepted, failures, and the 99th percentile in milliseconds."""
        said = json.loads(self.process.communicate(timeout=600)[0])
        messages = said["messages"]
        failures = messages["refused"] + messages["failed"] + messages["unsent"]
        failures += sum(fault["count"] for fault in said["connections"]["faults"])
        if failures:
            print("the deliverer:", said["refusals"], said["connections"]["faults"], messages, file=sys.stderr)
        return messages["accepted"], failures, said["latency_us"]["transaction"]["p99"] / 1000
