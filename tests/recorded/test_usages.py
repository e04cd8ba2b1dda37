"""Recorded usage objects: the totals are the vendor's own, and no part exceeds its total."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import recordings
from ratatoskr.models.cost import cost_of
from ratatoskr.models.price import Price, TieredRate
from ratatoskr.providers.exchange import load_dialect
from ratatoskr.types.usage import Usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.embed import cohere, google

FILE = recordings.FOLDER.parent / "usages" / "usages.json"
MESSAGE = {"role": "assistant", "content": "x"}

UNREAD = {
    "bedrock converse": (lambda usage: "inputTokens" in usage, "no dialect of Bedrock's own"),
    "cohere chat": (lambda usage: "billed_units" in usage, "no dialect of Cohere's own"),
}
"""The objects that no dialect here reads, with the reason."""


def gemini(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}


def anthropic(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}


def responses(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "object": "response", "status": "completed", "output": []}


def chat_completions(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


def vendor_gemini(usage: dict[str, Any]) -> tuple[int, int]:
    output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return usage["totalTokenCount"] - output, output


def vendor_anthropic(usage: dict[str, Any]) -> tuple[int, int]:
    """Return the totals: those of the answer, and of what the gateway's own turns beside it used."""
    extra = [one for one in usage.get("iterations") or () if one.get("type") != "message"]
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    inputs = sum(one.get(name) or 0 for one in (usage, *extra) for name in names)
    return inputs, sum(one.get("output_tokens") or 0 for one in (usage, *extra))


def vendor_responses(usage: dict[str, Any]) -> tuple[int, int]:
    return usage["input_tokens"], usage["total_tokens"] - usage["input_tokens"]


def vendor_chat(usage: dict[str, Any]) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["total_tokens"] - usage["prompt_tokens"]


DIALECTS: dict[str, tuple[Callable[[dict[str, Any]], Any], Callable[[dict[str, Any]], tuple[int, int]]]] = {
    "gemini": (gemini, vendor_gemini),
    "anthropic": (anthropic, vendor_anthropic),
    "responses": (responses, vendor_responses),
    "chat_completions": (chat_completions, vendor_chat),
}


def dialect_of(body: dict[str, Any], usage: dict[str, Any]) -> str:
    if "usageMetadata" in body:
        return "gemini"
    if "prompt_tokens" in usage:
        return "chat_completions"
    return "responses" if "input_tokens_details" in usage else "anthropic"


def decode(name: str, body: dict[str, Any]) -> Usage:
    dialect = load_dialect(f"ratatoskr.wire.{name}")
    usage: Usage = dialect.decode_response(json.dumps(body).encode(), Target("p", "m", name)).usage
    return usage


def check_embeddings(body: dict[str, Any]) -> None:
    """Check that the tokens of embeddings are read: Cohere's of what it bills, and Google's."""
    if "meta" in body:
        tokens = body["meta"]["billed_units"]["input_tokens"]
        answer = cohere.decode_response(json.dumps({**body, "embeddings": {"float": [[1.0]]}}).encode(), 1)
    else:
        tokens = body["usageMetadata"]["promptTokenCount"]
        answer = google.decode_response(json.dumps({**body, "embeddings": [{"values": [1.0]}]}).encode(), 1)
    assert (answer.usage.input_tokens, answer.usage.source) == (tokens, "provider")


PRICE = Price(
    input="2",
    cache_read="0.5",
    cache_write="2.5",
    input_audio="40",
    output=TieredRate("10", ((1_000, "15"),)),
    reasoning="11",
    web_searches="10",
    file_searches="2.5",
)


def find_missing(usage: Usage) -> list[str]:
    """Return what the items of the usage's cost leave out of its counts or of the amount."""
    cost = cost_of(usage, PRICE)
    if cost is None:
        return [] if usage.input_tokens is None or usage.output_tokens is None else [f"{usage} has no cost"]
    units = Counter({item.unit: item.quantity for item in cost.items})
    prompt = sum(n for unit, n in units.items() if unit.startswith(("input", "cache")))
    answer = sum(n for unit, n in units.items() if unit.startswith(("output", "reasoning")))
    amount = sum((item.amount for item in cost.items), Decimal(0))
    fits = (prompt, answer, amount) == (usage.input_tokens, usage.output_tokens or 0, cost.amount)
    return [] if fits or cost.estimated else [f"{usage}: {cost.items} of {cost.amount}"]


@pytest.mark.skipif(not FILE.is_file(), reason=f"no usage objects at {FILE}")
def test_totals_are_the_vendors_own_and_parts_fit_into_them() -> None:
    unread: Counter[str] = Counter()
    read: Counter[str] = Counter()
    wrong: list[str] = []
    for one in json.loads(FILE.read_text("utf-8")):
        body = one["body"]
        sent = body.get("usageMetadata") or body.get("usage") or {}
        if not sent or "promptTokenDetails" in sent:
            check_embeddings(body)
            read["embeddings"] += 1
            continue
        if reason := next((name for name, (matches, _) in UNREAD.items() if matches(sent)), None):
            unread[reason] += 1
            continue
        name = dialect_of(body, sent)
        dress, vendor = DIALECTS[name]
        usage = decode(name, dress(body))
        read[name] += 1
        if (usage.input_tokens, usage.output_tokens or 0) != vendor(sent) or not usage.is_consistent:
            wrong.append(f"{name}: {sent} was read as {usage}, not {vendor(sent)}")
        wrong += find_missing(usage)
    assert wrong == []
    assert sum(read.values()) + sum(unread.values()) == 1577
    assert sum(read.values()) > 1300, unread
