"""Plain data: exact JSON, pickling, discriminators, pydantic."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from decimal import Decimal
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratatoskr
from ratatoskr import errors
from ratatoskr.errors import InvalidInput, OutputInvalid
from ratatoskr.types import (
    Attempt,
    AudioPart,
    ChatEvent,
    ChatResponse,
    Citation,
    CitationDelta,
    ContentDelta,
    Cost,
    Done,
    ErrorInfo,
    FilePart,
    FileRef,
    ImagePart,
    Message,
    Notice,
    Part,
    ProviderEvent,
    ProviderPart,
    ProviderState,
    ProviderTool,
    RawResponse,
    ReasoningDelta,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDefinition,
    ToolResult,
    Usage,
    UsageEvent,
    dump_messages,
    load_messages,
)
from ratatoskr.types.plain import Plain

STATE = (ProviderState("anthropic/messages/claude", b'{"signature":"\xc3\xa9=="}'),)
PARTS: list[Any] = [
    TextPart("a", (Citation("https://x", "t", "p", 0, 1, b"{}"),), (TokenLogprob("a", -0.5, (97,)),), cache=True),
    ReasoningPart("", state=STATE),
    ToolCall("1", "f", '{"b":1,"a":[1.50]}', state=STATE),
    ToolResult("1", (TextPart("x"), ImagePart(data=b"\x00\xff", media_type="image/png")), is_error=True, name="f"),
    ImagePart(url="https://x/y.png"),
    AudioPart(data=b"RIFF", media_type="audio/wav"),
    FilePart(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
    FileRef("openai", "file-1"),
    ServerToolCall("s", "web_search", "{}", state=STATE),
    ServerToolResult("s", "web_search", "[]", is_error=True),
    ProviderPart("compaction", b"{\n}", "anthropic/messages/claude"),
]
EVENTS: list[Any] = [
    ContentDelta("a", part=2),
    ReasoningDelta("b"),
    ToolCallStart(0, "1", "f"),
    ToolCallDelta(0, "{"),
    ToolCallEnd(0, ToolCall("1", "f", "{}")),
    CitationDelta(Citation(url="u"), part=1),
    ProviderEvent("k", b"{}"),
    UsageEvent(Usage(6, 9, 2, 3, 5, "provider")),
    Done("stop"),
]
RESPONSE: ChatResponse[Any] = ChatResponse(
    Message.assistant(PARTS),
    Usage(1, 4, None, 0, None, "provider"),
    Cost(Decimal("0.000123450")),
    "tool_calls",
    "tool_use",
    "anthropic",
    "claude",
    "req_1",
    (Notice("parameter_dropped", "seed is not taken", "seed"),),
    (Attempt("a", "m", ErrorInfo("rate_limited", "slow", 429, "x", 1.5), "response", 0.0, 0.1, 0.0, "again", True),),
    RawResponse(200, {"a": "b"}, b"\x00body"),
)
EVERYTHING = [*PARTS, *EVENTS, RESPONSE, ToolDefinition("f", "d", {"type": "object"}), ProviderTool("openai", {"x": 1})]


@pytest.mark.parametrize("value", EVERYTHING, ids=lambda v: v.type)
def test_it_comes_back_from_json_and_pickle_as_it_was(value: Plain) -> None:
    assert type(value).from_json(value.to_json()) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert json.loads(value.to_json()) == value.to_dict()


@pytest.mark.parametrize("value", EVERYTHING, ids=lambda v: v.type)
def test_its_type_is_its_class_in_snake_case_and_no_argument(value: Any) -> None:
    assert value.type == re.sub(r"(?<!^)(?=[A-Z])", "_", type(value).__name__).lower()
    assert "type" not in {f.name for f in dataclasses.fields(value)}
    assert not {"type", "state", "part"} & set(type(value).__match_args__)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("value", EVERYTHING, ids=lambda v: v.type)
def test_it_is_frozen(value: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"type": "message", "role": "user", "content": [{"type": "text_part", "text": 1}]}, "content[0].text"),
        ({"type": "message", "role": "user", "content": [{"type": "nothing"}]}, "content[0]"),
        ({"type": "message", "role": "user", "content": "x", "extra": 1}, "content"),
        ({"type": "message", "role": "user", "content": [], "extra": 1}, "extra"),
        ({"type": "message", "role": "nobody", "content": []}, "role"),
        ({"type": "chat_response", "role": "user", "content": []}, "type"),
    ],
)
def test_a_wrong_shape_is_refused_at_its_place(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Message.from_dict(data)
    assert caught.value.field == field


class Holder(pydantic.BaseModel):
    """Somebody's own model with ours as field types."""

    message: Message
    event: Annotated[ChatEvent, pydantic.Field(discriminator="type")]
    part: Annotated[Part, pydantic.Field(discriminator="type")]
    maybe: ChatResponse[Any] | None = None


@pytest.mark.parametrize("event", EVENTS, ids=lambda v: v.type)
@pytest.mark.parametrize("part", PARTS[:3], ids=lambda v: v.type)
def test_pydantic_reads_and_writes_it_in_unions(event: Any, part: Any) -> None:
    held = Holder(message=Message.user("x"), event=event, part=part, maybe=RESPONSE)
    assert Holder.model_validate_json(held.model_dump_json()) == held
    assert Holder.model_validate(held.model_dump()) == held
    assert held.model_dump()["event"] == event.to_dict()


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_pydantic_describes_it_in_json_schema(mode: Any) -> None:
    schema = Holder.model_json_schema(mode=mode)
    events = schema["properties"]["event"]
    assert events["discriminator"]["propertyName"] == "type"
    assert len(events["oneOf"]) == len(EVENTS)


def test_pydantic_tells_what_is_wrong() -> None:
    with pytest.raises(pydantic.ValidationError, match="role must be one of"):
        Holder.model_validate({"message": {"role": "x", "content": []}, "event": Done("stop"), "part": TextPart("")})


def test_a_history_is_stored_with_its_version() -> None:
    history = [Message.system("s"), Message.user("é\u2028"), RESPONSE.message, Message.tool_result("1", {"a": [1]})]
    assert load_messages(dump_messages(history)) == history
    newer = json.dumps({"version": 99, "messages": []})
    with pytest.raises(InvalidInput, match="version"):
        load_messages(newer)


@given(st.text(), st.binary())
def test_any_text_and_any_bytes_survive(text: str, data: bytes) -> None:
    part = TextPart(text, state=(ProviderState("i", data),))
    if text.isascii() or text.encode("utf-8", "replace").decode() == text:
        assert TextPart.from_json(part.to_json().encode("utf-8", "surrogatepass").decode("utf-8", "replace")) == part
    assert TextPart.from_dict(part.to_dict()) == part


def test_the_output_type_is_given_back_and_does_not_count_for_equality() -> None:
    response = ChatResponse(Message.assistant('{"value": [1, 2]}'))
    typed = ChatResponse.from_json(response.to_json(), output=list[int])
    assert typed == response
    assert response.parsed is None
    assert typed.parsed == [1, 2]
    assert pickle.loads(pickle.dumps(typed)).parsed == [1, 2]


def test_output_that_does_not_validate_loses_nothing() -> None:
    response = ChatResponse(Message.assistant('{"value": "x"}'), Usage(input_tokens=3)).with_output(int)
    with pytest.raises(OutputInvalid) as caught:
        _ = response.parsed
    assert caught.value.response is response
    assert caught.value.errors[0]["type"] == "int_parsing"
    assert "x" not in str(caught.value).replace("expected", "")


def test_usage_has_totals_with_parts_and_adds_up() -> None:
    usage = Usage.of_provider(input_tokens=100, cache_read=60, cache_write=10, output_tokens=50, reasoning=20)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 50, 150)
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 50)
    assert (usage.uncached_input_tokens, usage.visible_output_tokens) == (30, 30)
    assert usage.is_consistent
    assert Usage().total_tokens is Usage().uncached_input_tokens is None
    assert Usage().is_consistent
    assert Usage.of_provider().source == "unknown"
    total = usage + Usage(input_tokens=1, source="estimated")
    assert (total.input_tokens, total.cache_read_tokens, total.source) == (101, 60, "estimated")
    assert (usage + Usage(source="local")).source == "local"
    odd = Usage.of_provider(input_tokens=5, cache_read=9, output_tokens=1, reasoning=2)
    assert (odd.input_tokens, odd.cache_read_tokens, odd.output_tokens, odd.reasoning_tokens) == (5, 9, 1, 2)
    assert (odd.uncached_input_tokens, odd.visible_output_tokens, odd.is_consistent) == (0, 0, False)


def test_tool_results_take_text_parts_and_json() -> None:
    call = ToolCall("1", "f", "")
    assert call.args() == {}
    assert call.result("x").content == (TextPart("x"),)
    assert call.result({"a": [1, None]}).text == '{"a":[1,null]}'
    assert call.result(["a", "b"]).text == '["a","b"]'
    image = ImagePart(data=b"x", media_type="image/png")
    assert call.result(["see", image]).content == (TextPart("see"), image)
    assert call.result(None).text == "null"
    assert call.result(()).content == ()


@pytest.mark.parametrize("arguments", ["", " \n", "null", " null "])
def test_blank_arguments_are_an_empty_dict(arguments: str) -> None:
    assert ToolCall("1", "f", arguments).args() == {}


@pytest.mark.parametrize("arguments", ["[1]", "{", '{"a":' * 70 + "1" + "}" * 70, "nul", "{" * 5000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(errors.InvalidToolArguments):
        ToolCall("1", "f", arguments).args()


def test_media_needs_one_source_and_a_type(tmp_path: Any) -> None:
    for make in (
        lambda: ImagePart(),
        lambda: ImagePart(data=b"x", url="https://x"),
        lambda: ImagePart(data=b"x"),
        lambda: ImagePart.from_path(tmp_path / "missing.png"),
        lambda: ImagePart.from_path(tmp_path / "unknown.zzz"),
    ):
        with pytest.raises(InvalidInput):
            make()
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    assert ImagePart.from_path(picture) == ImagePart(data=b"\x89PNG", media_type="image/png", name="a.png")


def test_every_public_name_is_there() -> None:
    for name in ratatoskr.__all__:
        assert getattr(ratatoskr, name) is not None
    assert [*ratatoskr.__all__] == sorted(ratatoskr.__all__)
    assert set(ratatoskr.__all__) <= set(dir(ratatoskr))
