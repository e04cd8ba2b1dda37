"""What every provider does alike, through every face of a gateway."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pydantic
import pytest
from tests.conformance.faces import FACES, KEY, MODELS, scene

from ratatoskr import (
    AuthenticationFailed,
    ContentDelta,
    ContentFiltered,
    Done,
    ImagePart,
    InvalidInput,
    JsonSchema,
    Message,
    ModelNotFound,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
    dump_messages,
    load_messages,
)
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, TokenCounts, fault

pytestmark = [
    pytest.mark.parametrize("face", FACES),
    pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys()),
]
TEXT = "Zwischen Ästen – 🐿️ runs,\u2028 up\u0085and down."


async def test_it_answers(face: str, model: str) -> None:
    async with scene(face, ScriptedTurn(TEXT, usage=TokenCounts(input=20, output=9))) as at:
        response = await at.face.call("chat", [Message.system("Be brief."), Message.user("Who?")], model)
        assert response.content == TEXT
        assert response.finish_reason == "stop"
        assert response.usage.prompt_tokens == 20
        assert response.usage.completion_tokens == 9
        assert response.provider == model.partition(":")[0]
        assert response.model == model.partition(":")[2]
        assert [a.decision for a in response.attempts] == ["answered"]
        assert response.raw is not None
        assert json.loads(response.raw.body or b"")
        assert KEY not in repr(response)


async def test_it_streams_the_same_answer(face: str, model: str) -> None:
    async with scene(
        face, ScriptedTurn(TEXT, deltas=7, usage=TokenCounts(input=20, output=9), request_id="req-7")
    ) as at:
        events, response = await at.face.stream("Who?", model)
        whole = await at.face.call("chat", "Who?", model)
        assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == TEXT
        assert sum(isinstance(e, Done) for e in events) == 1
        assert events[-1] == Done("stop")
        assert isinstance(events[-2], UsageEvent)
        assert _without_state(response.message) == _without_state(whole.message)
        assert response.usage == whole.usage
        assert events[-2].usage == response.usage


def _without_state(message: Message) -> list[Any]:
    """Return the parts without what each response names anew."""
    return [replace(part, state=()) for part in message.content]


async def test_it_thinks_aloud_and_takes_its_thinking_back(face: str, model: str) -> None:
    if model.startswith("openai:gpt-4"):
        pytest.skip("this model does not think")
    turn = ScriptedTurn("So it is.", reasoning="Let me see.", deltas=3)
    async with scene(face, turn, parameter_policy="drop") as at:
        events, response = await at.face.stream("Why?", model, reasoning="low")
        whole = await at.face.call("chat", "Why?", model, reasoning="low")
        assert response.reasoning == whole.reasoning == "Let me see."
        assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "Let me see."
        history = load_messages(dump_messages([Message.user("Why?"), response.message, Message.user("Sure?")]))
        await at.face.call("chat", history, model, reasoning="low")
        sent = at.upstream.requests[-1].raw.decode()
        for state in (state for part in response.message.content for state in part.state):
            for value in _opaque(json.loads(state.data)):
                assert json.dumps(value)[1:-1] in sent


def _opaque(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in _opaque(child)]


def weather(city: str, days: int = 1) -> str:
    """Tell the weather.

    Args:
        city: where.
        days: for how long.
    """
    return f"{days} days of rain in {city}"


async def test_tools_make_a_round_trip_with_parallel_calls(face: str, model: str) -> None:
    calls = (ScriptedToolCall("weather", {"city": "Oslo", "days": 2}), ScriptedToolCall("weather", {"city": "Rome"}))
    async with scene(face, [ScriptedTurn("Looking.", tool_calls=calls), ScriptedTurn("Rain in both.")]) as at:
        response, messages = await at.face.call("run_tools", "Weather?", model, tools=[weather])
        assert response.content == "Rain in both."
        assert [m.role for m in messages] == ["assistant", "tool", "assistant"]
        made = messages[0].tool_calls
        assert [(c.name, c.args()) for c in made] == [
            ("weather", {"city": "Oslo", "days": 2}),
            ("weather", {"city": "Rome"}),
        ]
        assert len({c.id for c in made}) == 2
        asked = at.upstream.requests[-1].asked
        assert [*asked.results] == ["2 days of rain in Oslo", "1 days of rain in Rome"] or "Oslo" in asked.results[0]


async def test_tool_calls_stream_with_stable_indices(face: str, model: str) -> None:
    calls = (ScriptedToolCall("weather", {"city": "Oslo"}), ScriptedToolCall("weather", {"city": "Rome"}))
    async with scene(face, ScriptedTurn(tool_calls=calls, deltas=3)) as at:
        events, response = await at.face.stream("Weather?", model, tools=[weather])
        starts = [e for e in events if isinstance(e, ToolCallStart)]
        ends = [e for e in events if isinstance(e, ToolCallEnd)]
        assert [e.index for e in starts] == [e.index for e in ends] == [0, 1]
        assert tuple(e.call for e in ends) == response.tool_calls
        assert [(s.id, s.name) for s in starts] == [(c.id, c.name) for c in response.tool_calls]
        for end in ends:
            told = "".join(e.arguments for e in events if isinstance(e, ToolCallDelta) and e.index == end.index)
            assert told == end.call.arguments
        assert response.finish_reason == "tool_calls"
        assert events[-1] == Done("tool_calls")


class Squirrel(pydantic.BaseModel):
    """An animal of the ash tree."""

    name: str
    legs: int


@pytest.mark.parametrize("output", [Squirrel, list[int]], ids=["object", "list"])
async def test_output_is_typed(face: str, model: str, output: Any) -> None:
    expected = Squirrel(name="Ratatoskr", legs=4) if output is Squirrel else [1, 2]
    text = expected.model_dump_json() if isinstance(expected, Squirrel) else '{"value": [1, 2]}'
    async with scene(face, ScriptedTurn(text)) as at:
        response = await at.face.call("chat", "Who?", model, output=output)
        _, streamed = await at.face.stream("Who?", model, output=output)
        assert response.parsed == streamed.parsed == expected
        sent = at.upstream.requests[0].raw.decode()
        assert ("legs" if output is Squirrel else '"value"').strip('"') in sent


async def test_json_schema_and_json_mode_are_asked_for(face: str, model: str) -> None:
    async with scene(face, ScriptedTurn('{"a": 1}')) as at:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        schema["additionalProperties"] = False
        for wanted in ("json", JsonSchema("thing", schema)):
            response = await at.face.call("chat", "Give JSON.", model, response_format=wanted)
            assert json.loads(response.content) == {"a": 1}
        assert '"a"' in at.upstream.requests[-1].raw.decode()


async def test_pictures_are_sent(face: str, model: str) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
    async with scene(face, ScriptedTurn("A squirrel.")) as at:
        message = Message.user(["What is it?", ImagePart(data=png, media_type="image/png")])
        response = await at.face.call("chat", message, model)
        assert response.content == "A squirrel."
        assert "iVBORw0KGgoAAQID" in at.upstream.requests[0].raw.decode()


@pytest.mark.parametrize(("finish", "reason"), [("length", "length"), ("stop", "stop")])
async def test_finish_reasons_are_ours(face: str, model: str, finish: str, reason: str) -> None:
    async with scene(face, ScriptedTurn("cut sho", finish=finish)) as at:
        response = await at.face.call("chat", "Who?", model, max_tokens=2048)
        _, streamed = await at.face.stream("Who?", model, max_tokens=2048)
        assert response.finish_reason == streamed.finish_reason == reason
        assert response.native_finish_reason == streamed.native_finish_reason


async def test_what_is_filtered_before_any_output_is_an_error(face: str, model: str) -> None:
    if model.startswith("ollama"):
        pytest.skip("it has no filter")
    async with scene(face, ScriptedTurn("", finish="content_filter")) as at:
        with pytest.raises(ContentFiltered) as told:
            await at.face.call("chat", "Who?", model)
        billed = told.value.partial.usage
        assert billed.input_tokens
        assert told.value.attempts[-1].usage == billed
        with pytest.raises(ContentFiltered) as told:
            await at.face.stream("Who?", model)
        assert told.value.partial.usage.input_tokens
        assert told.value.partial.raw is None


async def test_generate_continues_a_prompt(face: str, model: str) -> None:
    async with scene(face, ScriptedTurn("and down.")) as at:
        response = await at.face.call("generate", "Up", model)
        assert response.text == "and down."
        assert response.finish_reason == "stop"
        if model.startswith("ollama"):
            assert at.upstream.requests[0].path == "/api/generate"


async def test_options_outside_our_words_are_laid_over_the_request(face: str, model: str) -> None:
    async with scene(face, ScriptedTurn("ok")) as at:
        await at.face.call("chat", "Who?", model, raw_provider_options={"x_house": {"a": [1]}})
        assert at.upstream.requests[0].json["x_house"] == {"a": [1]}


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize(
    ("name", "error"),
    [("bad_key", AuthenticationFailed), ("unknown_model", ModelNotFound), ("bad_request", InvalidInput)],
)
async def test_errors_are_ours(face: str, model: str, name: str, error: type[Exception], streamed: bool) -> None:
    async with scene(face, fault(name), retries=0) as at:
        with pytest.raises(error) as caught:
            await (at.face.stream("Who?", model) if streamed else at.face.call("chat", "Who?", model))
        assert caught.value.provider == model.partition(":")[0]  # type: ignore[attr-defined]  # ours all have it
        assert KEY not in repr(caught.value)
        assert KEY not in str(caught.value)
