"""The prices of genai-prices in our form: an oracle, which calculates them in a way of its own."""

from __future__ import annotations

from datetime import UTC, time
from decimal import Decimal
from typing import Any

from ratatoskr.models.price import Change, Price, TieredRate, Variant, Window

UNITS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_long",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
    "cache_video_read_mtok": "cache_read_video",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "file_searches",
    "requests_kcount": "requests",
    "input_document_kpages": "pages",
    "audio_hours": "seconds",
    "input_audio_hours": "seconds",
    "input_mchars": "characters",
}
COUNTS = {
    "cache_write_long_tokens": "cache_write_1h_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "input_video_tokens": "input_video_tokens",
    "cache_read_audio_tokens": "cache_audio_read_tokens",
    "cache_read_image_tokens": "cache_image_read_tokens",
    "cache_read_video_tokens": "cache_video_read_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "output_image_tokens": "output_image_tokens",
    "output_video_tokens": "output_video_tokens",
    "web_searches": "web_searches",
    "file_searches": "storage_searches",
}
"""Our names of finer counts and theirs."""
WORDS = {"service_tier": "service_tier", "speed": "speed"}


def price_of(model: Any) -> Price:
    """Return a model's price."""
    if not isinstance(model.prices, list):
        base, changes = model.prices, []
    else:
        base, changes = model.prices[0].prices, model.prices
    variants = [one for one in map(_variant, model.price_variants or ()) if one is not None]
    return Price(**_rates(base), changes=tuple(map(_change, changes)), variants=tuple(variants))


def _change(conditional: Any) -> Change:
    return Change(**_rates(conditional.prices), **_when(conditional.constraint))


def _variant(variant: Any) -> Variant | None:
    when = dict(variant.when)
    served: dict[str, Any] = {ours: when.pop(theirs) for ours, theirs in WORDS.items() if theirs in when}
    if when.pop("processing", None) == "batch":
        served["batch"] = True
    if when:  # a route or a kind of search, which answers do not tell
        return None
    return Variant(**_rates(variant.prices), **_when(variant.constraint), **served)


def _when(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    if hasattr(constraint, "start_date"):
        return {"since": constraint.start_date}
    assert constraint.start_time.tzinfo in (None, UTC)
    return {"windows": (Window(_clock(constraint.start_time), _clock(constraint.end_time)),)}


def _clock(moment: time) -> str:
    assert moment.second == 0
    return f"{moment:%H:%M}"


def _rates(prices: Any) -> dict[str, Any]:
    known = {UNITS[name]: rate for name, rate in vars(prices).items() if rate is not None and name in UNITS}
    return {unit: _rate(rate) for unit, rate in known.items()}


def _rate(rate: Any) -> str | TieredRate:
    if isinstance(rate, Decimal):
        return f"{rate:f}"
    return TieredRate(f"{rate.base:f}", tuple((tier.start, f"{tier.price:f}") for tier in rate.tiers))
