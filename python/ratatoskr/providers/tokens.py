"""The number of a request's tokens, asked of the provider at the address that it has for that."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import RatatoskrError
from ratatoskr.providers.exchange import Binding, ProviderClient
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.tokens import CountRequest, TokenCount

if TYPE_CHECKING:
    from ratatoskr.wire.dialect import Encoded

__all__ = ["ask_count"]

_AS_MESSAGE = Notice(
    "counted_as_message",
    "the provider counts conversations alone: the text was sent as a message of the user, whose own tokens are counted,"
    " too",
    "input",
)


async def ask_count(
    client: ProviderClient,
    binding: Binding,
    request: CountRequest,
    call: CallOptions,
    encode: Callable[[ChatRequest], Encoded],
    serialize: Callable[[dict[str, Any]], bytes],
) -> TokenCount:
    """Return a provider's count of a text or a conversation.

    Args:
        client: sends the request.
        binding: the model and its dialect, which has a module `tokens`.
        request: what to count.
        call: the attempt's parameters.
        encode: returns a chat request in the dialect.
        serialize: returns a body as JSON.

    Raises:
        RatatoskrError: there is no count.
    """
    dialect: Any = importlib.import_module(f"{binding.dialect.__name__}.tokens")  # type: ignore[attr-defined]  # a module
    chat = request.chat or ChatRequest((Message.user(request.text or ""),))
    encoded: Encoded = dialect.encode_count(encode(chat), binding.target)
    sending: Awaitable[Any] = client.send(
        binding, encoded.path, serialize(encoded.body), encoded.headers, "body", call.deadlines
    )
    reply = await sending
    try:
        tokens: int = dialect.decode_count(reply.body)
    except RatatoskrError as error:
        raise client.add_context(error, reply, binding.target) from None
    notices = tuple(encoded.notices) + ((_AS_MESSAGE,) if request.chat is None else ())
    count = TokenCount(tokens, "provider", model=call.model, provider=client.name)
    return replace(count, warnings=notices)
