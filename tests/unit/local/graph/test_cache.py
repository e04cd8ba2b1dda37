"""Graphs on disk: built once, and built again if they are not what was built."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import Any

import numpy as np
import pytest

from ratatoskr._files import compute_digest
from ratatoskr.errors import ConfigurationError
from ratatoskr.local import LocalEmbedder, ModelStore
from ratatoskr.local.graph.cache import ensure_graph, is_intact, locate_graph
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
