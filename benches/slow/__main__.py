#!/usr/bin/env python3
"""What slow and greedy strangers do to those who behave: a real `posthaste serve` on loopback, everybody a stranger.

    python3 benches/slow [--short] [--runtime mio|tokio]      (after cargo build --release -p posthaste)

1. Slow connections, by default 10,000 from 400 addresses: idle, a dripped command, a dripped message, a dripped TLS hello,
   a quarter each. The server ends each by its own deadline, which the config makes short enough for a run of minutes.
2. Thirteen floods, each for some seconds.

Meanwhile a deliverer of its own process sends by the clock. Lines to be held: every slow connection ended by its
deadline, a tenth late at most, by the limit that is meant; no failure of the deliverer; its 99th percentile twice that of
quiet times at most while they are there (not with `--short`, for machines that do other things, too); 64 MB of memory at
most for a flood. What a flood does to the times is shown. The attackers run at low priority, since on machines of their own
they would take nothing of the server's."""

import argparse
import asyncio
import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import floods
import held
from server import MIB, Deliverer, Peak, Server

LATE, SLOWER, GROWTH = 0.10, 2, 64 * MIB
# Descriptors that are no slow connections.
SPARE = 500
# On Linux a thread has a priority of its own; what others start keeps theirs.
ATTACKERS = ThreadPoolExecutor(1, initializer=os.nice, initargs=(10,))


def limits(seconds):
    """The deadlines, shorter than the defaults; every other limit is the default."""
    waits = {"smtp_hello_wait": seconds, "smtp_command_wait": seconds * 1.1, "body_rate_span": seconds, "tls_handshake": seconds}
    return waits, "\n".join(f'{name} = "{round(wait * 1000)}ms"' for name, wait in waits.items())


def slow(server, kinds, count, gap, quiet):
    """Part 1: gives the lines that were missed, and those of times."""
    there, begin = threading.Event(), time.monotonic()
    holding = ATTACKERS.submit(asyncio.run, held.hold(server, kinds, count, gap, there))
    holding.add_done_callback(lambda _: there.set())
    there.wait()
    print(f"slow connections were made for {time.monotonic() - begin:.1f} s", flush=True)
    accepted, failures, p99 = Deliverer(server, held.left(kinds) + 1).report()
    open_at_once = holding.result()
    met = server.status()["limits"]
    missed = [] if open_at_once == count * len(kinds) else [f"only {open_at_once:,} were open at once"]
    print(f"open at once: {open_at_once:,}")
    print("\n| slow | connections | ended | deadline s | first s | last s | overrun s | limit, times | told last | octets each (RSS) |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        lives = [one.end - one.begin for one in kind.peers if one.begin and one.end]
        first, last = min(lives, default=0), max(lives, default=0)
        print(f"| {kind.name} | {len(kind.peers):,} | {len(lives):,} | {kind.deadline:.1f} | {first:.2f} | {last:.2f} "
              f"| {last - kind.deadline:+.2f} | {kind.limit} {met[kind.limit]:,} | {held.told(kind)} | {kind.memory:,.0f} |")  # fmt: skip
        if len(lives) < count:
            missed.append(f"{kind.name}: {count - len(lives):,} were not ended")
        if last > kind.deadline * (1 + LATE) or first < kind.deadline * (1 - LATE):
            missed.append(f"{kind.name}: ended after {first:.2f} to {last:.2f} s")
        if met[kind.limit] < count:
            missed.append(f"{kind.name}: {kind.limit} was met {met[kind.limit]:,} times")
    print(f"\ndelivery meanwhile: {accepted:,} accepted, {failures} failures, p99 {p99:.1f} ms ({p99 / quiet:.2f} x quiet)", flush=True)
    missed += [f"slow connections: {failures} deliveries failed"] if failures else []
    return missed, [f"slow connections: p99 {p99 / quiet:.2f} x quiet"] if p99 > SLOWER * quiet else []


def flood(server, seconds, quiet):
    """Part 2: gives the lines that were missed."""
    missed = []
    print("\n| flood | attempts | a second | answers | memory MB | delivered | failures | p99 ms | x quiet |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in floods.KINDS:
        with Peak(server) as peak:
            attack = ATTACKERS.submit(asyncio.run, floods.flood(server, kind, seconds))
            accepted, failures, p99 = Deliverer(server, seconds).report()
            answers = attack.result()
        attempts, growth = answers.total(), peak.growth()
        said = ", ".join(f"{what} x {n:,}" for what, n in answers.most_common(4))
        print(f"| {kind} | {attempts:,} | {attempts / seconds:,.0f} | {said} | {growth / MIB:+.1f} | {accepted:,} | {failures} "
              f"| {p99:.1f} | {p99 / quiet:.2f} |", flush=True)  # fmt: skip
        missed += [f"{kind}: {failures} deliveries failed"] if failures else []
        missed += [f"{kind}: {growth / MIB:.1f} MB"] if growth > GROWTH else []
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="1,000 connections, two seconds a flood")
    parser.add_argument("--connections", type=int, help="slow ones, in all")
    parser.add_argument("--runtime", default="mio", choices=("mio", "tokio"))
    parser.add_argument("--only", choices=("slow", "floods"))
    arguments = parser.parse_args()
    short = arguments.short
    connections = arguments.connections or (1_000 if short else 10_000)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < connections + SPARE:
        raise SystemExit(f"{connections:,} connections need as many descriptors and {SPARE} more: `ulimit -Hn` is {hard:,}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seconds = 15 if short else 60
    gap = seconds / 20
    waits, config = limits(seconds)
    print(f"runtime {arguments.runtime}; limits but for the defaults: {config.replace(chr(10), ', ')}", flush=True)
    missed, slower = [], []
    with Server(arguments.runtime, config) as server:
        Deliverer(server, 2).report()
        accepted, failures, quiet = Deliverer(server, 5 if short else 30).report()
        print(f"quiet: {accepted:,} accepted, {failures} failures, p99 {quiet:.1f} ms, {server.rss() / MIB:.1f} MB", flush=True)
        missed += [f"quiet: {failures} deliveries failed"] if failures else []
        if arguments.only != "floods":
            result = slow(server, held.kinds(waits, gap), connections // 4, gap, quiet)
            missed, slower = missed + result[0], slower + result[1]
    if arguments.only != "slow":
        # A server anew: what held 10,000 connections has memory to spare, which would hide what a flood takes.
        with Server(arguments.runtime, config) as server:
            Deliverer(server, 2).report()
            before = server.rss()
            missed += flood(server, 2 if short else 5, quiet)
            print(f"\nmemory in all: {before / MIB:.1f} MB before, {server.rss() / MIB:.1f} MB after")
    for line in slower:
        print(f"{'slow, which fails nothing here' if short else 'MISSED'}: {line}")
    for line in missed:
        print(f"MISSED: {line}")
    raise SystemExit(1 if missed or (slower and not short) else 0)


if __name__ == "__main__":
    main()
