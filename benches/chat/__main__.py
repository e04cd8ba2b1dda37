"""Calls and streams of several clients against one upstream on loopback: `make bench WHAT=chat`.

Each measurement is a separate process; peers take turns within each load, loads within each round. Figures are compared
within a round, and medians are taken over the rounds. Prints tables in Markdown and draws a plot.

Options: --rounds N, --seconds N (each measurement), --plot FILE, --only PEER … (fewer peers), --loads LOAD ….
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from chat import report
from chat.load import MODES, Streams
from chat.peers import AIOHTTP, BARE, BENCHES, OURS, PEERS, Peer
from chat.upstream_process import Upstream

NEAR = (OURS, BARE, AIOHTTP)
"""The peers of the heavy loads; the others are overloaded by lighter ones already."""


def is_measured(peer: Peer, mode: str, turn: int) -> bool:
    load = MODES[mode]
    heavy = isinstance(load, Streams) and load.at_once * load.deltas > 10_000
    return turn % peer.every == 0 and (peer.name in NEAR or not heavy)


def run(peer: Peer, *arguments: str) -> report.Figures:
    """Run one measurement in the peer's venv."""
    environment = {**os.environ, "PYTHONPATH": str(BENCHES)}
    ran = subprocess.run([peer.python, "-m", *arguments], env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{peer.name}, {' '.join(arguments)}:\n{ran.stderr}")
    figures: report.Figures = json.loads(ran.stdout.splitlines()[-1])
    return figures


def measure(peers: list[Peer], modes: list[str], rounds: int, seconds: float) -> report.Results:
    results = report.Results()
    with Upstream() as upstream:
        for turn in range(rounds):
            for mode in modes:
                # Forwards and backwards, so that a machine that becomes busier favours no peer.
                for peer in peers if turn % 2 == 0 else reversed(peers):
                    if is_measured(peer, mode, turn):
                        before = upstream.counts()["connections"]
                        figures = run(peer, "chat.load", peer.name, mode, upstream.url, str(seconds))
                        figures["connections"] = upstream.counts()["connections"] - before - 1
                        results.add(peer.name, mode, turn, figures)
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
        results.blocking = blocking(upstream.url, 4 * rounds)
    return results


def blocking(url: str, blocks: int) -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = run(PEERS[OURS], "chat.blocking", url, str(blocks))  # type: ignore[assignment]  # figures of three kinds
    return figures


def versions(peers: list[Peer]) -> str:
    """Return the names and versions of the compared packages."""
    numbers = {"Python": ".".join(map(str, sys.version_info[:3]))}
    for peer in peers:
        if peer.package == "ratatoskr-llm":
            numbers[peer.package] = version(peer.package)
        else:
            program = f"from importlib.metadata import version; print(version({peer.package!r}))"
            numbers[peer.package] = subprocess.check_output([peer.python, "-c", program], text=True).strip()
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m chat", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=0.7)
    options.add_argument("--plot", type=Path)
    options.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    options.add_argument("--loads", nargs="+", choices=MODES, default=report.LOADS)
    chosen = options.parse_args()
    peers = [PEERS[name] for name in chosen.only]
    results = measure(peers, chosen.loads, chosen.rounds, chosen.seconds)
    print(versions(peers), end="\n\n")
    print(report.table(results, chosen.only), end="\n\n")
    print(report.targets(results))
    if chosen.plot is not None:
        from chat import plot

        plot.draw(results, chosen.only, chosen.plot)


if __name__ == "__main__":
    main()
