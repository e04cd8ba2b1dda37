"""Devices, tried where there is no GPU: the error and the options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ratatoskr.errors import (
    ConfigurationError,
)
from ratatoskr.local import Device, LocalEmbedder, ModelStore
from ratatoskr.local.engine import device

ROOT = Path(__file__).resolve().parents[4]


async def test_a_device_that_is_not_here_is_told_with_what_is(stand_in, tmp_path):
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), device=Device.cuda(1), store=ModelStore(tmp_path))
    with pytest.raises(ConfigurationError, match=r"cuda:1 needs CUDAExecutionProvider, and .* has .*CPU") as told:
        await embedder.embed("time")
    assert "ratatoskr-llm[cuda]" in told.value.message
    await embedder.aclose()


def test_two_runtimes_that_overwrite_one_another_are_told(monkeypatch):
    monkeypatch.setattr(device, "_is_installed", lambda _: True)
    with pytest.raises(ConfigurationError, match="uninstall both"):
        Device.cuda().check(["CPUExecutionProvider"])


def test_what_a_gpu_would_be_asked_for():
    (name, options), last = Device.cuda(1).providers()
    assert (name, options["device_id"], last) == ("CUDAExecutionProvider", 1, "CPUExecutionProvider")
    assert Device.cuda().budget(384, 1536) > 100 * Device.cpu().budget(384, 1536)
    assert Device.cuda().workers > 1
    assert Device.cpu().providers() == ["CPUExecutionProvider"]


def test_the_bench_for_gpus_says_that_it_measured_nothing(real_store):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benches" / "embed" / "gpu.py")], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nothing was measured: ")
    assert "CUDAExecutionProvider" in done.stdout
    assert "|" not in done.stdout


def test_a_batch_is_as_large_as_its_activations_allow():
    device = Device.cpu(workers=1)
    assert device.budget(384, 1536) == 384
    assert device.budget(768, 3072) == 192
    assert (device.budget(16, 64), device.budget(4096, 16384)) == (512, 96), "within bounds"
    assert Device.cpu(tokens=7).budget(384, 1536) == 7
    assert (str(device), str(Device.cuda(2))) == ("cpu", "cuda:2")


def test_a_device_that_is_here_is_accepted():
    Device.cpu().check([])
    Device.cuda().check(["CUDAExecutionProvider", "CPUExecutionProvider"])
