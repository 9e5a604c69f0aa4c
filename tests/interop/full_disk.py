"""A full disk, by real clients: the data folder is on a small tmpfs that mail fills. What adds is refused
with 452 and NO, everything accepted stays and can be read, deleting works, and mail is accepted again
once there is room. Needs root, to mount."""

import imaplib
import pathlib
import poplib
import re
import smtplib
import subprocess
import sys
import tempfile
import time

from posthaste import DOMAIN, PASSWORD, Server

imaplib._MAXLINE = 1 << 26
poplib._MAXLINE = 1 << 20
# Room again means room for the next pack of the log (64 MiB) and the reserve (16 MiB).
SIZE = "320m"
FILLER = 100 << 20
BODY = ("x" * 98 + "\r\n") * 2500
ACCOUNT = f"alice@{DOMAIN}"


def check(right, what):
    if not right:
        raise SystemExit(f"full disk: {what}")


class Disk:
    """A file system of a few megabytes."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-disk-"))
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "posthaste", self.folder]
        made = subprocess.run(mount, capture_output=True, text=True)
        if made.returncode:
            self.folder.rmdir()
            sys.exit(f"full disk: cannot mount a tmpfs, which needs root: {made.stderr.strip()}")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=True)
        self.folder.rmdir()


def send(server, number):
    """Sends message `number`; gives the code and the words of the reply that decided."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as client:
        client.ehlo()
        reply = client.mail("load@elsewhere.test")
        if reply[0] == 250:
            reply = client.rcpt(ACCOUNT)
        if reply[0] == 250:
            reply = client.data(f"Subject: {number}\r\n\r\n{BODY}")
        return reply[0], reply[1].decode()


def imap(server):
    client = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=60)
    client.login(ACCOUNT, PASSWORD)
    client.select("INBOX")
    return client


def append(client, number):
    text = f"Subject: {number}\r\n\r\n{BODY}".encode()
    return client.append("INBOX", None, None, text)


def whole(text):
    return text.replace(b"\r\n", b"\n").rstrip().endswith(BODY.replace("\r\n", "\n").rstrip().encode())


def read_all(server):
    """The numbers of all messages, each read whole by IMAP, and by POP3 as many."""
    client = imap(server)
    numbers = []
    _, rows = client.fetch("1:*", "(BODY.PEEK[])")
    for row in rows:
        if isinstance(row, tuple):
            check(whole(row[1]), "IMAP gives a message that is not whole")
            numbers.append(int(re.search(rb"Subject: (\d+)", row[1]).group(1)))
    client.logout()
    pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=60)
    pop.user(ACCOUNT)
    pop.pass_(PASSWORD)
    count, _ = pop.stat()
    check(count == len(numbers), f"POP3 has {count} messages, IMAP {len(numbers)}")
    check(whole(b"\r\n".join(pop.retr(count)[1])), "POP3 gives a message that is not whole")
    pop.quit()
    return numbers


def wait_for_room(server, number):
    """Sends until it is accepted; gives the seconds that took."""
    begin = time.monotonic()
    while True:
        code, words = send(server, number)
        if code == 250:
            return time.monotonic() - begin
        check(code == 452, f"{code} {words} instead of 250 or 452")
        check(time.monotonic() - begin < 5, "mail is refused 5 s after there is room again")
        time.sleep(0.05)


def main():
    with Disk() as disk:
        filler = disk.folder / "filler"
        filler.write_bytes(bytes(FILLER))
        server = Server("limits.connections_per_address=1000", offset=21000)
        server.data = disk.folder / "data"
        with server:
            accepted = []
            for number in range(2000):
                code, words = send(server, number)
                if code != 250:
                    break
                accepted.append(number)
            check(code == 452, f"after {len(accepted)} messages: {code} {words} instead of 452")
            print(f"{len(accepted)} messages of {len(BODY)} octets accepted, then: {code} {words}")

            client = imap(server)
            kind, words = append(client, 9000)
            check(kind == "NO", f"APPEND on a full disk: {kind} {words}")
            print(f"APPEND: {kind} {words[0].decode()}")
            check(read_all(server) == accepted, "accepted mail is missing or doubled")

            # What adds nothing goes on: flags, and deleting by both protocols.
            kind, _ = client.store("1", "+FLAGS", r"(\Seen \Deleted)")
            check(kind == "OK", "STORE is refused")
            kind, _ = client.expunge()
            check(kind == "OK", "EXPUNGE is refused")
            client.logout()
            pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=60)
            pop.user(ACCOUNT)
            pop.pass_(PASSWORD)
            pop.dele(1)
            pop.quit()
            accepted = accepted[2:]
            check(read_all(server) == accepted, "deleting did not delete what it should")

            # It starts again on the full disk, however it ended, and has everything.
            for end in (server.kill, server.stop):
                end()
                seconds = server.start()
                check(read_all(server) == accepted, "mail is missing after a restart")
                print(f"started again on the full disk in {seconds:.1f} s")

            filler.unlink()
            seconds = wait_for_room(server, 9001)
            client = imap(server)
            kind, words = append(client, 9002)
            check(kind == "OK", f"APPEND with room again: {kind} {words}")
            client.logout()
            accepted += [9001, 9002]
            check(read_all(server) == accepted, "mail is missing after there was room again")
            code = server.stop()
            check(code == 0, f"the server ended with {code}")
            print(f"accepted again {seconds:.2f} s after there was room; nothing lost")


if __name__ == "__main__":
    main()
