"""What the answers of text analysis have in common: one result for each text or pair, and how it was computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, overload

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import replace
from ratatoskr.types.plain import Plain
from ratatoskr.types.usage import Usage
from ratatoskr.types.visible import quote

ResultMethod: TypeAlias = Literal["onnx", "sentence_pair", "zero_shot", "text_classification", "decisions", "llm"]
"""How a result was computed: by a model in this process, by an endpoint that classifies pairs, by one that classifies
with labels of the caller's, by one with labels of the model's, by an endpoint for decisions, or by a chat model that is
asked for numbers."""

R = TypeVar("R")


class Results(Plain, Generic[R]):
    """Base of many results in the order of their items; it is iterated, indexed and counted as its `results` are."""

    __slots__ = ()
    results: tuple[R, ...]
    usage: Usage
    attempts: tuple[Attempt, ...]
    warnings: tuple[Notice, ...]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[R]:
        return iter(self.results)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...
    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        return self.results[index]

    def single(self) -> R:
        """Return the first result with all that is known of the call, for a call of one item."""
        first: Any = self.results[0]
        made: R = replace(first, usage=self.usage, attempts=self.attempts, warnings=self.warnings)
        return made

    def with_attempts(self, attempts: tuple[Attempt, ...]) -> Self:
        """Return the same results with the attempts of their call."""
        anything: Any = self
        made: Self = replace(anything, attempts=attempts)
        return made


def check_model(model: object, kind: str) -> None:
    """Check that a model is named.

    Args:
        model: the argument.
        kind: what the model does, for the message.

    Raises:
        InvalidInput: it is not one name.
    """
    if not isinstance(model, str) or not model.strip():
        raise InvalidInput(f"model must be the name of one model for {kind}, not {quote(model)}", field="model")


def check_flag(value: object, field: str) -> None:
    """Check that an argument is true or false.

    Raises:
        InvalidInput: it is neither.
    """
    if not isinstance(value, bool):
        raise InvalidInput(f"{field} must be True or False, not {quote(value)}", field=field)


def check_texts(texts: object, field: str = "texts", item: str = "text") -> tuple[str, ...]:
    """Return the texts of an argument.

    Raises:
        InvalidInput: it is a single text, has no order or no length, or an item is not a text or holds half of a
            surrogate pair; the message names the item's index.
    """
    if isinstance(texts, str | bytes | Mapping | set | frozenset) or not isinstance(texts, Iterable):
        raise InvalidInput(f"{field} must be a sequence of str, not {type(texts).__name__}", field=field)
    items = tuple(texts)
    for index, text in enumerate(items):
        check_text(text, field, f"{item} {index}")
    return items


def check_text(text: object, field: str, name: str) -> None:
    """Check that a value is a text that can be encoded.

    Raises:
        InvalidInput: it is not a `str`, or holds half of a surrogate pair.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"{name} is not a str but {type(text).__name__}", field=field)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput(f"{name} holds half of a surrogate pair, which is not a character", field=field)


def check_pairs(pairs: object) -> tuple[tuple[str, str], ...]:
    """Return pairs of texts as tuples.

    Raises:
        InvalidInput: it is no sequence of pairs of texts; the message names the index of the first that is none.
    """
    if isinstance(pairs, str | bytes | Mapping | set | frozenset) or not isinstance(pairs, Iterable):
        raise InvalidInput(
            f"pairs must be a sequence of (premise, hypothesis), not {type(pairs).__name__}", field="pairs"
        )
    checked = []
    for index, pair in enumerate(pairs):
        if isinstance(pair, str | bytes) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise InvalidInput(f"pair {index} is not (premise, hypothesis) but {quote(pair)}", field="pairs")
        premise, hypothesis = pair
        check_text(premise, "pairs", f"the premise of pair {index}")
        check_text(hypothesis, "pairs", f"the hypothesis of pair {index}")
        checked.append((premise, hypothesis))
    return tuple(checked)
