"""From hidden states to vectors, where the extension does not do it: rare poolings, and the modules after the pooling.

The modules are computed here and not in the graph, so that they are the same for all precisions, devices and ready-made
graphs, and in float32: they see one vector for each text, which costs next to nothing beside the transformer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.store.modules import Dense, LayerNorm, Normalise, Step
from ratatoskr.local.store.read import read_regular_file

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["load_steps", "pool_states"]

_MAX_WEIGHTS: Final = 2**31
_LEAST_LENGTH: Final = 1e-12
"""The length by which shorter vectors are divided, as in torch's `normalize`."""
_NORM_EPSILON: Final = 1e-5
"""The epsilon of torch's `LayerNorm`."""

_Function: TypeAlias = "Callable[[Floats], Floats]"


def pool_states(states: Floats, lengths: Sequence[int], poolings: Sequence[str], skipped: int = 0) -> Floats:
    """Return the pooled states of each text: (texts, dimensions); the vectors of several poolings are concatenated.

    Args:
        states: the states of tokens: (texts, width, hidden).
        lengths: the number of tokens of each text.
        poolings: names of the poolings.
        skipped: the number of tokens at the start of each text that are not pooled: those of a prompt.
    """
    import numpy as np

    places = np.arange(states.shape[1])
    ends = np.asarray(lengths)[:, None]
    mask = (places < ends) & (places >= np.minimum(skipped, ends - 1))
    parts = [_POOLINGS[pooling](states, mask) for pooling in poolings]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _sum_weighted(states: Floats, weights: Any) -> Floats:
    import numpy as np

    return np.matmul(weights[:, None, :].astype(np.float32), states)[:, 0, :]  # type: ignore[no-any-return]


def _pool_mean(states: Floats, mask: Any) -> Floats:
    return _sum_weighted(states, mask) / mask.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _pool_mean_sqrt_len(states: Floats, mask: Any) -> Floats:
    return _sum_weighted(states, mask) / mask.sum(axis=1, keepdims=True) ** 0.5  # type: ignore[no-any-return]


def _pool_weightedmean(states: Floats, mask: Any) -> Floats:
    """Weight each token with its place in the text, counted from 1; a prompt that is left out keeps its places."""
    import numpy as np

    weights = mask * np.arange(1, mask.shape[1] + 1)
    return _sum_weighted(states, weights) / weights.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _pool_max(states: Floats, mask: Any) -> Floats:
    import numpy as np

    return np.where(mask[:, :, None], states, -np.inf).max(axis=1)  # type: ignore[no-any-return]


def _pool_cls(states: Floats, mask: Any) -> Floats:
    return states[range(len(states)), mask.argmax(axis=1)]


def _pool_last(states: Floats, mask: Any) -> Floats:
    return states[range(len(states)), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]


_POOLINGS: Final[Mapping[str, Callable[[Floats, Any], Floats]]] = {
    "cls": _pool_cls,
    "max": _pool_max,
    "mean": _pool_mean,
    "mean_sqrt_len": _pool_mean_sqrt_len,
    "weightedmean": _pool_weightedmean,
    "last": _pool_last,
}


def load_steps(steps: Sequence[Step]) -> list[_Function]:
    """Return a function for each step; reads their weights.

    Raises:
        ConfigurationError: a file of weights is not what the module's config.json says.
    """
    return [_load_step(step) for step in steps]


def _load_step(step: Step) -> _Function:
    match step:
        case Normalise():
            return _normalise
        case LayerNorm():
            tensors = _read_tensors(step.weights)
            scale, shift = (tensors.get(f"norm.{part}", (step.size,)) for part in ("weight", "bias"))
            return lambda vectors: _standardise(vectors) * scale + shift
        case Dense():
            return _load_dense(step)


def _load_dense(step: Dense) -> _Function:
    tensors = _read_tensors(step.weights)
    weight = tensors.get("linear.weight", (step.outputs, step.inputs)).T
    bias = tensors.get("linear.bias", (step.outputs,)) if step.bias else None
    projects = step.residual and step.inputs != step.outputs
    projection = tensors.get("residual.weight", (step.outputs, step.inputs)).T if projects else None
    activate = _ACTIVATIONS[step.activation]

    def apply(vectors: Floats) -> Floats:
        out = vectors @ weight
        out = activate(out if bias is None else out + bias)
        if step.residual:
            out = out + (vectors if projection is None else vectors @ projection)
        return out

    return apply


def _read_tensors(path: Path) -> Tensors:
    return Tensors(path, read_regular_file(path, _MAX_WEIGHTS))


def _normalise(vectors: Floats) -> Floats:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, _LEAST_LENGTH)  # type: ignore[no-any-return]


def _standardise(vectors: Floats) -> Floats:
    import numpy as np

    centred = vectors - vectors.mean(axis=1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + _NORM_EPSILON)  # type: ignore[no-any-return]


def _tanh(values: Floats) -> Floats:
    import numpy as np

    return np.tanh(values)


def _relu(values: Floats) -> Floats:
    import numpy as np

    return np.maximum(values, 0)


def _gelu(values: Floats) -> Floats:
    import numpy as np

    erf = np.frompyfunc(math.erf, 1, 1)(values / math.sqrt(2))
    return (values * (1 + erf) / 2).astype(np.float32)  # type: ignore[no-any-return]


def _sigmoid(values: Floats) -> Floats:
    import numpy as np

    return np.asarray((1 + np.tanh(values / 2)) / 2, np.float32)  # the exponential would overflow


_ACTIVATIONS: Final[Mapping[str, _Function]] = {
    "Identity": lambda values: values,
    "Tanh": _tanh,
    "ReLU": _relu,
    "GELU": _gelu,
    "Sigmoid": _sigmoid,
    "SiLU": lambda values: values * _sigmoid(values),
}
