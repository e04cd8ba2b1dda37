"""Ready-made graphs: ONNX files beside a tokenizer, as others publish them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDE = 24


IDS, MASK, KINDS = "input_ids", "attention_mask", "token_type_ids"


def ready_made(
    folder: Path,
    upstream: Path,
    *,
    inputs: tuple[str, ...] = (IDS, MASK, KINDS),
    output: str = "last_hidden_state",
    rows: int = 4000,
    limit: int | None = 32,
    value: float | None = None,
    wide: int = WIDE,
    shape: tuple[str | int, str | int] = ("texts", "width"),
    integers: int = TensorProto.INT64,
) -> np.ndarray[Any, Any]:
    """Write a graph that looks words up, with `tokenizer.json` alone beside it, and return its table."""
    folder.mkdir()
    tokenizer = json.loads((upstream / "tokenizer.json").read_text())
    if limit is not None:
        tokenizer["truncation"] = {"direction": "Right", "max_length": limit, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    table = np.random.default_rng(3).standard_normal((rows, wide)).astype(np.float32)
    if value is not None:
        table[:] = value
    pooled = output in {"sentence_embedding", "logits"}
    nodes = [helper.make_node("Gather", ["table", "ids"], ["states" if pooled else output])]
    nodes.insert(0, helper.make_node("Cast", [inputs[0]], ["ids"], to=TensorProto.INT64))
    if pooled:
        nodes.append(helper.make_node("ReduceMean", ["states"], [output], axes=[1], keepdims=0))
    result = [shape[0], wide] if pooled else [*shape, wide]
    graph = helper.make_graph(
        nodes,
        "ready-made",
        [helper.make_tensor_value_info(name, integers, [*shape]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, result)],
        [numpy_helper.from_array(table, "table")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    return table
