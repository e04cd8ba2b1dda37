"""The store: a pulled model is what it has to be, or it is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ratatoskr import _files as files
from ratatoskr.errors import (
    ConfigurationError,
    InvalidInput,
    ModelNotAvailable,
)
from ratatoskr.local import LocalEmbedder, ModelStore, PullProgress
from ratatoskr.local.store.huggingface import HubCache, find_token
from unit.local.hub_server import BGE, COMMIT, CUSTOM, WEIGHTS, Hub, nothing_in


async def test_a_pulled_model_embeds_and_is_found_by_all_its_names(served: Hub, store: ModelStore, folder: Path):
    seen: list[PullProgress] = []
    place = store.pull("BgeSmallEn", progress=seen.append)
    for name in ("BgeSmallEn", "bgesmallen", BGE, "bge-small-en-v1.5"):
        assert store.path(name) == place
    (stored,) = store.list()
    assert (stored.name, stored.source, stored.revision, stored.licence) == (BGE, "hub", COMMIT, "MIT")
    size = (folder / WEIGHTS).stat().st_size
    assert seen[-1] == PullProgress(WEIGHTS, size, size)
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


@pytest.mark.parametrize("refused", ["tempfile.mkdtemp", "pathlib.Path.replace"])
def test_a_read_only_folder_is_told(served: Hub, store: ModelStore, monkeypatch, refused):
    """The system's own answer, put in by hand: the superuser may write everywhere."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(refused, read_only)
    with pytest.raises(ConfigurationError, match="cannot be written: Read-only"):
        store.pull(BGE)
    assert nothing_in(store)


def test_a_model_that_cannot_be_removed_is_told(served: Hub, store: ModelStore, monkeypatch):
    store.pull(BGE)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    with pytest.raises(ConfigurationError, match="cannot be written: Read-only"):
        store.remove(BGE)
    assert [model.name for model in store.list()] == [BGE]


def test_what_killed_pulls_left_goes_after_a_day(served: Hub, store: ModelStore):
    store.models.mkdir(parents=True)
    old, young, busy = (store.models / f".pull-{name}" for name in ("old", "young", "busy"))
    for place in (old, young, busy):
        place.mkdir()
        (place / "part").write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    for path in (old / "part", old, busy):
        os.utime(path, (yesterday, yesterday))
    store.pull(BGE)
    assert sorted(path.name for path in store.models.glob(".pull-*")) == [".pull-busy", ".pull-young"]
    assert [model.name for model in store.list()] == [BGE]


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


def test_a_digest_of_another_file_says_nothing_of_the_weights(served: Hub, store: ModelStore, folder: Path):
    config = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    with pytest.raises(ConfigurationError, match="no digest of the weights"):
        store.pull(CUSTOM, digests={"config.json": config})
    assert served.requests == []


def test_nobody_says_otherwise_than_the_catalogue(store: ModelStore):
    with pytest.raises(InvalidInput, match="another digest in the catalogue") as told:
        store.pull("AllMiniLmL6V2", digests={WEIGHTS: "0" * 64})
    assert told.value.field == "digests"


def test_a_folder_is_not_pulled(served: Hub, store: ModelStore, folder: Path):
    with pytest.raises(InvalidInput, match="used where it is"):
        store.pull(str(folder), allow_unpinned=True)
    assert served.requests == []


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


def test_a_model_that_lacks_a_file_is_still_listed(served: Hub, store: ModelStore):
    place = store.pull(BGE)
    (place / WEIGHTS).unlink()
    assert [model.name for model in store.list()] == [BGE]
    assert store.verify(BGE)[WEIGHTS] is False


PULL = "from ratatoskr.local import ModelStore; import sys; ModelStore(sys.argv[1]).pull(sys.argv[2])"


def test_eight_processes_at_once_leave_one_right_model(served: Hub, store: ModelStore):
    command = [sys.executable, "-c", PULL, str(store.root), BGE]
    running = [subprocess.Popen(command, env={**os.environ, "HF_ENDPOINT": served.endpoint}) for _ in range(8)]
    assert [process.wait(50) for process in running] == [0] * 8
    assert all(store.verify(BGE).values())
    assert [path.name for path in store.models.iterdir()] == [BGE.replace("/", "--")]


KILLED = """
import os, pathlib, signal, sys
from ratatoskr.local import ModelStore
left = int(sys.argv[3])
def end():
    os.kill(os.getpid(), signal.SIGKILL)
def renamed(path, target):
    global left
    left -= 1
    return end() if not left else replace(path, target)
replace, pathlib.Path.replace = pathlib.Path.replace, renamed
ModelStore(sys.argv[1]).pull(sys.argv[2], progress=lambda told: left < 0 and told.done > 1000 and end())
"""


def test_a_pull_that_is_killed_leaves_no_model_or_a_right_one(served: Hub, tmp_path: Path):
    """Kills in the middle of a file, and before each kind of rename: of what came, into the model, what is known."""
    stores = {left: ModelStore(tmp_path / str(left)) for left in (-1, 1, 7, 8, 14, 15, 16)}
    program = [sys.executable, "-c", KILLED]
    running = [subprocess.Popen([*program, str(store.root), BGE, str(left)]) for left, store in stores.items()]
    assert [process.wait(50) for process in running] == [-signal.SIGKILL] * len(running)
    assert [left for left, store in stores.items() if store.names()] == [16], "the manifest had come"
    assert all(stores[16].verify(BGE).values())
    for store in stores.values():
        store.pull(BGE)
        assert all(store.verify(BGE).values())


def test_names_that_are_none(store: ModelStore):
    for name in ("", "no-such-model", "../../nowhere/at/all", "a/b/c", "a--b/c", "a/b--c", "a/b..c", "a/\u00e4"):
        with pytest.raises((InvalidInput, ModelNotAvailable)):
            store.find(name)


def test_a_name_is_the_catalogues_then_the_stores_then_a_folders_then_the_hubs(
    served: Hub, store: ModelStore, folder: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert store.name_of(CUSTOM) == CUSTOM
    for name in (CUSTOM, BGE, "model", "three/deep/model"):
        shutil.copytree(folder, tmp_path / name)
    for name in (CUSTOM, "model", "three/deep/model", f"{CUSTOM}/"):
        assert store.find(name).path == tmp_path / name
    assert store.name_of(BGE) == store.name_of(f"{BGE}") == BGE, "a name of the catalogue"
    assert store.find(f"./{BGE}").path == tmp_path / BGE
    place = store.pull(CUSTOM, allow_unpinned=True)
    assert served.asked_for(WEIGHTS), "a pull is of the hub's model, whatever folders there are"
    assert store.find(CUSTOM).path == place
    assert store.find(f"./{CUSTOM}").path == store.find(Path(CUSTOM)).path == tmp_path / CUSTOM


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_store_that_others_can_change_is_refused(served: Hub, store: ModelStore, mode):
    place = store.pull(BGE)
    for changed in (store.root, store.models, place):
        changed.chmod(mode)
        for use in (store.find, store.pull):
            with pytest.raises(ConfigurationError, match=f"{changed}.* can be changed by others .*chmod go-w"):
                use(BGE)
        changed.chmod(0o755)
    store.pins.chmod(mode)
    assert store.remove(BGE)
    with pytest.raises(ConfigurationError, match=f"{store.pins} can be changed by others"):
        store.pull(BGE)


def test_a_sticky_folder_above_is_taken_and_another_users_folder_refused(served: Hub, store: ModelStore):
    store.root.mkdir()
    store.root.chmod(0o1777)
    place = store.pull(BGE)
    assert store.find(BGE).path == place
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(place, 12345, -1)
    with pytest.raises(ConfigurationError, match=r"belongs to another user \(number 12345\)"):
        store.find(BGE)


def test_what_is_written_is_the_users_own_whatever_the_umask_is(served: Hub, store: ModelStore):
    before = os.umask(0)
    try:
        store.pull(BGE)
    finally:
        os.umask(before)
    assert [path for path in (store.root, *store.root.rglob("*")) if path.stat().st_mode & 0o022] == []
    assert store.find(BGE).name == BGE


def test_the_caches_place_is_the_users_choice(monkeypatch, tmp_path: Path):
    assert ModelStore().root == Path(os.environ["XDG_CACHE_HOME"]) / "ratatoskr"
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "chosen"))
    assert ModelStore().root == tmp_path / "chosen"
    assert ModelStore(tmp_path / "given").root == tmp_path / "given"


async def test_removing_a_model_removes_its_own_graphs(served: Hub, store: ModelStore, folder: Path, stand_in):
    store.pull(BGE)
    for model in (BGE, stand_in("roberta_mean_96")):
        embedder = LocalEmbedder(model, store=store)
        await embedder.preload()
        await embedder.aclose()
    broken = store.graphs / "broken"
    broken.mkdir()
    (broken / "digests.json").write_text("[")
    kept = {path.name for path in store.graphs.iterdir()}
    assert len(kept) == 3
    assert store.remove(BGE)
    left = {path.name for path in store.graphs.iterdir()}
    assert len(kept - left) == 1
    assert not store.remove(BGE)
    assert not store.remove(folder)


def test_the_store_is_found_by_every_name_and_loads_nothing_heavy():
    program = """
import sys
from ratatoskr.local.store import ModelStore, PullProgress, StoredModel
import ratatoskr, ratatoskr.local
assert ModelStore is ratatoskr.ModelStore is ratatoskr.local.ModelStore
assert PullProgress is ratatoskr.local.PullProgress
heavy = {"numpy", "onnx", "onnxruntime", "huggingface_hub", "http.client", "ratatoskr.local.engine.pool"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_home_only_paths_that_need_one_are_refused(monkeypatch, tmp_path: Path):
    def unknown(_: object) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "RATATOSKR_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(ConfigurationError, match="set HOME, or RATATOSKR_CACHE_DIR"):
        ModelStore()
    with pytest.raises(ConfigurationError, match="set HOME"):
        ModelStore("~/store")
    with pytest.raises(ConfigurationError, match="set HOME"):
        ModelStore(tmp_path).name_of("~/model")
    assert ModelStore(tmp_path).root == tmp_path
    monkeypatch.setenv("HF_TOKEN_PATH", "~/token")
    assert find_token() is None
    assert HubCache("organisation/name").find_commit("main") is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ModelStore().root == tmp_path / "ratatoskr"


def test_a_relative_path_in_a_folder_that_was_removed_is_refused(monkeypatch, tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="store is a relative path, and the current folder does not exist"):
        ModelStore("store")
    assert ModelStore(tmp_path).root == tmp_path


def test_a_relative_cache_directory_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert ModelStore().root == Path.home() / ".cache" / "ratatoskr"
