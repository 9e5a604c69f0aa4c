"""kill -9 at random moments under load. The senders never repeat a message, and write down each 250
they read; after all the kills every one of these must be there, once."""

import collections
import imaplib
import random
import re
import smtplib
import socket
import sys
import threading
import time

from posthaste import DOMAIN, PASSWORD, Server

imaplib._MAXLINE = 1 << 26
CONNECTIONS = 24


def sender(server, number, accepted, stop):
    """Sends until told to stop, reconnecting after each kill."""
    serial = 0
    while not stop.is_set():
        try:
            way = smtplib.LMTP if number % 3 == 0 else smtplib.SMTP
            port = server.port("lmtp" if number % 3 == 0 else "smtp")
            with way("127.0.0.1", port, timeout=10) as client:
                client.ehlo()
                while not stop.is_set():
                    serial += 1
                    name = f"{number}.{serial}"
                    to = "alice" if serial % 2 else "bob"
                    text = f"Message-ID: <{name}@kill.test>\r\nSubject: {name}\r\n\r\n"
                    text += "x" * random.randrange(200) + "\r\n"
                    text *= 1 if serial % 50 else 20
                    client.mail("load@elsewhere.test")
                    if client.rcpt(f"{to}@{DOMAIN}")[0] != 250:
                        break
                    if client.data(text)[0] == 250:
                        accepted.append((name, to))
        except (OSError, smtplib.SMTPException, ValueError):
            time.sleep(0.005)


def stored(server, account):
    """How often each message is there, by IMAP."""
    imap = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=120)
    imap.login(f"{account}@{DOMAIN}", PASSWORD)
    imap.select("INBOX", readonly=True)
    _, rows = imap.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    names, uids = collections.Counter(), []
    for row in rows:
        if isinstance(row, tuple):
            names[re.search(rb"Subject: (\S+)", row[1]).group(1).decode()] += 1
            uids.append(int(re.search(rb"UID (\d+)", row[0]).group(1)))
    imap.logout()
    if uids != sorted(set(uids)):
        sys.exit(f"UIDs of {account} are not ascending and unique")
    return names


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    accepted, stop, restarts = [], threading.Event(), []
    with Server("limits.connections_per_address=1000") as server:
        senders = [
            threading.Thread(target=sender, args=(server, n, accepted, stop), daemon=True)
            for n in range(CONNECTIONS)
        ]
        for thread in senders:
            thread.start()
        for turn in range(kills):
            # One kill in five within the first 50 ms of a start.
            time.sleep(random.uniform(0, 0.05) if turn % 5 == 4 else random.uniform(0.1, 1.2))
            server.kill()
            restarts.append(server.start())
            if turn % 10 == 9:
                print(f"{turn + 1} kills, {len(accepted)} answered 250", flush=True)
        stop.set()
        for thread in senders:
            thread.join()
        lost, doubled = [], []
        there = {account: stored(server, account) for account in ("alice", "bob")}
        for name, account in accepted:
            if there[account][name] == 0:
                lost.append(name)
        for account in there:
            doubled += [name for name, count in there[account].items() if count > 1]
        total = sum(sum(names.values()) for names in there.values())
        code = server.stop()
    restarts.sort()
    print(
        f"kills {kills}, connections {CONNECTIONS}, answered 250: {len(accepted)}, stored {total}, "
        f"lost {len(lost)}, doubled {len(doubled)}, exit code at the end {code}"
    )
    print(
        f"seconds from start to greeting: min {restarts[0]:.3f} "
        f"median {restarts[len(restarts) // 2]:.3f} max {restarts[-1]:.3f}"
    )
    for name in lost[:20]:
        print("lost", name)
    sys.exit(1 if lost or doubled or code or not accepted else 0)


if __name__ == "__main__":
    main()
