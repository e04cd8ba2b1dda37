"""Estimates of tokens against recorded usages: the bands hold for the half that nothing was fitted to."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache

import pytest

import recordings
from ratatoskr import TokenCount, TokenizerRegistry
from ratatoskr.errors import UnsupportedParameter
from ratatoskr.models.tokenizers import estimate_family
from ratatoskr.types.tokens import CountRequest
from recorded.cases import all_cases
from recorded.conversations import Unreadable, read_conversation
from recorded.expected.answer import Answer

pytestmark = recordings.needed


@dataclass(frozen=True)
class Estimated:
    """An exchange: its name, the family of its model, the provider's number, and the estimate."""

    name: str
    family: str
    prompt: int
    count: TokenCount

    @property
    def holds(self) -> bool:
        """Whether the provider's number is inside of the band."""
        return self.count.low <= self.prompt <= self.count.high

    @property
    def is_fitted(self) -> bool:
        """Whether the numbers of the table were fitted to it."""
        return int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % 2 == 0


@cache
def exchanges() -> tuple[list[Estimated], Counter[str]]:
    """Return the exchanges whose number of tokens is known, and why others are left out."""
    registry, found, left_out = TokenizerRegistry(), list[Estimated](), Counter[str]()
    for case in all_cases():
        body, answer = (case.recording["request"] or {}).get("body"), case.expected
        if not isinstance(body, dict) or not isinstance(answer, Answer) or not answer.prompt:
            left_out["no request, or no usage"] += 1
            continue
        try:
            chat = read_conversation(case.family, case.model, body)
            count = registry.count(CountRequest(case.model, chat=chat))
        except (Unreadable, UnsupportedParameter) as error:
            left_out[str(error)] += 1
            continue
        found.append(Estimated(case.id, estimate_family(case.model), answer.prompt, count))
    return found, left_out


@pytest.mark.parametrize("fitted", [True, False], ids=["the fitted half", "the other half"])
def test_the_bands_hold(fitted: bool) -> None:
    half = [one for one in exchanges()[0] if one.is_fitted is fitted]
    outside = [(one.name, one.prompt, one.count) for one in half if not one.holds]
    assert len(half) >= 50
    assert len(outside) <= 0.05 * len(half), outside


def test_every_family_is_among_both_halves() -> None:
    both = Counter((one.family, one.is_fitted) for one in exchanges()[0])
    assert {family for family, _ in both} == {"openai", "gpt-oss", "claude", "gemini", "other"}
    assert all(both[family, fitted] >= 5 for family, _ in both for fitted in (True, False)), both


def test_estimates_of_whole_conversations_are_never_passed_off_as_more() -> None:
    assert {one.count.kind for one in exchanges()[0]} == {"estimate"}
    assert all(one.count.error_band > 0 for one in exchanges()[0])


def test_the_band_of_a_long_conversation_without_tools_is_narrow() -> None:
    long = {one.family: one.count for one in exchanges()[0] if one.prompt > 1000 and one.count.error_band < 0.3}
    assert long["openai"].error_band < 0.02
    assert long["claude"].error_band < 0.25


def test_few_exchanges_are_left_out() -> None:
    found, left_out = exchanges()
    assert len(found) >= 120
    assert left_out.total() - left_out["no request, or no usage"] <= 35, left_out
