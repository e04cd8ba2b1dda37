"""Token counts of Gemini in disjoint buckets."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.types.event import Done, UsageEvent
from ratatoskr.types.usage import Usage
from unit.wire.gemini.samples import chunk, decode_parts, decode_stream


def test_usage_is_disjoint_and_a_dropped_count_keeps_its_value():
    snapshots = [
        {"promptTokenCount": 100, "cachedContentTokenCount": 40, "totalTokenCount": 100},
        {"promptTokenCount": 100, "toolUsePromptTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 112},
        {"candidatesTokenCount": 9, "totalTokenCount": 121},
    ]
    events, turn = decode_stream(*[chunk({"text": "a"}, usageMetadata=one) for one in snapshots], chunk(finish="STOP"))
    usage = Usage(107, 14, 40, None, 5, "provider")
    assert turn.usage == usage
    assert events[-2:] == [UsageEvent(usage), Done("stop")]
    assert usage.total_tokens == 121


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 9, "thoughtsTokenCount": 5, "totalTokenCount": 19},
            Usage(10, 9, None, None, 5, "provider"),
        ),
        (
            {"promptTokenCount": 10, "thoughtsTokenCount": 5, "totalTokenCount": 15},
            Usage(10, 5, None, None, 5, "provider"),
        ),
        ({"candidatesTokenCount": 1}, Usage(None, 1, None, None, None, "provider")),
        ({"promptTokenCount": -4}, Usage()),
        ({}, Usage()),
    ],
)
def test_counts_of_unusual_back_ends(counts: Any, usage: Usage):
    assert decode_parts({"text": "a"}, usageMetadata=counts).usage == usage
