"""Builds an ONNX graph from a transformer's weights, of the operators that are fast on a CPU.

LayerNormalization, Gelu and MatMul + Add are each faster there than the operators that optimizers fuse them into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from ratatoskr.local.graph.attention import Attention
from ratatoskr.local.graph.weights import Layer, Linear, Norm, Weights
from ratatoskr.local.graph.writer import BuiltGraph, GraphWriter
from ratatoskr.local.store.architecture import Architecture

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["BuiltGraph", "GraphWriter", "LinearLayers", "PlainLinears", "build"]

VERSION: Final = 2
"""Part of a graph's key in the cache: a new version builds all graphs again."""


class LinearLayers(Protocol):
    """How the linear layers of a graph are computed."""

    def add(self, value: str, linear: Linear, number: int, part: str) -> str:
        """Add one and return the name of its output.

        Args:
            value: the name of its input.
            linear: its weights.
            number: the number of the layer of the transformer.
            part: `qkv`, `output`, `up` or `down`.
        """
        ...


class PlainLinears:
    """Linear layers in the floats of the graph."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer

    def add(self, value: str, linear: Linear, number: int, part: str) -> str:  # of the protocol
        """Add a MatMul and, if there is a bias, an Add."""
        return self._writer.add_linear(value, linear)


def add_embeddings(writer: GraphWriter, weights: Weights, shape: Architecture) -> str:
    """Add the normalised sum of word, position and type embeddings: (texts, width, hidden)."""
    states = writer.node("Gather", writer.constant(weights.words), "input_ids", axis=0)
    if weights.positions is not None:
        states = writer.node("Add", states, _add_positions(writer, weights.positions, shape))
    if weights.norm is not None:
        states = writer.add_layer_norm(states, weights.norm, shape.epsilon)
    return str(states if weights.projection is None else writer.add_linear(states, weights.projection))


def _add_positions(writer: GraphWriter, table: Floats, shape: Architecture) -> str:
    if not shape.counts_after_padding:
        width = writer.node("Shape", "input_ids", start=1, end=2)
        return str(writer.node("Slice", writer.constant(table), writer.integers(0), width, writer.integers(0)))
    # Positions start after the id of the padding token, and a padding token has its own id as position.
    real = writer.node("Not", writer.node("Equal", "input_ids", writer.integers(shape.pad)))
    real = writer.node("Cast", real, to=writer.onnx.TensorProto.INT64)
    counted = writer.node("Mul", writer.node("CumSum", real, writer.integer(1)), real)
    counted = writer.node("Add", counted, writer.integers(shape.pad))
    return str(writer.node("Gather", writer.constant(table), counted, axis=0))


def add_norm(writer: GraphWriter, value: str, norm: Norm | None, shape: Architecture) -> str:
    """Add the norm of a family; none is no norm."""
    if norm is None:
        return value
    if shape.family == "qwen3":
        return writer.add_rms_norm(value, norm.scale, shape.epsilon)
    return writer.add_layer_norm(value, norm, shape.epsilon)


def add_activation(writer: GraphWriter, value: str, activation: str) -> str:
    """Add the activation function."""
    if activation == "relu":
        return str(writer.node("Relu", value))
    if activation == "silu":
        return str(writer.node("Mul", value, writer.node("Sigmoid", value)))
    return str(writer.node("Gelu", value, approximate="none" if activation == "gelu" else "tanh"))


def _add_inner(writer: GraphWriter, wide: str, shape: Architecture) -> str:
    """Add what is between the two linear layers of the feed-forward part."""
    if not shape.is_gated:
        return add_activation(writer, wide, shape.activation)
    gate, value = writer.node("Split", wide, outputs=2, axis=-1, num_outputs=2)
    return str(writer.node("Mul", add_activation(writer, gate, shape.activation), value))


def _add_layer(
    writer: GraphWriter,
    linears: LinearLayers,
    states: str,
    attention: Attention,
    layer: Layer,
    number: int,
    shape: Architecture,
) -> str:
    first, second = layer.attention_norm, layer.norm
    inner = add_norm(writer, states, first, shape) if shape.norms_first else states
    mixed = attention.add(linears.add(inner, layer.qkv, number, "qkv"), layer, number)
    states = writer.node("Add", linears.add(mixed, layer.output, number, "output"), states)
    if not shape.norms_first:
        states = add_norm(writer, states, first, shape)
    inner = add_norm(writer, states, second, shape) if shape.norms_first else states
    wide = _add_inner(writer, linears.add(inner, layer.up, number, "up"), shape)
    states = writer.node("Add", linears.add(wide, layer.down, number, "down"), states)
    return states if shape.norms_first else add_norm(writer, states, second, shape)


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


def build(
    weights: Weights,
    shape: Architecture,
    *,
    half: bool = False,
    pooling: str | None = None,
    linears: Callable[[GraphWriter], LinearLayers] = PlainLinears,
) -> BuiltGraph:
    """Return a graph that takes `input_ids` and `attention_mask`.

    Its output is the last hidden state in float32, or with `pooling` the pooled vectors.

    Args:
        weights: the weights.
        shape: the sizes.
        half: whether it computes in float16, for GPUs.
        pooling: the pooling that the graph contains.
        linears: how linear layers are computed.
    """
    writer = GraphWriter(half=half)
    chosen = linears(writer)
    states, attention = add_embeddings(writer, weights, shape), Attention(writer, weights, shape)
    for number, layer in enumerate(weights.layers):
        states = _add_layer(writer, chosen, states, attention, layer, number, shape)
    states = add_norm(writer, states, weights.final_norm, shape)
    if half:
        states = writer.node("Cast", states, to=writer.onnx.TensorProto.FLOAT)
    if pooling is not None:
        return writer.finish(add_pooling(writer, states, pooling), shape.hidden, pooled=True)
    return writer.finish(states, shape.hidden)
