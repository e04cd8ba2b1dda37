"""A cross-encoder of BERT's shape with random weights, as the ONNX file that an export of torch would be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PLACES = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a model, and its labels."""

    layers: int
    hidden: int
    heads: int
    labels: tuple[str, ...]


class _Graph:
    """Nodes and weights, one after another."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def weight(self, *shape: int, scale: float | None = None) -> str:
        """Add a random weight and return its name."""
        scale = shape[0] ** -0.5 if scale is None else scale
        return self.constant((self._random.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, value: np.ndarray[Any, Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [name], **attributes))
        return name

    def dense(self, states: str, rows: int, columns: int) -> str:
        return self.add("Add", self.add("MatMul", states, self.weight(rows, columns)), self.weight(columns, scale=0.02))

    def norm(self, states: str, width: int) -> str:
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        return self.add("LayerNormalization", states, self.constant(ones), self.constant(zeros), epsilon=1e-12)


def write_model(folder: Path, shape: Shape, tokenizer: dict[str, Any], vocabulary: int) -> Path:
    """Write `model.onnx`, `tokenizer.json` and `config.json`, and return the folder."""
    folder.mkdir(parents=True)
    graph, hidden = _Graph(shape.hidden), shape.hidden
    places = graph.constant(np.arange(PLACES)[None])
    zero, one = graph.constant(np.array([0])), graph.constant(np.array([1]))
    width = graph.add("Slice", graph.add("Shape", INPUTS[0]), one, graph.constant(np.array([2])))
    here = graph.add("Slice", places, zero, width, one)
    words = graph.add("Gather", graph.weight(vocabulary, hidden, scale=0.5), INPUTS[0])
    kinds = graph.add("Gather", graph.weight(2, hidden, scale=0.5), INPUTS[2])
    placed = graph.add("Gather", graph.weight(PLACES, hidden, scale=0.5), here)
    states = graph.norm(graph.add("Add", graph.add("Add", words, kinds), placed), hidden)
    seen = graph.add("Cast", graph.add("Unsqueeze", INPUTS[1], graph.constant(np.array([1, 2]))), to=TensorProto.FLOAT)
    unseen = graph.add("Sub", graph.constant(np.array(1, np.float32)), seen)
    mask = graph.add("Mul", unseen, graph.constant(np.array(-10000, np.float32)))
    for _ in range(shape.layers):
        states = _layer(graph, states, mask, shape)
    first = graph.add("Gather", states, graph.constant(np.array(0)), axis=1)
    pooled = graph.add("Tanh", graph.dense(first, hidden, hidden))
    graph.add(
        "Add",
        graph.add("MatMul", pooled, graph.weight(hidden, len(shape.labels))),
        graph.constant(np.zeros(len(shape.labels), np.float32)),
        name="logits",
    )
    made = helper.make_graph(
        graph.nodes,
        "cross-encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["items", "width"]) for name in INPUTS],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["items", len(shape.labels)])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "model.onnx")
    config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "pad_token_id": 0}
    config |= {"max_position_embeddings": PLACES, "id2label": dict(enumerate(shape.labels))}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def _layer(graph: _Graph, states: str, mask: str, shape: Shape) -> str:
    hidden, heads = shape.hidden, shape.heads
    split = graph.constant(np.array([0, 0, heads, hidden // heads]))
    parts = []
    for place in range(3):
        part = graph.add("Reshape", graph.dense(states, hidden, hidden), split)
        parts.append(graph.add("Transpose", part, perm=[0, 2, 3, 1] if place == 1 else [0, 2, 1, 3]))
    scores = graph.add("MatMul", parts[0], parts[1])
    scores = graph.add("Div", scores, graph.constant(np.array((hidden // heads) ** 0.5, np.float32)))
    shares = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", shares, parts[2]), perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.constant(np.array([0, 0, hidden])))
    states = graph.norm(graph.add("Add", graph.dense(mixed, hidden, hidden), states), hidden)
    inner = graph.dense(states, hidden, 4 * hidden)
    root = graph.add("Div", inner, graph.constant(np.array(2**0.5, np.float32)))
    grown = graph.add("Add", graph.add("Erf", root), graph.constant(np.array(1, np.float32)))
    active = graph.add("Mul", graph.add("Mul", inner, grown), graph.constant(np.array(0.5, np.float32)))
    return graph.norm(graph.add("Add", graph.dense(active, 4 * hidden, hidden), states), hidden)
