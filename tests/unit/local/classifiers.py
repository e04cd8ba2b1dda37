"""Small classifiers with random weights as ONNX files, and their logits computed with numpy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratatoskr._core import Tokenizer
from unit.local.stand_ins import _word_tokenizer

IDS, MASK, KINDS = "input_ids", "attention_mask", "token_type_ids"
LABELS = {"0": "contradiction", "1": "entailment", "2": "neutral"}
WIDE, LIMIT = 16, 64


class Classifier:
    """A model's weights: embeddings of tokens, segments and places, their masked mean, and two layers."""

    def __init__(self, seed: int, labels: int) -> None:
        self.tokenizer_json, vocabulary = _word_tokenizer()
        random = np.random.default_rng(seed)

        def weights(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
            return random.standard_normal(shape).astype(np.float32)

        self.table, self.kinds, self.places = weights(vocabulary, WIDE), weights(2, WIDE), weights(LIMIT * 4, WIDE)
        self.inner, self.outer = weights(WIDE, WIDE), weights(WIDE, labels) * 2
        self.tokenizer = Tokenizer(json.dumps(self.tokenizer_json).encode())

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text without special tokens."""
        return [int(one) for one in self.tokenizer.encode([text], 100_000).ids(0)][1:-1]

    def pair(self, first: str, second: str, *, limit: int = LIMIT, keep: bool) -> tuple[list[int], list[int]]:
        """Return the ids and segments of `[CLS] first [SEP] second [SEP]`, cut to a limit."""
        a, b = self.ids(first), self.ids(second)
        while len(a) + len(b) + 3 > limit:
            (a if keep or len(a) >= len(b) else b).pop()
        return [2, *a, 3, *b, 3], [0] * (len(a) + 2) + [1] * (len(b) + 1)

    def text(self, text: str, *, limit: int = LIMIT) -> tuple[list[int], list[int]]:
        """Return the ids and segments of `[CLS] text [SEP]`, cut to a limit."""
        ids = [2, *self.ids(text)[: limit - 2], 3]
        return ids, [0] * len(ids)

    def logits(self, ids: Sequence[int], kinds: Sequence[int] | None) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the logits of one item."""
        states = self.table[list(ids)].astype(np.float64) + self.places[: len(ids)]
        if kinds is not None:
            states = states + self.kinds[list(kinds)]
        return np.tanh(states.mean(axis=0) @ self.inner) @ self.outer

    def write(
        self,
        folder: Path,
        *,
        config: dict[str, Any] | None = None,
        inputs: Sequence[str] = (IDS, MASK, KINDS),
        integers: int = TensorProto.INT64,
        shape: tuple[str | int, str | int] = ("items", "width"),
        output: str = "logits",
    ) -> Path:
        """Write `model.onnx`, `tokenizer.json` and `config.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(self.tokenizer_json))
        if config is None:
            config = {"id2label": LABELS}
        config = {"model_type": "bert", "max_position_embeddings": LIMIT, "pad_token_id": 0, **config}
        config.setdefault("architectures", ["BertForSequenceClassification"])
        (folder / "config.json").write_text(json.dumps(config))
        onnx.save(self._graph(inputs, integers, shape, output), folder / "model.onnx")
        return folder

    def _graph(self, inputs: Sequence[str], integers: int, shape: Any, output: str) -> onnx.ModelProto:
        make = helper.make_node
        int64 = TensorProto.INT64
        nodes = [
            make("Cast", [IDS], ["ids"], to=int64),
            make("Gather", ["table", "ids"], ["words"]),
            make("Shape", ["ids"], ["sizes"]),
            make("Gather", ["sizes", "one"], ["width"]),
            make("Range", ["zero", "width", "one"], ["range"]),
            make("Gather", ["places", "range"], ["placed"]),
            make("Add", ["words", "placed"], ["sum"]),
        ]
        states = "sum"
        if KINDS in inputs:
            nodes += [
                make("Cast", [KINDS], ["segments"], to=int64),
                make("Gather", ["kinds", "segments"], ["segment states"]),
                make("Add", ["sum", "segment states"], ["states"]),
            ]
            states = "states"
        nodes += [
            make("Cast", [MASK], ["mask"], to=TensorProto.FLOAT),
            make("Unsqueeze", ["mask", "last"], ["mask 3"]),
            make("Mul", [states, "mask 3"], ["masked"]),
            make("ReduceSum", ["masked", "axis"], ["total"], keepdims=0),
            make("ReduceSum", ["mask", "axis"], ["count"], keepdims=1),
            make("Div", ["total", "count"], ["mean"]),
            make("MatMul", ["mean", "inner"], ["hidden"]),
            make("Tanh", ["hidden"], ["active"]),
            make("MatMul", ["active", "outer"], [output]),
        ]
        scalars = {"zero": np.array(0), "one": np.array(1), "last": np.array([2]), "axis": np.array([1])}
        tensors = {"table": self.table, "places": self.places, "inner": self.inner, "outer": self.outer, **scalars}
        if KINDS in inputs:
            tensors["kinds"] = self.kinds
        graph = helper.make_graph(
            nodes,
            "classifier",
            [helper.make_tensor_value_info(name, integers, [*shape]) for name in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], self.outer.shape[1]])],
            [numpy_helper.from_array(value, name) for name, value in tensors.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the softmax of the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-logits))
