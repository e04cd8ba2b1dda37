"""Counts and places of tokens, without `await`."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ratatoskr.gateway.request import MessagesLike
from ratatoskr.types.chat import ResponseFormat
from ratatoskr.types.timeouts import TimeoutsLike
from ratatoskr.types.tokens import ContextLeft, CountMethod, TokenCount, Tokenization, Tokenizations
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from ratatoskr.gateway.base import Gateway

T = TypeVar("T")

__all__ = ["SyncTokens"]


class SyncTokens:
    """The methods of `SyncGateway` that count and place tokens."""

    if TYPE_CHECKING:
        _gateway: Gateway

        def _run(self, coroutine: Coroutine[Any, Any, T]) -> T: ...

    def count_tokens(
        self,
        input: MessagesLike,
        model: str,
        method: CountMethod = "auto",
        *,
        tools: Sequence[ToolLike] = (),
        response_format: ResponseFormat | None = None,
        timeout: TimeoutsLike = None,
    ) -> TokenCount:
        """Return the number of tokens that a model makes of a text or a conversation, and how far it can be trusted.

        Arguments and errors are those of `EmbeddedGateway.count_tokens`.
        """
        options: Any = {"tools": tools, "response_format": response_format, "timeout": timeout}
        return self._run(self._gateway.count_tokens(input, model, method, **options))

    def tokenize(self, text: str, model: str) -> Tokenization:
        """Return the tokens of a text with their places; errors are those of `tokenize_batch`."""
        return self._run(self._gateway.tokenize(text, model))

    def tokenize_batch(self, texts: Sequence[str], model: str) -> Tokenizations:
        """Return the tokens of many texts: of each its id, its entry in the vocabulary, and its place in the text.

        Arguments and errors are those of `EmbeddedGateway.tokenize_batch`.
        """
        return self._run(self._gateway.tokenize_batch(texts, model))

    def fit_tokens(self, text: str, model: str, max_tokens: int) -> str:
        """Return the text, or as much of its beginning as has at most `max_tokens` tokens."""
        return self._run(self._gateway.fit_tokens(text, model, max_tokens))

    def context_left(
        self,
        messages: MessagesLike,
        model: str,
        *,
        max_input_tokens: int | None = None,
        tools: Sequence[ToolLike] = (),
        response_format: ResponseFormat | None = None,
        method: CountMethod = "auto",
        timeout: TimeoutsLike = None,
    ) -> ContextLeft:
        """Return how many tokens a model can still take after a conversation.

        Arguments and errors are those of `EmbeddedGateway.context_left`.
        """
        options: Any = {"tools": tools, "response_format": response_format, "method": method, "timeout": timeout}
        return self._run(self._gateway.context_left(messages, model, max_input_tokens=max_input_tokens, **options))
