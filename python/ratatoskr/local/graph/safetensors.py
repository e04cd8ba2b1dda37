"""Tensors of a safetensors file as numpy views of its bytes.

The format (https://github.com/huggingface/safetensors) is the header's length in eight bytes, a JSON header, and the
bytes of the tensors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.read import refuse_pointer
from ratatoskr.types.visible import escape_hidden

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.embed import Floats

__all__ = ["Tensors", "join_tensors"]

_MAX_HEADER: Final = 100 * 1024 * 1024
_TYPES: Final = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}


class Tensors:
    """The tensors of one file by name; each is read on request.

    Args:
        path: the file's path, for messages.
        data: the file's bytes; the caller has checked their digest.

    Raises:
        ConfigurationError: the data is not in this format.
    """

    def __init__(self, path: Path, data: memoryview | bytes) -> None:
        self._path = path
        refuse_pointer(path, data)
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 2 <= length <= min(_MAX_HEADER, len(data) - 8):
            raise ConfigurationError(f"{path} is not a safetensors file")
        try:
            header = json.loads(bytes(data[8 : 8 + length]))
            self._entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        except (ValueError, RecursionError, AttributeError):
            raise ConfigurationError(f"{path} is not a safetensors file: its header is not JSON") from None
        self._data = memoryview(data)[8 + length :]
        end, last = 0, ""
        for name, entry in sorted(self._entries.items(), key=lambda item: _offsets_of(item[1])):
            if not _is_entry(entry, len(self._data)) or entry["data_offsets"][0] < end:
                what = (
                    f"its entry is wrong, or it shares bytes with {escape_hidden(last, 80)}"
                    if last
                    else "its entry is wrong"
                )
                raise ConfigurationError(f"{path}: the tensor {escape_hidden(name, 80)} cannot be read: {what}")
            end, last = entry["data_offsets"][1], name

    @property
    def path(self) -> Path:
        """The file's path."""
        return self._path

    def names(self) -> set[str]:
        """Return the names of all tensors."""
        return set(self._entries)

    def get(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Return a tensor as float32.

        Raises:
            ConfigurationError: there is no such tensor, or it has another shape.
        """
        import numpy as np

        entry = self._entries.get(name)
        if entry is None:
            raise ConfigurationError(f"{self._path} has no tensor {name}")
        array = self._read_array(name, entry)
        if array.shape != shape:
            raise ConfigurationError(f"{self._path}: {name} has the shape {array.shape}, not {shape}")
        if entry["dtype"] == "BF16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(np.float32, copy=False)

    def count_rows(self, name: str) -> int:
        """Return the length of a tensor's first axis; 0 if there is no such tensor."""
        shape = self._entries.get(name, {}).get("shape") or [0]
        return int(shape[0])

    def _read_array(self, name: str, entry: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            start, end = entry["data_offsets"]
            return np.frombuffer(self._data[start:end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
        except (KeyError, ValueError) as error:
            raise ConfigurationError(f"{self._path}: the tensor {name} cannot be read: {error}") from None


class _JoinedTensors(Tensors):
    """The tensors of several files."""

    def __init__(self, parts: Sequence[Tensors]) -> None:
        self._path, self._parts = parts[0].path.parent, {name: part for part in parts for name in part.names()}

    def names(self) -> set[str]:
        return set(self._parts)

    def get(self, name: str, shape: tuple[int, ...]) -> Floats:
        if name not in self._parts:
            raise ConfigurationError(f"{self._path} has no tensor {name}")
        return self._parts[name].get(name, shape)

    def count_rows(self, name: str) -> int:
        return self._parts[name].count_rows(name) if name in self._parts else 0


def join_tensors(parts: Sequence[Tensors]) -> Tensors:
    """Return the tensors of several files as those of one.

    Raises:
        ConfigurationError: a tensor is in two of them.
    """
    names = [name for part in parts for name in part.names()]
    if len(names) != len({*names}):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationError(f"{parts[0].path.parent}: the tensor {escape_hidden(twice, 80)} is in two files")
    return parts[0] if len(parts) == 1 else _JoinedTensors(parts)


def _is_entry(entry: Any, size: int) -> bool:
    """Return whether a tensor's entry in the header has the members of the format, and its bytes are in the file."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    return _are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1] <= size


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)


def _offsets_of(entry: Any) -> list[int]:
    return entry["data_offsets"] if _is_entry(entry, sys.maxsize) else []
