"""The memory of the process is measured and returned."""

from __future__ import annotations

import statistics
import subprocess
import sys

import numpy as np
import pytest

from ratatoskr.local.engine import memory
from ratatoskr.local.engine.memory import resident_bytes, trim

UNLOADING = """
import asyncio, sys
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.memory import resident_bytes

async def main():
    models = ModelPool(ModelStore(sys.argv[1]))
    embedder = LocalEmbedder("AllMiniLmL6V2", pool=models)
    texts = [f"time {number} " * (number % 40) for number in range(100)]
    for _ in range(6):
        before = resident_bytes()
        await embedder.embed_batch(texts)
        loaded = resident_bytes()
        await embedder.unload()
        print(before, loaded, resident_bytes())

asyncio.run(main())
"""


@pytest.mark.timeout(300)  # it computes for half a minute on a busy machine
def test_unloading_the_real_model_gives_its_memory_back(real_store):
    """In a process of its own: what other tests hold and let go of is no part of it."""
    command = [sys.executable, "-c", UNLOADING, str(real_store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rounds = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    first, *later = rounds  # the first also brings what importing the runtime takes, which stays
    assert len(later) == 5
    assert min(loaded - before for before, loaded, _ in later) > 40_000_000
    assert statistics.median((loaded - after) / (loaded - before) for before, loaded, after in later) >= 0.9
    assert later[-1][2] - first[2] <= 0.5 * (first[1] - first[2]), "it grows from round to round"


def test_memory_that_is_written_counts_and_is_returned_when_freed():
    trim()
    before = resident_bytes()
    block = np.ones(64 << 20, np.uint8)
    held = resident_bytes()
    assert held - before >= len(block) * 0.9
    del block
    trim()
    assert resident_bytes() - before <= 16 << 20


def test_where_the_system_does_not_give_it_that_of_the_control_group_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "memory.current")
    assert resident_bytes() == 0
    (tmp_path / "memory.current").write_text("123456\n")
    assert resident_bytes() == 123456
    (tmp_path / "status").write_text("Name: x\nRssAnon:\t 10 kB\nRssFile:\t 5 kB\nRssShmem:\t 7 kB\n")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert resident_bytes() == 15 * 1024
