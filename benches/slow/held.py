"""Slow connections: they say nothing, or an octet now and then, and count how long they are let be."""

import asyncio
import collections
import ssl
import time

from server import DOMAIN

# 25 connections an address and 8 addresses a /24: as many as the server's defaults let in.
EACH, NETWORK = 25, 8
# Connections that are made at once.
BATCH = 100


def source(n):
    """Where the nth connection comes from."""
    address = n // EACH
    network, host = divmod(address, NETWORK)
    return f"127.{1 + network // 256}.{network % 256}.{1 + host}"


def client_hello():
    """The first flight of TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=f"mail.{DOMAIN}")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Kind:
    """A way to be slow. `script` is what is said before, as (end of what was heard, answer); the deadline counts from
    the last of it, or from the connection. `limit` is the one that has to end it."""

    def __init__(self, name, limit, deadline, port="smtp", script=(), drip=b""):
        self.name, self.limit, self.deadline = name, limit, deadline
        self.port, self.script, self.drip = port, script, drip
        self.peers, self.memory = [], 0


def kinds(waits, gap):
    """All of them, with the deadlines of the config; `gap` seconds between two octets."""
    letter = f"EHLO slow.test\r\nMAIL FROM:<a@slow.test>\r\nRCPT TO:<flood@{DOMAIN}>\r\nDATA\r\n".encode()
    begin, hello, go = (b"220 ", letter), (b"220 ", b"EHLO slow.test\r\n"), (b"\n354 ", b"")
    return [
        Kind("idle", "smtp_hello_wait", waits["smtp_hello_wait"]),
        Kind("dripped command", "smtp_command_wait", waits["smtp_command_wait"],
             script=(hello, (b"\n250 ", b"")), drip=b"MAIL FROM:<" + b"a" * 500),
        # Whether it is too slow is judged when an octet comes: silence has `smtp_body_wait`.
        Kind("dripped body", "body_rate", waits["body_rate_span"] + gap, script=(begin, go), drip=b"x" * 500),
        Kind("dripped TLS hello", "tls_handshake", waits["tls_handshake"], port="smtps", drip=client_hello()),
    ]  # fmt: skip


class Slow(asyncio.Protocol):
    """One connection."""

    def __init__(self, kind):
        self.kind, self.script = kind, list(kind.script)
        self.heard, self.said = b"", 0
        self.begin = self.end = None

    def connection_made(self, transport):
        self.transport = transport
        self.go_on()

    def data_received(self, octets):
        self.heard += octets
        while self.script and self.script[0][0] in b"\n" + self.heard:
            self.heard = b""
            self.transport.write(self.script.pop(0)[1])
        self.go_on()

    def go_on(self):
        if not self.script and self.begin is None:
            self.begin = time.monotonic()

    def drip(self):
        if self.end is None and self.begin and self.said < len(self.kind.drip):
            self.transport.write(self.kind.drip[self.said : self.said + 1])
            self.said += 1

    def eof_received(self):
        self.over()

    def connection_lost(self, error):
        self.over()

    def over(self):
        self.end = self.end or time.monotonic()


async def drip(peers, gap):
    """An octet of each every `gap` seconds, evenly spread."""
    step = 0.05
    turns = round(gap / step)
    turn = 0
    while True:
        for peer in peers[turn::turns]:
            peer.drip()
        turn = (turn + 1) % turns
        await asyncio.sleep(step)


async def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return condition()


async def hold(server, all_kinds, count, gap, held):
    """Makes `count` connections of each kind, sets `held` once all are there, and waits for their end. Gives how many
    were there."""
    loop, peers = asyncio.get_running_loop(), []
    dripping = asyncio.create_task(drip(peers, gap))
    for kind in all_kinds:
        before = server.rss()
        for first in range(0, count, BATCH):
            made = [
                loop.create_connection(lambda: Slow(kind), "127.0.0.1", server.ports[kind.port],
                                       local_addr=(source(len(peers) + n), 0))
                for n in range(min(BATCH, count - first))
            ]  # fmt: skip
            some = [protocol for _, protocol in await asyncio.gather(*made)]
            kind.peers += some
            peers += some
        await until(lambda: all(one.begin or one.end for one in kind.peers), 10)
        await asyncio.sleep(1)
        kind.memory = (server.rss() - before) / count
    there = sum(1 for one in peers if one.begin and not one.end)
    held.set()
    await until(lambda: all(one.end for one in peers), left(all_kinds) + 20)
    dripping.cancel()
    for one in peers:
        one.transport.abort()
    return there


def left(all_kinds):
    """Seconds until all should have been ended."""
    return max(one.begin + kind.deadline for kind in all_kinds for one in kind.peers if one.begin) - time.monotonic()


def told(kind):
    """What they heard last, and how many of them."""
    lines = (one.heard.decode(errors="replace").splitlines() or ["nothing"] for one in kind.peers)
    counts = collections.Counter(last[-1][:9] for last in lines)
    return ", ".join(f"{what} x {n:,}" for what, n in counts.most_common(3))
