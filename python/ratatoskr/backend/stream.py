"""The opening of a stream: asked, and waited for until its first event that means something."""

from __future__ import annotations

import asyncio

from ratatoskr.errors import RatatoskrError, Timeout
from ratatoskr.gateway.stream import OpenStream
from ratatoskr.providers.protocol import CallOptions, ChatProvider, EventSource
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.event import ChatEvent, UsageEvent


async def open_stream(provider: ChatProvider, request: ChatRequest, call: CallOptions) -> OpenStream:
    """Open a stream and wait for its first semantic event within the try's deadline."""
    limit = call.deadlines.total
    source: EventSource | None = None
    try:
        async with asyncio.timeout(limit):
            source = await provider.open(request, call)
            events: list[ChatEvent] = []
            while not any(type(event) is not UsageEvent for event in events):
                events += await source.batch()
        opened = OpenStream(source, events)
        source = None
    except TimeoutError as error:
        if isinstance(error, RatatoskrError):
            raise
        phase = call.deadlines.total_phase
        raise Timeout(f"no answer began within {limit:.3g} s", phase=phase) from None
    finally:
        if source is not None:
            source.close()
    return opened
