"""Tokens: the public methods, each of which asks the backend for a count or for the tokens themselves.

A class with a `backend` (every `Gateway`) inherits them; any other class that has such methods satisfies the Protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ratatoskr.errors import InvalidInput
from ratatoskr.gateway.request import MessagesLike, backend_of, request_of
from ratatoskr.types.chat import ChatRequest, ResponseFormat
from ratatoskr.types.cuts import check_limit, cuts_of, prefix_of
from ratatoskr.types.query import ExplainRequest, GetModelMetadata, ListModels
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of
from ratatoskr.types.tokens import (
    ContextLeft,
    CountMethod,
    CountRequest,
    TokenCount,
    Tokenization,
    Tokenizations,
    TokenizeRequest,
    check_model,
)
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend

__all__ = ["Tokens"]


class Tokens(Protocol):
    """Counts and places tokens, and cuts texts to a number of them."""

    async def count_tokens(
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

        A text alone is counted by the model's own tokenizer where that is here, and is then `exact`. A conversation
        holds what the provider adds to it, so its count is an `estimate` with an error band; only the provider knows
        the number.

        Args:
            input: a text, or messages as `chat` takes them. With tools or a format a text is a message of the user.
            model: its name, as `chat` takes it, or the name of an encoding.
            method: `auto` counts in this process, exactly or by an estimate; `local` only by the model's own tokenizer;
                `provider` sends the input to the provider, where that counts tokens. Ollama evaluates it for that.
            tools: the tools of the conversation.
            response_format: the format of the answer, whose schema is a part of the conversation.
            timeout: total seconds, or `Timeouts`.

        Raises:
            InvalidInput: the input is wrong, or holds half of a surrogate pair.
            ModelNotAvailable: the method is `local`, and the tokenizer is not here.
            UnsupportedParameter: the provider counts no tokens; or the conversation holds a file, audio or a tool of
                the provider, which only the provider can count.
            ConfigurationError: a tokenizer's file cannot be used, or is that of another model.
        """
        return await backend_of(self).count_tokens(count_request(input, model, method, tools, response_format, timeout))

    async def tokenize(self, text: str, model: str) -> Tokenization:
        """Return the tokens of a text with their places; errors are those of `tokenize_batch`."""
        found = await backend_of(self).tokenize(TokenizeRequest([text], model))
        return found[0]

    async def tokenize_batch(self, texts: Sequence[str], model: str) -> Tokenizations:
        """Return the tokens of many texts: of each its id, its entry in the vocabulary, and its place in the text.

        Special tokens that a model puts around a text are left out, and none are read from it.

        Args:
            texts: any number.
            model: its name, or the name of an encoding.

        Raises:
            ModelNotAvailable: the model's tokenizer is not here; no other one is used in its place.
            InvalidInput: a text is not a `str` or holds half of a surrogate pair; the message contains its index.
            ConfigurationError: the tokenizer's file cannot be used, or is that of another model.
        """
        return await backend_of(self).tokenize(TokenizeRequest(texts, model))

    async def fit_tokens(self, text: str, model: str, max_tokens: int) -> str:
        """Return the text, or as much of its beginning as has at most `max_tokens` tokens.

        It is cut between two tokens and never inside of a character; errors are those of `tokenize_batch`.
        """
        check_limit(max_tokens)
        backend = backend_of(self)
        start = prefix_of(text, max_tokens)
        found = (await backend.tokenize(TokenizeRequest([start], model)))[0]
        if start is not text and len(found) <= max_tokens:
            found = (await backend.tokenize(TokenizeRequest([text], model)))[0]
        for cut in cuts_of(found, max_tokens):
            if cut is text or len((await backend.tokenize(TokenizeRequest([cut], model)))[0]) <= max_tokens:
                return cut
        return ""

    async def context_left(
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

        Args:
            messages: as `count_tokens` takes its input; a text is a message of the user.
            model: its name, as `chat` takes it.
            max_input_tokens: the model's context; if it is left out, that of the catalogue, and for a model which is
                not in it that of the provider's list of models.
            tools: the tools of the conversation.
            response_format: the format of the answer.
            method: as of `count_tokens`.
            timeout: total seconds of the count, or `Timeouts`.

        Raises:
            InvalidInput: neither the catalogue nor the provider's list of models says the size of the context: give
                `max_input_tokens`.
            RatatoskrError: as `count_tokens` and `list_models` do.
        """
        if max_input_tokens is not None:
            check_limit(max_input_tokens, "max_input_tokens")
        chat = request_of(messages, model, tools=tools, response_format=response_format)
        request = CountRequest(model, chat=chat, method=method, timeouts=timeouts_of(timeout))
        backend = backend_of(self)
        if max_input_tokens is None:
            max_input_tokens = await _find_context(backend, chat, model)
        return ContextLeft(max_input_tokens, await backend.count_tokens(request))


def count_request(
    input: MessagesLike,
    model: str,
    method: CountMethod,
    tools: Sequence[ToolLike],
    response_format: ResponseFormat | None,
    timeout: TimeoutsLike,
) -> CountRequest:
    """Return a count's arguments as one value; raises `InvalidInput`."""
    check_model(model)
    timeouts = timeouts_of(timeout)
    if isinstance(input, str) and not tools and response_format is None:
        return CountRequest(model, input, method=method, timeouts=timeouts)
    chat = request_of(input, model, tools=tools, response_format=response_format)
    return CountRequest(model, chat=chat, method=method, timeouts=timeouts)


async def _find_context(backend: Backend, chat: ChatRequest, model: str) -> int:
    """Return the size of a model's context, by the catalogue or by the list of the provider of a chat with it."""
    plan = (await backend.inspect(ExplainRequest(chat))).plans[0]
    known = await backend.inspect(GetModelMetadata(f"{plan.provider}:{plan.model}"))
    if found := known.max_input_tokens or known.info.context_window:
        return found
    for listed in await backend.inspect(ListModels(plan.provider)):
        if listed.name == plan.model and listed.context_window:
            return listed.context_window
    raise InvalidInput(
        f"the list of models of {plan.provider} does not say the size of its context: give max_input_tokens",
        model=model,
        field="max_input_tokens",
    )
