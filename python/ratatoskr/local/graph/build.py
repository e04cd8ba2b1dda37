"""Builds an ONNX graph from a transformer's weights, of the operators that are fast on a CPU.

LayerNormalization, Gelu and MatMul + Add are each faster there than the operators that optimizers fuse them into. The
weights are in a file beside the graph, which ONNX Runtime maps instead of copying. `onnx` is used only to build
graphs, never to read a file from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.local.graph.weights import Layer, Linear, Norm, Weights
from ratatoskr.local.store.folder import Architecture

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BuiltGraph", "GraphWriter", "build"]

VERSION: Final = 1
"""Part of a graph's key in the cache: a new version builds all graphs again."""
OPSET: Final = 20
_WEIGHTS_FILE: Final = "weights.bin"
_ALIGNMENT: Final = 4096
_MAX_INLINE: Final = 1024
"""Bytes from which on a constant is written into the weights' file."""
_IR_VERSION: Final = 9

BuiltGraph = tuple[bytes, list[tuple[int, bytes]]]
"""A graph, and the pieces of its weights' file with their offsets."""


class GraphWriter:
    """Collects a graph's nodes and constants. Each method adds something and returns the name of its output.

    Args:
        half: whether weights and activations are float16, for GPUs.
    """

    def __init__(self, *, half: bool = False) -> None:
        self.onnx = require_extra("onnx", why="graphs of models")
        self.half = half
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._pieces: list[tuple[int, bytes]] = []
        self._end = 0
        self._names = 0

    def node(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Add a node and return the name of its output, or a list of names."""
        self._names += 1
        names = [f"{operator.lower()}_{self._names}_{i}" for i in range(outputs)]
        helper = self.onnx.helper
        self._nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array: np.ndarray[Any, Any], *, exact: bool = False) -> str:
        """Add a constant; large ones go into the weights' file. With `half`, floats become float16 unless `exact`."""
        import numpy as np

        self._names += 1
        name = f"constant_{self._names}"
        if self.half and array.dtype == np.float32 and not exact:
            array = array.astype(np.float16)
        array = np.ascontiguousarray(array)
        if array.nbytes < _MAX_INLINE:
            self._constants.append(self.onnx.numpy_helper.from_array(array, name))
            return name
        helper, proto = self.onnx.helper, self.onnx.TensorProto
        tensor = proto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        tensor.data_location = proto.EXTERNAL
        for key, value in (("location", _WEIGHTS_FILE), ("offset", str(self._end)), ("length", str(array.nbytes))):
            tensor.external_data.add(key=key, value=value)
        self._constants.append(tensor)
        self._pieces.append((self._end, array.tobytes()))
        self._end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        return name

    def integers(self, *values: int) -> str:
        """Add a constant of int64."""
        import numpy as np

        return self.constant(np.array(values, np.int64))

    def add_layer_norm(self, value: str, norm: Norm, epsilon: float) -> str:
        """Add a LayerNormalization."""
        scale, bias = self.constant(norm.scale), self.constant(norm.bias)
        return str(self.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=epsilon))

    def add_linear(self, value: str, linear: Linear) -> str:
        """Add a MatMul and an Add."""
        return str(
            self.node("Add", self.node("MatMul", value, self.constant(linear.weight)), self.constant(linear.bias))
        )

    def finish(self, output: str, hidden: int, *, pooled: bool = False) -> BuiltGraph:
        """Return the graph and its weights. A `pooled` output has one row for each text, otherwise for each token."""
        onnx = self.onnx
        helper, proto = onnx.helper, onnx.TensorProto
        inputs = [
            helper.make_tensor_value_info(name, proto.INT64, ["texts", "width"])
            for name in ("input_ids", "attention_mask")
        ]
        shape = ["texts", hidden] if pooled else ["texts", "width", hidden]
        outputs = [helper.make_tensor_value_info(output, proto.FLOAT, shape)]
        graph = helper.make_graph(self._nodes, "transformer", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ratatoskr")
        return model.SerializeToString(deterministic=True), self._pieces


def add_embeddings(writer: GraphWriter, weights: Weights, shape: Architecture) -> str:
    """Add the normalised sum of word, position and type embeddings: (texts, width, hidden)."""
    import numpy as np

    words = writer.node("Gather", writer.constant(weights.words), "input_ids", axis=0)
    if shape.family == "roberta":
        # Positions start after the id of the padding token, and a padding token has its own id as position.
        real = writer.node("Not", writer.node("Equal", "input_ids", writer.integers(shape.pad)))
        real = writer.node("Cast", real, to=writer.onnx.TensorProto.INT64)
        counted = writer.node("Mul", writer.node("CumSum", real, writer.constant(np.array(1, np.int64))), real)
        counted = writer.node("Add", counted, writer.integers(shape.pad))
        places = writer.node("Gather", writer.constant(weights.positions), counted, axis=0)
    else:
        width = writer.node("Shape", "input_ids", start=1, end=2)
        places = writer.node("Slice", writer.constant(weights.positions), writer.integers(0), width, writer.integers(0))
    return writer.add_layer_norm(writer.node("Add", words, places), weights.norm, shape.epsilon)


def add_mask_bias(writer: GraphWriter) -> str:
    """Add the bias of the attention scores, 0 for a token and the least float for padding: (texts, 1, 1, width)."""
    import numpy as np

    least = np.finfo(np.float16 if writer.half else np.float32).min
    kind = writer.onnx.TensorProto.FLOAT16 if writer.half else writer.onnx.TensorProto.FLOAT
    mask = writer.node("Unsqueeze", "attention_mask", writer.integers(1, 2))
    padding = writer.node("Cast", writer.node("Equal", mask, writer.integers(0)), to=kind)
    dtype = np.float16 if writer.half else np.float32
    return str(writer.node("Mul", padding, writer.constant(np.array(least, dtype))))


def add_attention(writer: GraphWriter, qkv: str, bias: str, shape: Architecture) -> str:
    """Add the attention over concatenated queries, keys and values: (texts, width, hidden)."""
    heads, size = shape.heads, shape.hidden // shape.heads
    split = writer.node("Reshape", qkv, writer.integers(0, 0, 3 * heads, size))
    query, key, value = writer.node("Split", split, outputs=3, axis=2, num_outputs=3)
    query = writer.node("Transpose", query, perm=[0, 2, 1, 3])
    key = writer.node("Transpose", key, perm=[0, 2, 3, 1])
    value = writer.node("Transpose", value, perm=[0, 2, 1, 3])
    scores = writer.node("Add", writer.node("MatMul", query, key), bias)
    mixed = writer.node("MatMul", writer.node("Softmax", scores, axis=-1), value)
    mixed = writer.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return str(writer.node("Reshape", mixed, writer.integers(0, 0, shape.hidden)))


def add_activation(writer: GraphWriter, value: str, activation: str) -> str:
    """Add the activation function."""
    if activation == "relu":
        return str(writer.node("Relu", value))
    return str(writer.node("Gelu", value, approximate="none" if activation == "gelu" else "tanh"))


def _add_layer(writer: GraphWriter, states: str, bias: str, layer: Layer, shape: Architecture) -> str:
    mixed = add_attention(writer, writer.add_linear(states, layer.qkv), bias, shape)
    states = writer.node("Add", writer.add_linear(mixed, layer.output), states)
    states = writer.add_layer_norm(states, layer.attention_norm, shape.epsilon)
    wide = add_activation(writer, writer.add_linear(states, layer.up), shape.activation)
    return writer.add_layer_norm(
        writer.node("Add", writer.add_linear(wide, layer.down), states), layer.norm, shape.epsilon
    )


def add_pooling(writer: GraphWriter, states: str, pooling: str) -> str:
    """Add the pooling of float32 states over the tokens of each text: (texts, hidden).

    On a CPU pooling is done outside of the graph. A GPU would have to transfer the states of every token for that.
    """
    import numpy as np

    integers, float32 = writer.integers, writer.onnx.TensorProto.FLOAT
    counts = writer.node("ReduceSum", "attention_mask", integers(1), keepdims=1)
    if pooling == "cls":
        return str(writer.node("Squeeze", writer.node("Gather", states, integers(0), axis=1), integers(1)))
    if pooling == "last":
        return str(writer.node("GatherND", states, writer.node("Sub", counts, integers(1)), batch_dims=1))
    if pooling == "max":
        real = writer.node("Cast", "attention_mask", to=writer.onnx.TensorProto.BOOL)
        real = writer.node("Unsqueeze", real, integers(2))
        least = writer.constant(np.array(-np.inf, np.float32), exact=True)
        return str(writer.node("ReduceMax", writer.node("Where", real, states, least), integers(1), keepdims=0))
    mask = writer.node("Unsqueeze", writer.node("Cast", "attention_mask", to=float32), integers(1))
    sums = writer.node("Squeeze", writer.node("MatMul", mask, states), integers(1))
    divisor = writer.node("Cast", counts, to=float32)
    return str(writer.node("Div", sums, divisor if pooling == "mean" else writer.node("Sqrt", divisor)))


def build(weights: Weights, shape: Architecture, *, half: bool = False, pooling: str | None = None) -> BuiltGraph:
    """Return a graph that takes `input_ids` and `attention_mask`.

    Its output is the last hidden state in float32, or with `pooling` the pooled vectors.
    """
    writer = GraphWriter(half=half)
    states, bias = add_embeddings(writer, weights, shape), add_mask_bias(writer)
    for layer in weights.layers:
        states = _add_layer(writer, states, bias, layer, shape)
    if half:
        states = writer.node("Cast", states, to=writer.onnx.TensorProto.FLOAT)
    if pooling is not None:
        return writer.finish(add_pooling(writer, states, pooling), shape.hidden, pooled=True)
    return writer.finish(states, shape.hidden)
