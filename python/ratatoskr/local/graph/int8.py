"""The same transformer with eight-bit integers: an approximation that is about twice as fast on a CPU.

Each row of activations has its own scale, so that a text's vector does not depend on the other texts of the batch.
Channels are smoothed first (SmoothQuant): large activations are moved into the weights, as measured by a calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.local.graph.build import (
    BuiltGraph,
    GraphWriter,
    add_activation,
    add_attention,
    add_embeddings,
    add_mask_bias,
    build,
)
from ratatoskr.local.graph.weights import Layer, Linear, Weights
from ratatoskr.local.runtime import import_runtime
from ratatoskr.local.store.folder import ModelFolder

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.embed import Floats

__all__ = ["build_int8"]

_MICROSOFT: Final = "com.microsoft"
_ZERO: Final = 128
"""The zero point of unsigned eight-bit activations."""
_MIN_SCALE: Final = 1e-8
_INPUTS: Final = ("qkv", "output", "up", "down")
_TEXTS_PER_CALL: Final = 16


def build_int8(weights: Weights, folder: ModelFolder) -> BuiltGraph:
    """Return the graph, calibrated on the texts of `calibration`."""
    shape = folder.architecture
    assert shape is not None  # noqa: S101  # there are weights
    largest = _calibrate(weights, folder)
    writer = GraphWriter()
    quantised = _QuantisedWriter(writer)
    states, bias = add_embeddings(writer, weights, shape), add_mask_bias(writer)
    for number, layer in enumerate(weights.layers):
        smooth = {part: _compute_smoothing(largest[number, part], getattr(layer, part).weight) for part in _INPUTS}
        states = _add_layer(writer, quantised, states, bias, layer, folder, smooth)
    return writer.finish(states, shape.hidden)


def _compute_smoothing(activations: Floats, weight: Floats) -> Floats:
    import numpy as np

    widest = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    scale = np.sqrt(np.maximum(activations, 1e-5) / widest)
    smoothing: Floats = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
    return smoothing


def _add_layer(
    writer: GraphWriter,
    quantised: _QuantisedWriter,
    states: str,
    bias: str,
    layer: Layer,
    folder: ModelFolder,
    smooth: dict[str, Floats],
) -> str:
    import numpy as np

    shape = folder.architecture
    assert shape is not None  # noqa: S101  # there are weights
    # The attention's output is smoothed by scaling the values: one division less at run time.
    part = np.ones(3 * shape.hidden, np.float32)
    part[2 * shape.hidden :] = 1 / smooth["output"]
    qkv = Linear(layer.qkv.weight * part, layer.qkv.bias * part)
    mixed = add_attention(writer, quantised.linear(states, qkv, smooth["qkv"]), bias, shape)
    out = quantised.linear(mixed, layer.output, smooth["output"], divided=True)
    states = writer.add_layer_norm(writer.node("Add", out, states), layer.attention_norm, shape.epsilon)
    wide = add_activation(writer, quantised.linear(states, layer.up, smooth["up"]), shape.activation)
    down = quantised.linear(wide, layer.down, smooth["down"])
    return writer.add_layer_norm(writer.node("Add", down, states), layer.norm, shape.epsilon)


@dataclass(slots=True)
class _QuantisedWriter:
    """Adds linear layers that compute in integers."""

    writer: GraphWriter

    def linear(self, value: str, linear: Linear, smooth: Floats, *, divided: bool = False) -> str:
        """Add one. The input is (texts, width, inputs); `divided` says that it is divided by the smoothing already."""
        import numpy as np

        writer = self.writer
        inputs, outputs = linear.weight.shape
        rows = writer.node("Reshape", value, writer.integers(-1, inputs))
        if not divided:
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


def _open_with_activations(weights: Weights, folder: ModelFolder) -> tuple[Any, dict[tuple[int, str], str]]:
    """Open the fp32 graph with the inputs of its linear layers as outputs, and return the names of these by layer."""
    onnx, ort = require_extra("onnx", why="graphs of models"), import_runtime()
    assert folder.architecture is not None  # noqa: S101  # there are weights
    graph, pieces = build(weights, folder.architecture)
    model = onnx.ModelProto.FromString(graph)
    data = dict(pieces)
    constants = set()
    for tensor in model.graph.initializer:
        constants.add(tensor.name)
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            del tensor.external_data[:]
            tensor.data_location = onnx.TensorProto.DEFAULT
            tensor.raw_data = data[int(place["offset"])]
    linear = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in constants]
    places = {
        (number // len(_INPUTS), _INPUTS[number % len(_INPUTS)]): node.input[0] for number, node in enumerate(linear)
    }
    outputs = {output.name for output in model.graph.output}
    for name in set(places.values()) - outputs:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), places
