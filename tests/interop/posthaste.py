"""A real `posthaste dev` in a folder of its own, for the checks beside this file."""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("POSTHASTE", ROOT / "target/release/posthaste"))
PASSWORD = "posthaste"
DOMAIN = "localhost.test"

# What `dev` listens at, before --port-offset.
PORTS = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "lmtp": 2424,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
}


def tls():
    """A client context that takes the server's self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Server:
    """Started on entry; its data folder outlives `kill` and goes at exit."""

    def __init__(self, *settings, offset=20000, runtime="mio"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-interop-"))
        self.data = self.folder / "data"
        self.offset = offset
        self.settings = [f"server.runtime={runtime}", *settings]
        self.process = None
        self.log = open(self.folder / "log", "ab")

    def port(self, name):
        return PORTS[name] + self.offset

    def start(self):
        """Starts, and returns the seconds until SMTP and IMAP greet."""
        begin = time.monotonic()
        command = [BINARY, "dev", "--data", self.data, f"--port-offset={self.offset}"]
        for setting in self.settings:
            command += ["--set", setting]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for name in ("smtp", "imap"):
            self.wait_for(name, begin)
        return time.monotonic() - begin

    def wait_for(self, name, begin):
        while True:
            if self.process.poll() is not None:
                sys.exit(f"posthaste ended with {self.process.returncode}:\n{self.tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port(name)), timeout=5) as s:
                    if s.recv(1):
                        return
            except OSError:
                pass
            if time.monotonic() - begin > 60:
                sys.exit(f"posthaste does not greet at {name} after 60 s:\n{self.tail()}")
            time.sleep(0.002)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Stops as an operator would; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def tail(self, lines=40):
        text = (self.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def run(self, *arguments, stdin=None):
        """Runs the program against this server's data."""
        return subprocess.run(
            [BINARY, *arguments], input=stdin, capture_output=True, text=True, timeout=60
        )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.kill()
        self.log.close()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"the server's log: {self.folder}/log\n{self.tail()}", file=sys.stderr)
