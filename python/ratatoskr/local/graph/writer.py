"""`GraphWriter`: collects the nodes and constants of an ONNX graph.

The weights are in a file beside the graph, which ONNX Runtime maps instead of copying. `onnx` is used only to build
graphs, never to read a file from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.local.graph.weights import Linear, Norm

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.embed import Floats

__all__ = ["BuiltGraph", "GraphWriter"]

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

    def integer(self, value: int) -> str:
        """Add a constant of int64 without axes."""
        import numpy as np

        return self.constant(np.array(value, np.int64))

    def number(self, value: float, *, exact: bool = False) -> str:
        """Add a constant of the type of the activations, or of float32."""
        import numpy as np

        return self.constant(np.array(value, np.float32), exact=exact)

    @property
    def float_type(self) -> int:
        """The type of the activations."""
        kinds = self.onnx.TensorProto
        return int(kinds.FLOAT16 if self.half else kinds.FLOAT)

    def add_layer_norm(self, value: str, norm: Norm, epsilon: float) -> str:
        """Add a LayerNormalization, with a bias or without."""
        constants = [self.constant(norm.scale)] + ([] if norm.bias is None else [self.constant(norm.bias)])
        return str(self.node("LayerNormalization", value, *constants, axis=-1, epsilon=epsilon))

    def add_rms_norm(self, value: str, scale: Floats, epsilon: float) -> str:
        """Add the division by the root of the mean of squares, over the last axis, and the scale.

        It is computed in float32: squares of large activations are beyond float16.
        """
        exact = self.node("Cast", value, to=self.onnx.TensorProto.FLOAT) if self.half else value
        square = self.node("ReduceMean", self.node("Mul", exact, exact), self.integers(-1), keepdims=1)
        root = self.node("Sqrt", self.node("Add", square, self.number(epsilon, exact=True)))
        normal = self.node("Div", exact, root)
        if self.half:
            normal = self.node("Cast", normal, to=self.float_type)
        return str(self.node("Mul", normal, self.constant(scale)))

    def add_linear(self, value: str, linear: Linear) -> str:
        """Add a MatMul and, if there is a bias, an Add."""
        product = self.node("MatMul", value, self.constant(linear.weight))
        return str(product if linear.bias is None else self.node("Add", product, self.constant(linear.bias)))

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
