"""Graphs on disk: built once, and built again if they are not what was built."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import _files as files
from ratatoskr._files import compute_digest
from ratatoskr.errors import ConfigurationError
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.graph import cache
from ratatoskr.local.graph.cache import GraphInMemory, ensure_graph, is_intact, locate_graph
from ratatoskr.local.graph.signature import key_path
from ratatoskr.local.store.folder import read_folder
from unit.local.hub_server import BGE, WEIGHTS, Hub


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


@pytest.fixture
def weighted(stand_in, tmp_path) -> Any:
    """A cache's folder, a model's folder, and the digest of its weights."""
    folder = read_folder(shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model"), "model")
    return tmp_path / "graphs", folder, compute_digest(folder.path / WEIGHTS)


def test_a_graph_is_built_once_and_records_its_source(weighted):
    graphs, folder, digest = weighted
    assert not is_intact(graphs, folder, digest, "fp32")
    path = ensure_graph(graphs, folder, digest, "fp32")
    assert path.parent == locate_graph(graphs, folder, digest, "fp32")
    record = json.loads((path.parent / "digests.json").read_bytes())
    assert len(record.pop("signature")) == 64
    assert record == {name: compute_digest(path.parent / name) for name in ("graph.onnx", "weights.bin")} | {
        "source": digest
    }
    built = path.stat().st_mtime_ns
    assert is_intact(graphs, folder, digest, "fp32")
    assert ensure_graph(graphs, folder, digest, "fp32") == path
    assert path.stat().st_mtime_ns == built


@pytest.mark.parametrize("name", ["graph.onnx", "weights.bin", "digests.json"])
@pytest.mark.parametrize("change", ["flip", "remove", "link"])
def test_a_graph_whose_files_changed_is_not_intact(weighted, name, change):
    graphs, folder, digest = weighted
    place = ensure_graph(graphs, folder, digest, "fp32").parent
    file = place / name
    if change == "remove":
        file.unlink()
    elif change == "link":
        (place / "other").hardlink_to(file)
    else:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    record_linked = change == "link" and name == "digests.json"  # it is read once, as a whole
    assert is_intact(graphs, folder, digest, "fp32") is record_linked


def test_precisions_and_inputs_have_graphs_of_their_own(weighted):
    graphs, folder, digest = weighted
    other_pooling = dataclasses.replace(folder, poolings=("cls",))
    shorter = dataclasses.replace(folder, max_length=8)
    places = [locate_graph(graphs, folder, digest, precision) for precision in ("fp32", "fp16", "int8")]
    places.append(locate_graph(graphs, folder, "0" * 64, "fp32"))
    places.append(locate_graph(graphs, other_pooling, digest, "fp16"))
    places.append(locate_graph(graphs, shorter, digest, "int8"))
    assert len(set(places)) == len(places)
    assert locate_graph(graphs, other_pooling, digest, "fp32") == places[0], "on a CPU pooling is not in the graph"


def test_weights_that_are_not_those_of_the_digest_are_refused(weighted):
    graphs, folder, _ = weighted
    with pytest.raises(ConfigurationError, match="is not what was pulled"):
        ensure_graph(graphs, folder, "0" * 64, "fp32")
    with pytest.raises(ConfigurationError, match="used as it is"):
        ensure_graph(graphs, dataclasses.replace(folder, weights=None), "0" * 64, "fp32")
    assert not graphs.exists()


# Who may write the cache


def replace_graph(graphs: Path, stand_in: Any, place: Path) -> None:
    """Put another model's graph into a place, with a record that is right but for the signature."""
    other = read_folder(stand_in("distilbert_max_96"), "other")
    built = ensure_graph(graphs.parent / "others", other, compute_digest(other.path / WEIGHTS), "fp32").parent
    for name in ("graph.onnx", "weights.bin"):
        shutil.copy(built / name, place / name)
    record = json.loads((place / "digests.json").read_bytes())
    record |= {name: compute_digest(place / name) for name in ("graph.onnx", "weights.bin")}
    (place / "digests.json").write_text(json.dumps(record))


async def test_a_graph_that_another_put_there_is_built_anew(stand_in, tmp_path):
    model = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    store = ModelStore(tmp_path / "store")
    embedder = LocalEmbedder(model, store=store)
    right = (await embedder.embed("time")).vector
    await embedder.unload()
    (place,) = store.graphs.iterdir()
    replace_graph(store.graphs, stand_in, place)
    assert np.array_equal((await embedder.embed("time")).vector, right)
    await embedder.aclose()


@pytest.mark.parametrize("change", ["no signature", "another key", "another name", "not an object", "no key"])
def test_a_record_without_the_users_own_signature_is_not_taken(weighted, change):
    graphs, folder, digest = weighted
    place = ensure_graph(graphs, folder, digest, "fp32").parent
    record = json.loads((place / "digests.json").read_bytes())
    if change == "no signature":
        del record["signature"]
    elif change == "another key":
        key_path().write_bytes(bytes(32))
    elif change == "another name":  # the graph of other weights, moved here as a whole
        other = dataclasses.replace(folder, architecture=dataclasses.replace(folder.architecture, epsilon=1e-3))
        elsewhere = locate_graph(graphs, other, digest, "fp32")
        place.rename(elsewhere)
        assert not is_intact(graphs, other, digest, "fp32")
        return
    elif change == "not an object":
        record = [record]
    else:
        key_path().unlink()
    (place / "digests.json").write_text(json.dumps(record))
    assert not is_intact(graphs, folder, digest, "fp32")
    ensure_graph(graphs, folder, digest, "fp32")
    assert is_intact(graphs, folder, digest, "fp32")


def test_the_key_is_the_users_alone(weighted):
    graphs, folder, digest = weighted
    ensure_graph(graphs, folder, digest, "fp32")
    assert key_path().stat().st_mode & 0o777 == 0o600
    assert key_path().parent.stat().st_mode & 0o777 == 0o700
    assert len(key_path().read_bytes()) == 32
    for change in (lambda: key_path().chmod(0o640), lambda: key_path().write_bytes(b"short")):
        change()
        with pytest.raises(ConfigurationError, match="not a key that you alone can read; remove it"):
            is_intact(graphs, folder, digest, "fp32")
        key_path().chmod(0o600)
    key_path().unlink()
    key_path().symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        ensure_graph(graphs, folder, digest, "fp32")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_cache_that_others_can_change_is_refused(weighted, mode):
    graphs, folder, digest = weighted
    ensure_graph(graphs, folder, digest, "fp32")
    for place in (graphs, graphs.parent):
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(ConfigurationError, match=f"{place}.* can be changed by others .*chmod go-w"):
            ensure_graph(graphs, folder, digest, "fp32")
        place.chmod(before)
    ensure_graph(graphs, folder, digest, "fp32")


def test_a_cache_of_another_user_is_refused_and_one_of_roots_taken(weighted, monkeypatch):
    graphs, folder, digest = weighted
    place = ensure_graph(graphs, folder, digest, "fp32").parent
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (place / "digests.json").write_text(
        json.dumps({**json.loads((place / "digests.json").read_bytes()), "signature": ""})
    )
    assert not is_intact(graphs, folder, digest, "fp32")
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345)
        assert is_intact(graphs, folder, digest, "fp32"), "as in the image of a container that runs as another user"
        (place / "weights.bin").chmod(0o666)
        key_path().unlink()
        assert not is_intact(graphs, folder, digest, "fp32")
    os.chown(graphs, 12345, -1)
    with pytest.raises(ConfigurationError, match=f"{graphs} belongs to another user"):
        ensure_graph(graphs, folder, digest, "fp32")


# Where the cache cannot be written


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_graph_is_built_in_memory_where_the_cache_cannot_be_written(weighted, monkeypatch, precision):
    graphs, folder, digest = weighted
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "access", lambda *_: False)
        built = ensure_graph(graphs, folder, digest, precision)
    assert not graphs.exists()
    place = ensure_graph(graphs, folder, digest, precision).parent
    expected = (place / "graph.onnx").read_bytes(), (place / "weights.bin").read_bytes()
    assert built == GraphInMemory(*expected)
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    assert ensure_graph(graphs, folder, digest, precision) == place / "graph.onnx", "what is there is used"


async def test_a_model_in_memory_computes_what_one_on_disk_does(stand_in, tmp_path, monkeypatch):
    texts = ["time", "the state of the world", *(f"time {number}" for number in range(30))]
    on_disk, read_only = (ModelPool(ModelStore(tmp_path / name), Device.cpu(workers=2)) for name in ("a", "b"))
    vectors = []
    for pool in (on_disk, read_only):
        if pool is read_only:
            monkeypatch.setattr(cache, "is_writable", lambda _: False)
        embedder = LocalEmbedder(stand_in("bert_mean_384"), pool=pool)
        for _ in range(4):  # the session for single texts is opened from memory too
            await embedder.embed("time")
        vectors.append(np.asarray(await embedder.embed_batch(texts)))
        pool.close()
    assert np.array_equal(*vectors)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("state", ["file", "shared"])
def test_without_a_safe_place_for_the_key_graphs_are_in_memory(weighted, monkeypatch, tmp_path, state):
    graphs, folder, digest = weighted
    (tmp_path / "file").write_text("")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / state))
    assert isinstance(ensure_graph(graphs, folder, digest, "fp32"), GraphInMemory)


READ_ONLY = """
import sys, numpy as np
from ratatoskr import Ratatoskr
with Ratatoskr.builder().local_embeddings(sys.argv[1]).cache_dir(sys.argv[2]).build().sync() as gateway:
    print(len(np.asarray(gateway.embed("time", sys.argv[1]))))
"""


def test_a_read_only_file_system_is_enough(stand_in, tmp_path):
    place = tmp_path / "store"
    place.mkdir()
    mount = f'mount -t tmpfs none {place} && mount -o remount,ro {place} && exec "$@"'
    inner = [sys.executable, "-c", READ_ONLY, str(stand_in("roberta_mean_96")), str(place)]
    done = subprocess.run(["unshare", "-m", "sh", "-c", mount, "sh", *inner], capture_output=True, text=True)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("only root can mount a file system")
    assert done.stdout.split() == ["96"], done.stderr
