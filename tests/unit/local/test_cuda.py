"""What would run on a GPU, tried where there is none: the error, the options, the half-precision graph, the binding."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ratatoskr.errors import ConfigurationError
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine import device
from ratatoskr.local.engine.session import Session, open_session
from ratatoskr.local.graph.cache import graph_for

ROOT = Path(__file__).resolve().parents[3]
TEXTS = ["time", "the state of the world " * 6, "", "embedding"]
POOLINGS = {
    "mean": "mean_tokens",
    "cls": "cls_token",
    "max": "max_tokens",
    "mean_sqrt_len": "mean_sqrt_len_tokens",
    "last": "lasttoken",
}


async def test_a_device_that_is_not_here_is_told_with_what_is(stand_in, tmp_path):
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), device=Device.cuda(1), store=ModelStore(tmp_path))
    with pytest.raises(ConfigurationError, match=r"cuda:1 needs CUDAExecutionProvider, and here are .*CPU") as told:
        await embedder.embed("time")
    assert "ratatoskr[cuda]" in told.value.message
    await embedder.aclose()


def test_two_runtimes_that_overwrite_one_another_are_told(monkeypatch):
    monkeypatch.setattr(device, "_installed", lambda _: True)
    with pytest.raises(ConfigurationError, match="uninstall both"):
        Device.cuda().check(["CPUExecutionProvider"])


def test_what_a_gpu_would_be_asked_for():
    (name, options), last = Device.cuda(1).providers()
    assert (name, options["device_id"], last) == ("CUDAExecutionProvider", 1, "CPUExecutionProvider")
    assert Device.cuda().budget(384, 1536) > 100 * Device.cpu().budget(384, 1536)
    assert Device.cuda().workers > 1
    assert Device.cpu().providers() == ["CPUExecutionProvider"]


async def test_int8_is_not_for_gpus(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), Device.cuda())
    with pytest.raises(ConfigurationError, match="int8 runs on the CPU alone"):
        await models.embedder(stand_in("roberta_mean_96"), "int8").embed("time")
    models.close()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["roberta_mean_96", "distilbert_max_96"])
async def test_the_half_precision_graph_pools_as_we_do(stand_in, tmp_path, name, pooling):
    folder = shutil.copytree(stand_in(name), tmp_path / "model")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{POOLINGS[pooling]}": True}))
    models = ModelPool(ModelStore(tmp_path / "store"))
    right = np.asarray(await models.embedder(folder).embed_batch(TEXTS))
    read = models.store.find(folder)
    graph = graph_for(models.store.graphs, read, models.store.check(read)["model.safetensors"], "fp16")
    session = open_session(graph, name, Device.cpu())
    assert session.pooled
    with models.using((str(folder), "fp32")) as loaded:
        tokens = loaded.tokenise(TEXTS)
    padded = tokens.pad(list(range(len(TEXTS))))
    vectors = session.run(*padded)
    bound = dataclasses.replace(session, bound=True).run(*padded)
    assert np.array_equal(bound, vectors)
    if read.normalise:
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(vectors - right).max() <= 0.01 * np.abs(right).max()
    assert vectors.shape == right.shape
    models.close()


def test_the_bench_for_gpus_says_that_it_measured_nothing(real_store):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benches" / "embed" / "gpu.py")], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nothing was measured: ")
    assert "CUDAExecutionProvider" in done.stdout
    assert "|" not in done.stdout


@pytest.mark.parametrize(("in_flight", "most"), [(1, 1), (2, 2), (None, 4)])
async def test_large_calls_keep_to_so_many_at_a_time_whatever_threads_there_are(
    stand_in, tmp_path, monkeypatch, in_flight, most
):
    inside, seen, lock, run = 0, [], threading.Lock(), Session.run

    def counted(self, ids, mask):
        nonlocal inside
        with lock:
            inside += 1
            seen.append(inside)
        threading.Event().wait(0.003)  # long enough for others to come in, if they may
        try:
            return run(self, ids, mask)
        finally:
            with lock:
                inside -= 1

    texts = [f"text number {number}" for number in range(300)]
    models = ModelPool(ModelStore(tmp_path), Device("cpu", workers=4, tokens=64, in_flight=in_flight))
    embedder = models.embedder(stand_in("roberta_mean_96"))
    plain = np.asarray(await embedder.embed_batch(texts))
    monkeypatch.setattr(Session, "run", counted)
    assert np.array_equal(np.asarray(await embedder.embed_batch(texts)), plain)
    assert max(seen) == most
    assert len(seen) > 20
    models.close()
