"""The upper bound: the matrix products of a cross-encoder alone, on all cores at once, in the same runtime.

They are those of the linear layers, and of attention for every head: queries by keys, and shares by values, at the
lengths of the texts, without padding. A call of the bound has the texts that a call of the package has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from analysis.graph import Shape


class Products:
    """The products of a model of a shape, in a session of one thread a call."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        hidden, random = shape.hidden, np.random.default_rng(1)
        axes = {"x": ["rows", hidden], "wide": ["rows", 4 * hidden]}
        axes |= {name: ["items", shape.heads, "a", "b"] for name in ("queries", "keys", "shares", "values")}
        nodes, weights, outputs = [], [], []

        def multiply(name: str, first: str, second: str, rank: int) -> None:
            ends = numpy_helper.from_array(np.ones(rank, np.int64), f"ends {name}")
            starts = numpy_helper.from_array(np.zeros(rank, np.int64), f"starts {name}")
            weights.extend((starts, ends))
            nodes.append(helper.make_node("MatMul", [first, second], [f"product {name}"]))
            # One number of each product is given back, so that none is left out.
            nodes.append(helper.make_node("Slice", [f"product {name}", starts.name, ends.name], [f"one {name}"]))
            outputs.append(helper.make_tensor_value_info(f"one {name}", TensorProto.FLOAT, [1] * rank))

        for layer in range(shape.layers):
            for number, (rows, columns) in enumerate([(1, 1)] * 4 + [(1, 4), (4, 1)]):
                weight = random.standard_normal((rows * hidden, columns * hidden)).astype(np.float32)
                weights.append(numpy_helper.from_array(weight, f"weight {layer} {number}"))
                multiply(f"{layer} {number}", "x" if rows == 1 else "wide", weights[-1].name, 2)
            multiply(f"{layer} scores", "queries", "keys", 4)
            multiply(f"{layer} mixed", "shares", "values", 4)
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in axes.items()]
        for put in inputs[2:]:  # each has sizes of its own
            for axis, place in zip(put.type.tensor_type.shape.dim[2:], "ab", strict=True):
                axis.dim_param = f"{put.name} {place}"
        graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        self._session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self._numbers = random.standard_normal(1 << 23).astype(np.float32)

    def seconds(self, calls: Sequence[Sequence[int]], cores: int) -> tuple[float, float]:
        """Return how long the products of these calls take, by a clock and in seconds of CPU.

        Each call is given by the lengths of its texts.
        """
        feeds = [self._feeds(lengths) for lengths in calls]
        self._session.run(None, feeds[0])
        waiting = iter(feeds)
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    found = next(waiting, None)
                if found is None:
                    return
                self._session.run(None, found)

        threads = [threading.Thread(target=work) for _ in range(cores)]
        begun, cpu = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - begun, time.process_time() - cpu

    def _feeds(self, lengths: Sequence[int]) -> dict[str, Any]:
        """Return the inputs of a call; the texts of a call are of like length, so that all have their mean."""
        items, hidden, heads = len(lengths), self._shape.hidden, self._shape.heads
        rows, width, size = sum(lengths), round(sum(lengths) / len(lengths)), hidden // heads
        shapes = {
            "x": (rows, hidden),
            "wide": (rows, 4 * hidden),
            "queries": (items, heads, width, size),
            "keys": (items, heads, size, width),
            "shares": (items, heads, width, width),
            "values": (items, heads, width, size),
        }
        return {name: self._numbers[: int(np.prod(shape))].reshape(shape) for name, shape in shapes.items()}
