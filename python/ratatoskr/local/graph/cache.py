"""A cache of built graphs on disk, keyed by the digest of everything that a graph is built from.

    GRAPHS/KEY-fp32/graph.onnx, weights.bin     the graph
    GRAPHS/KEY-fp32/digests.json                the digests of both and of the source, and a signature of them

A graph is used only if its record is signed with this user's own key (see `signature`), so that somebody who can write
the cache, but not the user's state, cannot put another graph there. What is not signed is built again: in place, or in
memory where the cache cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ratatoskr._files import atomic_write, check_disk_space, check_folder, compute_digest, is_writable
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.build import VERSION, BuiltGraph, build
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.signature import is_signed, read_key, sign
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.folder import ModelFolder
from ratatoskr.local.store.store import GRAPH_RECORD

__all__ = ["WEIGHTS_FILE", "GraphInMemory", "GraphPrecision", "ensure_graph", "is_intact", "locate_graph"]

GraphPrecision = Literal["fp32", "fp16", "int8"]

WEIGHTS_FILE: Final = "weights.bin"
"""The name under which a graph refers to its weights."""
_GRAPH: Final = "graph.onnx"


@dataclass(frozen=True, slots=True)
class GraphInMemory:
    """A built graph that is in no file.

    Attributes:
        graph: the ONNX model.
        weights: what its file of weights would hold.
    """

    graph: bytes
    weights: bytes


def locate_graph(graphs: Path, folder: ModelFolder, weights_digest: str, precision: GraphPrecision) -> Path:
    """Return the folder of a model's graph, which need not exist."""
    inputs = (VERSION, weights_digest, repr(folder.architecture), precision, _describe_inputs(folder, precision))
    key = hashlib.sha256(repr(inputs).encode()).hexdigest()
    return graphs / f"{key[:32]}-{precision}"


def _describe_inputs(folder: ModelFolder, precision: GraphPrecision) -> str:
    """Return what a graph of this precision depends on beside the weights and the architecture."""
    if precision != "int8":
        return str(folder.pooling) if precision == "fp16" else ""
    from ratatoskr.local.graph.calibration import TEXTS

    tokenizer = hashlib.sha256(folder.read_tokenizer()).hexdigest()
    return hashlib.sha256("\n".join([tokenizer, str(folder.max_length), *TEXTS]).encode()).hexdigest()


def is_intact(graphs: Path, folder: ModelFolder, weights_digest: str, precision: GraphPrecision) -> bool:
    """Return whether a model's graph exists, and its files are what this user built.

    Raises:
        ConfigurationError: other users can change the cache, or read the user's key.
    """
    check_folder(graphs)
    place = locate_graph(graphs, folder, weights_digest, precision)
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        record = json.loads((place / GRAPH_RECORD).read_bytes())
        return (_is_of_root(place) or is_signed(record, place.name)) and all(
            (place / name).stat().st_nlink == 1 and compute_digest(place / name) == record.get(name)
            for name in (_GRAPH, WEIGHTS_FILE)
        )
    return False


def _is_of_root(place: Path) -> bool:
    """Return whether root alone can change a graph, as one in the image of a container that runs as another user."""
    statuses = [path.stat() for path in (place, *(place / name for name in (_GRAPH, WEIGHTS_FILE, GRAPH_RECORD)))]
    return os.geteuid() != 0 and all(
        status.st_uid == 0 and not stat.S_IMODE(status.st_mode) & 0o022 for status in statuses
    )


def ensure_graph(
    graphs: Path, folder: ModelFolder, weights_digest: str, precision: GraphPrecision, *, intact: bool = False
) -> Path | GraphInMemory:
    """Return the path of a model's graph; build it first unless it exists and is intact.

    Where the cache cannot be written, or no key to sign it can be kept, the graph is built in memory and returned.

    Args:
        graphs: the folder of the cache.
        folder: the model's folder.
        weights_digest: digest of the model's weights.
        precision: precision of the graph.
        intact: the result of `is_intact`, if it has just been called.

    Raises:
        ConfigurationError: the graph cannot be built, or other users can change the cache.
    """
    place = locate_graph(graphs, folder, weights_digest, precision)
    if intact or is_intact(graphs, folder, weights_digest, precision):
        return place / _GRAPH
    if folder.weights is None or folder.architecture is None:
        raise ConfigurationError("a ready-made graph is used as it is", model=folder.name)
    key = read_key(create=True) if is_writable(place) else None
    if key is not None:
        check_disk_space(place, folder.weights.stat().st_size)
    with folder.weights.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        # The mapped bytes are the ones that are hashed: the file cannot be replaced in between.
        if hashlib.sha256(data).hexdigest() != weights_digest:
            raise ConfigurationError(f"{folder.weights} is not what was pulled; pull it again", model=folder.name)
        built = _build_graph(Tensors(folder.weights, bytes(data)), folder, precision)
    if key is None:
        return GraphInMemory(built[0], b"".join(_list_blocks(built)))
    _write(place, built, {"source": weights_digest}, key)
    return place / _GRAPH


def _write(place: Path, built: BuiltGraph, record: dict[str, Any], key: bytes) -> None:
    digest = hashlib.sha256()
    with atomic_write(place / WEIGHTS_FILE) as out:
        for block in _list_blocks(built):
            digest.update(block)
            out.write(block)
    with atomic_write(place / _GRAPH) as out:
        out.write(built[0])
    record |= {_GRAPH: hashlib.sha256(built[0]).hexdigest(), WEIGHTS_FILE: digest.hexdigest()}
    with atomic_write(place / GRAPH_RECORD) as out:
        out.write(json.dumps(sign(record, place.name, key)).encode())


def _list_blocks(built: BuiltGraph) -> list[bytes]:
    """Return the content of the file of weights: pieces, each after the zeros up to its place."""
    blocks, end = [], 0
    for start, piece in built[1]:
        blocks += [bytes(start - end), piece]
        end = start + len(piece)
    return blocks


def _build_graph(tensors: Tensors, folder: ModelFolder, precision: GraphPrecision) -> BuiltGraph:
    assert folder.architecture is not None  # noqa: S101  # checked by the caller
    weights = read_weights(tensors, folder.architecture)
    if precision == "int8":
        from ratatoskr.local.graph.int8 import build_int8

        return build_int8(weights, folder)
    if precision == "fp16":
        return build(weights, folder.architecture, half=True, pooling=folder.pooling)
    return build(weights, folder.architecture)
