"""The attention of a graph: plain, with rotary or relative positions, within windows, causal, or with shared keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratatoskr.local.graph.positions import bucket_deberta, bucket_mpnet, compute_rotary
from ratatoskr.local.graph.weights import Layer, Weights
from ratatoskr.local.graph.writer import GraphWriter
from ratatoskr.local.store.architecture import Architecture, Rotary

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Attention"]


class Attention:
    """The attention of all layers. What they share, as masks and tables of positions, is in the graph once.

    Args:
        writer: collects the graph.
        weights: the weights.
        shape: the sizes.
    """

    def __init__(self, writer: GraphWriter, weights: Weights, shape: Architecture) -> None:
        self._writer, self._shape = writer, shape
        self._biases: dict[int, str] = {}
        self._rotary: dict[Rotary, tuple[str, str]] = {}
        self._shared: dict[str, str] = {}
        self._relative_bias = weights.relative_bias

    def add(self, qkv: str, layer: Layer, number: int) -> str:
        """Add the attention over concatenated queries, keys and values: (texts, width, hidden)."""
        writer, shape = self._writer, self._shape
        heads, keys, size = shape.heads, shape.key_heads, shape.head_size
        split = writer.node("Reshape", qkv, writer.integers(0, 0, heads + 2 * keys, size))
        if shape.rotary or layer.query_norm is not None:
            both, value = self._split(split, [heads + keys, keys])
            query, key = self._split(self._turn(both, layer, number), [heads, keys])
        else:
            query, key, value = writer.node("Split", split, outputs=3, axis=2, num_outputs=3)
        query, value = (writer.node("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
        key = writer.node("Transpose", key, perm=[0, 2, 3, 1])
        scores = self._add_scores(query, key, layer)
        window = shape.windows[number] if shape.windows else 0
        weights = writer.node("Softmax", writer.node("Add", scores, self._find_bias(window)), axis=-1)
        mixed = writer.node("MatMul", self._group(weights), value)
        if heads != keys:
            mixed = writer.node("Reshape", mixed, writer.integers(0, heads, -1, size))
        mixed = writer.node("Transpose", mixed, perm=[0, 2, 1, 3])
        return str(writer.node("Reshape", mixed, writer.integers(0, 0, heads * size)))

    # Scores

    def _add_scores(self, query: str, key: str, layer: Layer) -> str:
        """Add the products of queries and keys: (texts, heads, width, width)."""
        writer, shape = self._writer, self._shape
        scores = writer.node("MatMul", self._group(query), key)
        if shape.heads != shape.key_heads:
            scores = writer.node("Reshape", scores, self._share("scores"))
        if layer.position_keys is not None:
            scores = writer.node("Add", scores, self._shift(query, layer.position_keys, "entries"))
        if layer.position_queries is not None:
            turned = writer.node("Transpose", key, perm=[0, 1, 3, 2])
            shifted = self._shift(turned, layer.position_queries, "entries_back")
            scores = writer.node("Add", scores, writer.node("Transpose", shifted, perm=[0, 1, 3, 2]))
        return str(scores)

    def _group(self, value: str) -> str:
        """Put the heads that share keys one below the other: (texts, key heads, heads each * width, ...)."""
        shape, writer = self._shape, self._writer
        if shape.heads == shape.key_heads:
            return value
        last = writer.node("Shape", value, start=3, end=4)
        target = writer.node("Concat", writer.integers(0, shape.key_heads, -1), last, axis=0)
        return str(writer.node("Reshape", value, target))

    def _split(self, value: str, sizes: list[int]) -> list[str]:
        names: list[str] = self._writer.node("Split", value, self._writer.integers(*sizes), outputs=len(sizes), axis=2)
        return names

    # Rotary positions, and the norms of heads

    def _turn(self, both: str, layer: Layer, number: int) -> str:
        """Add the norms and the rotation of queries and keys: (texts, width, heads, size)."""
        import numpy as np

        writer, shape = self._writer, self._shape
        if layer.query_norm is not None and layer.key_norm is not None:
            rows = [layer.query_norm.scale] * shape.heads + [layer.key_norm.scale] * shape.key_heads
            both = writer.add_rms_norm(both, np.stack(rows), shape.epsilon)
        cosine, sine = self._find_rotary(shape.rotary[number])
        first, second = writer.node("Split", both, outputs=2, axis=-1, num_outputs=2)
        left = writer.node("Sub", writer.node("Mul", first, cosine), writer.node("Mul", second, sine))
        right = writer.node("Add", writer.node("Mul", second, cosine), writer.node("Mul", first, sine))
        return str(writer.node("Concat", left, right, axis=-1))

    def _find_rotary(self, rotary: Rotary) -> tuple[str, str]:
        """Return the cosines and sines of as many positions as a batch has: (width, 1, half of a head)."""
        if rotary not in self._rotary:
            writer, shape = self._writer, self._shape
            tables = compute_rotary(rotary, shape.head_size, shape.positions)
            cosine, sine = (
                writer.node("Unsqueeze", self._cut(writer.constant(table)), writer.integers(1)) for table in tables
            )
            self._rotary[rotary] = cosine, sine
        return self._rotary[rotary]

    def _cut(self, table: str) -> str:
        """Return as many rows of a table as a batch is wide."""
        writer = self._writer
        return str(writer.node("Slice", table, writer.integers(0), self._share("width"), writer.integers(0)))

    # Masks and relative positions

    def _find_bias(self, window: int) -> str:
        """Return what is added to scores: 0 for a token that is seen, and a large negative number for others."""
        if window not in self._biases:
            bias = self._add_limits(window) if window or self._shape.is_causal else self._add_padding()
            if self._relative_bias is not None:
                bias = self._writer.node("Add", self._add_relative_bias(self._relative_bias), bias)
            self._biases[window] = bias
        return self._biases[window]

    @property
    def _least(self) -> float:
        """Half of the least float: with scores added it is still none below the least."""
        import numpy as np

        return float(np.finfo(np.float16 if self._writer.half else np.float32).min) / 2

    def _add_padding(self) -> str:
        """Add the bias that hides padding: (texts, 1, 1, width)."""
        writer = self._writer
        padding = writer.node("Equal", self._share("mask"), writer.integers(0))
        return str(writer.node("Mul", writer.node("Cast", padding, to=writer.float_type), writer.number(self._least)))

    def _add_limits(self, window: int) -> str:
        """Add the bias that hides padding and what is out of the window, or to come: (texts, 1, width, width)."""
        writer, distance = self._writer, self._share("distance")
        if window:
            seen = writer.node("LessOrEqual", writer.node("Abs", distance), writer.integer(window))
        else:
            seen = writer.node("LessOrEqual", distance, writer.integer(0))
        seen = writer.node("And", seen, writer.node("Greater", self._share("mask"), writer.integers(0)))
        return str(writer.node("Where", seen, writer.number(0.0), writer.number(self._least)))

    def _add_relative_bias(self, table: np.ndarray[Any, Any]) -> str:
        """Add MPNet's bias of each distance: (1, heads, width, width)."""
        import numpy as np

        writer, shape = self._writer, self._shape
        distances = np.arange(1 - shape.positions, shape.positions)
        values = np.ascontiguousarray(table[bucket_mpnet(distances, shape.buckets)].T)  # (heads, distances)
        place = writer.node("Add", self._share("distance"), writer.integer(shape.positions - 1))
        bias = writer.node("Gather", writer.constant(values), place, axis=1)
        return str(writer.node("Unsqueeze", bias, writer.integers(0)))

    def _shift(self, value: str, table: np.ndarray[Any, Any], entries: str) -> str:
        """Add the products of queries, or keys, with the table of relative positions: (texts, heads, width, width).

        In row i and column j is the product of row i with the table's entry for the distance of i and j. The table is
        taken by distances first; the rows of products are then shifted against one another by reshaping.
        """
        import numpy as np

        writer = self._writer
        taken = writer.node("Gather", writer.constant(np.ascontiguousarray(table)), self._share(entries), axis=2)
        products = writer.node("MatMul", value, taken)  # (texts, heads, width, 2 * width - 1)
        wider = writer.node("Pad", products, writer.integers(0, 0, 0, 0, 0, 0, 0, 1))
        flat = writer.node("Reshape", wider, writer.integers(0, 0, -1))
        axis = writer.integers(2)
        flat = writer.node("Slice", flat, self._share("before"), self._share("after"), axis)
        rows = writer.node("Reshape", flat, self._share("rows"))
        return str(writer.node("Slice", rows, writer.integers(0), self._share("width"), writer.integers(3)))

    # Values that are in the graph once

    def _share(self, name: str) -> str:
        if name not in self._shared:
            self._shared[name] = getattr(self, f"_make_{name}")()
        return self._shared[name]

    def _make_width(self) -> str:
        return str(self._writer.node("Shape", "input_ids", start=1, end=2))

    def _make_mask(self) -> str:
        return str(self._writer.node("Unsqueeze", "attention_mask", self._writer.integers(1, 2)))

    def _make_distance(self) -> str:
        """Return how far column j is after row i: (width, width)."""
        writer = self._writer
        width = writer.node("Squeeze", self._share("width"))
        places = writer.node("Range", writer.integer(0), width, writer.integer(1))
        columns, rows = (writer.node("Unsqueeze", places, writer.integers(axis)) for axis in (0, 1))
        return str(writer.node("Sub", columns, rows))

    def _make_scores(self) -> str:
        """Return the target of (texts, heads, width, width)."""
        writer = self._writer
        width = self._share("width")
        return str(writer.node("Concat", writer.integers(0, self._shape.heads), width, width, axis=0))

    def _make_entries(self) -> str:
        """Return the places in the table of relative positions for how far a row is after a column."""
        return self._add_entries(1)

    def _make_entries_back(self) -> str:
        """Return those for how far a row is before a column."""
        return self._add_entries(-1)

    def _add_entries(self, sign: int) -> str:
        """Add the places of all distances in a batch, from that of the last row and the first column on."""
        import numpy as np

        writer, positions = self._writer, self._shape.positions
        distances = sign * np.arange(positions - 1, -positions, -1)
        places = writer.constant(bucket_deberta(distances, self._shape))
        first = writer.node("Sub", writer.integers(positions), self._share("width"))
        end = writer.node("Add", writer.integers(positions - 1), self._share("width"))
        return str(writer.node("Slice", places, first, end, writer.integers(0)))

    def _make_before(self) -> str:
        return str(self._writer.node("Sub", self._share("width"), self._writer.integers(1)))

    def _make_after(self) -> str:
        """Return the end of the slice that `_shift` takes: width - 1 + width * (2 * width - 1)."""
        writer, width = self._writer, self._share("width")
        square = writer.node("Mul", writer.node("Mul", width, width), writer.integers(2))
        return str(writer.node("Sub", square, writer.integers(1)))

    def _make_rows(self) -> str:
        """Return the target of (texts, heads, width, 2 * width - 1)."""
        writer, width = self._writer, self._share("width")
        wide = writer.node("Sub", writer.node("Mul", width, writer.integers(2)), writer.integers(1))
        return str(writer.node("Concat", writer.integers(0, 0), width, wide, axis=0))
