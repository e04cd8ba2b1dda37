"""A cache of built graphs on disk, keyed by the digest of everything that a graph is built from."""

from __future__ import annotations

import hashlib
import json
import mmap
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from ratatoskr._files import atomic_write, check_disk_space, compute_digest
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.build import VERSION, BuiltGraph, build
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.folder import ModelFolder
from ratatoskr.local.store.store import GRAPH_RECORD

__all__ = ["Precision", "ensure_graph", "is_intact", "locate_graph"]

Precision = Literal["fp32", "fp16", "int8"]

_GRAPH: Final = "graph.onnx"
_WEIGHTS: Final = "weights.bin"


def locate_graph(graphs: Path, folder: ModelFolder, weights_digest: str, precision: Precision) -> Path:
    """Return the folder of a model's graph, which need not exist."""
    inputs = (VERSION, weights_digest, repr(folder.architecture), precision, _describe_inputs(folder, precision))
    key = hashlib.sha256(repr(inputs).encode()).hexdigest()
    return graphs / f"{key[:32]}-{precision}"


def _describe_inputs(folder: ModelFolder, precision: Precision) -> str:
    """Return what a graph of this precision depends on beside the weights and the architecture."""
    if precision != "int8":
        return folder.pooling if precision == "fp16" else ""
    from ratatoskr.local.graph.calibration import TEXTS

    tokenizer = compute_digest(folder.tokenizer)
    return hashlib.sha256("\n".join([tokenizer, str(folder.max_length), *TEXTS]).encode()).hexdigest()


def is_intact(graphs: Path, folder: ModelFolder, weights_digest: str, precision: Precision) -> bool:
    """Return whether a model's graph exists and its files have the digests recorded when it was built."""
    place = locate_graph(graphs, folder, weights_digest, precision)
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        record = json.loads((place / GRAPH_RECORD).read_bytes())
        return all(
            (place / name).stat().st_nlink == 1 and compute_digest(place / name) == record.get(name)
            for name in (_GRAPH, _WEIGHTS)
        )
    return False


def ensure_graph(
    graphs: Path, folder: ModelFolder, weights_digest: str, precision: Precision, *, intact: bool = False
) -> Path:
    """Return the path of a model's graph; build it first unless it exists and is intact.

    Args:
        graphs: the folder of the cache.
        folder: the model's folder.
        weights_digest: digest of the model's weights.
        precision: precision of the graph.
        intact: the result of `is_intact`, if it has just been called.

    Raises:
        ConfigurationError: the graph cannot be built.
    """
    place = locate_graph(graphs, folder, weights_digest, precision)
    if not intact and not is_intact(graphs, folder, weights_digest, precision):
        _build_into(place, folder, weights_digest, precision)
    return place / _GRAPH


def _build_into(place: Path, folder: ModelFolder, weights_digest: str, precision: Precision) -> None:
    if folder.weights is None or folder.architecture is None:
        raise ConfigurationError("a ready-made graph is used as it is", model=folder.name)
    check_disk_space(place, folder.weights.stat().st_size)
    with folder.weights.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        # The mapped bytes are the ones that are hashed: the file cannot be replaced in between.
        if hashlib.sha256(data).hexdigest() != weights_digest:
            raise ConfigurationError(f"{folder.weights} is not what was pulled; pull it again", model=folder.name)
        graph, pieces = _build_graph(Tensors(folder.weights, bytes(data)), folder, precision)
    digest = hashlib.sha256()
    with atomic_write(place / _WEIGHTS) as out:
        end = 0
        for start, piece in pieces:
            for block in (bytes(start - end), piece):
                digest.update(block)
                out.write(block)
            end = start + len(piece)
    with atomic_write(place / _GRAPH) as out:
        out.write(graph)
    record = {_GRAPH: hashlib.sha256(graph).hexdigest(), _WEIGHTS: digest.hexdigest(), "source": weights_digest}
    with atomic_write(place / GRAPH_RECORD) as out:
        out.write(json.dumps(record).encode())


def _build_graph(tensors: Tensors, folder: ModelFolder, precision: Precision) -> BuiltGraph:
    assert folder.architecture is not None  # noqa: S101  # checked by the caller
    weights = read_weights(tensors, folder.architecture)
    if precision == "int8":
        from ratatoskr.local.graph.int8 import build_int8

        return build_int8(weights, folder)
    if precision == "fp16":
        return build(weights, folder.architecture, half=True, pooling=folder.pooling)
    return build(weights, folder.architecture)
