"""The rules about parameters agree with recorded traffic: what a provider accepted is sent, and as it was given."""

from __future__ import annotations

from typing import Any

import pytest

import recordings
from ratatoskr.models.rules import rules_for
from ratatoskr.providers.adapt import AdaptedRequest, apply_rules, check_tool_names
from ratatoskr.providers.specs import SPECS
from ratatoskr.wire.dialect import Target
from recorded.cases import Case, all_cases, parameters
from recorded.parameters import read_request

REFUSED_BY_THE_PROVIDER = {
    "openai-genai-gpt_audio_gensync_json": "response_format",
}
"""Recorded errors about a parameter, and the parameter: it is not sent to that model."""


def has_request(case: Case) -> bool:
    return isinstance((case.recording["request"] or {}).get("body"), dict)


def target_of(case: Case) -> Target:
    provider, _, rest = case.provider.partition(" ")
    provider = "openai" if rest == "as openai" else provider
    api: Any = case.family if provider == "openai" else "auto"
    rules = rules_for(provider, case.model, api=api)
    return Target(provider, case.model, case.target.dialect, rules, case.target.flags)


def adapt(case: Case, policy: Any = "error") -> AdaptedRequest:
    target, body = target_of(case), case.recording["request"]["body"]
    request = read_request(case.family, case.model, body)
    check_tool_names(request, target, policy)
    spec = SPECS.get(target.provider)
    return apply_rules(request, target, case.dialect.PARAMETERS - (spec.refused if spec else frozenset()), policy)


@pytest.mark.parametrize(
    "case",
    parameters(case for case in all_cases() if has_request(case) and case.recording["response"]["status"] == 200),
)
def test_what_a_provider_accepted_is_sent_as_it_was_given(case: Case) -> None:
    assert adapt(case).changes == ()


def refused_parameter(case: Case) -> str | None:
    """Return the parameter that a recorded error names."""
    body = case.recording["response"].get("body")
    error = body.get("error") if isinstance(body, dict) else None
    name = error.get("param") if isinstance(error, dict) else None
    return name if name != "model" else None


def parameter_errors() -> list[Case]:
    return [case for case in all_cases() if has_request(case) and refused_parameter(case) is not None]


@recordings.needed
def test_every_recorded_error_about_a_parameter_is_listed() -> None:
    assert {case.id: refused_parameter(case) for case in parameter_errors()} == REFUSED_BY_THE_PROVIDER


@pytest.mark.parametrize("case", parameters(parameter_errors()))
def test_what_a_provider_refused_is_not_sent(case: Case) -> None:
    encoded = case.dialect.encode_request(adapt(case, "drop").request, target_of(case), stream=False)
    assert REFUSED_BY_THE_PROVIDER[case.id] not in encoded.body
