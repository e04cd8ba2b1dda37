"""Models in several files: shards of safetensors, graphs whose data is beside them, quantised graphs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratatoskr.errors import ConfigurationError
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.store.folder import read_folder
from ratatoskr.local.store.onnx_file import list_data_files
from ratatoskr.local.store.shards import INDEX
from unit.local.hub_server import CUSTOM, Hub, nothing_in
from unit.local.ready_made import ready_made
from unit.local.stand_ins import safetensors
from unit.local.test_families import tensors_of

TEXTS = ["time", "the state of the world", "embedding " * 20, ""]


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cut(folder: Path, count: int = 3) -> list[str]:
    """Cut the weights of a folder into shards, as transformers saves large models, and return their names."""
    arrays = tensors_of(folder)
    (folder / "model.safetensors").unlink()
    names = [f"model-{number + 1:05}-of-{count:05}.safetensors" for number in range(count)]
    places = {key: names[number % count] for number, key in enumerate(arrays)}
    for name in names:
        part = {key: array for key, array in arrays.items() if places[key] == name}
        (folder / name).write_bytes(safetensors(part))
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return names


async def vectors_of(pool: ModelPool, model: Path | str, **options: Any) -> np.ndarray:
    embedder = LocalEmbedder(model, pool=pool, **options)
    vectors = np.asarray(await embedder.embed_batch(TEXTS))
    await embedder.unload()
    return vectors


# Shards


@pytest.mark.parametrize("precision", ["fp32", "int8"])
async def test_shards_give_what_one_file_gives(models, stand_in, tmp_path, precision):
    whole = stand_in("roberta_mean_96")
    folder = shutil.copytree(whole, tmp_path / "model")
    cut(folder)
    assert np.array_equal(
        await vectors_of(models, folder, precision=precision), await vectors_of(models, whole, precision=precision)
    )


async def test_shards_are_pulled_checked_and_removed_with_their_graphs(served: Hub, store, folder, tmp_path):
    upstream = shutil.copytree(folder, tmp_path / "shards")
    names = cut(upstream)
    served.repositories[CUSTOM] = upstream
    digests = {name: digest_of(upstream / name) for name in names}
    with pytest.raises(ConfigurationError, match=f"no digest of {names[2]} is known"):
        store.pull(CUSTOM, digests={name: digests[name] for name in names[:2]})
    assert nothing_in(store)
    store.pull(CUSTOM, digests=digests)
    assert all(store.verify(CUSTOM).values())
    assert store.verify(CUSTOM).keys() >= {*names, INDEX}
    pool = ModelPool(store)
    assert np.array_equal(await vectors_of(pool, CUSTOM), await vectors_of(pool, upstream))
    assert len([*store.graphs.iterdir()]) == 1, "the folder and the pulled model have one graph"
    damaged = store.path(CUSTOM) / names[1]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ConfigurationError, match=f"{names[1]} is not what was pulled"):
        await LocalEmbedder(CUSTOM, pool=pool).embed("time")
    store.remove(CUSTOM)
    assert not [*store.graphs.glob("*/graph.onnx")]
    pool.close()


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ({}, "weight_map must give a file for each tensor"),
        ({"weight_map": {"a": 7}}, "weight_map must"),
        ({"weight_map": {"a": "../model.safetensors"}}, "is not the name of a file of weights"),
        ({"weight_map": {"a": "/etc/x.safetensors"}}, "is not the name of a file of weights"),
        ({"weight_map": {"a": "pytorch_model.bin"}}, "is not the name of a file of weights"),
        ({"weight_map": {"a": "model-00009-of-00009.safetensors"}}, "model-00009-of-00009.safetensors is missing"),
    ],
)
def test_an_index_that_cannot_be_followed_is_refused(stand_in, tmp_path, index, told):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(ConfigurationError, match=told):
        read_folder(folder, "model")


async def test_a_tensor_in_two_shards_is_refused(models, stand_in, tmp_path):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    names = cut(folder, 2)
    shutil.copy(folder / names[0], folder / names[1])
    with pytest.raises(ConfigurationError, match="is in two files"):
        await vectors_of(models, folder)


async def test_one_file_counts_before_an_index(models, stand_in, tmp_path):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "absent.safetensors"}}))
    assert np.array_equal(await vectors_of(models, folder), await vectors_of(models, stand_in("roberta_mean_96")))


# Graphs whose data is in other files


def move_data_out(graph: Path, name: str = "model.onnx_data", *, location: str | None = None) -> Path:
    """Move the data of a graph's tensors into a file beside it, as exporters do for large models."""
    model = onnx.load(graph)
    data = b""
    for tensor in model.graph.initializer:
        octets = tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": location or name, "offset": str(len(data)), "length": str(len(octets))}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
        data += octets
    graph.write_bytes(model.SerializeToString())
    (graph.parent / name).write_bytes(data)
    return graph.parent / name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
async def test_data_beside_a_graph_is_used(models, folder, tmp_path, precision):
    if precision == "bf16":
        pytest.importorskip("openvino")
        try:
            LocalEmbedder(folder, precision="bf16", pool=models)
        except ConfigurationError as error:
            pytest.skip(str(error))
    ready_made(tmp_path / "model", folder)
    whole = await vectors_of(models, tmp_path / "model", precision=precision)
    data = move_data_out(tmp_path / "model" / "model.onnx")
    assert list_data_files(tmp_path / "model" / "model.onnx") == [data]
    other = ModelPool(ModelStore(tmp_path / "store"))
    assert np.array_equal(await vectors_of(other, tmp_path / "model", precision=precision), whole)
    other.close()


async def test_data_of_a_graph_is_pulled_and_checked(served: Hub, store, folder, tmp_path):
    upstream = tmp_path / "data"
    ready_made(upstream, folder)
    shutil.copy(folder / "config.json", upstream)
    (upstream / "onnx").mkdir()
    (upstream / "model.onnx").rename(upstream / "onnx" / "model.onnx")
    move_data_out(upstream / "onnx" / "model.onnx")
    served.repositories[CUSTOM] = upstream
    digests = {f"onnx/{name}": digest_of(upstream / "onnx" / name) for name in ("model.onnx", "model.onnx_data")}
    with pytest.raises(ConfigurationError, match=r"no digest of onnx/model\.onnx_data is known"):
        store.pull(CUSTOM, digests={"onnx/model.onnx": digests["onnx/model.onnx"]})
    store.pull(CUSTOM, digests=digests)
    pool = ModelPool(store)
    assert np.array_equal(await vectors_of(pool, CUSTOM), await vectors_of(pool, upstream))
    place = store.path(CUSTOM) / "onnx" / "model.onnx_data"
    place.write_bytes(place.read_bytes()[:-4] + b"\x00\x01\x02\x03")
    with pytest.raises(ConfigurationError, match=r"model\.onnx_data is not what was pulled"):
        await LocalEmbedder(CUSTOM, pool=pool).embed("time")
    pool.close()
    (upstream / "onnx" / "model.onnx_data").unlink()
    store.remove(CUSTOM)
    with pytest.raises(ConfigurationError, match=r"onnx/model\.onnx_data is not among its files"):
        store.pull(CUSTOM, allow_unpinned=True)


@pytest.mark.parametrize(
    "location",
    ["../secret", "/etc/passwd", "sub/data", ".hidden", "", "a" * 300, "x\x00y", "model.onnx", "d.safetensors"],
)
async def test_a_graph_that_names_a_file_elsewhere_is_refused(models, folder, tmp_path, location):
    ready_made(tmp_path / "model", folder)
    move_data_out(tmp_path / "model" / "model.onnx", location=location or None)
    if not location:  # no location at all
        graph = onnx.load(tmp_path / "model" / "model.onnx", load_external_data=False)
        for tensor in graph.graph.initializer:
            del tensor.external_data[0]
        (tmp_path / "model" / "model.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ConfigurationError, match=r"only a plain name|cannot be loaded"):
        await vectors_of(models, tmp_path / "model")


@pytest.mark.parametrize("kind", ["symbolic", "hard", "pipe", "folder", "absent"])
async def test_data_that_is_a_link_is_refused(models, folder, tmp_path, kind):
    ready_made(tmp_path / "model", folder)
    data = move_data_out(tmp_path / "model" / "model.onnx")
    data.rename(tmp_path / "elsewhere")
    make = {
        "symbolic": lambda: data.symlink_to(tmp_path / "elsewhere"),
        "hard": lambda: os.link(tmp_path / "elsewhere", data),
        "pipe": lambda: os.mkfifo(data),
        "folder": data.mkdir,
        "absent": lambda: None,
    }
    make[kind]()
    told = "is a link or no regular file" if kind in {"symbolic", "hard"} else "model.onnx_data is missing"
    with pytest.raises(ConfigurationError, match=told):
        await vectors_of(models, tmp_path / "model")


def test_data_is_found_wherever_a_graph_has_tensors(tmp_path):
    def tensor(location: str) -> TensorProto:
        made = numpy_helper.from_array(np.ones(3, np.float32), location)
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value=location)
        return made

    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor("constant"))], "inner", [], [])
    inner.initializer.append(tensor("inner"))
    sparse = helper.make_sparse_tensor(tensor("values"), tensor("indices"), [9])
    nodes = [
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner),
        helper.make_node("Constant", [], ["s"], sparse_value=sparse),
        helper.make_node("Own", [], ["v"], some=[tensor("list")]),
    ]
    function = helper.make_function(
        "own", "f", [], ["o"], [helper.make_node("Constant", [], ["o"], value=tensor("function"))], []
    )
    model = helper.make_model(helper.make_graph(nodes, "outer", [], [], [tensor("outer")]), functions=[function])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    found = [path.name for path in list_data_files(tmp_path / "model.onnx")]
    assert found == ["constant", "function", "indices", "inner", "list", "outer", "values"]


def test_no_bytes_make_the_search_for_data_fail_or_hang(tmp_path, folder):
    ready_made(tmp_path / "model", folder, rows=40)
    move_data_out(tmp_path / "model" / "model.onnx")
    good = (tmp_path / "model" / "model.onnx").read_bytes()
    random = np.random.default_rng(5)
    file = tmp_path / "broken.onnx"
    for _ in range(400):
        data = bytearray(good)
        for place in random.integers(0, len(data), random.integers(1, 6)):
            data[place] = random.integers(0, 256)
        file.write_bytes(bytes(data[: random.integers(1, len(data) + 1)]))
        try:
            list_data_files(file)
        except ConfigurationError as error:
            assert "only a plain name" in error.message  # noqa: PT017  # most are accepted


# Quantised graphs


@pytest.mark.parametrize("name", ["onnx/model_quantized.onnx", "model_quint8_avx2.onnx", "onnx/model_int8.onnx"])
async def test_a_quantised_graph_is_what_int8_computes(models, folder, tmp_path, name):
    ready_made(tmp_path / "model", folder)
    place = tmp_path / "model" / name
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "model" / "model.onnx").rename(place.parent / "model.onnx")
    with pytest.raises(ConfigurationError, match="there is no quantised one beside it"):
        await vectors_of(models, tmp_path / "model", precision="int8")
    ready_made(tmp_path / "other", folder, value=1.0)
    (tmp_path / "other" / "model.onnx").rename(place)
    exact = await vectors_of(models, tmp_path / "model")
    rough = await vectors_of(models, tmp_path / "model", precision="int8")
    assert np.allclose(rough, 1.0)
    assert not np.allclose(exact, rough)


async def test_a_quantised_graph_alone_needs_int8(served: Hub, store, models, folder, tmp_path):
    upstream = tmp_path / "quantised"
    ready_made(upstream, folder)
    shutil.copy(folder / "config.json", upstream)
    (upstream / "onnx").mkdir()
    (upstream / "model.onnx").rename(upstream / "onnx" / "model_quantized.onnx")
    with pytest.raises(ConfigurationError, match="a quantised graph alone: use precision='int8', not 'fp32'") as told:
        await vectors_of(models, upstream)
    assert told.value.field == "precision"
    served.repositories[CUSTOM] = upstream
    store.pull(CUSTOM, allow_unpinned=True)
    pool = ModelPool(store)
    assert np.array_equal(
        await vectors_of(pool, CUSTOM, precision="int8"), await vectors_of(models, upstream, precision="int8")
    )
    pool.close()
