"""Parameters are judged by their values: what a host accepts is sent, all else is refused or dropped before sending."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ratatoskr import ChatOptions, ChatRequest, InvalidInput, Message, ReasoningConfig, ToolDefinition
from ratatoskr.errors import UnsupportedParameter
from ratatoskr.models.limits import ANY_HOST, LIMITS
from ratatoskr.models.rules import rules_for
from ratatoskr.providers.adapt import AdaptedRequest, apply_rules, check_tool_names
from ratatoskr.providers.exchange import load_dialect
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.wire.dialect import Target

CHAT = "openai chat_completions:"
"""The prefix of models at OpenAI's Chat Completions, where others reason at Responses."""


def adapt(model: str, policy: ParameterPolicy = "error", **params: Any) -> AdaptedRequest:
    provider, _, name = model.partition(":")
    provider, _, api = provider.partition(" ")
    rules = rules_for(provider, name, api=api or "auto")  # type: ignore[arg-type]
    spec = SPECS.get(provider)
    dialects = spec.dialects if spec else {"chat_completions": "ratatoskr.wire.chat_completions"}
    package = dialects.get(rules.endpoint) or next(iter(dialects.values()))
    supported = load_dialect(package).PARAMETERS - (spec.refused if spec else frozenset())
    request = ChatRequest((Message.user("hi"),), options=ChatOptions(model="m", **params))
    return apply_rules(request, Target(provider, name, rules.endpoint, rules), supported, policy)


def sent(result: AdaptedRequest) -> dict[str, Any]:
    return result.request.options.explicit_parameters()


BUDGET = ReasoningConfig(budget_tokens=2_000)

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    (f"{CHAT}gpt-5", {"temperature": 1}),
    (f"{CHAT}gpt-5-mini", {"temperature": 1.0}),
    (f"{CHAT}gpt-5.4", {"temperature": 1, "reasoning": "low"}),
    (f"{CHAT}gpt-5.4", {"temperature": 0.3, "top_p": 0.3}),
    (f"{CHAT}gpt-6-astra", {"temperature": 1}),
    (f"{CHAT}o3", {"temperature": 1}),
    ("house:gpt-5", {"temperature": 1}),
    ("openrouter:openai/gpt-5", {"temperature": 1}),
    ("anthropic:claude-sonnet-4-5", {"temperature": 1, "reasoning": BUDGET}),
    ("anthropic:claude-sonnet-4-6", {"temperature": 1, "reasoning": "high"}),
    ("anthropic:claude-3-7-sonnet-latest", {"top_p": 0.95, "reasoning": BUDGET}),
    ("openrouter:anthropic/claude-haiku-4.5", {"temperature": 1, "reasoning": BUDGET}),
    ("anthropic:claude-sonnet-4-0", {"temperature": 0.3, "top_p": 0.3}),
    ("anthropic:claude-3-5-haiku-20241022", {"stop": ["\nObservation:"]}),
    (f"{CHAT}gpt-4o", {"stop": ["a", "b", "c", "\n"], "temperature": 2}),
    (f"{CHAT}gpt-5-chat-latest", {"stop": "x", "temperature": 0}),
    ("google:gemini-2.5-flash", {"stop": list("abcde"), "temperature": 2}),
    ("mistral:mistral-small-latest", {"temperature": 1.5, "stop": list("abcdefgh")}),
    ("deepseek:deepseek-chat", {"stop": [str(n) for n in range(16)]}),
    ("house:m", {"temperature": 2, "stop": list("abcdefgh"), "top_p": 1, "frequency_penalty": -2}),
    ("openai:gpt-5", {"max_tokens": 16}),
    ("openai:o4-mini", {"parallel_tool_calls": False}),
    ("google:gemini-2.0-flash", {"presence_penalty": 0.5}),
    ("xai:grok-4.20-0309-non-reasoning", {"presence_penalty": 0.5, "stop": "x"}),
    ("anthropic:claude-opus-5", {"max_tokens": 0}),
    ("anthropic:claude-sonnet-4-6", {"reasoning": BUDGET}),
    ("anthropic:claude-opus-4-6", {"reasoning": ReasoningConfig("high", 2_000)}),
    ("openrouter:anthropic/claude-sonnet-4.6", {"reasoning": BUDGET}),
    ("openrouter:google/gemini-2.5-pro", {"reasoning": BUDGET}),
    ("openrouter:qwen/qwen3-32b", {"reasoning": BUDGET}),
    ("openrouter:openai/gpt-5", {"reasoning": BUDGET}),
    ("google:gemini-3.5-flash", {"reasoning": ReasoningConfig(budget_tokens=512)}),
    ("google:gemini-pro-latest", {"reasoning": ReasoningConfig(budget_tokens=512)}),
    ("google:gemini-flash-latest", {"reasoning": ReasoningConfig(budget_tokens=512)}),
]


@pytest.mark.parametrize(("model", "params"), ACCEPTED, ids=str)
def test_what_the_host_accepts_is_sent_as_it_is(model: str, params: dict[str, Any]) -> None:
    result = adapt(model, **params)
    assert sent(result) == ChatOptions(**params).explicit_parameters()
    assert (result.changes, result.notices) == ((), ())


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (f"{CHAT}gpt-5", {"temperature": 0.9}, "temperature"),
    (f"{CHAT}gpt-5", {"temperature": 1.1}, "temperature"),
    (f"{CHAT}gpt-5.4", {"temperature": 0, "reasoning": "low"}, "temperature"),
    ("openai:gpt-5", {"temperature": 0}, "temperature"),
    ("openrouter:openai/gpt-5", {"temperature": 0.5}, "temperature"),
    ("anthropic:claude-sonnet-4-5", {"temperature": 0.5, "reasoning": BUDGET}, "temperature"),
    ("anthropic:claude-sonnet-4-6", {"top_p": 0.9, "reasoning": "high"}, "top_p"),
    ("anthropic:claude-sonnet-4-6", {"top_k": 5, "reasoning": BUDGET}, "top_k"),
    ("anthropic:claude-opus-5", {"temperature": 0.5}, "temperature"),
    *(
        (f"{CHAT}{model}", {"stop": "x"}, "stop")
        for model in ("gpt-5", "gpt-5-nano", "gpt-5.1", "gpt-5.2", "gpt-5.3-chat-latest", "gpt-5.6", "gpt-6-sol", "o3")
    ),
    ("openai:gpt-5", {"stop": "x"}, "stop"),
    ("house:gpt-5.2", {"stop": "x"}, "stop"),
    ("openrouter:openai/gpt-5-mini", {"stop": "x"}, "stop"),
    *(
        (f"anthropic:claude-{model}", {"temperature": 0.5, "top_p": 0.9}, "top_p")
        for model in ("opus-4-1", "opus-4-5", "sonnet-4-5", "haiku-4-5-20251001", "opus-4-6", "sonnet-4-6")
    ),
    ("anthropic:claude-sonnet-4-5", {"temperature": 1, "top_p": 1}, "top_p"),
    ("anthropic:claude-sonnet-4-5", {"temperature": 1, "top_p": 0.95, "reasoning": BUDGET}, "top_p"),
    ("openrouter:anthropic/claude-haiku-4.5", {"temperature": 0.5, "top_p": 0.9}, "top_p"),
    (f"{CHAT}gpt-4o", {"stop": list("abcde")}, "stop"),
    ("google:gemini-2.5-flash", {"stop": list("abcdef")}, "stop"),
    ("groq:llama-3.3-70b-versatile", {"stop": list("abcde")}, "stop"),
    ("deepseek:deepseek-chat", {"stop": [str(n) for n in range(17)]}, "stop"),
    *(("anthropic:claude-haiku-4-5", {"stop": text}, "stop") for text in ("\n", " ", "\t\n", "\u00a0")),
    ("anthropic:claude-opus-5", {"stop": ["END", "\n\n"]}, "stop"),
    ("anthropic:claude-3-5-haiku-latest", {"temperature": 1.2}, "temperature"),
    ("mistral:mistral-small-latest", {"temperature": 1.6}, "temperature"),
    ("mistral:mistral-small-latest", {"seed": -1}, "seed"),
    ("google:gemini-2.5-flash", {"seed": 2**31}, "seed"),
    (f"{CHAT}gpt-4o", {"logprobs": 21}, "logprobs"),
    ("xai:grok-2", {"logprobs": 9}, "logprobs"),
    ("openai:gpt-5", {"max_tokens": 15}, "max_tokens"),
    ("openai responses:gpt-4o", {"max_tokens": 1}, "max_tokens"),
    (f"{CHAT}gpt-4o", {"max_tokens": 0}, "max_tokens"),
    ("google:gemini-3.5-flash", {"parallel_tool_calls": False}, "parallel_tool_calls"),
    (f"{CHAT}o4-mini", {"parallel_tool_calls": False}, "parallel_tool_calls"),
    ("google:gemini-2.5-flash", {"presence_penalty": 0.5}, "presence_penalty"),
    ("google:gemini-3.8-flash", {"frequency_penalty": 0.5}, "frequency_penalty"),
    ("openrouter:google/gemini-3.7-flash", {"frequency_penalty": 0.5}, "frequency_penalty"),
    ("anthropic:claude-sonnet-4-6", {"top_p": 0.99, "temperature": 0.2}, "top_p"),
    *((f"{provider}:m", {"temperature": 9}, "temperature") for provider in (*SPECS, "house") if provider != "openai"),
    (f"{CHAT}gpt-4o", {"temperature": 9}, "temperature"),
]


@pytest.mark.parametrize(("model", "params", "field"), REFUSED, ids=str)
def test_what_the_host_refuses_is_refused_before_sending_or_dropped_alone(
    model: str, params: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        adapt(model, **params)
    assert caught.value.field == field
    assert caught.value.message.startswith(f"{field} is refused: ")
    result = adapt(model, "drop", **params)
    kept = ChatOptions(**params).explicit_parameters()
    kept.pop(field)
    if field == "stop" and "END" in params["stop"]:
        kept["stop"] = ("END",)
    assert sent(result) == kept
    assert [(notice.code, notice.field) for notice in result.notices] == [("parameter_dropped", field)]
    assert [change.field for change in result.changes] == [field]


def test_the_policy_pass_sends_any_value() -> None:
    params: dict[str, Any] = {"temperature": 9, "top_p": 0.5, "stop": ("\n",), "reasoning": ReasoningConfig(None, 1)}
    assert sent(adapt("anthropic:claude-sonnet-4-6", "pass", **params)) == params


def test_a_refusal_of_a_value_says_which_values_are_accepted() -> None:
    with pytest.raises(UnsupportedParameter, match="it must be from 0 to 1 here, not 1"):
        adapt("anthropic:claude-sonnet-4-5", temperature=1.5)
    with pytest.raises(UnsupportedParameter, match="it must be 16 or more here, not 3"):
        adapt("openai:gpt-5", max_tokens=3)
    with pytest.raises(UnsupportedParameter, match="at most 4 texts are accepted here, not 6"):
        adapt(f"{CHAT}gpt-4o", stop=list("abcdef"))


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("openai:gpt-5", {"temperature": 1}),
        ("openai:o3", {"temperature": 1, "top_p": 1}),
        ("anthropic:claude-opus-4-8", {"temperature": 1.0}),
        ("google:gemini-3.8-flash", {"top_p": 1}),
        ("deepseek:deepseek-v4-pro", {"temperature": 1}),
        ("anthropic:claude-haiku-4-5", {"presence_penalty": 0, "frequency_penalty": 0.0}),
        ("cerebras:gpt-oss-120b", {"presence_penalty": 0}),
        ("xai:grok-4", {"frequency_penalty": 0}),
        ("google:gemini-3.5-flash", {"parallel_tool_calls": True}),
        ("google:gemini-2.5-pro", {"presence_penalty": 0}),
        (f"{CHAT}o3", {"parallel_tool_calls": True}),
        ("ollama:qwen3:8b", {"parallel_tool_calls": True}),
    ],
    ids=str,
)
def test_a_value_that_is_in_force_anyway_is_no_reason_to_refuse(model: str, params: dict[str, Any]) -> None:
    result = adapt(model, **params)
    assert sent(result) == {}
    assert [notice.field for notice in result.notices] == list(ChatOptions(**params).explicit_parameters())
    assert all("is in force without it" in notice.message for notice in result.notices)


@pytest.mark.parametrize(
    ("model", "budget", "nearest"),
    [
        ("anthropic:claude-sonnet-4-5", 20, 1_024),
        ("anthropic:claude-sonnet-4-6", 1_023, 1_024),
        ("google:gemini-2.5-pro", 5, 128),
        ("google:gemini-2.5-pro", 100_000, 32_768),
        ("google:gemini-2.5-flash-lite", 100, 512),
        ("google:gemini-2.5-flash", 30_000, 24_576),
    ],
)
def test_a_budget_that_is_not_accepted_becomes_the_nearest_with_a_notice(model: str, budget: int, nearest: int) -> None:
    result = adapt(model, reasoning=ReasoningConfig(budget_tokens=budget, include=False))
    assert result.request.options.reasoning == ReasoningConfig(budget_tokens=nearest, include=False)
    assert [(notice.code, notice.field) for notice in result.notices] == [("reasoning_mapped", "reasoning")]
    assert f"{nearest} is nearest to {budget}" in result.notices[0].message


@pytest.mark.parametrize("model", ["anthropic:claude-opus-4-8", "openrouter:anthropic/claude-opus-4.8"])
def test_models_that_ignore_a_budget_get_the_nearest_effort(model: str) -> None:
    result = adapt(model, reasoning=BUDGET)
    assert result.request.options.reasoning == ReasoningConfig("low")
    assert [notice.code for notice in result.notices] == ["reasoning_mapped"]


def test_a_budget_beside_an_effort_that_is_mapped_is_kept() -> None:
    result = adapt("anthropic:claude-sonnet-4-6", reasoning=ReasoningConfig("xhigh", 2_000))
    assert result.request.options.reasoning == ReasoningConfig("max", 2_000)


def test_no_tool_can_be_forced_within_a_budget_where_adaptive_thinking_would_allow_it() -> None:
    rules = rules_for("anthropic", "claude-sonnet-4-6")
    target = Target("anthropic", "claude-sonnet-4-6", "messages", rules)
    for reasoning, accepted in ((BUDGET, False), ("high", True)):
        options = ChatOptions(model="m", reasoning=reasoning)  # type: ignore[arg-type]
        request = ChatRequest((Message.user("hi"),), tool_choice="required", options=options)
        dropped = apply_rules(request, target, load_dialect("ratatoskr.wire.anthropic").PARAMETERS, "drop")
        assert (dropped.request.tool_choice == "required") is accepted


LONG = "t" * 65
NAMES: list[tuple[str, str, bool]] = [
    *(
        (f"{CHAT}gpt-4o", name, name == "get_weather-2")
        for name in ("get_weather-2", LONG, "a.b", "a b", "ä", "a/b", "a\n")
    ),
    ("openai:gpt-5", LONG, False),
    ("openai:gpt-5", "t" * 64, True),
    ("anthropic:claude-sonnet-5", "t" * 128, True),
    ("anthropic:claude-sonnet-5", "t" * 129, False),
    ("anthropic:claude-sonnet-5", "svc.do", False),
    ("google:gemini-3.5-flash", "svc.do:it-2", True),
    ("google:gemini-3.5-flash", "2do", False),
    ("google:gemini-3.5-flash", "t" * 129, False),
    ("mistral:mistral-small-latest", LONG, False),
    ("groq:llama-3.3-70b-versatile", LONG, False),
    ("deepseek:deepseek-chat", "a.b", False),
    ("house:m", LONG, True),
    ("ollama:m", "a.b", True),
]


@pytest.mark.parametrize(("model", "name", "accepted"), NAMES, ids=str)
def test_names_of_tools_are_those_that_the_host_accepts(model: str, name: str, accepted: bool) -> None:
    provider, _, rest = model.partition(":")
    provider = provider.partition(" ")[0]
    target = Target(provider, rest, "", rules_for(provider, rest))
    tools = (ToolDefinition("first", "", {"type": "object"}), ToolDefinition(name, "", {"type": "object"}))
    request = ChatRequest((Message.user("hi"),), tools)
    check_tool_names(request, target, "pass")
    for policy in ("error", "drop"):
        if accepted:
            check_tool_names(request, target, policy)  # type: ignore[arg-type]
            continue
        with pytest.raises(InvalidInput) as caught:
            check_tool_names(request, target, policy)  # type: ignore[arg-type]
        assert caught.value.field == "tools[1].name"
        assert target.rules.limits.tool_name in caught.value.message  # type: ignore[operator]


def test_every_row_of_limits_says_where_it_is_from() -> None:
    for limits in (ANY_HOST, *LIMITS.values()):
        assert "2026-" in limits.source
        assert all(low < high <= math.inf for low, high in limits.ranges.values())
