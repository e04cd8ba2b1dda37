"""The files to which an ONNX graph refers for the data of its tensors.

A graph names them itself, so that they are checked: each is a file of the model's own folder, by a plain name and no
link. The graph is read as bytes of protobuf, with no more of its structure than leads to tensors
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, November 2026); what is broken in it, the runtime says.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.visible import quote

__all__ = ["check_data_file", "list_data_files"]

_FIELDS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""The fields of each message that lead to the entries of tensors whose data is in another file."""
_NAME: Final = re.compile(r"(?!\.)[\w.+-]{1,200}", re.ASCII)
_GRAPHS: Final = (".onnx", ".safetensors", ".json")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def list_data_files(graph: Path) -> list[Path]:
    """Return the paths of the files that hold data of a graph's tensors, in order of their names.

    Raises:
        ConfigurationError: the graph cannot be read, or names a file by more than a plain name.
    """
    try:
        with graph.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or not os.fstat(file.fileno()).st_size:
                return []
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data, memoryview(data) as view:
                names = {*_find_locations(view)}
    except OSError as error:
        raise ConfigurationError(f"{graph} cannot be read: {error.strerror}") from None
    for name in names:
        if not _NAME.fullmatch(name) or name.endswith(_GRAPHS):
            text = f"{graph} refers to the file {quote(name)}: only a plain name of a file beside it is accepted"
            raise ConfigurationError(text)
    return [graph.parent / name for name in sorted(names)]


def check_data_file(path: Path) -> None:
    """Check that a file is one of the folder itself.

    Raises:
        ConfigurationError: it is missing, or a link, or not a regular file.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ConfigurationError(f"{path} is a link or no regular file: the data of a graph must be in a file itself")


def _find_locations(data: memoryview) -> Iterator[str]:
    """Yield the locations that the tensors of a model name."""
    waiting = [("model", 0, len(data))]
    while waiting:
        kind, start, end = waiting.pop()
        if kind == "entry":
            parts = {number: bytes(data[first:last]) for number, first, last in _list_fields(data, start, end)}
            if parts.get(1) == b"location":
                yield parts.get(2, b"").decode("utf-8", "replace")
            continue
        inner = _FIELDS[kind]
        waiting += [
            (inner[number], first, last) for number, first, last in _list_fields(data, start, end) if number in inner
        ]


def _list_fields(data: memoryview, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of the fields of a message that are bytes; the first that is broken ends it."""
    while place < end:
        tag, place = _read_varint(data, place, end)
        kind = tag & 7
        if kind == _BYTES:
            length, place = _read_varint(data, place, end)
            if length < 0 or place + length > end:
                return
            yield tag >> 3, place, place + length
            place += length
        elif kind == _VARINT:
            _, place = _read_varint(data, place, end)
        elif kind in {_FIXED64, _FIXED32}:
            place += 8 if kind == _FIXED64 else 4
        else:
            return


def _read_varint(data: memoryview, place: int, end: int) -> tuple[int, int]:
    """Return a number and the place after it; -1 and the end, if it is broken."""
    value = shift = 0
    while place < end and shift < 64:
        octet = data[place]
        value |= (octet & 127) << shift
        place, shift = place + 1, shift + 7
        if octet < 128:
            return value, place
    return -1, end
