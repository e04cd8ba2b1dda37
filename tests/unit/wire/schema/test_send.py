"""How a schema is sent: which vendor's rules hold, what is called strict, and what the caller is told."""

from __future__ import annotations

import json
from typing import Any, Literal

import pydantic
import pytest

from ratatoskr import ChatOptions, ChatRequest, JsonSchema, Message, ToolDefinition
from ratatoskr.models.rules import rules_for
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire import anthropic, chat_completions, gemini, ollama, responses
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.schema.send import StrictUse, compile_schema, plan_format, plan_parameters, subset_of

STRING = {"type": "string"}
CLOSED = {"type": "object", "properties": {"a": STRING}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "additionalProperties": STRING}
NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}

DIALECTS: dict[str, Any] = {
    "messages": anthropic,
    "chat_completions": chat_completions,
    "generate_content": gemini,
    "ollama": ollama,
    "responses": responses,
}


def make_target(provider: str, model: str) -> Target:
    rules = rules_for(provider, model)
    return Target(provider, model, rules.endpoint, rules)


@pytest.mark.parametrize(
    ("provider", "model", "subset"),
    [
        ("openai", "gpt-4.1", "openai"),
        ("openai", "gpt-5.4", "openai"),
        ("openai", "ft:gpt-4.1:org::id", "openai_fine_tuned"),
        ("anthropic", "claude-sonnet-5", "anthropic"),
        ("google", "gemini-3-flash", "gemini"),
        ("ollama", "qwen3:4b", "ollama"),
        ("mistral", "mistral-small-latest", "mistral"),
        ("groq", "openai/gpt-oss-20b", "groq"),
        ("groq", "meta-llama/llama-4-scout", "groq_best_effort"),
        ("xai", "grok-4.6", "xai"),
        ("cerebras", "gpt-oss-120b", "cerebras"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "compatible"),
        ("elsewhere", "some-model", "compatible"),
        ("elsewhere", "gpt-5-mini", "openai"),
        ("openrouter", "anthropic/claude-sonnet-5", "anthropic"),
        ("openrouter", "openai/gpt-5.4", "openai"),
        ("openrouter", "google/gemini-3-flash", "gemini"),
        ("openrouter", "x-ai/grok-4", "xai"),
        ("openrouter", "qwen/qwen3", "compatible"),
    ],
)
def test_the_vendor_of_the_model_decides(provider: str, model: str, subset: str) -> None:
    assert subset_of(make_target(provider, model)) == subset


def plan(schema: Any, provider: str, model: str, *, strict: bool = True, is_validated: bool = False) -> tuple[Any, ...]:
    made = plan_format(
        JsonSchema("s", schema, strict), make_target(provider, model), StrictUse(), is_validated=is_validated
    )
    sent = None if made.schema is None else json.loads(bytes(made.schema))
    return sent, made.strict, [notice.code for notice in made.notices]


@pytest.mark.parametrize(
    ("provider", "model", "schema", "strict", "sent"),
    [
        ("openai", "gpt-5.4", CLOSED, True, (CLOSED, True, [])),
        ("openai", "gpt-5.4", OPEN, True, (OPEN, False, ["schema_not_strict"])),
        ("openai", "gpt-5.4", OPEN, False, (OPEN, False, [])),
        ("openai", "gpt-5.4", {"type": "array", "items": STRING}, True, (None, False, ["output_emulated"])),
        ("anthropic", "claude-sonnet-5", CLOSED, True, (CLOSED, True, [])),
        ("anthropic", "claude-sonnet-5", CLOSED, False, (CLOSED, False, [])),
        ("anthropic", "claude-sonnet-5", OPEN, True, (None, False, ["output_emulated"])),
        ("anthropic", "claude-sonnet-5", NODE, True, (None, False, ["output_emulated"])),
        ("anthropic", "claude-3-haiku", CLOSED, True, (None, False, ["output_emulated"])),
        ("google", "gemini-3-flash", OPEN, False, (OPEN, False, [])),
        ("google", "gemini-3-flash", NODE, True, (NODE, True, [])),
        ("xai", "grok-4.6", NODE, True, (None, False, ["output_emulated"])),
        ("groq", "meta-llama/llama-4-scout", CLOSED, True, (CLOSED, False, ["schema_not_strict"])),
        ("mistral", "mistral-small-latest", OPEN, True, (OPEN, False, ["schema_not_strict"])),
        ("elsewhere", "some-model", OPEN, True, (OPEN, False, ["schema_not_strict"])),
        ("elsewhere", "some-model", NODE, False, (NODE, False, [])),
    ],
)
def test_what_does_not_fit_is_sent_less_strictly(
    provider: str, model: str, schema: Any, strict: bool, sent: tuple[Any, ...]
) -> None:
    assert plan(schema, provider, model, strict=strict) == sent


def test_one_notice_names_all_that_was_left_out() -> None:
    schema = {
        **CLOSED,
        "properties": {"a": {**STRING, "minLength": 1, "format": "uri"}, "b": {"type": "integer"}},
    }
    form, target = JsonSchema("s", schema), make_target("openai", "gpt-5.4")
    (notice,) = plan_format(form, target, StrictUse(), is_validated=False).notices
    assert (notice.code, notice.field) == ("schema_adapted", "response_format")
    assert "/properties/a/format, /properties/a/minLength" in notice.message
    assert "null for what may be absent: /properties/b" in notice.message
    (notice,) = plan_format(form, target, StrictUse(), is_validated=True).notices
    assert "still validated" in notice.message
    assert "/properties/b" not in notice.message  # an output type reads it as absent


def test_a_notice_is_short_however_much_was_left_out() -> None:
    names = [f"p{i}" for i in range(30)]
    schema = {**CLOSED, "properties": {name: {**STRING, "minLength": 1} for name in names}, "required": names}
    form = JsonSchema("s", schema)
    (notice,) = plan_format(form, make_target("openai", "gpt-5.4"), StrictUse(), is_validated=True).notices
    assert "/properties/p7/minLength and 22 more" in notice.message
    assert "p8/" not in notice.message


def encode_tools(provider: str, model: str, *tools: ToolDefinition, output: Any = None, **options: Any) -> Any:
    target = make_target(provider, model)
    request = ChatRequest((Message.user("Hi"),), tools, output=output, options=ChatOptions(**options))
    return DIALECTS[target.dialect].encode_request(request, target, stream=False)


def describe_tools(encoded: Any) -> list[tuple[Any, Any]]:
    """Return the schema and the strictness of each tool in a body."""
    import msgspec

    body = json.loads(msgspec.json.encode(encoded.body))
    found = []
    for tool in body["tools"]:
        for entry in tool.get("functionDeclarations", [tool.get("function", tool)]):
            schema = entry.get("parameters") or entry.get("input_schema") or entry.get("parametersJsonSchema")
            found.append((schema, entry.get("strict")))
    return found


class Pet(pydantic.BaseModel):
    kind: Literal["cat"]
    age: int = pydantic.Field(3, ge=0)


def feed(pet: Pet, times: int = 1) -> str:
    """Feed a pet."""
    return f"{pet.kind} {pet.age} {times}"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5.4"),
        ("openai", "gpt-4.1"),
        ("anthropic", "claude-sonnet-5"),
        ("xai", "grok-4.6"),
        ("groq", "openai/gpt-oss-20b"),
        ("mistral", "mistral-small-latest"),
        ("cerebras", "gpt-oss-120b"),
        ("elsewhere", "some-model"),
        ("google", "gemini-3-flash"),
    ],
)
def test_strict_tools_of_functions_models_and_schemas_are_compiled(provider: str, model: str) -> None:
    from unit.wire.schema.checkers import CHECKERS

    checker = CHECKERS[subset_of(make_target(provider, model))]
    tools = [
        ToolDefinition.from_function(feed, strict=True),
        ToolDefinition.from_model(Pet, strict=True),
        ToolDefinition("raw", "", {"type": "object", "properties": {"n": {"type": "integer"}}}, strict=True),
    ]
    for schema, strict in describe_tools(encode_tools(provider, model, *tools)):
        assert checker(schema) == []
        assert strict is (None if provider == "google" else True)


def test_tools_that_need_not_be_strict_are_sent_as_they_are() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}
    tool = ToolDefinition("t", "", schema)
    for provider, model in (
        ("openai", "gpt-4.1"),
        ("anthropic", "claude-sonnet-5"),
        ("mistral", "mistral-small-latest"),
    ):
        encoded = encode_tools(provider, model, tool)
        assert describe_tools(encoded) == [(schema, None)]
        assert encoded.notices == []


def test_a_tool_that_cannot_be_strict_is_sent_without_it() -> None:
    tool = ToolDefinition("t", "", OPEN, strict=True)
    for provider, model in (("openai", "gpt-5.4"), ("anthropic", "claude-sonnet-5"), ("elsewhere", "m")):
        encoded = encode_tools(provider, model, tool)
        assert describe_tools(encoded) == [(OPEN, False)]
        assert [(n.code, n.field.partition(".")[0]) for n in encoded.notices] == [("schema_not_strict", "tools[0]")]


def test_gemini_and_xai_hold_every_tool_to_their_subset() -> None:
    tool = ToolDefinition("t", "", {"type": "object", "properties": {"k": {"const": "a"}}})
    ((schema, _),) = describe_tools(encode_tools("google", "gemini-3-flash", tool))
    assert schema["properties"]["k"] == {"type": "string", "enum": ["a"]}
    recursive = ToolDefinition("t", "", NODE)
    plan = plan_parameters(recursive, make_target("xai", "grok-4.6"), StrictUse(), "tools[0]")
    assert (json.loads(bytes(plan.schema)), plan.strict, plan.notices) == (NODE, None, ())


def test_the_strict_tools_of_a_request_share_anthropics_limits() -> None:
    def make_tool(i: int, *, optional: int = 0) -> ToolDefinition:
        properties = {f"p{j}": STRING for j in range(optional)}
        return ToolDefinition(f"t{i}", "", {"type": "object", "properties": properties}, strict=True)

    many = encode_tools("anthropic", "claude-sonnet-5", *(make_tool(i) for i in range(21)))
    assert [strict for _, strict in describe_tools(many)] == [True] * 20 + [False]
    assert [(n.field, "20 strict tools" in n.message) for n in many.notices] == [("tools[20]", True)]
    wide = encode_tools("anthropic", "claude-sonnet-5", make_tool(0, optional=20), make_tool(1, optional=20))
    assert [strict for _, strict in describe_tools(wide)] == [True, False]
    form = JsonSchema("s", {"type": "object", "properties": {f"p{j}": STRING for j in range(20)}})
    both = encode_tools("anthropic", "claude-sonnet-5", make_tool(0, optional=20), response_format=form)
    assert "format" in both.body["output_config"]  # the answer comes first
    assert [strict for _, strict in describe_tools(both)] == [False]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_stand_in_where_nothing_fits(dialect: str) -> None:
    target = Target("p", "m", dialect, ModelRules(schema_subset="anthropic", thinking="level"))
    request = ChatRequest((Message.user("Hi"),), options=ChatOptions(response_format=JsonSchema("s", OPEN)))
    encoded = DIALECTS[dialect].encode_request(request, target, stream=False)
    text = str(encoded.body)
    assert '"additionalProperties":{"type":"string"}' in text.replace("\\", "")
    assert "json_schema" not in text
    (notice,) = encoded.notices
    assert (notice.code, notice.field) == ("output_emulated", "response_format")
    assert "whose members are not named" in notice.message


@pytest.mark.parametrize(
    ("subset", "schema", "form"),
    [("openai", {"type": "array", "items": STRING}, None), ("anthropic", OPEN, {"type": "json_object"})],
)
def test_json_mode_is_not_asked_for_where_the_answer_is_no_object(subset: Any, schema: Any, form: Any) -> None:
    target = Target("p", "m", "chat_completions", ModelRules(schema_subset=subset))
    request = ChatRequest((Message.user("Hi"),), options=ChatOptions(response_format=JsonSchema("s", schema)))
    encoded = chat_completions.encode_request(request, target, stream=False)
    assert encoded.body.get("response_format") == form
    assert [notice.code for notice in encoded.notices] == ["output_emulated"]


def test_a_schema_is_compiled_once() -> None:
    form, target = JsonSchema("s", {**CLOSED, "title": "once"}), make_target("openai", "gpt-5.4")
    before = compile_schema.cache_info().misses
    for _ in range(3):
        plan_format(form, target, StrictUse(), is_validated=True)
    assert compile_schema.cache_info().misses == before + 1
