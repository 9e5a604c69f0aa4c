"""A relay on loopback that writes down what both sides say, for as long as it is clear text."""

import contextlib
import selectors
import socket
import threading

PARAMETERS = {"SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID", "NOTIFY", "ORCPT", "REQUIRETLS", "MT-PRIORITY",
              "HOLDFOR", "HOLDUNTIL", "BY", "PRDR"}  # fmt: skip


class Tap:
    """Listens at `port` and connects each caller to `target`. `sessions` has a list of (who, octets) for each."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.sessions = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            said = []
            self.sessions.append(said)
            threading.Thread(target=self.carry, args=(client, said), daemon=True).start()

    def carry(self, client, said):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, ("C", server))
            ready.register(server, selectors.EVENT_READ, ("S", client))
            while ready.get_map():
                for key, _ in ready.select():
                    who, other = key.data
                    # A reset is an end, too. What the other side still has to say goes through.
                    try:
                        octets = key.fileobj.recv(1 << 16)
                    except OSError:
                        octets = b""
                    with contextlib.suppress(OSError):
                        if octets:
                            said.append((who, octets))
                            other.sendall(octets)
                            continue
                        other.shutdown(socket.SHUT_WR)
                    ready.unregister(key.fileobj)

    def close(self):
        self.listener.close()

    def told(self, sender):
        """All that a server said in the sessions in which this sender had a message."""
        return b"".join(octets for said in self.of((sender,)) for who, octets in said if who == "S")

    def used(self, *senders):
        """Which extensions the client used; if senders are named, over the sessions in which one had a message."""
        return set().union(*map(used, self.of(senders)))

    def of(self, senders):
        paths = [f"MAIL FROM:<{sender}>".encode() for sender in senders]
        for said in [list(said) for said in list(self.sessions)]:
            words = b"".join(octets for who, octets in said if who == "C")
            if not paths or any(path in words for path in paths):
                yield said


def used(said):
    """The extensions that the client of one session used: words, as the table has them."""
    stream, turns = b"", []
    for who, octets in said:
        if who == "C":
            stream += octets
        else:
            turns.append(len(stream))
    # A TLS record with a handshake, RFC 8446 §5.1.
    if stream.startswith(b"\x16\x03"):
        return {"TLS from the start"}
    found, at, before = set(), 0, None
    while at < len(stream):
        end = stream.find(b"\r\n", at)
        if end < 0:
            break
        line = stream[at:end].decode(errors="replace")
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        # Two commands with no word of the server between them.
        if before is not None and not any(before < turn <= at for turn in turns):
            found.add("PIPELINING")
        before = at
        at = end + 2
        if verb == "STARTTLS":
            return found | {"STARTTLS"}
        if verb == "LHLO":
            found.add("LMTP")
        elif verb in ("MAIL", "RCPT"):
            for word in rest.split(">", 1)[-1].split():
                name, _, value = word.partition("=")
                if name.upper() in PARAMETERS:
                    found.add(word.upper() if name.upper() == "BODY" else name.upper())
        elif verb == "AUTH":
            found.add(f"AUTH {rest.split()[0].upper()}")
            # What follows is no command.
            at = next((turn for turn in turns if turn > at), len(stream)) if " " not in rest else at
        elif verb == "BDAT":
            found.add("BDAT")
            at += int(rest.split()[0])
        elif verb == "DATA":
            found.add("DATA")
            close = stream.find(b"\r\n.\r\n", end)
            at = len(stream) if close < 0 else close + 5
            before = None
        elif verb not in ("EHLO", "HELO", "RSET", "QUIT", "NOOP"):
            before = None
    return found
