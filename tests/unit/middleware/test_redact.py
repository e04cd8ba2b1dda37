"""Values kept from providers, and out of answers, wherever a stream is cut."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr import (
    ChatRequest,
    ChatResponse,
    ChatStream,
    Citation,
    CitationDelta,
    ConfigurationError,
    ConnectionFailed,
    ContentDelta,
    ContentFiltered,
    Done,
    FilePart,
    Message,
    RawResponse,
    ReasoningDelta,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ratatoskr.backend.stream import OpenStream
from ratatoskr.errors import StreamInterrupted
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import CallOptions, Middleware, Redact, bind
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.accumulator import ResponseBuilder
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.timeouts import Deadlines

SECRET = "sk-live-0123456789"
KEY = r"sk-live-\w{10}"
EMAIL = r"[\w.+-]+@[\w-]+\.[\w.-]*\w"
CALL = CallOptions("", Deadlines())


class Source:
    """Gives events one by one; an exception is raised."""

    provider = "p"
    request_id = None

    def __init__(self, events: Sequence[ChatEvent | Exception]) -> None:
        self._events = list(events)
        self._builder = ResponseBuilder(provider="p", model="m")

    async def batch(self) -> list[ChatEvent]:
        event = self._events.pop(0)
        if isinstance(event, Exception):
            raise event
        self._builder.add(event)
        return [event]

    def response(self) -> ChatResponse[Any]:
        return self._builder.response()

    def close(self) -> None: ...


def streamed(middleware: Middleware, events: Sequence[ChatEvent | Exception], prompt: str = "Hi") -> ChatStream[None]:
    async def ask(request: ChatRequest, call: CallOptions) -> OpenStream:
        source = Source(events)
        return OpenStream(source, await source.batch())

    async def opener() -> OpenStream:
        return await middleware.open_stream(ChatRequest((Message.user(prompt),)), CALL, ask)

    return ChatStream(opener)


async def text_of(stream: ChatStream[None]) -> str:
    """Return the text of the events, which must be that of the response."""
    text = "".join([piece async for piece in stream.text()])
    assert stream.response.text == text
    return text


def around(inner: Gateway, middleware: Middleware) -> Gateway:
    return Gateway(bind(middleware, inner.backend))


def cut(text: str, places: Sequence[int]) -> list[ContentDelta]:
    return [ContentDelta(text[start:stop]) for start, stop in itertools.pairwise([0, *places, len(text)])]


@pytest.mark.parametrize("deltas", [2, 3])
async def test_litellm_41611_a_secret_cut_over_two_or_three_deltas_at_every_place(deltas: int) -> None:
    text = f"It is {SECRET}, keep it."
    for places in itertools.combinations(range(1, len(text)), deltas - 1):
        assert await text_of(streamed(Redact([KEY]), [*cut(text, places), Done("stop")])) == (
            "It is [REDACTED_1], keep it."
        )


async def test_litellm_41611_a_secret_cut_over_ten_deltas_at_every_place() -> None:
    begin, end = 6, 6 + len(SECRET)
    text = f"It is {SECRET}, keep it."
    for places in itertools.combinations(range(begin + 1, end), 9):
        if hash(places) % 50:
            continue
        events = [*cut(text, places), Done("stop")]
        assert await text_of(streamed(Redact([KEY]), events)) == "It is [REDACTED_1], keep it."
    letters = [ContentDelta(letter) for letter in text]
    assert await text_of(streamed(Redact([KEY]), [*letters, Done("stop")])) == "It is [REDACTED_1], keep it."


@given(
    words=st.lists(st.sampled_from([SECRET, "bob@example.com", "sk-live-", "a@", " ", "x", "sk-live-01", "@b.c", "é"])),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
async def test_a_stream_has_the_text_that_the_whole_answer_has(words: list[str], cuts: list[int]) -> None:
    text = "".join(words)
    places = sorted(place % (len(text) + 1) for place in cuts)
    redact = Redact({"KEY": KEY, "EMAIL": EMAIL})
    whole = await around(ScriptedGateway(text), redact).chat("Hi", "m")
    assert await text_of(streamed(redact, [*cut(text, places), Done("stop")])) == whole.text
    assert SECRET not in whole.text
    assert "bob@example.com" not in whole.text


async def test_a_secret_that_is_cut_over_parts_is_found() -> None:
    events = [ContentDelta("sk-live-", part=0), ContentDelta("0123456789.", part=1), Done("stop")]
    assert await text_of(streamed(Redact([KEY]), events)) == "[REDACTED_1]."
    answer = Message.assistant([TextPart("sk-live-"), TextPart("0123456789.")])
    response = await around(ScriptedGateway(ChatResponse(answer)), Redact([KEY])).chat("Hi", "m")
    assert response.text == "[REDACTED_1]."


async def test_reasoning_that_comes_between_does_not_hide_it() -> None:
    events = [ContentDelta("sk-live-"), ReasoningDelta("hm", part=1), ContentDelta("0123456789"), Done("stop")]
    stream = streamed(Redact([KEY]), events)
    assert (await stream.collect()).text == "[REDACTED_1]"
    assert stream.response.reasoning == "hm"


async def test_reasoning_arguments_and_citations_are_redacted_too() -> None:
    call = ToolCall("c", "send", json.dumps({"key": SECRET}))
    citation = Citation(text=f"the key {SECRET}", title="keys", data=b"{}")
    events = [
        ReasoningDelta("so sk-live-"),
        ReasoningDelta("0123456789 it is"),
        ContentDelta("See", part=1),
        CitationDelta(citation, part=1),
        ToolCallStart(0, "c", "send"),
        ToolCallDelta(0, call.arguments[:14]),
        ToolCallDelta(0, call.arguments[14:]),
        ToolCallEnd(0, call),
        Done("tool_calls"),
    ]
    stream = streamed(Redact([KEY]), events)
    seen = [event async for event in stream]
    assert SECRET not in repr(seen)
    arguments = "".join(event.arguments for event in seen if isinstance(event, ToolCallDelta))
    assert arguments == stream.response.tool_calls[0].arguments == '{"key": "[REDACTED_1]"}'
    assert stream.response.reasoning == "so [REDACTED_1] it is"
    assert "sk-live-" not in stream.response.to_json()
    assert [notice.code for notice in stream.response.warnings] == ["redacted"]


async def test_what_has_come_never_shows_the_beginning_of_a_secret() -> None:
    events = [ContentDelta("It is sk-live-01234"), ConnectionFailed("cut", phase="body")]
    stream = streamed(Redact([KEY]), events)
    with pytest.raises(StreamInterrupted) as caught:
        await stream.collect()
    assert stream.partial.text == "It is "
    assert caught.value.partial is not None
    assert caught.value.partial.text == "It is "


async def test_an_error_holds_no_secret_of_the_answer() -> None:
    partial = ChatResponse(Message.assistant(f"It is {SECRET}!"))
    error = ContentFiltered("filtered", partial=partial)
    for gateway in (around(ScriptedGateway(error), Redact([KEY])),):
        with pytest.raises(ContentFiltered) as caught:
            await gateway.chat("Hi", "m")
        assert caught.value.partial is not None
        assert caught.value.partial.text == "It is [REDACTED_1]!"


async def test_the_body_of_a_redacted_answer_is_left_out() -> None:
    raw = RawResponse(200, {}, SECRET.encode())
    for text, body in ((f"It is {SECRET}", None), ("nothing", SECRET.encode())):
        answer = ChatResponse(Message.assistant(text), raw=raw)
        response = await around(ScriptedGateway(answer), Redact([KEY])).chat("Hi", "m")
        assert response.raw is not None
        assert response.raw.body == body


async def test_requests_are_redacted_and_the_same_value_has_the_same_placeholder() -> None:
    inner = ScriptedGateway("ok")
    call = ToolCall("c", "send", json.dumps({"to": "ann@example.com"}))
    messages = [
        Message.system("Write to bob@example.com."),
        Message.user([TextPart("ann@example.com wrote"), FilePart.from_bytes(b"\xff bob@example.com", "text/plain")]),
        Message.assistant([ReasoningPart("bob@example.com?"), call]),
        Message.tool_results(call.result("bob@example.com has it")),
    ]
    gateway = around(inner, Redact({"EMAIL": EMAIL, "KEY": KEY}))
    response = await gateway.chat(messages, "m", user="bob@example.com", metadata={"key": SECRET})
    (request,) = inner.requests
    sent = request.messages
    assert sent[0].text == "Write to [EMAIL_1]."
    assert sent[1].content[0] == TextPart("[EMAIL_2] wrote")
    assert isinstance(sent[1].content[1], FilePart)
    assert sent[1].content[1].data == b"\xff [EMAIL_1]"
    assert sent[2].reasoning == "[EMAIL_1]?"
    assert sent[2].tool_calls[0].args() == {"to": "[EMAIL_2]"}
    assert sent[3].content[0].text == "[EMAIL_1] has it"  # type: ignore[union-attr]  # a result
    assert (request.options.user, request.options.metadata) == ("[EMAIL_1]", {"key": "[KEY_1]"})
    (notice,) = response.warnings
    assert (notice.code, notice.field) == ("redacted", "messages")
    assert notice.message == "values replaced by placeholders in the request: 3"


async def test_a_request_without_a_match_is_passed_on_as_it_is() -> None:
    inner = ScriptedGateway("ok")
    response = await around(inner, Redact([KEY])).chat("Hi", "m")
    assert inner.requests[0].messages == (Message.user("Hi"),)
    assert response.warnings == ()


async def test_restore_puts_the_values_back_wherever_the_placeholder_is_cut() -> None:
    text = "I told [EMAIL_1] and [EMAIL_2] and eve@example.com."
    expected = "I told bob@example.com and [EMAIL_2] and eve@example.com."
    redact = Redact({"EMAIL": EMAIL}, restore=True)
    response = await around(ScriptedGateway(text), redact).chat("Tell bob@example.com", "m")
    assert response.text == expected
    for places in itertools.combinations(range(1, len(text)), 2):
        events = [*cut(text, places), Done("stop")]
        assert await text_of(streamed(redact, events, "Tell bob@example.com")) == expected


async def test_restored_arguments_are_json() -> None:
    redact = Redact([r'"q\w*"'], restore=True)
    call = ToolCall("c", "say", '{"what": "[REDACTED_1]"}')
    response = await around(ScriptedGateway(call), redact).chat('Say "quote"', "m")
    assert response.tool_calls[0].args() == {"what": '"quote"'}
    events = [ToolCallStart(0, "c", "say"), ToolCallDelta(0, call.arguments), ToolCallEnd(0, call), Done("tool_calls")]
    stream = streamed(redact, events, 'Say "quote"')
    assert (await stream.collect()).tool_calls[0].args() == {"what": '"quote"'}


async def test_texts_to_embed_are_redacted() -> None:
    inner = ScriptedGateway()
    gateway = around(inner, Redact([KEY]))
    await gateway.embed_batch([f"key {SECRET}", "none"], "e", prompt=f"{SECRET}: ")
    assert [list(one.texts) for one in inner.embed_requests] == [["key [REDACTED_1]", "none"]]
    assert inner.embed_requests[0].prompt == "[REDACTED_1]: "
    asked: list[list[str]] = []

    class Look(Middleware):
        def embed_windows(self, request: Any, call: Any, ask: Any) -> Any:
            asked.append(list(request.texts))
            return ask(request, call)

    looked = Gateway(bind(Redact([KEY]), bind(Look(), ScriptedGateway().backend)))
    [one async for one in looked.embed_iter(iter([SECRET, "none"]), "e")]
    assert asked == [["[REDACTED_1]", "none"]]


async def test_concurrent_calls_do_not_share_values() -> None:
    redact = Redact({"EMAIL": EMAIL}, restore=True)
    gateway = around(ScriptedGateway(*["[EMAIL_1]"] * 20), redact)
    prompts = [f"user{number}@example.com" for number in range(20)]
    answers = {index: answer async for index, answer in gateway.chat_many(prompts, "m", concurrency=20)}
    assert [getattr(answers[index], "text", None) for index in range(20)] == prompts


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("sk-", "must be a sequence or a mapping"),
        (7, "must be a sequence or a mapping"),
        ([], "there is no pattern"),
        ({}, "there is no pattern"),
        ({"two words": "a"}, "the name of a pattern must be a word"),
        ({1: "a"}, "the name of a pattern must be a word"),
        (["("], "not a regular expression"),
        ([""], "matches the empty text"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused(patterns: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Redact(patterns)
    assert caught.value.field == "patterns"


def test_restore_is_a_flag() -> None:
    with pytest.raises(ConfigurationError, match="restore must be true or false"):
        Redact(["a"], restore="yes")  # type: ignore[arg-type]  # wrong on purpose
