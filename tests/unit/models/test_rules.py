"""Which rules a model's name gets: retired, current and unknown names, direct and through another host."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.models.openrouter import VENDORS
from ratatoskr.models.rule_table import find_rules
from ratatoskr.models.rules import TABLES, rules_for
from ratatoskr.providers.specs import SPECS

ANTHROPIC = [
    # name, sampling, thinking, thinks, off, forced, max_output, schema
    ("claude-fable-5-2", "never", "adaptive", True, None, False, 128_000, "native"),
    ("claude-mythos-5", "never", "adaptive", True, None, True, 128_000, "native"),
    ("claude-opus-5-5", "never", "adaptive", True, None, False, 128_000, "native"),
    ("claude-sonnet-5-5", "never", "adaptive", True, "between_tools", False, 128_000, "native"),
    ("claude-haiku-5-5", "never", "adaptive", True, "disabled", True, 128_000, "native"),
    ("claude-opus-5", "never", "adaptive", True, "disabled", True, 128_000, "native"),
    ("claude-sonnet-5", "never", "adaptive", True, "disabled", True, 128_000, "native"),
    ("claude-opus-4-8", "never", "adaptive", False, "disabled", True, 128_000, "native"),
    ("claude-opus-4-7-20260416", "never", "adaptive", False, "disabled", True, 128_000, "native"),
    ("claude-sonnet-4-6", "unless_reasoning", "adaptive", False, "disabled", True, 128_000, "native"),
    ("claude-haiku-4-5-20251001", "unless_reasoning", "budget", False, "disabled", True, 64_000, "native"),
    ("claude-opus-4-1", "unless_reasoning", "budget", False, "disabled", True, 32_000, "native"),
    ("claude-opus-4-20250514", "unless_reasoning", "budget", False, "disabled", True, 32_000, "instructions"),
    ("claude-sonnet-4-20250514", "unless_reasoning", "budget", False, "disabled", True, 64_000, "instructions"),
    ("claude-sonnet-4-0", "unless_reasoning", "budget", False, "disabled", True, 64_000, "instructions"),
    ("claude-3-7-sonnet-latest", "unless_reasoning", "budget", False, "disabled", True, 64_000, "instructions"),
    ("claude-3-5-sonnet-20241022", "always", "none", False, None, True, 8_192, "instructions"),
    ("claude-3-opus-20240229", "always", "none", False, None, True, 4_096, "instructions"),
    ("claude-2.1", "always", "none", False, None, True, 4_096, "instructions"),
    ("claude-saga-7", "never", "adaptive", True, "disabled", True, 128_000, "native"),
]


@pytest.mark.parametrize("row", ANTHROPIC, ids=lambda row: row[0])
def test_claude(row):
    name, *expected = row
    rules = rules_for("anthropic", name)
    got = [
        rules.sampling,
        rules.thinking,
        rules.thinks,
        rules.off,
        rules.forced_tool_choice,
        rules.max_output_tokens,
        rules.schema,
    ]
    assert got == expected
    assert rules.endpoint == "messages"


@pytest.mark.parametrize(
    ("provider", "refusing", "continuing"),
    [
        (
            "anthropic",
            ["claude-sonnet-4-6", "claude-opus-4-7-20260416", "claude-haiku-5-5", "claude-fable-5-2"],
            ["claude-haiku-4-5-20251001", "claude-sonnet-4-20250514", "claude-3-5-haiku-latest"],
        ),
        ("google", ["gemini-3.8-flash", "gemini-4-argon"], ["gemini-2.5-pro", "gemini-3-flash", "gemini-3.1-pro"]),
        (
            "openrouter",
            ["anthropic/claude-sonnet-4.6", "google/gemini-3.7-flash"],
            ["anthropic/claude-sonnet-4.5", "openai/gpt-5", "google/gemini-2.5-pro", "qwen/qwen3-max"],
        ),
    ],
)
def test_models_that_do_not_continue_an_answer(provider, refusing, continuing):
    assert [name for name in refusing if "no_prefill" not in rules_for(provider, name).flags] == []
    assert [name for name in continuing if "no_prefill" in rules_for(provider, name).flags] == []


def test_only_claude_models_from_4_7_on_accept_xhigh():
    assert "xhigh" not in rules_for("anthropic", "claude-opus-4-6").efforts
    assert "xhigh" in rules_for("anthropic", "claude-opus-4-7").efforts


def test_claude_models_with_a_budget_accept_no_forced_tool_while_thinking():
    assert not rules_for("anthropic", "claude-sonnet-4-5").forced_while_reasoning
    assert rules_for("anthropic", "claude-sonnet-4-6").forced_while_reasoning


OPENAI = [
    # name, endpoint, sampling, efforts, thinks, off
    ("gpt-3.5-turbo", "chat_completions", "always", "", False, None),
    ("gpt-4o", "chat_completions", "always", "", False, None),
    ("gpt-4.1-mini-2025-04-14", "chat_completions", "always", "", False, None),
    ("gpt-5-chat-latest", "chat_completions", "always", "", False, None),
    ("gpt-4o-search-preview", "chat_completions", "never", "", False, None),
    ("gpt-5-search-api-2025-10-14", "chat_completions", "never", "", False, None),
    ("o1", "responses", "never", "low medium high", True, None),
    ("o3-mini-2025-01-31", "responses", "never", "low medium high", True, None),
    ("o4-mini", "responses", "never", "low medium high", True, None),
    ("gpt-5", "responses", "never", "minimal low medium high", True, None),
    ("gpt-5-nano-2025-08-07", "responses", "never", "minimal low medium high", True, None),
    ("gpt-5-pro", "responses", "never", "high", True, None),
    ("gpt-5.2-pro", "responses", "never", "medium high xhigh", True, None),
    ("gpt-5.1", "responses", "unless_reasoning", "none low medium high", False, "none"),
    ("gpt-5.1-codex-max", "responses", "never", "low medium high xhigh", True, None),
    ("gpt-5.2", "responses", "unless_reasoning", "none low medium high xhigh", False, "none"),
    ("gpt-5.2-codex", "responses", "never", "low medium high xhigh", True, None),
    ("gpt-5.3-codex", "responses", "unless_reasoning", "none low medium high xhigh", False, "none"),
    ("gpt-5.3-chat-latest", "responses", "never", "medium", True, None),
    ("gpt-5.4-nano-2026-03-17", "responses", "unless_reasoning", "none low medium high xhigh", False, "none"),
    ("gpt-5.5", "responses", "unless_reasoning", "none low medium high xhigh", True, "none"),
    ("gpt-5.6-sol", "responses", "unless_reasoning", "none low medium high xhigh max", True, "none"),
    ("gpt-6-astra", "responses", "never", "low medium high xhigh max", True, None),
    ("gpt-6.1-sol", "responses", "never", "low medium high xhigh max", True, None),
    ("gpt-6-sol", "responses", "unless_reasoning", "none low medium high xhigh max", True, "none"),
    ("gpt-6.1-terra", "responses", "unless_reasoning", "none low medium high xhigh max", True, "none"),
    ("gpt-9-anything", "responses", "unless_reasoning", "none low medium high xhigh max", True, "none"),
]


@pytest.mark.parametrize("row", OPENAI, ids=lambda row: row[0])
def test_openai(row):
    name, endpoint, sampling, efforts, thinks, off = row
    rules = rules_for("openai", name)
    assert (rules.endpoint, rules.sampling, " ".join(rules.efforts), rules.thinks, rules.off) == (
        endpoint,
        sampling,
        efforts,
        thinks,
        off,
    )


def test_the_endpoint_can_be_chosen():
    assert rules_for("openai", "gpt-4o", api="responses").endpoint == "responses"
    rules = rules_for("openai", "gpt-5.6", api="chat_completions")
    assert (rules.endpoint, rules.max_tokens_field, rules.instructions_role) == (
        "chat_completions",
        "max_completion_tokens",
        "developer",
    )
    assert "max" not in rules.efforts


def test_plain_openai_models_keep_the_old_field_and_role():
    rules = rules_for("openai", "gpt-4o")
    assert (rules.max_tokens_field, rules.instructions_role) == ("max_tokens", "system")


@pytest.mark.parametrize("name", ["gpt-5", "gpt-5.1", "gpt-5.2-2025-12-11", "gpt-5.6-sol", "gpt-6-luna", "gpt-5-pro"])
def test_no_gpt_from_5_on_accepts_stop(name):
    assert "stop" in rules_for("openai", name, api="chat_completions").unsupported
    assert "stop" in rules_for("openrouter", f"openai/{name}").unsupported
    assert "stop" not in rules_for("openai", "gpt-5-chat-latest").unsupported


def test_a_vendors_prefix_at_openai_is_another_host():
    same = rules_for("openai", "gpt-5-nano", api="chat_completions")
    assert rules_for("openai", "openai/gpt-5-nano") == same
    other = rules_for("openai", "qwen/qwen3-32b")
    assert (other.endpoint, other.thinking, other.sampling) == ("chat_completions", "effort", "always")


def test_stop_is_rejected_where_openai_rejects_it():
    assert "stop" in rules_for("openai", "o3").unsupported
    assert "stop" in rules_for("openai", "o4-mini").unsupported
    assert "stop" not in rules_for("openai", "gpt-4o").unsupported


def test_a_fine_tuned_model_has_the_rules_of_its_base():
    assert rules_for("openai", "ft:o4-mini-2025-04-16:org::id") == rules_for("openai", "o4-mini")
    assert rules_for("openai", "ft:") == rules_for("openai", "")


@pytest.mark.parametrize(
    ("name", "thinking", "efforts", "off", "sampling"),
    [
        ("gemini-1.5-pro", "none", "", None, "always"),
        ("gemini-2.0-flash-lite", "none", "", None, "always"),
        ("gemini-2.5-pro", "budget", "", None, "always"),
        ("gemini-2.5-flash", "budget", "", "zero", "always"),
        ("gemini-2.5-flash-image", "none", "", None, "always"),
        ("gemini-3-pro-preview", "level", "low high", None, "always"),
        ("gemini-3.1-pro-preview", "level", "low medium high", None, "always"),
        ("gemini-3-flash-preview", "level", "minimal low medium high", "lowest", "always"),
        ("gemini-3.5-flash", "level", "minimal low medium high", "lowest", "always"),
        ("gemini-3.7-flash", "level", "low medium high", None, "never"),
        ("gemini-3.8-flash", "level", "low medium high", None, "never"),
        ("gemini-4-argon", "level", "low medium high", None, "always"),
        ("gemini-9-neon", "level", "low medium high", None, "always"),
        ("gemma-3-27b-it", "none", "", None, "always"),
    ],
)
def test_google(name, thinking, efforts, off, sampling):
    rules = rules_for("google", name)
    assert (rules.thinking, " ".join(rules.efforts), rules.off, rules.sampling) == (thinking, efforts, off, sampling)
    assert rules.endpoint == "generate_content"
    assert rules_for("google", f"models/{name}") == rules


def test_openrouter_accepts_every_effort_and_rejects_only_what_is_certain():
    unknown = rules_for("openrouter", "qwen/qwen3.5-35b-a3b")
    assert (unknown.sampling, len(unknown.efforts), unknown.off, unknown.forced_tool_choice) == (
        "always",
        7,
        "none",
        True,
    )
    opus = rules_for("openrouter", "anthropic/claude-opus-5.5")
    assert (opus.sampling, len(opus.efforts), opus.off, opus.forced_tool_choice) == ("never", 7, None, False)
    assert rules_for("openrouter", "openai/gpt-4o").thinking == "none"
    assert rules_for("openrouter", "openai/o3:online").sampling == "never"
    assert rules_for("openrouter", "z-ai/glm-5.3").off is None
    assert rules_for("openrouter", "openai/some-new-series").sampling == "always"
    assert rules_for("openrouter", "anthropic/claude-saga-7").sampling == "always"


def test_ollama_accepts_efforts_for_gpt_oss_and_a_switch_for_others():
    assert list(rules_for("ollama", "gpt-oss:20b").efforts) == ["low", "medium", "high"]
    assert rules_for("ollama", "gpt-oss:20b").off is None
    other = rules_for("ollama", "qwen3:8b")
    assert (other.thinking, dict(other.efforts), other.off) == ("switch", {}, "disabled")


@pytest.mark.parametrize(
    ("provider", "name", "efforts", "off"),
    [
        ("deepseek", "deepseek-v4-pro", "low high max", "disabled"),
        ("deepseek", "deepseek-reasoner", "low high max", None),
        ("deepseek", "deepseek-chat", "", None),
        ("mistral", "mistral-medium-latest", "none high", "none"),
        ("mistral", "mistral-large-latest", "", None),
        ("groq", "openai/gpt-oss-120b", "low medium high", None),
        ("groq", "qwen/qwen3-32b", "none minimal low medium high xhigh max", "none"),
        ("groq", "llama-3.3-70b-versatile", "", None),
        ("xai", "grok-4.3", "none low medium high", "none"),
        ("xai", "grok-4.6", "low medium high", None),
        ("xai", "grok-3-mini", "none low high", "none"),
        ("together", "openai/gpt-oss-120b", "low medium high", None),
    ],
)
def test_named_hosts(provider, name, efforts, off):
    rules = rules_for(provider, name)
    assert (" ".join(rules.efforts), rules.off, rules.endpoint) == (efforts, off, "chat_completions")


def test_an_unknown_host_rejects_nothing():
    rules = rules_for("my-host", "my-model")
    assert (rules.sampling, rules.thinking, rules.unsupported, rules.forced_tool_choice) == (
        "always",
        "effort",
        frozenset(),
        True,
    )


def test_openais_series_have_the_same_rules_at_a_compatible_host():
    rules = rules_for("azure", "gpt-5")
    assert (rules.endpoint, rules.sampling, rules.max_tokens_field) == (
        "chat_completions",
        "never",
        "max_completion_tokens",
    )


def test_every_row_has_a_source_with_its_date():
    tables = [*TABLES.values(), *VENDORS.values()]
    sources = [(row.pattern, row.rules.source) for table in tables for row in table]
    sources += [(name, rules_for("openrouter", name).source) for name in ("qwen/qwen3", "openai/gpt-5")]
    assert [pair for pair in sources if not re.search(r"20\d\d-\d\d", pair[1])] == []


def test_every_table_ends_with_the_row_for_names_not_listed_and_has_no_row_twice():
    for table in TABLES.values():
        assert table[-1].pattern == ""
        assert len({row.pattern for row in table}) == len(table)


@given(
    provider=st.sampled_from([*SPECS, "my-host"]),
    model=st.one_of(st.text(max_size=30), st.text(alphabet=string.ascii_lowercase + "0123456789-./:", max_size=30)),
)
def test_every_name_has_rules(provider, model):
    rules = rules_for(provider, model)
    assert rules.off != "none" or "none" in rules.efforts
    assert rules.thinking in {"none", "budget", "switch"} or rules.efforts
    assert rules.source or find_rules(TABLES.get(provider, ()), model) is None
