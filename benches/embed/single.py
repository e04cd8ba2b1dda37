"""The latency of one short text, each engine in a separate process.

In one process an engine would compete with the threads of another engine, which spin for a while after a call.
`latency` starts a process for each engine, which answers each line on stdin with the milliseconds of a hundred calls.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parents[1]
TEXT = ["a short text of about ten tokens"]
CALLS = 100
"""Calls per turn, after one that is not measured."""
START = {
    "ours fp32": "from embed import engines; embed = engines.Ours(ModelStore({store!r}))",
    "ours int8": "from embed import engines; embed = engines.Ours(ModelStore({store!r}), 'int8')",
    "sentence-transformers": "from embed import engines; embed = engines.sentence_transformers(Path({folder!r}))",
    "fastembed": "from embed import fastembed_peer; embed = fastembed_peer.embedder(Path({export!r}))",
}
PROGRAM = """\
from pathlib import Path
from ratatoskr.local import ModelStore
from embed import single
{}
single.serve(embed)
"""


def latency(store: Path, folder: Path, export: Path, turns: int) -> dict[str, float]:
    """Return the median milliseconds of one text of about ten tokens for each engine, in turns of a hundred calls."""
    environment = {**os.environ, "PYTHONPATH": str(BENCHES), "HF_HUB_OFFLINE": "1"}
    places = {"store": str(store), "folder": str(folder), "export": str(export)}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(start.format(**places))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, start in START.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in processes}
    for turn in range(turns + 1):
        for name, process in processes.items():
            assert process.stdin is not None
            assert process.stdout is not None
            print("go", file=process.stdin, flush=True)
            found = json.loads(process.stdout.readline())
            taken[name] += found if turn else []
    for process in processes.values():
        process.communicate()
    return {name: statistics.median(values) for name, values in taken.items()}


def serve(embed: object) -> None:
    """Answer each line on stdin with the milliseconds of `CALLS` calls."""
    assert callable(embed)
    for _ in sys.stdin:
        embed(TEXT)
        taken = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            embed(TEXT)
            taken.append((time.perf_counter() - begun) * 1e3)
        print(json.dumps(taken), flush=True)
