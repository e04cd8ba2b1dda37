"""Tensors of safetensors files: read as they were written, or refused with the name of what is wrong."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.safetensors import Tensors
from unit.local.stand_ins import safetensors

PATH = Path("model.safetensors")


def file_of(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: str, shape: list[int], body: bytes) -> Tensors:
    return Tensors(PATH, file_of({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(body)]}}, body))


def test_tensors_are_read_by_name_with_their_shapes():
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)}
    tensors = Tensors(PATH, safetensors(arrays))
    assert tensors.names() == {"a", "b"}, "metadata is no tensor"
    assert np.array_equal(tensors.get("a", (2, 3)), arrays["a"])
    assert np.array_equal(tensors.get("b", (4,)), arrays["b"])
    assert [tensors.count_rows(name) for name in ("a", "b", "c")] == [2, 4, 0]


@pytest.mark.parametrize(("dtype", "numpy_type"), [("F16", "<f2"), ("F64", "<f8"), ("F32", "<f4"), ("I64", "<i8")])
def test_every_type_becomes_float32(dtype, numpy_type):
    values = np.array([1, -2, 0.5, 0], numpy_type)
    found = tensor(dtype, [4], values.tobytes()).get("x", (4,))
    assert found.dtype == np.float32
    assert found.tolist() == values.astype(np.float32).tolist()


def test_bfloat16_is_the_upper_half_of_float32():
    upper = (np.array([1.0, -2.5, 0.15625], np.float32).view(np.uint32) >> 16).astype("<u2")
    assert tensor("BF16", [3], upper.tobytes()).get("x", (3,)).tolist() == [1.0, -2.5, 0.15625]


def test_a_tensor_that_is_missing_or_of_another_shape_is_named():
    tensors = Tensors(PATH, safetensors({"a": np.ones((2, 3))}))
    with pytest.raises(ConfigurationError, match="has no tensor b"):
        tensors.get("b", (2, 3))
    with pytest.raises(ConfigurationError, match=r"a has the shape \(2, 3\), not \(3, 2\)"):
        tensors.get("a", (3, 2))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 100) + b"{}",
        struct.pack("<Q", 0),
        file_of(b"{"),
        file_of([]),
        file_of(b"\xff\xff"),
    ],
)
def test_what_is_not_of_the_format_is_refused(data):
    with pytest.raises(ConfigurationError, match="is not a safetensors file"):
        Tensors(PATH, data)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F8", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2]},
        {"dtype": "F32", "shape": [2], "data_offsets": "all"},
        7,
    ],
)
def test_a_tensor_that_cannot_be_read_is_named(entry):
    with pytest.raises(ConfigurationError, match="the tensor x cannot be read"):
        Tensors(PATH, file_of({"x": entry}, bytes(8))).get("x", (2,))
