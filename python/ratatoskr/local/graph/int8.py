"""The same transformer with eight-bit integers: an approximation that is about twice as fast on a CPU.

Each row of activations has its own scale, so that a text's vector does not depend on the other texts of the batch.
Channels are smoothed first (SmoothQuant): large activations are moved into the weights, as measured by a calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.build import BuiltGraph, GraphWriter, PlainLinears, build
from ratatoskr.local.graph.weights import Linear, Weights
from ratatoskr.local.runtime import import_runtime
from ratatoskr.local.store.folder import ModelFolder

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.embed import Floats

__all__ = ["REFUSED", "build_int8"]

_MICROSOFT: Final = "com.microsoft"
_ZERO: Final = 128
"""The zero point of unsigned eight-bit activations."""
_MIN_SCALE: Final = 1e-8
_INPUTS: Final = ("qkv", "output", "up", "down")
_TEXTS_PER_CALL: Final = 16
REFUSED: Final = {"qwen3": "eight bits have not been compared with fp32 for decoders; use fp32 or bf16"}
"""Families that are not computed in integers, with the reason."""


def build_int8(weights: Weights, folder: ModelFolder) -> BuiltGraph:
    """Return the graph, calibrated on the texts of `calibration`.

    Raises:
        ConfigurationError: the family is not supported.
    """
    shape = folder.architecture
    assert shape is not None  # noqa: S101  # there are weights
    if shape.family in REFUSED:
        text = f"int8 is not supported for {shape.family}: {REFUSED[shape.family]}"
        raise ConfigurationError(text, field="precision", model=folder.name)
    largest = _calibrate(weights, folder)
    smooth = {
        (number, part): _compute_smoothing(largest[number, part], getattr(layer, part).weight)
        for number, layer in enumerate(weights.layers)
        for part in _INPUTS
    }
    return build(weights, shape, linears=lambda writer: _QuantisedLinears(writer, smooth))


def _compute_smoothing(activations: Floats, weight: Floats) -> Floats:
    import numpy as np

    widest = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    scale = np.sqrt(np.maximum(activations, 1e-5) / widest)
    smoothing: Floats = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
    return smoothing


@dataclass(frozen=True, slots=True)
class _QuantisedLinears:
    """Linear layers that are computed in integers."""

    writer: GraphWriter
    smooth: Mapping[tuple[int, str], Floats]

    def add(self, value: str, linear: Linear, number: int, part: str) -> str:
        """Add one; its input is (texts, width, inputs)."""
        import numpy as np

        smooth = self.smooth[number, part]
        if part == "qkv":
            # The attention's output is smoothed by scaling the values: one division less at run time.
            after = self.smooth[number, "output"]
            scale = np.ones(linear.weight.shape[1], np.float32)
            scale[-len(after) :] = 1 / after
            linear = Linear(linear.weight * scale, None if linear.bias is None else linear.bias * scale)
        writer = self.writer
        inputs, outputs = linear.weight.shape
        rows = writer.node("Reshape", value, writer.integers(-1, inputs))
        if part != "output":
            rows = writer.node("Mul", rows, writer.constant((1 / smooth).astype(np.float32)))
        largest = writer.node("ReduceMax", writer.node("Abs", rows), writer.integers(1), keepdims=0)
        largest = writer.node("Max", largest, writer.constant(np.array(_MIN_SCALE, np.float32)))
        scale = writer.node("Mul", largest, writer.constant(np.array(1 / 127, np.float32)))
        zero = writer.onnx.numpy_helper.from_array(np.array([_ZERO], np.uint8))
        zeros = writer.node("ConstantOfShape", writer.node("Shape", scale), value=zero)
        quantised = writer.node("QuantizeLinear", rows, scale, zeros, axis=0)
        weight, columns = _quantise_columns(linear.weight * smooth[:, None])
        product = writer.node(
            "MatMulIntegerToFloat",
            quantised,
            writer.constant(weight),
            writer.constant(np.array(1.0, np.float32)),
            writer.constant(columns),
            writer.constant(np.array(_ZERO, np.uint8)),
            domain=_MICROSOFT,
        )
        product = writer.node("Mul", product, writer.node("Unsqueeze", scale, writer.integers(1)))
        if linear.bias is not None:
            product = writer.node("Add", product, writer.constant(linear.bias))
        around = writer.node("Shape", value, start=0, end=2)
        target = writer.node("Concat", around, writer.integers(outputs), axis=0)
        return str(writer.node("Reshape", product, target))


def _quantise_columns(weight: Floats) -> tuple[np.ndarray[Any, Any], Floats]:
    import numpy as np

    scale = (np.maximum(np.abs(weight).max(axis=0), _MIN_SCALE) / 127).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


def _calibrate(weights: Weights, folder: ModelFolder) -> dict[tuple[int, str], Floats]:
    """Return the largest activation of each channel before each linear layer, over the calibration texts."""
    import numpy as np

    from ratatoskr._core import Tokenizer
    from ratatoskr.local.graph.calibration import TEXTS

    assert folder.architecture is not None  # noqa: S101  # there are weights
    tokenizer = Tokenizer(folder.read_tokenizer())
    tokens = tokenizer.encode(list(TEXTS), min(128, folder.max_length))
    session, places = _open_with_activations(weights, folder)
    largest: dict[tuple[int, str], Floats] = {}
    for call in tokens.calls(_TEXTS_PER_CALL * 64):
        ids, mask = tokens.pad(call)
        real = mask.astype(bool)
        values = session.run(list(places.values()), {"input_ids": ids, "attention_mask": mask})
        for place, value in zip(places, values, strict=True):
            most = np.abs(value[real]).max(axis=0)
            largest[place] = np.maximum(largest[place], most) if place in largest else most
    return largest


class _RecordedLinears(PlainLinears):
    """Plain linear layers; the names of their inputs are kept in `places`."""

    def __init__(self, writer: GraphWriter, places: dict[tuple[int, str], str]) -> None:
        super().__init__(writer)
        self._places = places

    def add(self, value: str, linear: Linear, number: int, part: str) -> str:
        """Add one."""
        self._places[number, part] = value
        return super().add(value, linear, number, part)


def _open_with_activations(weights: Weights, folder: ModelFolder) -> tuple[Any, dict[tuple[int, str], str]]:
    """Open the fp32 graph with the inputs of its linear layers as outputs, and return the names of these by layer."""
    onnx, ort = require_extra("onnx", why="graphs of models"), import_runtime()
    assert folder.architecture is not None  # noqa: S101  # there are weights
    places: dict[tuple[int, str], str] = {}
    graph, pieces = build(weights, folder.architecture, linears=lambda writer: _RecordedLinears(writer, places))
    model = onnx.ModelProto.FromString(graph)
    data = dict(pieces)
    for tensor in model.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            del tensor.external_data[:]
            tensor.data_location = onnx.TensorProto.DEFAULT
            tensor.raw_data = data[int(place["offset"])]
    outputs = {output.name for output in model.graph.output}
    for name in set(places.values()) - outputs:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), places
