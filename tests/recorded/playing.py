"""Plays one recording through the public gateway over real HTTP, and compares what comes with what is expected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ratatoskr import (
    ChatEvent,
    ChatResponse,
    CitationDelta,
    ContentDelta,
    Done,
    GenerateResponse,
    ImagePart,
    Message,
    RatatoskrError,
    ReasoningDelta,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.testing import Replay, ScriptedUpstream
from recorded.cases import Case, gateway_to, name_of
from recorded.expected.answer import Answer


@dataclass
class Played:
    """What came.

    Attributes:
        response: the whole response; what was partial of it after an error.
        events: those of a stream.
        error: what was raised.
    """

    response: ChatResponse[Any] | GenerateResponse | None
    events: list[ChatEvent]
    error: RatatoskrError | None = None


class Player:
    """A gateway to an upstream that plays what it is given."""

    def __init__(self, case: Case, upstream: ScriptedUpstream) -> None:
        self.case = case
        self.recording = case.recording
        self.upstream = upstream
        self.gateway = gateway_to(upstream, case)
        self.replay = Replay([self.recording])

    async def play(self, messages: Any = "Hi", **how: Any) -> Played:
        """Ask once; the arguments are those of `Replay`, which cuts the answer."""
        self.replay = Replay([self.recording], **how)
        case, events = self.case, list[ChatEvent]()
        try:
            if not case.streamed:
                ask = self.gateway.generate if case.asks == "generate" else self.gateway.chat
                return Played(await ask(messages, name_of(case)), events)
            begin = self.gateway.generate_stream if case.asks == "generate" else self.gateway.chat_stream
            async with begin(messages, name_of(case)) as stream:
                async for event in stream:
                    events.append(event)
                return Played(stream.response, events)
        except RatatoskrError as error:
            return Played(error.partial, events, error)


@asynccontextmanager
async def player(case: Case) -> AsyncIterator[Player]:
    """Open an upstream for one recording, and a gateway to it."""
    made: list[Player] = []
    async with ScriptedUpstream(lambda request: made[0].replay(request)) as upstream:
        made.append(Player(case, upstream))
        try:
            yield made[0]
        finally:
            await made[0].gateway.aclose()


def joined(events: list[ChatEvent]) -> list[Any]:
    """Return events with neighbours of one part run together, so that only what they say is compared."""
    out: list[Any] = []
    key: tuple[str, int]
    for event in events:
        match event:
            case ContentDelta(text) | ReasoningDelta(text):
                key = (event.type, event.part)
            case ToolCallDelta(index, text):
                key = (event.type, index)
            case _:
                out.append(event)
                continue
        if out and isinstance(out[-1], tuple) and out[-1][0] == key:
            out[-1] = (key, out[-1][1] + text)
        else:
            out.append((key, text))
    return out


def differences(expected: Answer, response: ChatResponse[Any] | GenerateResponse) -> dict[str, tuple[Any, Any]]:
    """Return what is expected and what came, wherever the two differ."""
    usage = response.usage
    message = response.message if isinstance(response, ChatResponse) else Message.assistant(response.text)
    found: dict[str, tuple[Any, Any]] = {
        "text": (expected.text, message.text),
        "reasoning": (expected.reasoning, response.reasoning),
        "calls": ([(c.name, c.arguments) for c in expected.calls], calls_of(message)),
        "ids": ([c.id or "made up" for c in expected.calls], ids_of(expected, message)),
        "sources": (expected.sources, [(c.url, c.title) for c in citations_of(message)]),
        "server calls": (expected.server_calls, [p.name for p in message.content if isinstance(p, ServerToolCall)]),
        "server results": (expected.server_results, sum(isinstance(p, ServerToolResult) for p in message.content)),
        "images": (expected.images, sum(isinstance(part, ImagePart) for part in message.content)),
        "tokens": (expected.tokens, [one.token for p in texts_of(message) for one in p.logprobs or ()]),
        "prompt": (expected.prompt, usage.prompt_tokens),
        "cached": (expected.cached, usage.cache_read_tokens),
        "written": (expected.written, usage.cache_write_tokens),
        "completion": (expected.completion, usage.completion_tokens),
        "reasoned": (expected.reasoned, usage.reasoning_tokens),
        "cost": (expected.cost, None if response.cost is None else float(response.cost.amount)),
        "finish": (expected.finish, response.native_finish_reason),
        "reason": (expected.reason, response.finish_reason),
    }
    if expected.model is not None:
        found["model"] = (expected.model, response.model)
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def texts_of(message: Message) -> list[TextPart]:
    """Return the text parts."""
    return [part for part in message.content if isinstance(part, TextPart)]


def citations_of(message: Message) -> list[Any]:
    """Return the citations of all texts, in order."""
    return [citation for part in texts_of(message) for citation in part.citations]


def calls_of(message: Message) -> list[tuple[str, Any]]:
    """Return the calls with their arguments parsed; what is no JSON object is the text of a custom tool."""
    return [(c.name, c.args() if c.arguments[:1] in ("{", "") else c.arguments) for c in message.tool_calls]


def ids_of(expected: Answer, message: Message) -> list[str]:
    """Return the calls' ids; those that the provider did not give have to be there and to differ."""
    ids = [call.id for call in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    pairs = zip(ids, expected.calls, strict=False)
    return ["made up" if call.id is None else own for own, call in pairs] + ids[len(expected.calls) :]


def told_differently(events: list[ChatEvent], response: ChatResponse[Any]) -> list[str]:
    """Return where the events of a stream do not tell the same as the response at its end."""
    message = response.message
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    pieces = [
        "".join(e.arguments for e in events if isinstance(e, ToolCallDelta) and e.index == s.index) for s in starts
    ]
    ends = [event.call for event in events if isinstance(event, ToolCallEnd)]
    usages = [event.usage for event in events if isinstance(event, UsageEvent)]
    pairs = {
        "text": ("".join(e.text for e in events if isinstance(e, ContentDelta)), message.text),
        "reasoning": ("".join(e.text for e in events if isinstance(e, ReasoningDelta)), message.reasoning),
        "part": (_by_part(events, message), True),
        "starts": ([(s.id, s.name, text) for s, text in zip(starts, pieces, strict=True)], _spelled(message)),
        "ends": (sorted(ends, key=_place(message)), list(message.tool_calls)),
        "citations": (
            sorted(e.citation.data or b"" for e in events if isinstance(e, CitationDelta)),
            sorted(c.data or b"" for c in citations_of(message)),
        ),
        "usage": (usages, [response.usage] if response.usage.source != "unknown" else []),
        "done": ([i for i, e in enumerate(events) if isinstance(e, Done)], [len(events) - 1]),
        "reason": (events[-1], Done(response.finish_reason)),
    }
    return [f"{name}: {told!r} but {held!r}" for name, (told, held) in pairs.items() if told != held]


def _spelled(message: Message) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in message.tool_calls]


def _place(message: Message) -> Any:
    return lambda call: [other.id for other in message.tool_calls].index(call.id)


def _by_part(events: list[ChatEvent], message: Message) -> bool:
    """Tell whether the pieces of each part make up the part that has its index."""
    said: dict[int, str] = {}
    for event in events:
        if isinstance(event, ContentDelta | ReasoningDelta):
            said[event.part] = said.get(event.part, "") + event.text
    return all(getattr(message.content[index], "text", None) == text for index, text in said.items())
