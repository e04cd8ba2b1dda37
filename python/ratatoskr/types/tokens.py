"""Tokens: how many a model makes of a text or a conversation, and where each of them lies in the text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.plain import Plain
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr.types.chat import ChatRequest

    Offsets: TypeAlias = np.ndarray[Any, np.dtype[np.uint32]]

CountMethod: TypeAlias = Literal["auto", "local", "provider"]
_METHODS: Final = get_args(CountMethod)
CountKind: TypeAlias = Literal["exact", "provider", "estimate"]

__all__ = [
    "ContextLeft",
    "CountKind",
    "CountMethod",
    "CountRequest",
    "TokenCount",
    "TokenSpan",
    "Tokenization",
    "Tokenizations",
    "TokenizeRequest",
]


def check_model(model: object) -> None:
    """Raise `InvalidInput` unless `model` is the name of one model."""
    if not isinstance(model, str) or not model.strip():
        raise InvalidInput(f"model must be the name of one model, not {quote(model)}", field="model")
    if model.strip().endswith(":"):
        raise InvalidInput(f"{quote(model)} names a provider and no model", field="model")


def check_texts(texts: object) -> None:
    """Raise `InvalidInput` unless `texts` is a sequence of texts, not a single one."""
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Sequence):
        raise InvalidInput(f"texts must be a sequence of str, not {type(texts).__name__}", field="texts")


@dataclass(frozen=True, slots=True)
class CountRequest:
    """What to count, and how.

    Attributes:
        model: as the caller named it.
        text: a text alone, without the tokens that a conversation adds; `None` if there is a conversation.
        chat: a whole conversation with its tools.
        method: `auto` counts in this process, `local` only by the model's own tokenizer, `provider` asks the provider.
        timeouts: deadlines of a request to the provider.

    Raises:
        InvalidInput: a value is not one of these.
    """

    model: str
    text: str | None = None
    chat: ChatRequest | None = None
    method: CountMethod = "auto"
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        check_model(self.model)
        if (self.text is None) == (self.chat is None):
            raise InvalidInput("a count needs either a text or a conversation", field="input")
        if self.text is not None and not isinstance(self.text, str):
            raise InvalidInput(f"input must be a str or messages, not {type(self.text).__name__}", field="input")
        if not isinstance(self.method, str) or self.method not in _METHODS:
            raise InvalidInput(
                f"method must be auto, local or provider, not {quote(self.method)}",
                field="method",
            )


@dataclass(frozen=True, slots=True)
class TokenizeRequest:
    """Texts to tokenise.

    Attributes:
        texts: in order.
        model: as the caller named it, or the name of a tokenizer.

    Raises:
        InvalidInput: a value is not one of these.
    """

    texts: Sequence[str]
    model: str

    def __post_init__(self) -> None:
        check_model(self.model)
        check_texts(self.texts)


@dataclass(frozen=True, slots=True)
class TokenCount(Plain):
    """The number of tokens that a model makes of an input, and how far that number can be trusted.

    Attributes:
        tokens: the number.
        kind: `exact` for the model's own tokenizer, `provider` for the provider's answer, otherwise `estimate`.
        error_band: how far the true number may be from `tokens`, as a fraction of it; 0 unless it is an estimate.
        model: whose tokens they are.
        tokenizer: what counted: the name of a tokenizer, or of the estimate's family.
        provider: the provider that was asked, if one was.
        warnings: what the provider's count leaves out.
        attempts: the requests that were made.
    """

    type: ClassVar[Literal["token_count"]] = "token_count"
    tokens: int
    kind: CountKind
    error_band: float = 0.0
    model: str = ""
    tokenizer: str | None = None
    provider: str | None = None
    warnings: tuple[Notice, ...] = ()
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)

    @property
    def low(self) -> int:
        """The least number that the error band holds."""
        return max(0, math.floor(self.tokens * (1 - self.error_band)))

    @property
    def high(self) -> int:
        """The greatest number that the error band holds."""
        return math.ceil(self.tokens * (1 + self.error_band))


@dataclass(frozen=True, slots=True)
class ContextLeft(Plain):
    """What is left of a model's context after a conversation.

    Attributes:
        max_input_tokens: the size of the context.
        count: the tokens of the conversation.
    """

    type: ClassVar[Literal["context_left"]] = "context_left"
    max_input_tokens: int
    count: TokenCount

    @property
    def tokens(self) -> int:
        """The number of tokens that are left; a negative one is that of the tokens that are too many."""
        return self.max_input_tokens - self.count.tokens

    @property
    def least(self) -> int:
        """The number that is left if the count is as far too low as its error band allows."""
        return self.max_input_tokens - self.count.high


@dataclass(frozen=True, slots=True)
class TokenSpan(Plain):
    r"""One token of a text.

    Attributes:
        id: its number in the vocabulary.
        text: the slice `text[start:end]`; two tokens that share the bytes of one character have the same slice.
        piece: its entry in the vocabulary; bytes that are not UTF-8 are written as `\xf0`.
        start: its first character.
        end: the character after its last.
        byte_start: its first byte in the UTF-8 form of the text.
        byte_end: the byte after its last.
    """

    type: ClassVar[Literal["token"]] = "token"
    id: int
    text: str
    piece: str
    start: int
    end: int
    byte_start: int
    byte_end: int


class Tokenizations:
    """The tokens of many texts in flat arrays. It is a sequence of `Tokenization`, each made when it is asked for.

    Attributes:
        texts: the texts, in order.
        model: as the caller named it.
        tokenizer: the name of what tokenised them.
        ids: of the tokens of all texts, an array of unsigned integers.
        offsets: the first character of each token in its text and the one after its last, an array of two columns.
        byte_offsets: the same in bytes of the UTF-8 form.
        ends: the number of tokens up to the end of each text.
    """

    __slots__ = ("_piece", "byte_offsets", "ends", "ids", "model", "offsets", "texts", "tokenizer")

    def __init__(
        self,
        texts: Sequence[str],
        model: str,
        tokenizer: str,
        ids: Offsets,
        offsets: Offsets,
        byte_offsets: Offsets,
        ends: Sequence[int],
        piece: Callable[[int], str | None],
    ) -> None:
        self.texts = texts
        self.model = model
        self.tokenizer = tokenizer
        self.ids = ids
        self.offsets = offsets
        self.byte_offsets = byte_offsets
        self.ends = ends
        self._piece = piece

    def __repr__(self) -> str:
        return f"Tokenizations({len(self)} texts, {len(self.ids)} tokens, model={quote(self.model)})"

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Tokenization:
        index = range(len(self))[index]
        return Tokenization(self, index, self.ends[index - 1] if index else 0, self.ends[index])

    def __iter__(self) -> Iterator[Tokenization]:
        return (self[index] for index in range(len(self)))

    def piece(self, id: int) -> str:
        """Return the vocabulary's entry of an id; an empty one if there is none."""
        return self._piece(id) or ""


class Tokenization:
    """The tokens of one text. It is a sequence of `TokenSpan`, each made when it is asked for.

    Args:
        batch: what it is a part of.
        index: the text's place there.
        start: its first token there.
        end: the token after its last.
    """

    __slots__ = ("_batch", "_end", "_index", "_start")

    def __init__(self, batch: Tokenizations, index: int, start: int, end: int) -> None:
        self._batch = batch
        self._index = index
        self._start = start
        self._end = end

    def __repr__(self) -> str:
        return f"Tokenization({len(self)} tokens, model={quote(self.model)}, tokenizer={quote(self.tokenizer)})"

    @property
    def text(self) -> str:
        """The text."""
        return self._batch.texts[self._index]

    @property
    def model(self) -> str:
        """The model, as the caller named it."""
        return self._batch.model

    @property
    def tokenizer(self) -> str:
        """The name of what tokenised the text."""
        return self._batch.tokenizer

    @property
    def ids(self) -> Offsets:
        """The numbers in the vocabulary."""
        return self._batch.ids[self._start : self._end]

    @property
    def offsets(self) -> Offsets:
        """The first character of each token and the one after its last."""
        return self._batch.offsets[self._start : self._end]

    @property
    def byte_offsets(self) -> Offsets:
        """The first byte of each token in the UTF-8 form of the text and the one after its last."""
        return self._batch.byte_offsets[self._start : self._end]

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, index: int) -> TokenSpan:
        place = self._start + range(len(self))[index]
        start, end = map(int, self._batch.offsets[place])
        byte_start, byte_end = map(int, self._batch.byte_offsets[place])
        token = int(self._batch.ids[place])
        return TokenSpan(token, self.text[start:end], self._batch.piece(token), start, end, byte_start, byte_end)

    def __iter__(self) -> Iterator[TokenSpan]:
        return (self[index] for index in range(len(self)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, with every token."""
        return {
            "type": "tokenization",
            "model": self.model,
            "tokenizer": self.tokenizer,
            "tokens": [token.to_dict() for token in self],
        }
