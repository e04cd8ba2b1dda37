"""Costs of random usages at every model of genai-prices, at dates, hours and variants, to the last digit."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import localcontext
from typing import Any

import pytest

from price_oracle import COUNTS, price_of
from ratatoskr import Ratatoskr
from ratatoskr.models.cost import cost_of
from ratatoskr.types.frozen import replace
from ratatoskr.types.usage import Usage, UsageDetails

genai_prices = pytest.importorskip("genai_prices")
data = pytest.importorskip("genai_prices.data")

DATES = [date(2025, 5, 21), date(2025, 5, 22), date(2026, 10, 13), date(2026, 10, 14), date(2026, 10, 19)]
DATES += [date(2026, 11, 3), date(2026, 11, 28), date(2027, 1, 1), date(2027, 6, 1)]
HOURS = [(0, 0), (0, 29), (0, 30), (0, 59), (1, 0), (3, 59), (4, 0), (5, 59), (6, 0), (9, 59), (10, 0), (16, 30)]
SIZES = [10, 1_000, 99_999, 100_000, 100_001, 199_999, 200_000, 200_001, 272_000, 272_001, 1_000_003, 10**15 + 1]
TIERS = [None, None, "default", "flex", "priority", "fast"]


def random_usage(chance: random.Random) -> Usage:
    """Return a usage whose parts fit into its totals."""
    prompt, answer = chance.choice(SIZES), chance.choice([0, *SIZES])
    parts = [chance.randrange(prompt // 8 + 1) if chance.random() < 0.4 else 0 for _ in range(8)]
    read, write, long, audio, image, video, read_audio, read_image = parts
    made = [chance.randrange(answer // 4 + 1) if chance.random() < 0.2 else 0 for _ in range(4)]
    details = UsageDetails(
        cache_write_long_tokens=min(long, write),
        input_audio_tokens=audio + read_audio,
        input_image_tokens=image + read_image,
        input_video_tokens=video,
        cache_read_audio_tokens=read_audio,
        cache_read_image_tokens=read_image,
        output_audio_tokens=made[0],
        output_image_tokens=made[1],
        output_video_tokens=made[2],
        web_searches=chance.choice([0, 0, 1, 7]),
        file_searches=chance.choice([0, 0, 3]),
        service_tier=chance.choice(TIERS),
        speed=chance.choice([None, None, "fast"]),
    )
    return Usage(prompt, answer, read + read_audio + read_image, write, made[3], "provider", details=details)


def theirs(usage: Usage) -> Any:
    assert usage.details is not None
    counts = {name: getattr(usage.details, ours) for ours, name in COUNTS.items()}
    return genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        **counts,
    )


def price_context(usage: Usage, *, batch: bool) -> dict[str, str]:
    assert usage.details is not None
    words = {"service_tier": usage.details.service_tier, "speed": usage.details.speed}
    return {name: word for name, word in words.items() if word} | ({"processing": "batch"} if batch else {})


def test_costs_equal_those_of_genai_prices_for_every_model() -> None:
    chance = random.Random(20261128)
    compared, refused, wrong = 0, 0, []
    for provider in data.providers:
        for model in provider.models:
            price = price_of(model)
            for _ in range(12):
                usage, batch = random_usage(chance), chance.random() < 0.3
                day, (hour, minute) = chance.choice(DATES), chance.choice(HOURS)
                at = datetime(day.year, day.month, day.day, hour, minute, chance.choice([0, 59]), tzinfo=UTC)
                where = price_context(usage, batch=batch)
                cost = cost_of(usage, price, at=at, batch=batch)
                rates = model.get_prices(at, where)
                if rates.input_mtok is None or (rates.output_mtok is None and usage.output_tokens):
                    assert cost is None, (provider.id, model.id, at, usage)
                    continue
                try:
                    with localcontext(prec=100):  # theirs are exact in a context that is large enough
                        expected = rates.calc_price(theirs(usage))["total_price"]
                except ValueError:  # it has no rate for cached audio, and no rule for what it costs then
                    refused += 1
                    continue
                compared += 1
                assert cost is not None
                if cost.amount != expected:
                    wrong.append((provider.id, model.id, at, usage, cost.amount, expected))
    assert wrong[:3] == []
    assert compared > 20_000 > refused * 10


OURS = {"x-ai": "xai", "moonshotai": "moonshot"}
"""Providers that have another name here."""
COMPARED = ("anthropic", "openai", "google", "groq", "x-ai", "cerebras", "mistral", "deepseek", "together")
CORRECTED = {
    "deepseek:deepseek-chat",
    "deepseek:deepseek-reasoner",
    "deepseek:deepseek-v3.2",
    "together:Qwen/Qwen3.8-2.4T-A95B",
    "together:meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "together:mistralai/Mixtral-8x7B-Instruct-v0.1",
}
"""Models whose price in the catalogue is another; `contrib/catalogue/corrections.toml` has the reasons."""


def test_the_shipped_tables_give_the_costs_of_genai_prices() -> None:
    chance = random.Random(20261129)
    gateway = Ratatoskr.builder().ollama().build().sync()
    compared, differing = 0, {}
    for provider in data.providers:
        if provider.id not in COMPARED:
            continue
        ours = OURS.get(provider.id, provider.id)
        for model in provider.models:
            for _ in range(4):
                usage, hour = random_usage(chance), chance.randrange(24)
                assert usage.details is not None
                usage = replace(usage, details=replace(usage.details, cache_write_long_tokens=0))
                day = chance.choice(DATES[4:])
                at = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
                rates = model.get_prices(at, price_context(usage, batch=False))
                if rates.input_mtok is None or (rates.output_mtok is None and usage.output_tokens):
                    continue
                try:
                    with localcontext(prec=100):
                        expected = rates.calc_price(theirs(usage))["total_price"]
                except ValueError:
                    continue
                cost = gateway.cost(usage, f"{ours}:{model.id}", at)
                compared += 1
                if cost is None or cost.amount != expected:
                    differing[f"{ours}:{model.id}"] = (None if cost is None else cost.amount, expected, at)
    assert set(differing) == CORRECTED, differing
    assert compared > 1_000


HERE = (
    "anthropic",
    "cerebras",
    "deepseek",
    "google",
    "groq",
    "minimax",
    "moonshotai",
    "mistral",
    "openai",
    "openrouter",
)


def test_a_rate_that_their_table_lacks_is_unknown_and_no_zero() -> None:
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    gateway = Ratatoskr.builder().ollama().build().sync()
    seen = {"free": 0, "unknown": 0, "priced": 0}
    for provider in data.providers:
        if provider.id not in (*HERE, "together", "x-ai"):
            continue
        for model in provider.models:
            name = f"{OURS.get(provider.id, provider.id)}:{model.id}"
            rates, cost = model.get_prices(at, {}), gateway.cost(Usage(1_000, 100), name, at)
            if provider.id == "openrouter" and model.id.endswith(":free"):
                seen["free"] += 1  # zero by what the variant means, in their documentation
                assert (rates.input_mtok, cost.amount) == (None, 0), name
            elif rates.input_mtok is None or rates.output_mtok is None:
                seen["unknown"] += 1
                assert cost is None, name
            elif name not in CORRECTED:
                seen["priced"] += 1
                assert cost.amount == rates.calc_price(theirs_of(1_000, 100))["total_price"], name
    assert min(seen["free"] - 150, seen["unknown"] - 30, seen["priced"] - 1_000) >= 0, seen


def theirs_of(prompt: int, answer: int) -> Any:
    return genai_prices.Usage(input_tokens=prompt, output_tokens=answer)
