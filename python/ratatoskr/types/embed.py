"""Vectors: many as one array, or one alone."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, cast, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.codec import Plain
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

InputType: TypeAlias = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts to embed, and how: what a gateway hands down, and what a fake sees.

    Attributes:
        texts: a list, but for `embed_iter` whatever the caller gave.
        model: as the caller named it.
        input_type: `query` for what is searched with, `document` for what is searched.
        dimensions: numbers of a vector; `None` for what the model has.
        truncate: whether texts that are too long are cut, and counted, or refused.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is none of these.
    """

    texts: Iterable[str]
    model: str
    input_type: InputType = "document"
    dimensions: int | None = None
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.texts, str | bytes) or not isinstance(self.texts, Iterable):
            kind = type(self.texts).__name__
            raise InvalidInput(f"texts must be a sequence of str, not {kind}", field="texts")
        if not isinstance(self.model, str) or not self.model.strip():
            raise InvalidInput(f"model must be the name of one embedding model, not {self.model!r:.80}", field="model")
        if self.input_type not in get_args(InputType):
            raise InvalidInput(f"input_type must be document or query, not {self.input_type!r}", field="input_type")
        sizes = self.dimensions
        if sizes is not None and (isinstance(sizes, bool) or not isinstance(sizes, int) or sizes < 1):
            raise InvalidInput(f"dimensions must be a whole number above 0, not {sizes!r}", field="dimensions")
        if not isinstance(self.truncate, bool):
            raise InvalidInput(f"truncate must be True or False, not {self.truncate!r}", field="truncate")


class _Vectors(Plain):
    """What one vector and many have in common: `vectors` is a float32 array and all else is plain data."""

    __slots__ = ()
    vectors: Any

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the floats travel as base64 of their little-endian bytes, beside the array's shape."""
        out = {name: value for name, value in self._rest().items() if name != "vectors"}
        octets = self.vectors.astype("<f4", copy=False).tobytes()
        return {**out, "shape": list(self.vectors.shape), "vectors": base64.b64encode(octets).decode("ascii")}

    def _rest(self) -> dict[str, Any]:
        """Return the JSON form with no vectors in it."""
        return Plain.to_dict(dataclasses.replace(cast("Any", self), vectors=()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the object again from `to_dict`'s result.

        Raises:
            InvalidInput: the data is not of this class's shape.
        """
        import numpy as np

        try:
            octets = base64.b64decode(data["vectors"], validate=True)
            vectors = np.frombuffer(octets, "<f4").astype(np.float32, copy=False).reshape(tuple(data["shape"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"vectors: {error}", field="vectors") from None
        rest = {name: value for name, value in data.items() if name not in {"vectors", "shape"}}
        made = super().from_dict({**rest, "vectors": []})
        object.__setattr__(made, "vectors", vectors)
        return made

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        import numpy as np

        return self._rest() == other._rest() and np.array_equal(self.vectors, other.vectors)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return the array itself; a copy only where another type or a copy is asked for."""
        if dtype is None or dtype == self.vectors.dtype:
            return self.vectors.copy() if copy else self.vectors
        if copy is False:
            raise ValueError("another type needs a copy")
        return self.vectors.astype(dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(_Vectors):
    """One text's vector.

    Attributes:
        vectors: float32, one axis; `vector` is the same.
        model: who made it.
        usage: tokens.
        truncated: whether the text was cut to what the model takes.
    """

    type: ClassVar[Literal["embedding"]] = "embedding"
    vectors: Any
    model: str = ""
    usage: Usage = Usage()
    truncated: bool = False
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()

    @property
    def vector(self) -> Floats:
        """The vector."""
        return self.vectors  # type: ignore[no-any-return]  # float32, as documented

    @property
    def dimensions(self) -> int:
        """How many numbers the vector has."""
        return int(self.vectors.shape[-1])

    def __len__(self) -> int:
        return self.dimensions


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings(_Vectors):
    """Vectors of many texts in their order; `np.asarray(embeddings)` costs nothing, iteration gives `Embedding`s.

    Attributes:
        vectors: float32 array of (texts, dimensions).
        model: who made them.
        usage: tokens of all texts.
        truncated: how many texts were cut to what the model takes.
        provider: who answered.
        attempts: every try.
        warnings: what a caller should know.
        cut: places of the texts that were cut, where told.
    """

    type: ClassVar[Literal["embeddings"]] = "embeddings"
    vectors: Any
    model: str = ""
    usage: Usage = Usage()
    truncated: int = 0
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()
    cut: tuple[int, ...] = ()

    @property
    def dimensions(self) -> int:
        """How many numbers each vector has."""
        return int(self.vectors.shape[-1])

    def single(self) -> Embedding:
        """Return the first vector with all that is known of the call, for a call of one text."""
        return Embedding(
            self.vectors[0],
            self.model,
            self.usage,
            truncated=self.truncated > 0,
            provider=self.provider,
            attempts=self.attempts,
            warnings=self.warnings,
        )

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    def __getitem__(self, index: int) -> Embedding:
        place = range(len(self))[index]
        return Embedding(self.vectors[place], self.model, truncated=place in self.cut, provider=self.provider)

    def __iter__(self) -> Iterator[Embedding]:
        cut = frozenset(self.cut)
        for place, vector in enumerate(self.vectors):
            yield Embedding(vector, self.model, truncated=place in cut, provider=self.provider)
