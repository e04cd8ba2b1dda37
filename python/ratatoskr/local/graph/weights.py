"""The weights of a transformer under one set of names for all families."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.store.folder import Architecture

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["Layer", "Linear", "Norm", "Weights", "read_weights"]


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weight + bias`; the weight is (inputs, outputs)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    """The parameters of a LayerNorm."""

    scale: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `qkv` yields queries (divided by the square root of a head's size), keys and values, concatenated."""

    qkv: Linear
    output: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    norm: Norm


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a transformer; the embedding of token type 0 is added to `positions`."""

    words: Floats
    positions: Floats
    norm: Norm
    layers: tuple[Layer, ...]


_BERT: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
_DISTILBERT: Final = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "norm": "output_layer_norm",
}
_PREFIXES: Final = ("", "bert.", "roberta.", "distilbert.", "model.")


def read_weights(tensors: Tensors, shape: Architecture) -> Weights:
    """Return the weights.

    Raises:
        ConfigurationError: a tensor is missing, or has another shape than config.json gives.
    """
    return _Reader(tensors, shape).read()


class _Reader:
    def __init__(self, tensors: Tensors, shape: Architecture) -> None:
        words = "embeddings.word_embeddings.weight"
        prefixes = [prefix for prefix in _PREFIXES if prefix + words in tensors.names()]
        if not prefixes:
            raise ConfigurationError(f"the weights have no {words}")
        self._tensors, self._shape, self._prefix = tensors, shape, prefixes[0]
        is_distilbert = shape.family == "distilbert"
        self._names = _DISTILBERT if is_distilbert else _BERT
        self._layers = "transformer.layer" if is_distilbert else "encoder.layer"

    def read(self) -> Weights:
        hidden = self._shape.hidden
        words = self._read_embedding("word")
        positions = self._read_embedding("position")
        if self._prefix + "embeddings.token_type_embeddings.weight" in self._tensors.names():
            positions = positions + self._read_embedding("token_type")[0]
        norm = self._read_norm("embeddings.LayerNorm", hidden)
        return Weights(words, positions, norm, tuple(self._read_layer(n) for n in range(self._shape.layers)))

    def _read_layer(self, number: int) -> Layer:
        import numpy as np

        shape = self._shape
        hidden, wide = shape.hidden, shape.intermediate
        place = {part: f"{self._layers}.{number}.{name}" for part, name in self._names.items()}
        query, key, value = (self._read_linear(place[part], hidden, hidden) for part in ("query", "key", "value"))
        scale = np.float32(1 / math.sqrt(hidden // shape.heads))
        return Layer(
            qkv=Linear(
                np.concatenate([query.weight * scale, key.weight, value.weight], axis=1),
                np.concatenate([query.bias * scale, key.bias, value.bias]),
            ),
            output=self._read_linear(place["output"], hidden, hidden),
            attention_norm=self._read_norm(place["attention_norm"], hidden),
            up=self._read_linear(place["up"], hidden, wide),
            down=self._read_linear(place["down"], wide, hidden),
            norm=self._read_norm(place["norm"], hidden),
        )

    def _read_embedding(self, kind: str) -> Floats:
        name = f"{self._prefix}embeddings.{kind}_embeddings.weight"
        return self._tensors.get(name, (self._tensors.count_rows(name), self._shape.hidden))

    def _read_linear(self, name: str, inputs: int, outputs: int) -> Linear:
        weight = self._tensors.get(f"{self._prefix}{name}.weight", (outputs, inputs))
        return Linear(weight.T, self._tensors.get(f"{self._prefix}{name}.bias", (outputs,)))

    def _read_norm(self, name: str, size: int) -> Norm:
        """Read a LayerNorm; in files converted from TensorFlow its parameters are called gamma and beta."""
        legacy = f"{self._prefix}{name}.gamma" in self._tensors.names()
        scale, bias = ("gamma", "beta") if legacy else ("weight", "bias")
        return Norm(*(self._tensors.get(f"{self._prefix}{name}.{part}", (size,)) for part in (scale, bias)))
