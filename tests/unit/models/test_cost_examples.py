"""Costs worked out by hand from the rates of the vendors' price pages; each row has its page and the date."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal, Inexact, localcontext
from typing import Any, NamedTuple

import pytest

from ratatoskr import InvalidInput, Ratatoskr, Usage
from ratatoskr.types.usage import UsageDetails

AUTUMN = "2026-11-02 12:00"  # a Monday


class Page(NamedTuple):
    """Where rates were read, and when; `seen` says how, where it was not the page itself."""

    address: str
    date: str
    seen: str = "a stored copy of the page"


READ, TABLE = "2026-11-29", "2026-11-20"
MEMORY = "in the catalogue's sources of this date; the page itself was not seen again"
SONNET_5 = Page("platform.claude.com/docs/en/models/sonnet-5/overview", READ)
OPUS_5_5 = Page(
    "platform.claude.com/docs/en/about-claude/pricing", READ, "github.com/TheKrush/PromptFuel v1.0.21 on it"
)
HAIKU_5_5 = Page("platform.claude.com/docs/en/about-claude/pricing", READ, "github.com/kurofune/claudit v1.9.2 on it")
SONNET_4_5 = Page("platform.claude.com/docs/en/about-claude/pricing#long-context-pricing", TABLE, MEMORY)
CLAUDE_SEARCH = Page("platform.claude.com/docs/en/about-claude/pricing#web-search-tool", TABLE, MEMORY)
CLAUDE_REGION = Page("platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing", TABLE, MEMORY)
GPT_4_1 = Page("developers.openai.com/api/docs/pricing", TABLE, MEMORY)
GPT_5 = Page("developers.openai.com/api/docs/models/gpt-5", TABLE, MEMORY)
GPT_6_SOL = Page("developers.openai.com/api/docs/models/gpt-6-sol", READ)
GPT_AUDIO_MINI = Page(
    "developers.openai.com/api/docs/models/gpt-audio-mini", READ, "a copy, of text; audio is the table's"
)
OPENAI_EMBEDDINGS = Page("developers.openai.com/api/docs/models/text-embedding-3-small", TABLE, MEMORY)
GEMINI_2_5_PRO = Page(
    "ai.google.dev/gemini-api/docs/pricing#gemini-2.5-pro", READ, "deploybase.ai on the page, 2026-03"
)
GEMINI_2_5_FLASH = Page("ai.google.dev/gemini-api/docs/pricing#gemini-2.5-flash", TABLE, MEMORY)
GEMINI_IMAGE = Page("ai.google.dev/gemini-api/docs/pricing#gemini-2.5-flash-image", TABLE, MEMORY)
GEMINI_3_8 = Page("ai.google.dev/gemini-api/docs/pricing", READ, "github.com/BerriAI/litellm/discussions/39357 on it")
DEEPSEEK = Page("api-docs.deepseek.com/quick_start/pricing", READ)
DEEPSEEK_BEFORE = Page("api-docs.deepseek.com/quick_start/pricing", READ, "a stored copy of August 2026")
DEEPSEEK_CHAT = Page("api-docs.deepseek.com/news/news250929", READ, "benchlm.ai on the pricing page, 2026-04")
GROK_4_7 = Page("docs.x.ai/developers/grok-4-7", READ, "apidog.com on the page, 2026-09, for 200,000 tokens and more")
MISTRAL_LARGE = Page(
    "docs.mistral.ai/models/mistral-large-3-25-12", READ, "vercel.com/ai-gateway/models/mistral-large-3"
)
GROQ = Page("groq.com/pricing", READ, "github.com/braintrustdata/braintrust-proxy/issues/925 on it")


class Example(NamedTuple):
    """Counts of a call, what it costs in dollars, and the page that says so."""

    model: str
    usage: Usage
    dollars: str
    page: Page
    at: str = AUTUMN


def used(prompt: int, answer: int = 0, *, read: int = 0, written: int = 0, thought: int = 0, **details: Any) -> Usage:
    finer = UsageDetails(**details) if details else None
    return Usage(prompt, answer, read or None, written or None, thought or None, "provider", details=finer)


M = 1_000_000
EXAMPLES = [
    # Anthropic: five minutes of cache cost 1.25 times the input, an hour twice as much, a read a tenth
    Example("anthropic:claude-sonnet-5", used(M), "2", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(0, M), "10", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(1, 1), "0.000012", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, 0, read=M), "0.2", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M), "2.5", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M, cache_write_long_tokens=M), "4", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M, cache_write_long_tokens=400_000), "3.1", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(100_000, 1_000, read=50_000, written=20_000), "0.13", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(10_000, 500, web_searches=3), "0.055", CLAUDE_SEARCH),
    Example("anthropic:claude-sonnet-5", used(M, 0, region="us"), "2.2", CLAUDE_REGION),
    Example("anthropic:claude-sonnet-5", used(M, M, service_tier="batch"), "6", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, 0, read=M, service_tier="batch"), "0.1", SONNET_5),
    Example("anthropic:claude-sonnet-5", used(M, M, service_tier="standard"), "12", SONNET_5),
    Example("anthropic:claude-opus-5-5", used(M, M, speed="fast"), "48", OPUS_5_5),
    Example("anthropic:claude-opus-5-5", used(M, M), "24", OPUS_5_5),
    Example("anthropic:claude-opus-5-5", used(M, M, speed="fast", region="us"), "52.8", OPUS_5_5),
    Example("anthropic:claude-haiku-5-5", used(100_000, 1_000), "0.0105", HAIKU_5_5),
    Example("anthropic:claude-haiku-5-5", used(100_001, 1_000), "0.0525005", HAIKU_5_5),  # all of it at the higher rate
    Example("anthropic:claude-sonnet-4-5", used(200_000, 1_000), "0.615", SONNET_4_5),
    Example("anthropic:claude-sonnet-4-5", used(200_001, 1_000), "1.222506", SONNET_4_5),
    Example("anthropic:claude-sonnet-4-5", used(200_001, 0, read=200_000), "0.120006", SONNET_4_5),
    # OpenAI: tiers by the answer's service tier, the cliff at 272,000 tokens
    Example("openai:gpt-4.1", used(1_000, 100), "0.0028", GPT_4_1),
    Example("openai:gpt-4.1-2025-04-14", used(1_000, 100), "0.0028", GPT_4_1),
    Example("openai:gpt-4.1", used(10_000, 0, read=8_000), "0.008", GPT_4_1),
    Example("openai:gpt-4.1", used(M, M, service_tier="priority"), "17.5", GPT_4_1),
    Example("openai:gpt-4.1", used(M, M, service_tier="default"), "10", GPT_4_1),
    Example("openai:gpt-4.1", used(1_000, 0, web_searches=2, file_searches=4), "0.032", GPT_4_1),
    Example("openai:gpt-5", used(M, M, thought=900_000), "11.25", GPT_5),
    Example("openai:gpt-5", used(M, M, service_tier="flex"), "5.625", GPT_5),
    Example("openai:gpt-5", used(M, 0, read=M, service_tier="flex"), "0.0625", GPT_5),
    Example("openai:gpt-5", used(M, M, service_tier="batch"), "5.625", GPT_5),
    Example("openai:gpt-6-sol", used(272_000, 1_000), "0.554", GPT_6_SOL),
    Example("openai:gpt-6-sol", used(272_001, 1_000), "1.103004", GPT_6_SOL),
    Example("openai:gpt-6-sol", used(100_000, 0, written=100_000), "0.25", GPT_6_SOL),
    Example("openai:gpt-6-sol", used(100_000, 0, written=100_000, cache_write_long_tokens=100_000), "0.5", GPT_6_SOL),
    Example("openai:gpt-6-sol", used(272_001, 0, read=272_000, service_tier="flex"), "0.054402", GPT_6_SOL),
    Example("openai:text-embedding-3-small", used(8_191), "0.00016382", OPENAI_EMBEDDINGS),
    # Google: the cliff at 200,000 tokens, thoughts as output, a search
    Example("google:gemini-2.5-pro", used(200_000, 1_000), "0.26", GEMINI_2_5_PRO),
    Example("google:gemini-2.5-pro", used(200_001, 1_000), "0.5150025", GEMINI_2_5_PRO),
    Example("google:gemini-2.5-pro", used(1_000, 5_000, thought=4_000), "0.05125", GEMINI_2_5_PRO),
    Example("google:gemini-2.5-pro", used(1_000, 0, web_searches=1), "0.03625", GEMINI_2_5_PRO),
    # DeepSeek: dearer at 01:00 to 04:00 and 06:00 to 10:00 UTC on working days, holidays in China excepted
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", DEEPSEEK, "2026-11-02 03:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", DEEPSEEK, "2026-11-02 04:00"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", DEEPSEEK, "2026-11-02 00:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", DEEPSEEK, "2026-11-02 01:00"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", DEEPSEEK, "2026-11-02 09:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", DEEPSEEK, "2026-10-31 03:00"),  # a Saturday
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", DEEPSEEK, "2026-10-01 03:00"),  # a holiday
    Example("deepseek:deepseek-v4-flash", used(M, 0, read=M), "0.006", DEEPSEEK, "2026-11-02 03:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.42", DEEPSEEK_BEFORE, "2026-08-16 12:00"),  # the price before
    Example("deepseek:deepseek-chat", used(M, M), "0.7", DEEPSEEK_CHAT, "2026-11-02 03:59"),
    # xAI: the cliff at 200,000 tokens; Mistral and Groq
    Example("xai:grok-4.7", used(199_999, 1_000), "0.405998", GROK_4_7),
    Example("xai:grok-4.7", used(200_000, 1_000), "0.812", GROK_4_7),
    Example("mistral:mistral-large-latest", used(M, M), "2", MISTRAL_LARGE),
    Example("groq:openai/gpt-oss-120b", used(M, M, thought=M // 2), "0.75", GROQ),
    # several at once: a batch that met a cache, on each side of a cliff; audio and pictures at rates of their own
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M, service_tier="batch"), "1.25", SONNET_5),
    Example(
        "anthropic:claude-sonnet-5",
        used(M, 0, written=M, cache_write_long_tokens=M, service_tier="batch"),
        "2",
        SONNET_5,
    ),
    Example("anthropic:claude-haiku-5-5", used(100_000, 1_000, service_tier="batch"), "0.00525", HAIKU_5_5),
    Example("anthropic:claude-haiku-5-5", used(100_001, 1_000, service_tier="batch"), "0.02625025", HAIKU_5_5),
    Example(
        "anthropic:claude-haiku-5-5", used(100_001, 0, read=100_000, service_tier="batch"), "0.00250025", HAIKU_5_5
    ),
    Example(
        "openai:gpt-6-sol", used(100_000, 10_000, read=60_000, written=20_000, service_tier="batch"), "0.101", GPT_6_SOL
    ),
    Example("google:gemini-2.5-flash", used(M, M, read=M // 2, service_tier="batch"), "1.34", GEMINI_2_5_FLASH),
    Example("google:gemini-2.5-flash", used(10_000, 0, input_audio_tokens=4_000), "0.0058", GEMINI_2_5_FLASH),
    Example(
        "google:gemini-2.5-flash",
        used(10_000, 0, read=5_000, input_audio_tokens=3_000, cache_read_audio_tokens=2_000),
        "0.00249",
        GEMINI_2_5_FLASH,
    ),
    Example(
        "openai:gpt-audio-mini",
        used(1_000, 500, input_audio_tokens=600, output_audio_tokens=400),
        "0.01448",
        GPT_AUDIO_MINI,
    ),
    Example("google:gemini-2.5-flash-image", used(0, 1_290, output_image_tokens=1_290), "0.0387", GEMINI_IMAGE),
    Example("google:gemini-3.8-flash", used(1_000, 0, web_searches=2), "0.02875", GEMINI_3_8),
    Example("google:gemini-3.8-flash", used(M, M), "4.5", GEMINI_3_8, "2026-12-31 23:59"),
    Example("google:gemini-3.8-flash", used(M, M), "9", GEMINI_3_8, "2027-01-01 00:00"),
    Example("deepseek:deepseek-flash", used(M, M), "0.75", DEEPSEEK, "2026-11-01 03:00"),
]


@pytest.fixture(scope="module")
def gateway() -> Any:
    return Ratatoskr.builder().ollama().build().sync()


def test_every_row_has_a_page_and_a_date_and_every_kind_of_price_a_row() -> None:
    assert len(EXAMPLES) >= 40
    for example in EXAMPLES:
        assert "/" in example.page.address
        assert example.page.seen
        assert date.fromisoformat(example.page.date) <= date(2026, 11, 29)
    finer = [(one, one.usage.details or UsageDetails()) for one in EXAMPLES]
    kinds = {
        "five minutes of cache": any(
            one.usage.cache_write_tokens and not d.cache_write_long_tokens for one, d in finer
        ),
        "an hour of cache": any(d.cache_write_long_tokens for _, d in finer),
        "a threshold": {99_999, 100_000, 200_000, 272_000} & {one.usage.input_tokens for one in EXAMPLES},
        "a token above it": {100_001, 200_001, 272_001} <= {one.usage.input_tokens for one in EXAMPLES},
        "a batch that met a cache": any(d.service_tier == "batch" and one.usage.cache_read_tokens for one, d in finer),
        "audio": any(d.input_audio_tokens for _, d in finer) and any(d.output_audio_tokens for _, d in finer),
        "searches": any(d.web_searches for _, d in finer) and any(d.file_searches for _, d in finer),
        "03:59": any(one.at.endswith("03:59") for one in EXAMPLES),
        "04:00": any(one.at.endswith("04:00") for one in EXAMPLES),
        "a Saturday": any(date.fromisoformat(one.at[:10]).isoweekday() == 6 for one in EXAMPLES),
    }
    assert all(kinds.values()), kinds


def cost_of(gateway: Any, example: Example) -> Any:
    return gateway.cost(example.usage, example.model, datetime.fromisoformat(example.at))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.model}={example.dollars}")
def test_a_cost_is_what_the_price_page_gives(gateway: Any, example: Example) -> None:
    cost = cost_of(gateway, example)
    assert cost.amount == Decimal(example.dollars)
    assert (cost.currency, cost.source, cost.estimated) == ("USD", "prices", False)
    assert sum((item.amount for item in cost.items), Decimal(0)) == cost.amount
    assert cost.basis.startswith("catalogue of 2026-")


def test_the_decimal_context_of_the_application_changes_nothing(gateway: Any) -> None:
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_DOWN
        context.traps[Inexact] = True
        costs = [cost_of(gateway, example) for example in EXAMPLES]
        sums = [sum(costs[1:3], costs[0])]
    for cost, example in zip(costs, EXAMPLES, strict=True):
        assert str(cost.amount) == str(cost_of(gateway, example).amount)
        assert len(cost.items) == len(cost_of(gateway, example).items)
    assert sums[0].amount == Decimal("12.000012")


def test_unknown_prices_and_counts_are_no_cost(gateway: Any) -> None:
    assert gateway.cost(Usage(10, 5), "openai:no-such-model") is None
    assert gateway.cost(Usage(None, 5), "openai:gpt-4.1") is None
    assert gateway.cost(Usage(10, None), "openai:gpt-4.1") is None
    assert gateway.cost(Usage(10, None), "openai:text-embedding-3-small").amount == Decimal("2E-7")


def test_a_part_without_a_rate_takes_that_of_the_whole_and_the_cost_is_an_estimate(gateway: Any) -> None:
    cost = gateway.cost(used(1_000, 0, input_audio_tokens=1_000), "openai:gpt-4.1")
    assert (cost.amount, cost.estimated) == (Decimal("0.002"), True)
    assert not gateway.cost(used(1_000, 0), "openai:gpt-4.1").estimated
    assert gateway.cost(used(1_000, 0, read=2_000), "openai:gpt-4.1").estimated, "its parts exceed the total"


@pytest.mark.parametrize("at", ["now", True, float("nan"), float("inf"), 10**400, -(10**400), date(2026, 1, 1)])
def test_what_is_no_time_is_refused(gateway: Any, at: Any) -> None:
    with pytest.raises(InvalidInput, match="at must be a datetime or a time stamp") as caught:
        gateway.cost(Usage(5, 5), "openai:gpt-4.1", at)
    assert caught.value.field == "at"


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        (Usage(-1, 5), "usage.input_tokens"),
        (Usage(5, 1.5), "usage.output_tokens"),  # type: ignore[arg-type]  # wrong on purpose
        (Usage(5, 5, True), "usage.cache_read_tokens"),
        (Usage(5, 5, details=UsageDetails(web_searches=-1)), "usage.web_searches"),
    ],
)
def test_what_is_no_count_is_refused(gateway: Any, usage: Usage, field: str) -> None:
    with pytest.raises(InvalidInput, match="must be a whole number, not below 0") as caught:
        gateway.cost(usage, "openai:gpt-4.1")
    assert caught.value.field == field
