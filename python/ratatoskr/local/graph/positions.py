"""Tables of positions: the angles of rotary ones, and the buckets of relative ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.local.store.architecture import Architecture, Rotary

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.embed import Floats

    Integers = np.ndarray[Any, Any]

__all__ = ["bucket_deberta", "bucket_mpnet", "compute_rotary"]

_FARTHEST: Final = 128
"""The distance from which on MPNet's positions share the last bucket."""


def compute_rotary(rotary: Rotary, size: int, positions: int) -> tuple[Floats, Floats]:
    """Return the cosines and sines of the angles by which the halves of a head are turned: (positions, size / 2).

    NTK scaling lengthens the waves as Alibaba-NLP/new-impl does (as in vLLM's NTKScalingRotaryEmbedding, read in
    November 2026).
    """
    import numpy as np

    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    speeds = np.float32(1) / np.float32(rotary.base * rotary.factor) ** exponents
    if rotary.factor != 1:
        speeds = speeds / np.float32(rotary.factor ** (2 / size))
    angles = np.arange(positions, dtype=np.float32)[:, None] * speeds.astype(np.float32)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def bucket_mpnet(distances: Integers, buckets: int) -> Integers:
    """Return the bucket of each distance (of a key after a query), half of them for each side."""
    import numpy as np

    side = buckets // 2
    exact = side // 2
    far = np.abs(distances)
    large = np.log(np.maximum(far, 1).astype(np.float32) / np.float32(exact)) / np.float32(math.log(_FARTHEST / exact))
    large = np.minimum(exact + (large * np.float32(side - exact)).astype(np.int64), side - 1)
    return np.asarray(np.where(far < exact, far, large) + np.where(distances > 0, side, 0), np.int64)


def bucket_deberta(distances: Integers, shape: Architecture) -> Integers:
    """Return the place in the table of relative positions of each distance (of a query after a key)."""
    import numpy as np

    span, places = shape.buckets or shape.span, distances
    if shape.buckets:
        middle = shape.buckets // 2
        far = np.where(np.abs(distances) < middle, middle - 1, np.abs(distances)).astype(np.float32)
        scale = np.log(np.float32((shape.span - 1) / middle))
        steps = np.ceil(np.log(far / np.float32(middle)) / scale * np.float32(middle - 1)).astype(np.int64) + middle
        places = np.where(far <= middle, distances, steps * np.sign(distances))
    return np.asarray(np.clip(places + span, 0, 2 * span - 1), np.int64)
