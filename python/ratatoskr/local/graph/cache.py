"""Graphs that were built, kept under the digest of what they were built from."""

from __future__ import annotations

import hashlib
import json
import mmap
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from ratatoskr._files import atomic_write, check_room, digest_of
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph import build as graph
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.folder import Folder

__all__ = ["Precision", "graph_folder", "graph_for", "is_intact"]

Precision = Literal["fp32", "fp16", "int8"]

_GRAPH: Final = "graph.onnx"
_WEIGHTS: Final = "weights.bin"
_RECORD: Final = "digests.json"


def graph_folder(graphs: Path, folder: Folder, weights_digest: str, precision: Precision) -> Path:
    """Return where the graph of a model stands, whether it is there or not."""
    parts = (graph.VERSION, weights_digest, repr(folder.architecture), precision, _other_inputs(folder, precision))
    name = hashlib.sha256(repr(parts).encode()).hexdigest()
    return graphs / f"{name[:32]}-{precision}"


def _other_inputs(folder: Folder, precision: Precision) -> str:
    if precision != "int8":
        return folder.pooling if precision == "fp16" else ""
    from ratatoskr.local.graph.calibration import TEXTS

    tokenizer = digest_of(folder.tokenizer)
    return hashlib.sha256("\n".join([tokenizer, str(folder.max_length), *TEXTS]).encode()).hexdigest()


def is_intact(graphs: Path, folder: Folder, weights_digest: str, precision: Precision) -> bool:
    """Tell whether a model's graph is there and is what was built, by its digests."""
    place = graph_folder(graphs, folder, weights_digest, precision)
    with suppress(OSError, ValueError, AttributeError):
        record = json.loads((place / _RECORD).read_bytes())
        return all(
            (place / name).stat().st_nlink == 1 and digest_of(place / name) == record.get(name)
            for name in (_GRAPH, _WEIGHTS)
        )
    return False


def graph_for(graphs: Path, folder: Folder, weights_digest: str, precision: Precision, *, intact: bool = False) -> Path:
    """Return the path of a model's graph, built if it is not there or is not what was built.

    Args:
        graphs: where they are kept.
        folder: the model's.
        weights_digest: what the model's weights are.
        precision: of the graph.
        intact: that `is_intact` has just said so.

    Raises:
        ConfigurationError: it cannot be built.
    """
    place = graph_folder(graphs, folder, weights_digest, precision)
    if not intact and not is_intact(graphs, folder, weights_digest, precision):
        _build(place, folder, weights_digest, precision)
    return place / _GRAPH


def _build(place: Path, folder: Folder, weights_digest: str, precision: Precision) -> None:
    if folder.weights is None or folder.architecture is None:
        raise ConfigurationError("a ready-made graph is used as it is", model=folder.name)
    check_room(place, folder.weights.stat().st_size)
    with folder.weights.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        # What is mapped is what is hashed: nobody can put another file there in between.
        if hashlib.sha256(data).hexdigest() != weights_digest:
            raise ConfigurationError(f"{folder.weights} is not what was pulled; pull it again", model=folder.name)
        made, pieces = _made(Tensors(folder.weights, bytes(data)), folder, precision)
    digest = hashlib.sha256()
    with atomic_write(place / _WEIGHTS) as out:
        end = 0
        for start, piece in pieces:
            for block in (bytes(start - end), piece):
                digest.update(block)
                out.write(block)
            end = start + len(piece)
    with atomic_write(place / _GRAPH) as out:
        out.write(made)
    record = {_GRAPH: hashlib.sha256(made).hexdigest(), _WEIGHTS: digest.hexdigest()}
    with atomic_write(place / _RECORD) as out:
        out.write(json.dumps(record).encode())


def _made(tensors: Tensors, folder: Folder, precision: Precision) -> graph.Built:
    assert folder.architecture is not None  # noqa: S101  # looked at by the caller
    weights = read_weights(tensors, folder.architecture)
    if precision == "int8":
        from ratatoskr.local.graph.int8 import build_int8

        return build_int8(weights, folder)
    if precision == "fp16":
        return graph.build(weights, folder.architecture, half=True, pooling=folder.pooling)
    return graph.build(weights, folder.architecture)
