"""Opaque state goes back to its issuer alone."""

import pytest

from ratatoskr.wire.issuer import same_issuer


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("anthropic/messages/claude-opus-5", "anthropic/messages/claude-opus-5"),
        ("anthropic/messages/claude-sonnet-4-5", "anthropic/messages/claude-sonnet-4-5-20250929"),
        ("anthropic/messages/claude-sonnet-4-5-latest", "anthropic/messages/claude-sonnet-4-5@20250929"),
        ("openai/responses/gpt-5", "openai/responses/gpt-5-2025-08-07"),
        ("openrouter/chat_completions/anthropic/claude-4-latest", "openrouter/chat_completions/anthropic/claude-4"),
    ],
)
def test_a_date_in_the_models_name_does_not_make_another_issuer(a: str, b: str) -> None:
    assert same_issuer(a, b)
    assert same_issuer(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("anthropic/messages/claude-opus-5", "anthropic/messages/claude-opus-4"),
        ("anthropic/messages/claude-opus-5", "openrouter/messages/claude-opus-5"),
        ("openai/responses/gpt-5", "openai/chat_completions/gpt-5"),
        ("openai/responses/gpt-5", "openai/responses/gpt-5-mini"),
        ("openai/responses/gpt-4", "openai/responses/gpt-4-0613x"),
        ("a/b/x/m", "a/b/y/m"),
        ("anthropic", "anthropic/messages/claude-opus-5"),
    ],
)
def test_another_provider_family_or_model_is_another_issuer(a: str, b: str) -> None:
    assert not same_issuer(a, b)
    assert not same_issuer(b, a)
