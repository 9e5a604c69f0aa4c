"""Postfix, Exim, OpenSMTPD and Dovecot beside our server and client: they send to us and we send to them, over every
extension that both sides have, and every message is compared octet for octet at the far end.

What a server changes or refuses by its own design is named in `peers/theirs.py`; anything else fails."""

import pathlib
import shutil
import sys
import tempfile
import threading
import time
import traceback

from peers import inward, outward, root
from peers.dovecot import Dovecot
from peers.exim import Exim
from peers.opensmtpd import OpenSmtpd
from peers.ours import PASSWORD, Ours
from peers.pki import Pki
from peers.postfix import Postfix
from peers.report import summary, write
from peers.results import Results
from peers.tap import Tap

PEERS = (Postfix, Exim, OpenSmtpd, Dovecot)
TABLE = root.TOP / "tests/interop/MTAS.md"
# So many octets of what is wrong are shown, and so many lines of it.
SHOWN, LINES = 1500, 60


def main():
    begin = time.monotonic()
    chosen = [peer for peer in PEERS if not sys.argv[1:] or peer.name in sys.argv[1:]]
    if not chosen:
        sys.exit(f"expected some of {' '.join(peer.name for peer in PEERS)}")
    versions = root.unpack([peer.name for peer in chosen])
    print(f"packages unpacked after {time.monotonic() - begin:.0f} s", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthaste-mtas-"))
    pki = Pki(folder)
    domains = {peer.name: {way: f"{way}.{peer.name}.test" for way in peer.routes} for peer in chosen}
    ours = Ours(pki, accounts(domains))
    results = [Results(peer.title, versions[peer.name]) for peer in chosen]
    try:
        threads = [
            threading.Thread(target=both_ways, args=(peer(pki), ours, domains[peer.name], found, folder), daemon=True)
            for peer, found in zip(chosen, results)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        wrong = sum(len(each.wrong) for each in results)
        ours.stop(keep=wrong > 0)
        shutil.rmtree(folder, ignore_errors=True)
    for each in results:
        for line in each.wrong[:LINES]:
            print(f"WRONG {each.title}: {line[:SHOWN]}")
    if not wrong and len(chosen) == len(PEERS):
        write(results, TABLE)
    print(f"{summary(results)}; {time.monotonic() - begin:.0f} s")
    sys.exit(1 if wrong else 0)


def accounts(domains):
    """One for each way, and some for the message to many."""
    for ways in domains.values():
        for number, domain in enumerate(ways.values()):
            yield f"u@{domain}"
            yield from (f"r{n}@{domain}" for n in range(inward.MAILBOXES) if number == 0)


def listener(way):
    """Where a way to us goes."""
    if "auth" in way:
        return "submission"
    return "lmtp" if "lmtp" in way else "smtps" if way == "implicit" else "smtp"


def both_ways(peer, ours, domains, results, folder):
    taps = {way: Tap(ours.ports[listener(way)]) for way in peer.routes}
    try:
        peer.start({way: (domains[way], taps[way].port) for way in peer.routes}, PASSWORD)
        if peer.routes:
            inward.check(peer, ours, domains, taps, results)
        outward.check(peer, PASSWORD, results, folder)
    except (Exception, SystemExit) as error:
        results.wrong.append(f"the check broke off: {error}\n{traceback.format_exc()}")
    finally:
        peer.root.stop()
        for tap in taps.values():
            tap.close()


if __name__ == "__main__":
    main()
