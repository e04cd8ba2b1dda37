"""The long run over three models that do not fit into the memory budget together."""

from __future__ import annotations

import json
import random
import threading

import numpy as np
import pytest

from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine.memory import resident_bytes, trim
from unit.local.stand_ins import make

CALLS, EVICTIONS = 2000, 100
SPARE = 64 * 1024 * 1024
POOLINGS = ("cls_token", "mean_tokens", "max_tokens")


def three(folder):
    """Make three models of one size that give different vectors."""
    for pooling in POOLINGS:
        place = make(folder / pooling, "bert_cls_768")
        chosen = {"word_embedding_dimension": 768} | {f"pooling_mode_{one}": one == pooling for one in POOLINGS}
        (place / "1_Pooling" / "config.json").write_text(json.dumps(chosen))
    return [folder / pooling for pooling in POOLINGS]


@pytest.mark.slow
async def test_soak_of_three_models_of_twice_the_budget_with_right_vectors_within_it(tmp_path):
    device, store = Device.cpu(workers=2), ModelStore(tmp_path / "store")
    folders = three(tmp_path)
    texts = [("world " * (number % 40 + 1)) + str(number) for number in range(64)]
    plain = ModelPool(store, device, ram_budget=10**12)
    right = {}
    for folder in folders:
        right[folder] = np.asarray(await LocalEmbedder(folder, pool=plain).embed_batch(texts))
    budget = plain.resident_bytes // 2
    plain.close()
    del plain
    trim()
    models, start, most, over = ModelPool(store, device, ram_budget=budget), resident_bytes(), 0, threading.Event()

    def watch():
        nonlocal most
        while not over.wait(0.005):
            most = max(most, resident_bytes() - start)

    watcher = threading.Thread(target=watch)
    watcher.start()
    rng, folder, furthest = random.Random(11), folders[0], 0.0  # repeatable
    for _ in range(CALLS):
        if rng.random() < 0.2:
            folder = rng.choice(folders)
        some = rng.sample(range(len(texts)), rng.choice((1, 1, 2, 5, 12, 30)))
        vectors = await LocalEmbedder(folder, pool=models).embed_batch([texts[index] for index in some])
        furthest = max(furthest, np.abs(np.asarray(vectors) - right[folder][some]).max())
    over.set()
    watcher.join()
    print(f"{models.evictions} evictions, budget {budget >> 20} MiB, memory over the start {most >> 20} MiB at most")
    models.close()
    assert furthest <= 1e-5 * max(np.abs(one).max() for one in right.values())
    assert models.evictions >= EVICTIONS
    assert most <= budget + SPARE
