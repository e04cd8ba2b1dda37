"""From what a caller writes to the one frozen request that chain, middleware and test gateways see."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pydantic
import pytest

from ratatoskr import (
    ChatOptions,
    ChatParams,
    ChatRequest,
    ImagePart,
    InvalidInput,
    JsonSchema,
    Message,
    ProviderTool,
    ReasoningConfig,
    Timeouts,
    ToolDefinition,
)
from ratatoskr.backend.chat import model_names
from ratatoskr.gateway.request import MAX_IMAGE, check_request, request_of
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.chat import PARAM_NAMES
from ratatoskr.types.part import MAX_DEPTH
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.schema import StrictUse, plan_format

HI = Message.user("Hi")


def weather(city: str) -> str:
    """Tell the weather."""
    return city


@pytest.mark.parametrize(
    "messages", ["Hi", HI, [HI], (HI,), iter([HI])], ids=["text", "message", "list", "tuple", "iterator"]
)
def test_a_conversation_may_be_written_in_several_ways(messages: Any) -> None:
    assert request_of(messages, "m").messages == (HI,)


def test_the_callers_list_is_not_kept() -> None:
    history, models, tools = [HI], ["a", "b"], [weather]
    request = request_of(history, models, tools=tools)
    for values in (history, models, tools):
        values.clear()  # type: ignore[attr-defined]  # all are lists
    assert (len(request.messages), request.options.model, len(request.tools)) == (1, ("a", "b"), 1)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        (ChatOptions("a"), ("a",)),
        (ChatOptions(("a", "b"), seed=1), ("a", "b")),
    ],
)
def test_a_model_is_a_name_a_chain_or_options(model: Any, names: tuple[str, ...]) -> None:
    assert model_names(request_of("Hi", model)) == names


def test_parameters_override_options_and_none_unsets_them() -> None:
    options = ChatOptions("a", temperature=0.5, max_tokens=10, stop="x", reasoning="low")
    made = request_of("Hi", options, temperature=None, max_tokens=20).options
    assert made == ChatOptions("a", max_tokens=20, stop=("x",), reasoning=ReasoningConfig("low"))
    assert request_of("Hi", options).options is options
    assert made.explicit_parameters() == {"max_tokens": 20, "stop": ("x",), "reasoning": ReasoningConfig("low")}


def test_every_parameter_can_be_written_in_each_of_the_three_places() -> None:
    fields = {field.name for field in dataclasses.fields(ChatOptions)} - {"model"}
    assert fields == set(PARAM_NAMES) == set(ChatParams.__annotations__)
    with pytest.raises(TypeError, match=r"argument 'n'; use chat_many .*timeout, temperature, top_p,"):
        request_of("Hi", "m", n=2)


def test_tools_become_definitions() -> None:
    search = ProviderTool("anthropic", {"type": "web_search_20250305"})
    definition = ToolDefinition("f", "Do.", {"type": "object"})
    tools = request_of("Hi", "m", tools=[weather, search, definition]).tools
    assert [type(tool) for tool in tools] == [ToolDefinition, ProviderTool, ToolDefinition]
    assert tools[0] == ToolDefinition.from_function(weather)
    assert tools[1:] == (search, definition)


@pytest.mark.parametrize("choice", [None, "auto", "none", "required", "weather"])
def test_a_choice_that_a_tool_can_meet_is_kept(choice: str | None) -> None:
    assert request_of("Hi", "m", tools=[weather], tool_choice=choice).tool_choice == choice


def test_a_providers_own_tool_can_be_required() -> None:
    search = ProviderTool("anthropic", {"type": "web_search_20250305"})
    assert request_of("Hi", "m", tools=[search], tool_choice="required").tool_choice == "required"
    with pytest.raises(InvalidInput, match="is not one of the tools"):
        request_of("Hi", "m", tools=[search], tool_choice="web_search")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, Timeouts()),
        (20, Timeouts(total=20)),
        (math.inf, Timeouts(total=math.inf)),
        (Timeouts(idle=3), Timeouts(idle=3)),
    ],
)
def test_timeouts_are_seconds_in_all_or_each_named(given: Any, made: Timeouts) -> None:
    assert request_of("Hi", "m", timeout=given).timeouts == made


def test_what_fits_just_so_is_taken() -> None:
    request_of(Message.user(ImagePart(data=b"x" * MAX_IMAGE, media_type="image/png")), "m")
    request_of([HI, Message.assistant([])], "m")  # an answer may be empty, and goes back as it came
    request_of("", "m")
    longest = "f" * 128
    assert request_of("Hi", "m", tools=[ToolDefinition(longest, "", {})]).tools[0] == ToolDefinition(longest, "", {})
    with pytest.raises(InvalidInput, match="no provider takes a tool named"):
        request_of("Hi", "m", tools=[ToolDefinition(longest + "f", "", {})])


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    while depth > 1:
        schema, depth = {"type": "array", "items": schema}, depth - 1
    return schema


SCHEMAS = [
    {},
    {"type": ["string", "null"], "default": None},
    {"type": "OBJECT"},  # Gemini's spelling
    {"type": "object", "properties": {"type": {"type": "string"}, "required": {"const": 1}}, "required": ["type"]},
    {"$defs": {"a": {"enum": [1]}}, "anyOf": [{"$ref": "#/$defs/a"}, True], "patternProperties": {"^x": False}},
    {"items": [{"type": "string"}]},
    nested(MAX_DEPTH),
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_is_passed_on_untouched(schema: dict[str, Any]) -> None:
    before = repr(schema)
    request = request_of("Hi", "m", tools=[ToolDefinition("f", "", schema)], response_format=JsonSchema("s", schema))
    assert request.tools[0].parameters is schema  # type: ignore[union-attr]  # a definition
    assert request.options.response_format == JsonSchema("s", schema)
    assert repr(schema) == before


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (nested(MAX_DEPTH + 1), "nested deeper than 64"),
        ({"anyOf": {"type": "string"}}, "/anyOf must be a list of schemas"),
        ({"$defs": []}, "/$defs must be an object"),
        (
            {"type": "object", "properties": {"a": {"type": "array", "items": {"type": 5}}}},
            "/properties/a/items/type is 5",
        ),
        ({"allOf": [{"type": "object", "required": "a"}]}, "/allOf/0/required must be a list"),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        request_of("Hi", "m", tools=[ToolDefinition("f", "", schema)])
    assert text in caught.value.message
    assert caught.value.field == "tools.f.parameters"


class Leaf(pydantic.BaseModel):
    name: str
    size: int = 3


class Branch(pydantic.BaseModel):
    leaves: list[Leaf]
    branches: list[Branch] = []


def sent_to_openai(wanted: JsonSchema) -> tuple[dict[str, Any], ...]:
    """Return the schema as it is sent, if it is called strict."""
    plan = plan_format(wanted, Target("openai", "gpt-5", "responses"), StrictUse(), is_validated=True)
    assert plan.schema is not None
    return (json.loads(bytes(plan.schema)),) if plan.strict else ()


def test_an_output_type_is_asked_for_by_a_schema_that_providers_can_guarantee() -> None:
    wanted = request_of("Hi", "m", output=Leaf).options.response_format
    assert isinstance(wanted, JsonSchema)
    assert (wanted.name, wanted.strict) == ("Leaf", True)
    assert wanted.schema == Leaf.model_json_schema()
    (sent,) = sent_to_openai(wanted)
    assert sent["required"] == ["name", "size"]
    assert sent["additionalProperties"] is False
    assert "default" not in sent["properties"]["size"]
    assert {"type": "null"} in sent["properties"]["size"]["anyOf"]  # null leaves it to the default


def test_an_output_type_whose_root_is_no_object_travels_in_one() -> None:
    wanted = request_of("Hi", "m", output=list[Leaf]).options.response_format
    assert isinstance(wanted, JsonSchema)
    assert list(wanted.schema["properties"]) == ["value"]
    assert wanted.schema["required"] == ["value"]


def test_an_output_type_may_hold_itself_and_open_ones_are_not_called_strict() -> None:
    recursive = request_of("Hi", "m", output=Branch).options.response_format
    assert isinstance(recursive, JsonSchema)
    assert (recursive.schema["type"], recursive.strict) == ("object", True)
    assert {"Branch", "Leaf"} <= set(recursive.schema["$defs"])
    opened = request_of("Hi", "m", output=dict[str, int]).options.response_format
    assert isinstance(opened, JsonSchema)
    assert sent_to_openai(opened) == ()


async def test_a_request_made_by_hand_arrives_as_one_made_of_arguments() -> None:
    arguments: dict[str, Any] = {"tools": [weather], "tool_choice": "weather", "output": Leaf, "timeout": 5}
    gateway = ScriptedGateway('{"name": "a"}', '{"name": "b"}')
    await gateway.chat("Hi", ChatOptions("m", seed=1), top_p=0.5, **arguments)
    made = gateway.requests[0]
    by_hand = ChatRequest(
        (HI,),
        (ToolDefinition.from_function(weather),),
        "weather",
        Leaf,
        ChatOptions("m", seed=1, top_p=0.5),
        Timeouts(total=5),
    )
    checked = check_request(by_hand)
    assert dataclasses.replace(checked, options=by_hand.options) == by_hand
    assert checked.options.response_format is not None
    assert check_request(checked) == checked
    outcomes = [outcome async for _, outcome in gateway.chat_many([by_hand])]
    assert outcomes[0].parsed == Leaf(name="b")  # type: ignore[union-attr]  # an answer
    assert gateway.requests[1] == made == checked
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.tools = ()  # type: ignore[misc]  # that is the point
