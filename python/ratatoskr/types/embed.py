"""Embeddings: many as one array, or a single one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, TypeAlias, get_args, overload

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import dataclass, replace
from ratatoskr.types.pending import as_it_is, resolves_when_read
from ratatoskr.types.plain import Plain
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Cost, Usage
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

InputType: TypeAlias = Literal["document", "query"]
_UNKNOWN: Final = Usage()


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts to embed, and how.

    Attributes:
        texts: a list; for `embed_iter` any iterable.
        model: as the caller named it.
        input_type: `query` for what is searched with, `document` for what is searched.
        dimensions: of each vector; `None` for the model's own.
        truncate: whether texts that are too long are cut, and counted, or refused.
        prompt: put before each text in place of the model's own prompt for `input_type`.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    texts: Iterable[str]
    model: str
    input_type: InputType = "document"
    dimensions: int | None = None
    truncate: bool = True
    prompt: str | None = None
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        check_order(self.texts)
        if not isinstance(self.model, str) or not self.model.strip():
            raise InvalidInput(f"model must be the name of one embedding model, not {quote(self.model)}", field="model")
        if not isinstance(self.input_type, str) or self.input_type not in get_args(InputType):
            raise InvalidInput(
                f"input_type must be document or query, not {quote(self.input_type)}", field="input_type"
            )
        sizes = self.dimensions
        if sizes is not None and (isinstance(sizes, bool) or not isinstance(sizes, int) or sizes < 1):
            raise InvalidInput(f"dimensions must be a whole number above 0, not {quote(sizes)}", field="dimensions")
        if not isinstance(self.truncate, bool):
            raise InvalidInput(f"truncate must be True or False, not {quote(self.truncate)}", field="truncate")
        if self.prompt is not None and not isinstance(self.prompt, str):
            raise InvalidInput(f"prompt must be a str, not {type(self.prompt).__name__}", field="prompt")


def check_order(texts: object) -> None:
    """Check that an argument gives texts one after another, so that the vectors can be told apart by their places.

    Raises:
        InvalidInput: it is a single text, a mapping, whose keys would be embedded, a set, which has no order, or not
            iterable.
    """
    without_order = isinstance(texts, str | bytes | Mapping | set | frozenset)
    if without_order or not isinstance(texts, Iterable) or getattr(texts, "shape", None) == ():
        kind = type(texts).__name__
        raise InvalidInput(f"texts must be a sequence of str, not {kind}", field="texts")


class _Vectors(Plain):
    """Base of one embedding and many: `vectors` is a float32 array, everything else is plain data."""

    __slots__ = ()
    vectors: Any
    model: str
    _axes: ClassVar[int]

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.vectors.shape))
        named = f", model={quote(self.model)}" if self.model else ""
        return f"{type(self).__name__}({size} {self.vectors.dtype}{named})"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the floats travel as base64 of their little-endian bytes, beside the array's shape."""
        out = {name: value for name, value in self._rest().items() if name != "vectors"}
        import base64

        octets = self.vectors.astype("<f4", copy=False).tobytes()
        return {**out, "shape": list(self.vectors.shape), "vectors": base64.b64encode(octets).decode("ascii")}

    def _rest(self) -> dict[str, Any]:
        """Return the JSON form without vectors."""
        return Plain.to_dict(replace(self, vectors=()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the object that `to_dict` wrote.

        Raises:
            InvalidInput: the data is not of this class's shape.
        """
        import numpy as np

        from ratatoskr.types.codec import decoder_of

        if not isinstance(data, Mapping):
            raise InvalidInput(f"{cls.__name__} must be an object", field="vectors")
        octets = decoder_of(bytes)(data.get("vectors"), "vectors")
        shape = decoder_of(tuple[int, ...])(data.get("shape"), "shape")
        if len(shape) != cls._axes or min(shape) < 0 or math.prod(shape) * 4 != len(octets):
            raise InvalidInput(f"vectors have {len(octets)} bytes, and shape is {quote(shape)}", field="shape")
        vectors = np.frombuffer(octets, "<f4").astype(np.float32, copy=False).reshape(shape)
        rest = {name: value for name, value in data.items() if name not in {"vectors", "shape"}}
        return replace(super().from_dict({**rest, "vectors": []}), vectors=vectors)

    def with_attempts(self, attempts: tuple[Attempt, ...]) -> Self:
        """Return the same embeddings with the attempts of their call."""
        return replace(self, attempts=attempts)

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


@resolves_when_read("cost")
@dataclass(frozen=True, slots=True, eq=False)
class Embedding(_Vectors):
    """The embedding of one text.

    Attributes:
        vectors: float32, one axis; `vector` is the same.
        model: the model that made it.
        usage: tokens.
        truncated: whether the text was cut to the model's limit.
        provider: name of the provider.
        attempts: every attempt.
        warnings: notices for the caller.
        cost: what it cost, if that is known of this text alone.
    """

    type: ClassVar[Literal["embedding"]] = "embedding"
    _axes: ClassVar[int] = 1
    vectors: Any
    model: str = ""
    usage: Usage = Usage()
    truncated: bool = False
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()
    cost: Cost | None = None

    @property
    def vector(self) -> Floats:
        """The vector."""
        return self.vectors  # type: ignore[no-any-return]  # float32, as documented

    @property
    def dimensions(self) -> int:
        """The number of dimensions."""
        return int(self.vectors.shape[-1])

    def __len__(self) -> int:
        return self.dimensions


@resolves_when_read("cost")
@dataclass(frozen=True, slots=True, eq=False)
class Embeddings(_Vectors):
    """The embeddings of many texts in their order; `np.asarray` copies nothing, iteration gives `Embedding`s.

    Attributes:
        vectors: float32 array of (texts, dimensions).
        model: the model that made them.
        usage: tokens of all texts.
        truncated: the number of texts that were cut to the model's limit.
        provider: name of the provider.
        attempts: every attempt.
        warnings: notices for the caller.
        cut: indices of the texts that were cut, if known.
        cost: what they cost, if that is known.
    """

    type: ClassVar[Literal["embeddings"]] = "embeddings"
    _axes: ClassVar[int] = 2
    vectors: Any
    model: str = ""
    usage: Usage = Usage()
    truncated: int = 0
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()
    cut: tuple[int, ...] = ()
    cost: Cost | None = None

    @property
    def dimensions(self) -> int:
        """The number of dimensions of each vector."""
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
            cost=as_it_is(self, "cost"),
        )

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    @overload
    def __getitem__(self, index: int) -> Embedding: ...
    @overload
    def __getitem__(self, index: slice) -> Embeddings: ...
    def __getitem__(self, index: int | slice) -> Embedding | Embeddings:
        """Return one embedding, or those of a slice, which share the memory of all."""
        place = range(len(self))[index]
        if isinstance(place, range):
            known = frozenset(self.cut)
            cut = tuple(number for number, row in enumerate(place) if row in known)
            return Embeddings(self.vectors[index], self.model, truncated=len(cut), provider=self.provider, cut=cut)
        return Embedding(self.vectors[place], self.model, truncated=place in self.cut, provider=self.provider)

    def __iter__(self) -> Iterator[Embedding]:
        model, provider, usage, cut = self.model, self.provider, _UNKNOWN, frozenset(self.cut)
        if not cut:
            for vector in self.vectors:
                yield Embedding(vector, model, usage, False, provider)
            return
        for place, vector in enumerate(self.vectors):
            yield Embedding(vector, model, usage, place in cut, provider)
