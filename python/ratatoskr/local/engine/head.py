"""`Head`: what one capability (embedding, classification of pairs, …) adds to the engine.

The engine loads models, cuts calls into batches and computes them. It handles *items* and *rows* without knowing what
they are. An item is what a caller passes for one result, such as a text or a pair of texts. A row is the result: the
float32 numbers that the head makes of an item, such as a vector or the probabilities of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ratatoskr.local.store.folder import ModelFolder

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.tokenizer import Tokenizer

    Rows: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

__all__ = ["Head", "HeadFactory"]


class Head(Protocol):
    """Turns items into tokens, and a graph's output into rows. Its methods are called from several threads.

    Attributes:
        item: what an item is called in messages; with an `s`, the name of the parameter that takes them.
    """

    item: str

    def count_characters(self, items: Sequence[Any]) -> Iterable[int]:
        """Return the characters of each item, by which the tokenisation of large calls is cut into pieces."""
        ...

    def tokenise(self, tokenizer: Tokenizer, items: list[Any], limit: int, first: int) -> Tokens:
        """Return the tokens of items, each cut to `limit`.

        Raises:
            InvalidInput: an item is invalid; the message names its index, counted from `first`.
        """
        ...

    def choose_output(self, outputs: Mapping[str, Sequence[Any]]) -> str:
        """Return the output to compute, from the shapes of a graph's outputs by name.

        Raises:
            ConfigurationError: the graph has no suitable output.
        """
        ...

    def count_columns(self, width: int) -> int:
        """Return the length of a row, from the length of the output's last axis."""
        ...

    def write_rows(self, output: Rows, tokens: Tokens, batch: list[int], rows: Rows) -> None:
        """Write a batch's rows: entry i of `output` belongs to item `batch[i]` of `tokens`, and to row `batch[i]`.

        Raises:
            MalformedResponse: the output cannot be used, for example because it is not finite.
        """
        ...


HeadFactory: TypeAlias = Callable[[ModelFolder], Head]
"""Returns the head of a model; usually the class of the head. Models are shared by callers with the same factory."""
