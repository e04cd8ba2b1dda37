"""The weights of a transformer under one set of names for all families."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.names import IGNORED, LAYOUTS, PREFIXES, Layout
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.store.architecture import Architecture

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["Layer", "Linear", "Norm", "Weights", "read_weights"]


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weight + bias`; the weight is (inputs, outputs)."""

    weight: Floats
    bias: Floats | None


@dataclass(frozen=True, slots=True)
class Norm:
    """The parameters of a norm."""

    scale: Floats
    bias: Floats | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        qkv: yields queries (divided by the square root of a head's size), keys and values, concatenated.
        output: the linear layer after attention.
        attention_norm: the norm of the attention; `None` for none.
        up: the first linear layer of the feed-forward part; if that is gated, what the activation takes comes first.
        down: the second one.
        norm: the norm of the feed-forward part.
        query_norm: the norm of each head's queries, with the division.
        key_norm: the norm of each head's keys.
        position_keys: DeBERTa's keys of relative positions: (heads, size, positions).
        position_queries: DeBERTa's queries of relative positions.
    """

    qkv: Linear
    output: Linear
    attention_norm: Norm | None
    up: Linear
    down: Linear
    norm: Norm
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    position_keys: Floats | None = None
    position_queries: Floats | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a transformer.

    Attributes:
        words: the embeddings of words; that of token type 0 is added to them, where there are no positions.
        positions: the embeddings of positions, with that of token type 0; `None` for other kinds of positions.
        norm: the norm of embeddings.
        layers: the layers.
        projection: from the size of embeddings to that of hidden states.
        final_norm: the norm after the last layer.
        relative_bias: MPNet's bias of each bucket of relative positions: (buckets, heads).
    """

    words: Floats
    positions: Floats | None
    norm: Norm | None
    layers: tuple[Layer, ...]
    projection: Linear | None = None
    final_norm: Norm | None = None
    relative_bias: Floats | None = None


def read_weights(tensors: Tensors, shape: Architecture) -> Weights:
    """Return the weights.

    Raises:
        ConfigurationError: a tensor is missing, has another shape than config.json gives, or is one that the family
            does not have.
    """
    layouts = LAYOUTS[shape.family]
    for layout in layouts:
        prefixes = [prefix for prefix in PREFIXES if f"{prefix}{layout.words}.weight" in tensors.names()]
        if prefixes and (layout is layouts[-1] or prefixes[0] + layout.sample in tensors.names()):
            return _Reader(tensors, shape, layout, prefixes[0]).read()
    raise ConfigurationError(f"the weights have no {layouts[0].words}.weight")


class _Reader:
    def __init__(self, tensors: Tensors, shape: Architecture, layout: Layout, prefix: str) -> None:
        self._tensors, self._shape, self._layout, self._prefix = tensors, shape, layout, prefix
        self._read: set[str] = set()

    def read(self) -> Weights:
        shape, layout = self._shape, self._layout
        words = self._read_table(layout.words)
        positions = self._read_table(layout.positions) if self._has(layout.positions) else None
        if self._has(layout.types):
            kind = self._read_table(layout.types)[0]
            words, positions = (words + kind, None) if positions is None else (words, positions + kind)
        projection = None
        if shape.embedding != shape.hidden:
            projection = self._read_linear(layout.projection, shape.embedding, shape.hidden)
            if shape.family == "deberta-v2":  # the norm is after the projection, which has no bias
                words = words @ projection.weight
                positions = None if positions is None else positions @ projection.weight
                projection = None
        size = shape.embedding if projection is not None else shape.hidden
        relative = self._read_relative_embeddings() if shape.relative else None
        weights = Weights(
            words=words,
            positions=positions,
            norm=self._read_norm(layout.norm, size) if layout.norm else None,
            layers=tuple(self._read_layer(number, relative) for number in range(shape.layers)),
            projection=projection,
            final_norm=self._read_norm(layout.final_norm, shape.hidden) if layout.final_norm else None,
            relative_bias=self._get(f"{layout.bias}.weight", (shape.buckets, shape.heads)) if layout.bias else None,
        )
        self._check_rest()
        return weights

    def _check_rest(self) -> None:
        """Refuse tensors of a layer that were not read: the model then computes something else."""
        if self._layout.is_open:
            return
        places = tuple(f"{self._prefix}{self._layout.layers}.{number}." for number in range(self._shape.layers))
        rest = {name for name in self._tensors.names() - self._read if name.startswith(places)}
        unknown = sorted(name for name in rest if not name.endswith(IGNORED))
        if unknown:
            raise ConfigurationError(f"the tensor {unknown[0]:.120} is none of the family {self._shape.family}")

    def _read_layer(self, number: int, relative: Floats | None) -> Layer:
        shape = self._shape
        hidden, wide = shape.hidden, shape.intermediate
        place = {part: f"{self._layout.layers}.{number}.{name}" for part, name in self._layout.parts.items()}
        query, key, value = self._read_qkv(place)
        query_norm, key_norm = (
            self._read_norm(place[part], shape.head_size) if part in place else None
            for part in ("query_norm", "key_norm")
        )
        factor = 1 / math.sqrt(shape.head_size * (1 + len(shape.relative)))
        position_keys, position_queries = self._read_relative(place, relative, query, key, factor)
        if query_norm is not None:  # the norm would undo the division
            query_norm = Norm(query_norm.scale * _float(factor), None)
        else:
            query = _scale(query, factor)
        first = place.get("attention_norm")
        is_first = number == 0 and shape.family == "modernbert"
        return Layer(
            qkv=_join(query, key, value),
            output=self._read_linear(place["output"], shape.heads * shape.head_size, hidden),
            attention_norm=None if first is None or is_first else self._read_norm(first, hidden),
            up=self._read_up(place),
            down=self._read_linear(place["down"], wide, hidden),
            norm=self._read_norm(place["norm"], hidden),
            query_norm=query_norm,
            key_norm=key_norm,
            position_keys=position_keys,
            position_queries=position_queries,
        )

    def _read_qkv(self, place: Mapping[str, str]) -> tuple[Linear, Linear, Linear]:
        shape = self._shape
        sizes = [count * shape.head_size for count in (shape.heads, shape.key_heads, shape.key_heads)]
        if "qkv" in place:
            one, two, three = _cut(self._read_linear(place["qkv"], shape.hidden, sum(sizes)), sizes)
        else:
            one, two, three = (
                self._read_linear(place[part], shape.hidden, size)
                for part, size in zip(("query", "key", "value"), sizes, strict=True)
            )
        return one, two, three

    def _read_up(self, place: Mapping[str, str]) -> Linear:
        hidden, wide = self._shape.hidden, self._shape.intermediate
        if "gate" in place:
            return _join(*(self._read_linear(place[part], hidden, wide) for part in ("gate", "up")))
        if "up_gate" in place:
            up, gate = _cut(self._read_linear(place["up_gate"], hidden, 2 * wide), [wide, wide])
            return _join(gate, up)
        return self._read_linear(place["up"], hidden, 2 * wide if self._shape.is_gated else wide)

    # DeBERTa's relative positions

    def _read_relative_embeddings(self) -> Floats:
        """Return the normalised embeddings of relative positions: (positions, hidden)."""
        shape = self._shape
        span = shape.buckets or shape.span
        table = self._get("encoder.rel_embeddings.weight", (2 * span, shape.hidden))
        if not shape.norms_relative:
            return table
        norm = self._read_norm("encoder.LayerNorm", shape.hidden)
        centred = table - table.mean(axis=1, keepdims=True)
        root = (centred * centred).mean(axis=1, keepdims=True) + _float(shape.epsilon)
        made: Floats = centred / root ** _float(0.5) * norm.scale + (0 if norm.bias is None else norm.bias)
        return made

    def _read_relative(
        self, place: Mapping[str, str], table: Floats | None, query: Linear, key: Linear, factor: float
    ) -> tuple[Floats | None, Floats | None]:
        """Return the keys and the queries of relative positions, which are the same for every text."""
        shape = self._shape
        found: list[Floats | None] = []
        for kind, part, own in (("c2p", "position_key", key), ("p2c", "position_query", query)):
            if table is None or kind not in shape.relative:
                found.append(None)
                continue
            linear = own if shape.shares_key else self._read_linear(place[part], shape.hidden, shape.hidden)
            rows = table @ linear.weight + (0 if linear.bias is None else linear.bias)
            if kind == "p2c":  # contents as queries are divided already
                rows = rows * _float(factor)
            found.append(rows.reshape(len(rows), shape.heads, shape.head_size).transpose(1, 2, 0))
        return found[0], found[1]

    # Tensors

    def _has(self, name: str) -> bool:
        return bool(name) and f"{self._prefix}{name}.weight" in self._tensors.names()

    def _get(self, name: str, sizes: tuple[int, ...]) -> Floats:
        self._read.add(self._prefix + name)
        return self._tensors.get(self._prefix + name, sizes)

    def _read_table(self, name: str) -> Floats:
        rows = self._tensors.count_rows(f"{self._prefix}{name}.weight")
        return self._get(f"{name}.weight", (rows, self._shape.embedding))

    def _read_linear(self, name: str, inputs: int, outputs: int) -> Linear:
        weight = self._get(f"{name}.weight", (outputs, inputs)).T
        has_bias = not name.endswith(self._layout.without_bias)
        return Linear(weight, self._get(f"{name}.bias", (outputs,)) if has_bias else None)

    def _read_norm(self, name: str, size: int) -> Norm:
        """Read a norm; in files converted from TensorFlow its parameters are called gamma and beta."""
        if name.endswith(self._layout.without_bias):
            return Norm(self._get(f"{name}.weight", (size,)), None)
        legacy = f"{self._prefix}{name}.gamma" in self._tensors.names()
        scale, bias = ("gamma", "beta") if legacy else ("weight", "bias")
        return Norm(*(self._get(f"{name}.{part}", (size,)) for part in (scale, bias)))


def _float(value: float) -> Floats:
    import numpy as np

    return np.asarray(value, np.float32)


def _scale(linear: Linear, factor: float) -> Linear:
    scale = _float(factor)
    return Linear(linear.weight * scale, None if linear.bias is None else linear.bias * scale)


def _join(*linears: Linear) -> Linear:
    """Return one linear layer that yields the outputs of several, concatenated."""
    import numpy as np

    biases = [linear.bias for linear in linears if linear.bias is not None]
    weight = np.concatenate([linear.weight for linear in linears], axis=1)
    return Linear(weight, np.concatenate(biases) if biases else None)


def _cut(linear: Linear, sizes: list[int]) -> list[Linear]:
    """Return linear layers that yield parts of one's outputs."""
    found, start = [], 0
    for size in sizes:
        end = start + size
        found.append(Linear(linear.weight[:, start:end], None if linear.bias is None else linear.bias[start:end]))
        start = end
    return found
