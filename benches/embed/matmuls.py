"""The upper bound: only the matrix products of the model, on all cores at once, in the same runtime."""

from __future__ import annotations

import threading
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

LAYERS, ROWS, RUNS = 6, 384, 30


def tokens_per_second(cores: int, wide: int = 384) -> float:
    """Return the tokens per second that the products of all layers allow, with one thread per core.

    Args:
        cores: the number of threads.
        wide: numbers in a token's state.
    """
    shapes = ((wide, 3 * wide), (wide, wide), (wide, 4 * wide), (4 * wide, wide))
    rng, nodes, constants, inputs, outputs = np.random.default_rng(1), [], [], [], []
    for layer in range(LAYERS):
        for number, (rows, columns) in enumerate(shapes):
            name = f"{layer}_{number}"
            weight = rng.standard_normal((rows, columns)).astype(np.float32)
            constants.append(numpy_helper.from_array(weight, f"w{name}"))
            nodes.append(helper.make_node("MatMul", [f"x{rows}", f"w{name}"], [f"y{name}"]))
            nodes.append(helper.make_node("ReduceMax", [f"y{name}"], [f"z{name}"], keepdims=0))
            outputs.append(helper.make_tensor_value_info(f"z{name}", TensorProto.FLOAT, []))
    feeds = {f"x{rows}": rng.standard_normal((ROWS, rows)).astype(np.float32) for rows in (wide, 4 * wide)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in feeds.items()]
    graph = helper.make_graph(nodes, "products", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run() -> None:
        for _ in range(RUNS):
            session.run(None, feeds)

    run()
    threads = [threading.Thread(target=run) for _ in range(cores)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return cores * RUNS * ROWS / (time.perf_counter() - begun)
