"""How parameters are adapted: each policy, the conditions on reasoning, and the mapping of efforts and budgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.models.rules import rules_for
from ratatoskr.providers.adapt import SAMPLING, apply_rules
from ratatoskr.types.chat import EFFORTS, PARAM_NAMES, ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.model import ParameterChange
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target

ALL = frozenset({*PARAM_NAMES, "tool_choice"})
MESSAGES = (Message.user("hi"),)
VALUES = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "max_tokens": 100,
    "stop": ("END",),
    "seed": 7,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "parallel_tool_calls": False,
    "response_format": "json",
    "reasoning": "low",
    "cache_prompt": True,
    "logprobs": 3,
    "user": "u-1",
    "service_tier": "flex",
    "metadata": {"a": "b"},
}


def request(tool_choice=None, **params):
    return ChatRequest(MESSAGES, tool_choice=tool_choice, options=ChatOptions(model="m", **params))


def adapt(given_request, rules=ModelRules(), policy="error", parameters=ALL):  # noqa: B008 - frozen
    if isinstance(rules, str):
        rules = rules_for(*rules.split(":", 1))
    return apply_rules(given_request, Target("p", "m", "d", rules), parameters, policy)


def refuse(given_request, rules=ModelRules(), parameters=ALL):  # noqa: B008 - frozen
    with pytest.raises(UnsupportedParameter) as caught:
        adapt(given_request, rules, parameters=parameters)
    assert (caught.value.provider, caught.value.model) == ("p", "m")
    return caught.value.field, caught.value.message


def effort_of(result):
    return result.request.options.reasoning.effort


# What the dialect supports


def test_a_request_without_parameters_is_left_as_it_is():
    given_request = request()
    result = adapt(given_request, parameters=frozenset())
    assert result.request is given_request
    assert (result.changes, result.notices, result.passed) == ((), (), {})


@pytest.mark.parametrize("name", VALUES)
def test_a_parameter_that_provider_and_model_accept_is_kept_and_not_mentioned(name):
    given_request = request(**{name: VALUES[name]})
    result = adapt(given_request, rules_for("my-host", "m"))
    assert result.request is given_request
    assert (result.changes, result.notices, result.passed) == ((), (), {})


@pytest.mark.parametrize("name", VALUES)
def test_an_unsupported_parameter_is_refused_by_its_name(name):
    field, message = refuse(request(**{name: VALUES[name]}), rules_for("my-host", "m"), ALL - {name})
    assert field == name
    assert name in message


@pytest.mark.parametrize("name", VALUES)
def test_an_unsupported_parameter_is_dropped_with_a_notice(name):
    given_request = request(**{name: VALUES[name]}, raw_provider_options={"kept": 1})
    result = adapt(given_request, rules_for("my-host", "m"), "drop", ALL - {name})
    assert result.request.options == ChatOptions(model="m", raw_provider_options={"kept": 1})
    assert [(notice.code, notice.field) for notice in result.notices] == [("parameter_dropped", name)]
    assert [(change.field, change.after) for change in result.changes] == [(name, None)]
    assert result.passed == {}


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        *((name, VALUES[name], VALUES[name]) for name in ("temperature", "seed", "user", "logprobs", "metadata")),
        ("user", "json", "json"),
        ("stop", ("END",), ["END"]),
        ("response_format", "json", {"type": "json_object"}),
        (
            "response_format",
            JsonSchema("n", {"type": "object"}),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
        ),
        ("reasoning", "low", {"effort": "low"}),
        ("reasoning", ReasoningConfig(budget_tokens=9), {"budget_tokens": 9}),
    ],
)
def test_an_unsupported_parameter_is_passed_on_as_it_is(name, value, sent):
    result = adapt(request(**{name: value}), rules_for("my-host", "m"), "pass", ALL - {name})
    assert result.passed == {name: sent}
    assert result.request.options == ChatOptions(model="m")
    assert [change.field for change in result.changes] == [name]
    assert result.notices == ()


@pytest.mark.parametrize("params", [{"logprobs": False}, {"cache_prompt": False}, {"stop": ()}])
def test_a_value_without_effect_is_never_refused(params):
    assert adapt(request(**params), parameters=frozenset()).changes == ()


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_tool_choice_that_forces_nothing_needs_no_support(choice):
    assert adapt(request(choice), parameters=frozenset()).changes == ()


def test_a_forced_tool_needs_support():
    assert refuse(request("required"), parameters=frozenset())[0] == "tool_choice"
    assert adapt(request("required"), policy="drop", parameters=frozenset()).request.tool_choice is None
    result = adapt(request("get_weather"), policy="pass", parameters=frozenset())
    assert result.request.tool_choice is None
    assert result.passed == {"tool_choice": "get_weather"}


# What the model accepts


@pytest.mark.parametrize("name", sorted(SAMPLING))
def test_models_that_never_accept_sampling_refuse_it_whatever_the_effort(name):
    for reasoning in (None, "low"):
        field, message = refuse(request(**{name: VALUES[name], "reasoning": reasoning}), "openai:o3")
        assert field == name
        assert "drop" in message


@pytest.mark.parametrize("name", sorted(SAMPLING))
def test_a_model_that_reasons_by_default_refuses_sampling_and_says_how_to_get_it(name):
    field, message = refuse(request(**{name: VALUES[name]}), "openai:gpt-5.5")
    assert field == name
    assert 'reasoning="none"' in message
    assert adapt(request(**{name: VALUES[name], "reasoning": "none"}), "openai:gpt-5.5").changes == ()


def test_a_model_that_reasons_on_request_accepts_sampling_until_then():
    assert adapt(request(temperature=0.5), "openai:gpt-5.2").changes == ()
    assert refuse(request(temperature=0.5, reasoning="low"), "openai:gpt-5.2")[0] == "temperature"
    assert adapt(request(temperature=0.5), "anthropic:claude-sonnet-4-6").changes == ()
    budget = ReasoningConfig(budget_tokens=2048)
    assert refuse(request(temperature=0.5, reasoning=budget), "anthropic:claude-sonnet-4-5")[0] == "temperature"


def test_only_showing_the_thinking_does_not_start_it():
    given_request = request(temperature=0.5, reasoning=ReasoningConfig(include=False))
    assert adapt(given_request, "openai:gpt-5.2").changes == ()
    assert adapt(given_request, "openai:gpt-4o").request is given_request


def test_a_refused_parameter_stays_in_its_place_if_it_is_passed_on_and_supported():
    result = adapt(request(temperature=0.5), "openai:o3", "pass")
    assert result.request.options.temperature == 0.5
    assert result.passed == {}
    assert [change.field for change in result.changes] == ["temperature"]


def test_a_rule_may_refuse_single_parameters():
    assert refuse(request(stop="x"), "openai:o4-mini")[0] == "stop"
    assert adapt(request(stop="x"), "openai:gpt-4o").changes == ()


@pytest.mark.parametrize("choice", ["required", "get_weather"])
def test_models_that_cannot_be_forced_to_call_a_tool(choice):
    assert refuse(request(choice), "anthropic:claude-opus-5-5")[0] == "tool_choice"
    assert adapt(request("auto"), "anthropic:claude-opus-5-5").changes == ()
    assert adapt(request("none"), "anthropic:claude-opus-5-5").changes == ()
    assert adapt(request(choice), "anthropic:claude-opus-5").changes == ()
    dropped = adapt(request(choice), "anthropic:claude-opus-5-5", "drop")
    assert dropped.request.tool_choice is None


def test_a_tool_cannot_be_forced_while_a_model_thinks_by_a_budget():
    given_request = request("required", reasoning=ReasoningConfig(budget_tokens=2048))
    assert refuse(given_request, "anthropic:claude-sonnet-4-5")[0] == "tool_choice"
    assert adapt(request("required"), "anthropic:claude-sonnet-4-5").changes == ()
    assert 'reasoning="none"' in refuse(request("required"), "deepseek:deepseek-v4-pro")[1]
    assert adapt(request("required", reasoning="none"), "deepseek:deepseek-v4-pro").changes == ()


def test_more_tokens_than_the_model_allows_are_left_to_the_provider():
    assert adapt(request(max_tokens=10**9), "anthropic:claude-sonnet-4-5").changes == ()


# Efforts


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        # OpenAI: minimal→low, xhigh→high, max→xhigh
        ("openai:gpt-5.2", "minimal", "low"),
        ("openai:gpt-5.1", "xhigh", "high"),
        ("openai:gpt-5.2", "max", "xhigh"),
        ("openai:o3", "minimal", "low"),
        ("openai:o3", "max", "high"),
        ("openai:gpt-5-pro", "low", "high"),
        ("openai:gpt-5.3-chat-latest", "high", "medium"),
        # Anthropic: minimal→low, xhigh→max where there is no xhigh
        ("anthropic:claude-opus-5", "minimal", "low"),
        ("anthropic:claude-opus-4-6", "xhigh", "max"),
        # Gemini: minimal→low where it is missing, xhigh and max→high
        ("google:gemini-3.1-pro-preview", "minimal", "low"),
        ("google:gemini-3-pro-preview", "medium", "high"),
        ("google:gemini-3.5-flash", "xhigh", "high"),
        ("google:gemini-3.5-flash", "max", "high"),
        # Others
        ("deepseek:deepseek-v4-pro", "medium", "high"),
        ("deepseek:deepseek-v4-pro", "xhigh", "max"),
        ("mistral:mistral-medium-latest", "low", "high"),
        ("ollama:gpt-oss:20b", "minimal", "low"),
        ("ollama:gpt-oss:20b", "max", "high"),
    ],
)
def test_an_effort_that_the_model_lacks_becomes_the_nearest_with_a_notice(model, asked, sent):
    result = adapt(request(reasoning=asked), model)
    assert effort_of(result) == sent
    assert [(notice.code, notice.field) for notice in result.notices] == [("reasoning_mapped", "reasoning")]
    assert [(c.before.effort, c.after.effort) for c in result.changes] == [(asked, sent)]


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("openai:gpt-5.6", "max"),
        ("openai:gpt-5", "minimal"),
        ("openai:gpt-5.1", "none"),
        ("anthropic:claude-opus-5", "xhigh"),
        ("anthropic:claude-sonnet-4-5", "xhigh"),
        ("anthropic:claude-sonnet-5-5", "none"),
        ("google:gemini-2.5-flash", "none"),
        ("google:gemini-3.5-flash", "minimal"),
        ("openrouter:qwen/qwen3", "max"),
        ("my-host:m", "minimal"),
    ],
)
def test_an_effort_that_the_model_accepts_is_kept(model, effort):
    given_request = request(reasoning=effort)
    assert adapt(given_request, model).request is given_request


def test_whether_the_thinking_is_shown_survives_the_mapping():
    result = adapt(request(reasoning=ReasoningConfig("max", include=False)), "openai:o3")
    assert result.request.options.reasoning == ReasoningConfig("high", include=False)


def test_a_model_with_only_a_switch_keeps_the_effort_with_a_notice():
    result = adapt(request(reasoning="low"), "ollama:qwen3:8b")
    assert effort_of(result) == "low"
    assert [notice.code for notice in result.notices] == ["reasoning_mapped"]
    assert adapt(request(reasoning="none"), "ollama:qwen3:8b").notices == ()


def test_passing_on_leaves_even_the_effort_as_it_is():
    given_request = request(reasoning="max")
    assert adapt(given_request, "openai:o3", "pass").request is given_request


@pytest.mark.parametrize(
    "model",
    [
        "openai:gpt-5",
        "openai:gpt-6-astra",
        "anthropic:claude-opus-5-5",
        "google:gemini-2.5-pro",
        "google:gemini-3.1-pro-preview",
        "groq:openai/gpt-oss-20b",
        "mistral:magistral-medium-2509",
    ],
)
@pytest.mark.parametrize("off", ["none", ReasoningConfig(budget_tokens=0)])
def test_thinking_that_cannot_be_switched_off_is_refused_or_dropped(model, off):
    assert refuse(request(reasoning=off), model)[0] == "reasoning"
    result = adapt(request(reasoning=off), model, "drop")
    assert result.request.options.reasoning is None
    assert [notice.code for notice in result.notices] == ["parameter_dropped"]


def test_the_refusal_names_the_lowest_effort_of_the_model():
    assert 'reasoning="minimal"' in refuse(request(reasoning="none"), "openai:gpt-5")[1]
    assert 'reasoning="low"' in refuse(request(reasoning="none"), "google:gemini-3.8-flash")[1]


def test_where_the_lowest_effort_is_near_enough_to_none_it_is_sent_with_a_notice():
    result = adapt(request(reasoning="none"), "google:gemini-3.5-flash")
    assert effort_of(result) == "minimal"
    assert [notice.code for notice in result.notices] == ["reasoning_mapped"]


def test_a_model_that_does_not_think_is_not_asked_not_to_think():
    result = adapt(request(reasoning="none"), "openai:gpt-4o")
    assert result.request.options.reasoning is None
    assert result.notices == ()
    assert [type(change) for change in result.changes] == [ParameterChange]


@pytest.mark.parametrize("reasoning", ["low", ReasoningConfig(budget_tokens=1000)])
def test_a_model_that_does_not_think_refuses_an_effort_or_a_budget(reasoning):
    assert "does not think" in refuse(request(reasoning=reasoning), "openai:gpt-4o")[1]


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(100, "minimal"), (1_024, "minimal"), (2_000, "low"), (8_000, "medium"), (16_000, "high"), (100_000, "xhigh")],
)
def test_a_budget_becomes_the_nearest_effort_where_the_model_accepts_efforts(budget, effort):
    result = adapt(request(reasoning=ReasoningConfig(budget_tokens=budget)), "my-host:m")
    assert result.request.options.reasoning == ReasoningConfig(effort)
    assert [notice.code for notice in result.notices] == ["reasoning_mapped"]


def test_a_budget_that_becomes_an_effort_becomes_one_that_the_model_accepts():
    reasoning = ReasoningConfig(budget_tokens=1_024)
    assert effort_of(adapt(request(reasoning=reasoning), "anthropic:claude-opus-5")) == "low"
    assert effort_of(adapt(request(reasoning=reasoning), "openai:o3", "pass")) == "low"


def test_beside_an_effort_a_budget_is_dropped_where_the_model_accepts_efforts():
    result = adapt(request(reasoning=ReasoningConfig("high", 99)), "openai:gpt-5.2")
    assert result.request.options.reasoning == ReasoningConfig("high")
    assert "budget" in result.notices[0].message


@pytest.mark.parametrize("model", ["anthropic:claude-sonnet-4-5", "google:gemini-2.5-flash"])
def test_budgets_stay_where_the_model_accepts_them(model):
    given_request = request(reasoning=ReasoningConfig(budget_tokens=3_000))
    assert adapt(given_request, model).request is given_request
    given_request = request(reasoning="high")
    assert adapt(given_request, model).request is given_request


def test_a_budget_of_zero_is_none():
    result = adapt(request(temperature=0.5, reasoning=ReasoningConfig(budget_tokens=0)), "openai:gpt-5.5")
    assert effort_of(result) == "none"
    assert result.request.options.temperature == 0.5
    assert result.notices == ()


# Any combination


MODELS = [
    "openai:gpt-4o",
    "openai:o3",
    "openai:gpt-5.6",
    "anthropic:claude-opus-5-5",
    "anthropic:claude-sonnet-4-5",
    "anthropic:claude-3-opus",
    "google:gemini-2.5-pro",
    "google:gemini-3.5-flash",
    "ollama:qwen3:8b",
    "ollama:gpt-oss:20b",
    "mistral:magistral-medium-2509",
    "groq:qwen/qwen3-32b",
    "xai:grok-4.6",
    "openrouter:openai/gpt-5",
]


@given(
    model=st.sampled_from(MODELS),
    names=st.sets(st.sampled_from(sorted(VALUES))),
    words=st.frozensets(st.sampled_from(sorted(ALL))),
    effort=st.none() | st.sampled_from(EFFORTS),
    budget=st.none() | st.integers(0, 200_000),
    choice=st.sampled_from([None, "auto", "none", "required", "t"]),
)
def test_what_is_left_after_dropping_is_accepted_without_changes(model, names, words, effort, budget, choice):
    params = {name: VALUES[name] for name in names} | {"reasoning": ReasoningConfig(effort, budget)}
    rules = rules_for(*model.split(":", 1))
    once = adapt(request(choice, **params), rules, "drop", words)
    again = adapt(once.request, rules, "error", words)
    assert again.passed == once.passed == {}
    assert again.request.options.explicit_parameters().keys() <= once.request.options.explicit_parameters().keys()
    kept = once.request.options.reasoning
    if kept is not None and kept.effort not in (None, "none") and rules.efforts:
        assert kept.effort in rules.efforts
