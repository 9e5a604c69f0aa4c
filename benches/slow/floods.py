"""Thirteen ways to ask for too much. Each is one connection, made again and again by many at once; it gives what the
server said last."""

import asyncio
import base64
import collections
import itertools
import random
import socket
import struct
import time

from server import DOMAIN

# Connections at once, the addresses that they come from (others for each kind), octets of one attempt at most.
AT_ONCE, ADDRESSES, MOST = 50, 100, 8 << 20
BLOCK = 1 << 16
FLOOD = f"flood@{DOMAIN}"


class Wire:
    """One connection of a stranger."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.last = "nothing"

    async def line(self):
        """A line; the empty one at the end."""
        line = await self.reader.readline()
        if line.strip():
            self.last = self.label(line)
        return line

    @staticmethod
    def label(line):
        """The code of a reply, with the enhanced code if it has one; or the first two words."""
        words = line.decode(errors="replace").replace("-", " ", 1).split()
        enhanced = len(words) > 1 and words[1].count(".") == 2 and words[1][0].isdigit()
        return " ".join(words[: 2 if enhanced or not words[0].isdigit() else 1])

    async def reply(self):
        while line := await self.line():
            if line[3:4] != b"-":
                return line
        return b""

    async def say(self, octets):
        self.writer.write(octets)
        await self.writer.drain()

    async def ask(self, octets):
        await self.say(octets)
        return await self.reply()

    async def pour(self, block, most=MOST):
        """Says it again and again; who is sent away hears why."""
        try:
            for _ in range(most // len(block)):
                await self.say(block)
        except OSError:
            pass
        await self.rest()

    async def rest(self):
        while await self.line():
            pass

    async def message(self, pieces):
        """Sends a message; the server's word about it is the last."""
        for command in (b"EHLO flood.test", b"MAIL FROM:<a@flood.test>", f"RCPT TO:<{FLOOD}>".encode()):
            await self.ask(command + b"\r\n")
        if not (await self.ask(b"DATA\r\n")).startswith(b"354"):
            return
        for piece in pieces:
            await self.say(piece)
        await self.ask(b"\r\n.\r\n")


async def connect(wire):
    """Come and go."""
    await wire.reply()


async def never_read(wire):
    """Asks for much, reads nothing."""
    wire.writer.transport.pause_reading()
    while True:
        await wire.say(b"EHLO flood.test\r\n" * 1000)


async def long_line(wire):
    """A command line without an end."""
    await wire.reply()
    await wire.pour(b"A" * BLOCK)


async def many_headers(wire):
    """100,000 header fields."""
    await wire.reply()
    fields = [b"X-%d: x\r\n" % n for n in range(1000)]
    await wire.message([b"".join(fields)] * 100)


async def big_header(wire):
    """One header field of 4 MB."""
    await wire.reply()
    await wire.message([b"Subject: x\r\n"] + [(b" " + b"x" * 997 + b"\r\n") * 64] * 64)


async def many_recipients(wire):
    """10,000 recipients."""
    await wire.reply()
    await wire.say(b"EHLO flood.test\r\nMAIL FROM:<a@flood.test>\r\n")
    recipients = [f"RCPT TO:<flood+{n}@{DOMAIN}>\r\n" for n in range(10_000)]
    for first in range(0, len(recipients), 100):
        await wire.say("".join(recipients[first : first + 100]).encode())
        for _ in range(100):
            if not await wire.reply():
                return


async def mime_nest(wire):
    """Multiparts in one another, 10,000 deep."""
    nest = [b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(10_000)]
    await wire.reply()
    await wire.message([b"".join(nest[first : first + 500]) for first in range(0, len(nest), 500)])


async def many_parts(wire):
    """100,000 parts."""
    await wire.reply()
    await wire.message([b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'] + [b"--b\r\n\r\nx\r\n" * 1000] * 100)


async def noop(wire):
    """Nothing, very often."""
    await wire.reply()
    await wire.pour(b"NOOP\r\n" * 1000, 1 << 20)


async def bad_command(wire):
    """What is no command, very often."""
    await wire.reply()
    await wire.pour(b"FOO BAR\r\n" * 1000, 1 << 20)


async def auth(wire):
    """Guesses a password until it is sent away."""
    await wire.reply()
    await wire.ask(b"EHLO flood.test\r\n")
    guess = base64.b64encode(f"\0ann@{DOMAIN}\0{random.random()}".encode())
    while await wire.ask(b"AUTH PLAIN " + guess + b"\r\n"):
        pass


async def reset(wire):
    """Leaves in the middle of a message, without a word."""
    await wire.reply()
    for command in (b"EHLO flood.test", b"MAIL FROM:<a@flood.test>", f"RCPT TO:<{FLOOD}>".encode(), b"DATA"):
        await wire.ask(command + b"\r\n")
    await wire.say(b"x" * 998 + b"\r\n")
    linger = struct.pack("ii", 1, 0)
    wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def parentheses(wire):
    """IMAP before sign-in: parentheses without an end."""
    await wire.line()
    await wire.say(b"a LOGIN ")
    await wire.pour(b"(" * BLOCK)


# By name: where to, and how.
KINDS = {
    "connect": ("smtp", connect),
    "never-read": ("smtp", never_read),
    "long line": ("smtp", long_line),
    "many headers": ("smtp", many_headers),
    "big header": ("smtp", big_header),
    "many recipients": ("smtp", many_recipients),
    "MIME nest": ("smtp", mime_nest),
    "many parts": ("smtp", many_parts),
    "no-op": ("smtp", noop),
    "bad command": ("smtp", bad_command),
    "auth": ("submission", auth),
    "reset": ("smtp", reset),
    "parentheses": ("imap", parentheses),
}


async def flood(server, kind, seconds):
    """Does it for so long; gives what the server answered, and how often."""
    port, attack = KINDS[kind]
    network = 100 + list(KINDS).index(kind)
    answers, end = collections.Counter(), time.monotonic() + seconds
    numbers = itertools.count()

    async def one():
        address = f"127.{network}.{next(numbers) % ADDRESSES}.1"
        try:
            streams = await asyncio.open_connection("127.0.0.1", server.ports[port], local_addr=(address, 0))
        except OSError:
            answers["not connected"] += 1
            return
        wire = Wire(*streams)
        try:
            async with asyncio.timeout(end - time.monotonic() + 0.5):
                await attack(wire)
        except TimeoutError:
            wire.last += ", held"
        except OSError:
            wire.last += ", then reset"
        answers[wire.last] += 1
        # `close` says all that is left to say; `reset` has nothing to say.
        wire.writer.close() if attack is reset else wire.writer.transport.abort()

    async def again():
        while time.monotonic() < end:
            await one()

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    return answers
