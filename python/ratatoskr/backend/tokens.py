"""Counts and places of tokens: in this process, or a count by the provider that would get the request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from ratatoskr.backend.chat import ChatBackend
from ratatoskr.backend.deadline import Deadline
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.settings import CallTimeouts
from ratatoskr.errors import ConfigurationError, InvalidInput, NoProvider, UnsupportedParameter
from ratatoskr.models.presets import PREFIX
from ratatoskr.providers.protocol import CallOptions, ChatProvider, CountsTokens, TokenCounter
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

__all__ = ["TokenBackend"]

_QUESTION = (Message.user("…"),)


class TokenBackend:
    """Counts and places tokens.

    Args:
        make_counter: makes what counts in this process, on first use; `None` if nothing does.
        chats: knows which provider and model a name stands for.
        timeouts: resolves the timeouts of a call.
        lifecycle: admits calls.
    """

    def __init__(
        self,
        make_counter: Callable[[], TokenCounter] | None,
        chats: ChatBackend,
        timeouts: CallTimeouts,
        lifecycle: Lifecycle,
    ) -> None:
        self._make_counter = make_counter
        self._counter: TokenCounter | None = None
        self._chats = chats
        self._timeouts = timeouts
        self._lifecycle = lifecycle

    async def count(self, request: CountRequest) -> TokenCount:
        """Return a count; only with the method `provider` is anything sent."""
        call = self._lifecycle.enter()
        try:
            if request.method == "provider":
                return await self._ask(request)
            counter, name = self._find(request.model)
            limit = counter.inline_limit(name)
            if request.text is not None and len(request.text) <= limit:
                return _with_name(counter.count(request, name), request.model)
            total = self._timeouts.resolve(request.timeouts).total
            async with Deadline(None if total == math.inf else total, "total", "the count of tokens"):
                return _with_name(await asyncio.to_thread(counter.count, request, name), request.model)
        finally:
            self._lifecycle.leave(call)

    async def tokenize(self, request: TokenizeRequest) -> Tokenizations:
        """Return the tokens of texts."""
        call = self._lifecycle.enter()
        try:
            counter, name = self._find(request.model)
            return await asyncio.to_thread(counter.tokenize_batch, request.texts, name)
        finally:
            self._lifecycle.leave(call)

    def _find(self, model: str) -> tuple[TokenCounter, str]:
        """Return what counts, and the name of the model that a chat with this name would go to."""
        if self._counter is None:
            if self._make_counter is None:
                raise ConfigurationError("this gateway was made without tokenizers")
            self._counter = self._make_counter()
        if self._counter.is_mapped(model):
            return self._counter, model
        try:
            return self._counter, self._chats.candidates(_chat_for(model))[0].model
        except (NoProvider, InvalidInput):  # a count in this process needs no provider
            if model.strip().startswith(PREFIX):
                raise
            return self._counter, model

    async def _ask(self, request: CountRequest) -> TokenCount:
        candidates = self._chats.candidates(request.chat or _chat_for(request.model))
        registry = self._chats.registry
        count, attempts = await registry.run(
            candidates,
            lambda provider, options: _ask_provider(provider, request, options),
            self._timeouts.resolve(request.timeouts),
        )
        return replace(_with_name(count, request.model), attempts=attempts)


async def _ask_provider(provider: ChatProvider, request: CountRequest, options: CallOptions) -> TokenCount:
    counter = cast("CountsTokens", provider)
    if not getattr(counter, "counts_tokens", False):
        raise UnsupportedParameter(
            "it has no address that counts tokens: method='auto' counts or estimates them in this process",
            provider=provider.name,
            field="method",
        )
    return await counter.count_tokens(request, options)


def _chat_for(model: str) -> ChatRequest:
    return ChatRequest(_QUESTION, options=ChatOptions(model=model))


def _with_name(count: TokenCount, model: str) -> TokenCount:
    """Return a count with the model's name as the caller gave it."""
    return count if count.model == model else replace(count, model=model)
