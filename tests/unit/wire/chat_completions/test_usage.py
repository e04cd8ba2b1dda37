"""Token counts and prices."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from ratatoskr.types.event import Done, UsageEvent
from ratatoskr.types.usage import Cost, Usage
from ratatoskr.wire import chat_completions as dialect

USAGES = [
    ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, Usage(9, 5, None, None, None, "provider")),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        Usage(100, 50, 60, 30, 20, "provider"),
    ),
    ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(9, None, 4, None, None, "provider")),
    ({"prompt_tokens": 9, "num_cached_tokens": 4}, Usage(9, None, 4, None, None, "provider")),
    ({"prompt_tokens": 9, "prompt_token_details": {"cached_tokens": 4}}, Usage(9, None, 4, None, None, "provider")),
    ({"prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 1}, Usage(9, 1, 4, None, None, "provider")),
    (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 4}},
        Usage(9, None, 2, 4, None, "provider"),
    ),
    (  # xAI counts thinking beside the completion
        {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 112,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        Usage(10, 102, None, None, 100, "provider"),
    ),
    (
        {"prompt_tokens": -1, "completion_tokens": 3, "prompt_tokens_details": None},
        Usage(None, 3, None, None, None, "provider"),
    ),
]


@pytest.mark.parametrize(("reported", "usage"), USAGES)
def test_usage(wire, reported, usage):
    assert wire.decode({"content": "Hi"}, usage=reported).usage == usage
    after = b'{"choices":[],"usage":%s}' % json.dumps(reported).encode()
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, usage=None), wire.chunk({}, "stop"), after)
    assert turn.usage == usage
    assert events[-2:] == [UsageEvent(usage), Done("stop")]


def test_the_latest_count_of_any_chunk_stands_and_usage_is_reported_once(wire):
    events, turn = wire.stream(
        wire.chunk({"content": "Hi"}, usage={"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}),
        wire.chunk({}, "stop", x_groq={"id": "x", "usage": {"completion_tokens": 3}}),
        wire.chunk({}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2}),
    )
    assert turn.usage == Usage(7, 2, 4, None, None, "provider")
    assert sum(isinstance(e, UsageEvent) for e in events) == 1


def test_missing_usage_is_unknown(wire):
    events, turn = wire.deltas({"content": "Hi"})
    assert turn.usage == Usage()
    assert not any(isinstance(e, UsageEvent) for e in events)


@pytest.mark.parametrize("written", ["0.0076509169000000005", "7e-05", "0", "0.10"])
def test_openrouters_price_keeps_all_digits(wire, written):
    body = b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"cost":%s}}'
    data = body % written.encode()
    turn = dialect.decode_response(data, wire.at("openrouter").target)
    assert turn.cost == Cost.of_bill(Decimal(written))
    assert str(turn.cost.amount) == str(Decimal(written))
    assert dialect.decode_response(data, wire.at().target).cost is None


@pytest.mark.parametrize(
    "written", ["1e999999999", "1e-999999999", "0e-999999999", "1e99999999999999999999", "-1", '"NaN"']
)
def test_a_price_that_no_answer_can_have_is_ignored(wire, written):
    body = b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"cost":%s}}'
    turn = dialect.decode_response(body % written.encode(), wire.at("openrouter").target)
    assert turn.cost is None


@pytest.mark.parametrize("cost", [{"total": 1}, "free", None])
def test_a_price_that_is_not_a_number_is_ignored(wire, cost):
    assert wire.at("openrouter").decode({"content": "x"}, usage={"prompt_tokens": 1, "cost": cost}).cost is None
