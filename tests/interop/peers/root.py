"""Debian's packages, unpacked each server into a folder of its own, and programs run in there by chroot.

The servers exclude each other as packages, and each wants its own users, /etc and /var: so none of them is
installed. A server and the libraries it needs are unpacked with `dpkg -x` into target/interop/roots/NAME, with
a passwd of its own. Nothing outside of that folder is touched, and only processes started here are ended."""

import atexit
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[3]
KEPT = TOP / "target/interop"

# Each server with what apt does not know that it needs here.
PACKAGES = {
    "postfix": ["postfix", "libsasl2-modules", "sasl2-bin"],
    "exim": ["exim4-daemon-heavy", "libsasl2-modules", "sasl2-bin"],
    "opensmtpd": ["opensmtpd", "dash"],
    "dovecot": ["dovecot-core", "dovecot-lmtpd"],
}
# Debian 12's OpenSMTPD cannot serve TLS (its keys are in an engine that OpenSSL 3 does not ask: "missing private key"
# ends each handshake, with any client), so it is Debian 13's.
SUITES = {"opensmtpd": "trixie"}
SOURCE = """Types: deb
URIs: http://deb.debian.org/debian
Suites: {suite}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
# Dependencies that maintainer scripts want, and no program that runs here.
NEEDLESS = re.compile(
    r"adduser|cpio|cron.*|debconf|dpkg|e2fsprogs|exim4-config|gcc-12-base|init-system-helpers|libaudit-common"
    r"|libblkid1|libext2fs2|libfile-find-rule-perl|libnumber-compare-perl|libpam-runtime|libsemanage.*|libss2"
    r"|libtext-glob-perl|logsave|lsb-base|.*-common|netbase|passwd|perl.*|sensible-utils|ssl-cert|sysvinit-utils"
    r"|tar|ucf|usrmerge"
)
# Their users; the numbers mean nothing outside.
USERS = {
    "root": 0,
    "nobody": 65534,
    "vmail": 61000,
    "postfix": 61001,
    "postdrop": 61002,
    "Debian-exim": 61003,
    "opensmtpd": 61004,
    "opensmtpq": 61005,
    "dovecot": 61006,
    "dovenull": 61007,
}
VMAIL = USERS["vmail"]


def free_ports(count):
    """Ports that nobody listened at a moment ago; all are held until all are known."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Apt:
    """apt-get for one suite of Debian: this machine's own, or another with lists of its own."""

    def __init__(self, suite):
        place = KEPT / "apt" / (suite or "own")
        (place / "parts").mkdir(parents=True, exist_ok=True)
        (place / "no-packages").touch()
        said = f'Dir::Cache "{place}";\nDir::State::status "{place}/no-packages";\nAPT::Sandbox::User "root";\n'
        self.lists = pathlib.Path("/var/lib/apt/lists")
        if suite:
            self.lists = place / "lists"
            self.lists.mkdir(exist_ok=True)
            said += f'Dir::State::lists "{self.lists}";\nDir::Etc::sourcelist "/dev/null";\n'
            said += f'Dir::Etc::sourceparts "{place}/parts";\n'
            (place / "parts/debian.sources").write_text(SOURCE.format(suite=suite))
        (place / "apt.conf").write_text(said)
        self.environment = {**os.environ, "APT_CONFIG": str(place / "apt.conf")}
        if not list(self.lists.glob("*Packages*")):
            self.run("update")

    def run(self, *arguments, folder=None):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], capture_output=True, text=True, cwd=folder, env=self.environment
        )
        if done.returncode:
            sys.exit(f"apt-get {arguments[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def needed(self, packages):
        """The files of these packages and of what they depend on, as apt sees it for a system that has none."""
        said = self.run("install", "-y", "--no-install-recommends", "--print-uris", *packages)
        files = [line.split()[1] for line in said.splitlines() if line.startswith("'")]
        return [file for file in files if not NEEDLESS.fullmatch(file.split("_")[0])]

    def bring(self, files, folder):
        """Downloads those of these files that are not in the folder."""
        missing = sorted({file for file in files if not (folder / file).exists()})
        exact = [f"{f.split('_')[0]}={f.split('_')[1].replace('%3a', ':')}" for f in missing]
        if exact:
            print(f"downloading {len(exact)} packages", flush=True)
            self.run("download", *exact, folder=folder)


def unpack(names):
    """Brings these servers' packages here and unpacks them, unless these versions are there. Gives the versions."""
    debs = KEPT / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    versions = {}
    for suite in {SUITES.get(name) for name in names}:
        apt = Apt(suite)
        of_suite = [name for name in names if SUITES.get(name) == suite]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            wanted = dict(zip(of_suite, pool.map(apt.needed, (PACKAGES[name] for name in of_suite))))
        apt.bring([file for files in wanted.values() for file in files], debs)
        for name, files in wanted.items():
            versions[name] = version(files, PACKAGES[name][0])
            root = KEPT / "roots" / name
            stamp = root / ".packages"
            if stamp.exists() and stamp.read_text().split() == files:
                continue
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            for file in files:
                subprocess.run(["dpkg", "-x", debs / file, root], check=True)
            # Where all is below /usr, base-files says so, which nobody here depends on.
            for folder in ("bin", "sbin", "lib", "lib64"):
                if not (root / folder).exists():
                    (root / folder).symlink_to(f"usr/{folder}")
            stamp.write_text("\n".join(files))
    return versions


def version(files, package):
    file = next(file for file in files if file.startswith(package + "_"))
    return file.split("_")[1].replace("%3a", ":").split(":")[-1]


# Every root that has something running, for the end of this program however it ends.
running = []
atexit.register(lambda: [root.stop() for root in list(running)])
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


class Root:
    """One server's folder, made ready: devices, users, names. Ends on exit what was started in it."""

    def __init__(self, name):
        self.name = name
        self.path = KEPT / "roots" / name
        self.groups = []
        for folder in ("dev", "etc/ssl", "tmp", "run", "var/log", "var/vmail"):
            self.folder(folder)
        shutil.rmtree(self.path / "var/vmail")
        self.folder("var/vmail", owner="vmail")
        os.chmod(self.path / "tmp", 0o1777)
        if not (self.path / "var/run").exists():
            (self.path / "var/run").symlink_to("../run")
        for device, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            node = self.path / "dev" / device
            if not node.exists():
                os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
                os.chmod(node, 0o666)
        rows = [f"{user}:x:{number}:{number}::/var/empty:/bin/sh\n" for user, number in USERS.items()]
        self.write("etc/passwd", "".join(rows))
        self.write("etc/group", "".join(f"{user}:x:{number}:\n" for user, number in USERS.items()))
        self.write("etc/shadow", "".join(f"{user}:*:19000:0:99999:7:::\n" for user in USERS), mode=0o600)
        self.write("etc/shells", "/bin/sh\n")
        # No name server is asked.
        self.write("etc/hosts", "127.0.0.1 localhost mx.theirs.test\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        self.write("etc/mailname", "mx.theirs.test\n")
        self.write("etc/services", "smtp 25/tcp\nsmtps 465/tcp\nsubmission 587/tcp\nlmtp 24/tcp\n")
        self.write("etc/protocols", "tcp 6 TCP\n")

    def folder(self, path, owner="root", group=None, mode=0o755, fresh=False):
        full = self.path / path
        if fresh:
            shutil.rmtree(full, ignore_errors=True)
        full.mkdir(parents=True, exist_ok=True)
        os.chown(full, USERS[owner], USERS[group or owner])
        os.chmod(full, mode)
        return full

    def write(self, path, text, mode=0o644, owner="root"):
        full = self.path / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
        os.chown(full, USERS[owner], USERS[owner])
        os.chmod(full, mode)

    def copy(self, source, path, mode=0o644, owner="root"):
        self.write(path, pathlib.Path(source).read_text(), mode, owner)

    def sasl(self, program, user, password):
        """What Cyrus's library needs for a program that signs this user in."""
        settings = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN SCRAM-SHA-256\n"
        self.write(f"etc/sasl2/{program}.conf", settings)
        self.run("/usr/sbin/saslpasswd2", "-p", "-c", "-u", "mx.theirs.test", user, stdin=f"{password}\n".encode())
        # It is read by who has given up root.
        os.chmod(self.path / "etc/sasldb2", 0o644)

    def run(self, *command, stdin=None, ok=(0,)):
        """Runs a program in there to its end."""
        done = subprocess.run(
            ["chroot", self.path, *command], input=stdin, capture_output=True, timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C"},
        )  # fmt: skip
        if ok is not None and done.returncode not in ok:
            sys.exit(f"{self.name}: {command} ended with {done.returncode}: {done.stdout!r} {done.stderr!r}")
        return done

    def start(self, *command, environment=()):
        """Starts a program that stays. It leads a process group, which ends with it."""
        log = open(self.path / "var/log/stdout", "ab")
        process = subprocess.Popen(
            ["chroot", self.path, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **dict(environment)},
        )  # fmt: skip
        log.close()
        self.groups.append(process)
        running.append(self)
        return process

    def stop(self):
        for process in self.groups:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
                until = time.monotonic() + 5
                while time.monotonic() < until and self.alive(process):
                    time.sleep(0.05)
            process.poll()
        self.groups = []
        if self in running:
            running.remove(self)

    @staticmethod
    def alive(process):
        process.poll()
        try:
            os.killpg(process.pid, 0)
            return True
        except ProcessLookupError:
            return False

    def logs(self, lines=60):
        """The ends of its logs."""
        text = ""
        for file in sorted((self.path / "var/log").rglob("*")):
            if file.is_file() and file.stat().st_size:
                tail = file.read_text(errors="replace").splitlines()[-lines:]
                text += f"--- {file}\n" + "\n".join(tail) + "\n"
        return text

    def wait_for(self, port, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.groups and self.groups[-1].poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                    if client.recv(1):
                        return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{self.name} does not greet at {port}:\n{self.logs()}")

    def maildir(self, path):
        """The messages in a maildir, with the line ends they came with: CR LF, all of them."""
        found = []
        for folder in ("new", "cur"):
            for file in sorted((self.path / path / folder).glob("*")):
                found.append(file.read_bytes().replace(b"\n", b"\r\n"))
        return found

    def size(self, path):
        """How many messages a maildir has."""
        return sum(len(list((self.path / path / folder).glob("*"))) for folder in ("new", "cur"))
