"""Columns of results: their values in JSON, and their types in Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["Column", "ScoresColumn", "ValueColumn", "ValueKind", "VectorColumn", "shorten_floats"]

ValueKind: TypeAlias = Literal["text", "number", "count", "ids"]

_TYPES: Final[dict[ValueKind, tuple[str, bool]]] = {
    "text": ("string", False),
    "number": ("float64", False),
    "count": ("int64", False),
    "ids": ("uint32", True),
}
"""The type in Parquet, and whether a value is a list of it."""


class Column(Protocol):
    """The values of a window."""

    @property
    def name(self) -> str:
        """Its name in the output."""
        ...

    def __len__(self) -> int: ...

    def head(self, rows: int) -> Column:
        """Return its first values."""
        ...

    def json_values(self) -> Iterator[bytes]:
        """Yield each value as JSON."""
        ...

    def array(self, pa: Any) -> Any:
        """Return the values as an array of pyarrow, whose type is the same for every window."""
        ...


@dataclass(frozen=True, slots=True)
class VectorColumn:
    """Vectors of float32, in Parquet as a list of fixed size."""

    name: str
    vectors: Floats

    def __len__(self) -> int:
        return len(self.vectors)

    def head(self, rows: int) -> VectorColumn:
        """Return its first values."""
        return VectorColumn(self.name, self.vectors[:rows])

    def json_values(self) -> Iterator[bytes]:
        """Yield each vector with short numbers."""
        for numbers in shorten_floats(self.vectors):
            yield msgspec.json.encode(numbers.tolist())

    def array(self, pa: Any) -> Any:
        """Return the vectors as lists."""
        return pa.FixedSizeListArray.from_arrays(pa.array(self.vectors.reshape(-1)), self.vectors.shape[1])


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """Texts, numbers, counts or lists of ids."""

    name: str
    kind: ValueKind
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.values)

    def head(self, rows: int) -> ValueColumn:
        """Return its first values."""
        return ValueColumn(self.name, self.kind, self.values[:rows])

    def json_values(self) -> Iterator[bytes]:
        """Yield each value."""
        return map(msgspec.json.encode, self.values)

    def array(self, pa: Any) -> Any:
        """Return the values with the type of the kind."""
        name, is_list = _TYPES[self.kind]
        kind = getattr(pa, name)()
        return pa.array(self.values, pa.list_(kind) if is_list else kind)


@dataclass(frozen=True, slots=True)
class ScoresColumn:
    """Scores by label: in JSON the best label first, in Parquet a struct in the order of `labels`."""

    name: str
    labels: tuple[str, ...]
    values: Sequence[Mapping[str, float]]

    def __len__(self) -> int:
        return len(self.values)

    def head(self, rows: int) -> ScoresColumn:
        """Return its first values."""
        return ScoresColumn(self.name, self.labels, self.values[:rows])

    def json_values(self) -> Iterator[bytes]:
        """Yield each object."""
        return (msgspec.json.encode(dict(scores)) for scores in self.values)

    def array(self, pa: Any) -> Any:
        """Return the structs."""
        kind = pa.struct([(label, pa.float64()) for label in self.labels])
        return pa.array([dict(scores) for scores in self.values], kind)


def shorten_floats(vectors: Floats) -> Any:
    """Return float64 numbers whose shortest decimal form is about nine digits and gives the same float32 again.

    A float32 widened to float64 would be written with all seventeen digits.
    """
    import numpy as np

    wide = vectors.astype(np.float64)
    size = np.abs(wide, where=wide != 0, out=np.ones_like(wide))
    # A quotient of an integer below 2**53 and a power of ten below 10**23 is rounded once, so it is the float64 that is
    # nearest to the decimal number.
    scale = 10.0 ** np.clip(8 - np.floor(np.log10(size)), 0, 22)
    short = np.round(wide * scale) / scale
    return np.where(short.astype(np.float32) == vectors, short, wide)
