"""What the checks of one server found."""

import collections
import re

from .theirs import REFUSALS


class Results:
    def __init__(self, title, version):
        self.title, self.version = title, version
        self.wrong = []
        # Way: messages sent, arrived octet for octet, changed by them as named, refused by them as named.
        self.counts = {"in": {}, "out": {}}
        self.changed = collections.Counter()
        self.refused = collections.Counter()
        # What they offer; and what the client of a way was seen to use.
        self.they_offer = set()
        self.words = {"in": {}, "out": {}}
        # What was checked and holds.
        self.proved = []

    def way(self, side, way):
        return self.counts[side].setdefault(way, dict.fromkeys(("sent", "same", "changed", "refused"), 0))

    def uses(self, side, way, words):
        self.words[side].setdefault(way, set()).update(words)

    def used(self, side):
        return set().union(*self.words[side].values())

    def total(self, kind):
        return sum(way[kind] for ways in self.counts.values() for way in ways.values())

    def refusal(self, peer, side, way, message, reply):
        """A refusal that is not named is wrong."""
        self.way(side, way)["refused"] += 1
        for name, reason, pattern, fits in REFUSALS.get(peer, ()):
            if re.search(pattern, reply) and fits(message):
                self.refused[name, reason] += 1
                return
        self.wrong.append(f"{side} {way} {message.name}: refused: {reply}")

    def arrived(self, side, way, message, stored, expected, why):
        """Compares what is behind the trace fields with what is to be there."""
        counts = self.way(side, way)
        if stored != expected:
            self.wrong.append(f"{side} {way} {message.name}: {difference(expected, stored)}")
            return
        counts["changed" if why else "same"] += 1
        for _, name, reason in why:
            self.changed[name, reason] += 1

    def need(self, holds, what, detail=""):
        """What must be so, and is not worth a line in the table."""
        if not holds:
            self.wrong.append(f"not so: {what}: {detail}")

    def prove(self, what, holds, detail=""):
        self.need(holds, what, detail)
        self.proved.append(what)


def difference(expected, stored):
    """Where two texts part."""
    if stored is None:
        return "its trace fields are not as expected"
    at = next((n for n, (a, b) in enumerate(zip(expected, stored)) if a != b), min(len(expected), len(stored)))
    begin = max(0, at - 60)
    return (f"differs at {at} of {len(expected)}/{len(stored)}: expected {expected[begin : at + 60]!r}, "
            f"stored {stored[begin : at + 60]!r}")  # fmt: skip
