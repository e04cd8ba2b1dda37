"""The tokens of a `ScriptedGateway`: those of a script, else counted and placed as any gateway does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ratatoskr import TokenizerRegistry
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

ScriptTokens: TypeAlias = "int | BaseException | Callable[[CountRequest], int] | None"

__all__ = ["ScriptTokens", "ScriptedTokens"]

PROVIDER = "scripted"


class ScriptedTokens:
    """Counts and places tokens, and keeps the requests.

    Args:
        counts: as `ScriptedGateway` takes them.
    """

    def __init__(self, counts: ScriptTokens = None) -> None:
        self.requests: list[CountRequest | TokenizeRequest] = []
        self._counts = counts
        self._registry: TokenizerRegistry | None = None

    def count(self, request: CountRequest) -> TokenCount:
        """Return a count: a script's is exact, or the provider's where that was asked."""
        self.requests.append(request)
        asked = request.method == "provider"
        if isinstance(self._counts, BaseException):
            raise self._counts
        if self._counts is not None:
            number = self._counts(request) if callable(self._counts) else self._counts
            provider = PROVIDER if asked else None
            return TokenCount(number, "provider" if asked else "exact", model=request.model, provider=provider)
        counted = self._tokenizers().count(replace(request, method="auto") if asked else request)
        if not asked:
            return counted
        return TokenCount(counted.tokens, "provider", model=request.model, provider=PROVIDER)

    def tokenize(self, request: TokenizeRequest) -> Tokenizations:
        """Return the tokens of texts."""
        self.requests.append(request)
        return self._tokenizers().tokenize_batch(request.texts, request.model)

    def _tokenizers(self) -> TokenizerRegistry:
        if self._registry is None:
            self._registry = TokenizerRegistry()
        return self._registry
