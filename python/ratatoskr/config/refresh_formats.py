"""Tables of models as others publish them: OpenRouter's own list, genai-prices' JSON, and the catalogue's own format.

A row with an unknown unit or word is left out and counted, never the whole table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from ratatoskr.errors import ConfigurationError
from ratatoskr.models.entry import ModelEntry, ProviderTable
from ratatoskr.types.usage import EXACT
from ratatoskr.types.visible import quote

__all__ = ["GENAI_PROVIDERS", "GENAI_UNITS", "GENAI_UNITS_LEFT_OUT", "LISTING", "parse_tables"]

LISTING: Final = "openrouter"
"""The provider whose own list is fetched where no source is given."""
GENAI_PROVIDERS: Final[Mapping[str, str]] = {
    **{name: name for name in ("anthropic", "cerebras", "deepseek", "google", "groq", "minimax", "mistral", "openai")},
    "moonshotai": "moonshot",
    "openrouter": "openrouter",
    "together": "together",
    "x-ai": "xai",
}
"""The names of providers in genai-prices to ours."""
GENAI_UNITS: Final[Mapping[str, str]] = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_long",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
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
"""The units of genai-prices to ours."""
GENAI_UNITS_LEFT_OUT: Final = frozenset(
    {"input_annotated_document_kpages", "output_citation_mtok", "input_text_messages_kcount"}
)
"""Units of what the gateway does not offer."""

_OPENROUTER_UNITS: Final[Mapping[str, tuple[str, int]]] = {
    "prompt": ("input", 1_000_000),
    "completion": ("output", 1_000_000),
    "input_cache_read": ("cache_read", 1_000_000),
    "input_cache_write": ("cache_write", 1_000_000),
    "input_cache_write_1h": ("cache_write_long", 1_000_000),
    "internal_reasoning": ("reasoning", 1_000_000),
    "audio": ("input_audio", 1_000_000),
    "audio_output": ("output_audio", 1_000_000),
    "input_audio_cache": ("cache_read_audio", 1_000_000),
    "image_token": ("input_image", 1_000_000),
    "image_output": ("output_image", 1_000_000),
    "web_search": ("web_searches", 1_000),
    "request": ("requests", 1_000),
}
"""The units of OpenRouter's list, in dollars for one, to ours with their quantities."""
_OPENROUTER_LEFT_OUT: Final = frozenset({"image", "discount", "overrides"})  # an image has no fixed number of tokens
_OPENROUTER_FEATURES: Final = {"tools": "tools", "structured_outputs": "schema", "reasoning": "reasoning"}
_OPENROUTER_WORDS: Final = {
    "text",
    "image",
    "audio",
    "video",
    "file",
    "embeddings",
    "speech",
    "rerank",
    "transcription",
}


_MAX_EXPONENT: Final = 60
"""The largest power of ten of a rate that is written out."""


class _SkippedRow(Exception):
    """A row that is left out; its text says why."""


def parse_tables(data: bytes, day: date, source: str) -> tuple[list[ProviderTable], Counter[str]]:
    """Return the tables in a file, and the number of rows that were left out by reason.

    Args:
        data: the file.
        day: the date of tables that name none.
        source: where it came from.

    Raises:
        ConfigurationError: it is not JSON, or none of the formats.
    """
    try:
        value = json.loads(data, parse_float=_parse_float, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        start = quote(data[:40].decode("utf-8", "replace"))
        raise ConfigurationError(f"{source} is not a table of models: not JSON, it begins with {start}") from None
    skipped: Counter[str] = Counter()
    match value:
        case {"data": list(rows)}:
            named = [(LISTING, rows, _read_openrouter)]
        case {"provider": str(), "models": list()}:
            named = [(value["provider"], value["models"], _read_own)]
        case {"tables": list(tables)} if all(_is_own(table) for table in tables):
            named = [(table["provider"], table["models"], _read_own) for table in tables]
        case list(providers) if providers and all(_is_genai(one) for one in providers):
            known = [one for one in providers if one["id"] in GENAI_PROVIDERS]
            named = [(GENAI_PROVIDERS[one["id"]], one["models"], _read_genai) for one in known]
        case _:
            raise ConfigurationError(
                f"{source} is not a table of models: expected OpenRouter's list, the catalogue's own format or the JSON"
                " of genai-prices"
            )
    found = []
    for provider, rows, read in named:
        models = {entry.id: entry for row in rows if (entry := _try(read, row, skipped)) is not None}
        entries = tuple(models[name] for name in sorted(models))
        found.append(ProviderTable(provider=provider, date=day, sources={"r": source}, models=entries))
    if not any(table.models for table in found):
        raise ConfigurationError(f"{source} has no models that can be read{_count(skipped)}")
    return found, skipped


def _parse_float(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that no decimal can have
        return text


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _count(skipped: Counter[str]) -> str:
    return f": {sum(skipped.values())} rows were left out" if skipped else ""


def _is_own(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("provider"), str) and isinstance(value.get("models"), list)


def _is_genai(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("models"), list)


def _try(read: Any, row: Any, skipped: Counter[str]) -> ModelEntry | None:
    try:
        entry = msgspec.convert({**read(row), "sources": ["r"]}, ModelEntry)
        if entry.prices is not None:
            entry.prices.check()
    except _SkippedRow as why:
        skipped[str(why)] += 1
    except (msgspec.ValidationError, ConfigurationError, ValueError, TypeError, AttributeError, KeyError) as error:
        skipped[f"a row of another form ({type(error).__name__})"] += 1
    except Exception as error:  # an invalid price is InvalidInput
        skipped[f"an invalid price ({type(error).__name__})"] += 1
    else:
        return entry
    return None


def _read_own(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise _SkippedRow("a row that is not an object")
    unknown = row.keys() - set(ModelEntry.__struct_fields__)
    if unknown:
        raise _SkippedRow(f"an unknown word: {min(unknown)}")
    return {**row, "prices": row.get("prices") or None}


def _text(number: Any, factor: int = 1) -> str:
    """Return a rate as decimal text, whatever JSON has it as."""
    if isinstance(number, bool) or not isinstance(number, str | int | Decimal):
        raise _SkippedRow("a rate that is not a number")
    try:
        value = Decimal(number)
    except InvalidOperation:
        raise _SkippedRow("a rate that is not a number") from None
    if not value.is_finite():
        raise _SkippedRow("a rate that is not a number")
    if not value:
        return "0"
    if abs(value.adjusted()) > _MAX_EXPONENT:  # written out, 1e999999999 would fill the memory
        raise _SkippedRow("a rate out of range")
    text = f"{EXACT.multiply(value, factor):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read_openrouter(row: Any) -> dict[str, Any]:
    top, architecture = row.get("top_provider") or {}, row.get("architecture") or {}
    modalities = {side: architecture.get(f"{side}_modalities") or [] for side in ("input", "output")}
    for words in modalities.values():
        if unknown := set(words) - _OPENROUTER_WORDS:
            raise _SkippedRow(f"an unknown word: {min(unknown)}")
    supported = row.get("supported_parameters") or []
    return {
        "id": row["id"],
        "prices": _read_openrouter_price(row.get("pricing") or {}),
        "context_window": row.get("context_length") or None,
        "max_output_tokens": top.get("max_completion_tokens") or None,
        "input": ["pdf" if word == "file" else word for word in modalities["input"]],
        "output": modalities["output"],
        "features": [name for word, name in _OPENROUTER_FEATURES.items() if word in supported],
    }


def _read_openrouter_price(pricing: Mapping[str, Any]) -> dict[str, str] | None:
    rates: dict[str, str] = {}
    for unit, number in pricing.items():
        if unit in _OPENROUTER_LEFT_OUT:
            continue
        if unit not in _OPENROUTER_UNITS:
            raise _SkippedRow(f"an unknown unit: {unit}")
        name, quantity = _OPENROUTER_UNITS[unit]
        rate = _text(number, quantity)
        if rate.startswith("-"):
            return None  # a router, whose price is that of the model that it chooses
        if rate != "0" or name in ("input", "output"):
            rates[name] = rate
    return rates or None


def _read_genai(row: Any) -> dict[str, Any]:
    prices = row.get("prices") or {}
    changes = [_read_genai_change(one) for one in prices] if isinstance(prices, list) else [_read_genai_rates(prices)]
    base = {unit: rate for unit, rate in changes[0].items() if unit not in ("since", "windows")}
    price: dict[str, Any] = {**base, **({"changes": changes[1:]} if changes[1:] else {})}
    variants = []
    for one in row.get("price_variants") or ():
        when = dict(one["when"])
        if when.pop("processing", None):
            when["batch"] = True
        if when.keys() <= {"batch", "service_tier", "speed"} and (change := _read_genai_change(one)):
            variants.append({**when, **change})
    if variants:
        price["variants"] = variants
    return {
        "id": row["id"],
        "names": sorted({name.lower() for name in _genai_names(row.get("match") or {})} - {row["id"].lower()}),
        "prices": price or None,
        "context_window": row.get("context_window"),
        "deprecated": bool(row.get("deprecated")),
    }


def _genai_names(match: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in match.items():
        if kind == "equals":
            yield value
        elif kind in ("starts_with", "contains", "ends_with"):
            yield value.rstrip("-@")
        elif kind in ("or", "and"):
            for one in value:
                yield from _genai_names(one)
        elif kind != "regex":
            raise _SkippedRow(f"an unknown word: {kind}")


def _read_genai_change(one: Mapping[str, Any]) -> dict[str, Any]:
    constraint = one.get("constraint") or {}
    change: dict[str, Any] = {}
    for word, value in constraint.items():
        if word == "start_date":
            change["since"] = value
        elif word in ("start_time", "end_time"):
            change.setdefault("windows", [{}])[0][word.removesuffix("_time")] = value[:5]
        elif word != "type":
            raise _SkippedRow(f"an unknown word: {word}")
    return {**change, **_read_genai_rates(one["prices"])}


def _read_genai_rates(prices: Mapping[str, Any]) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for unit, value in prices.items():
        if unit in GENAI_UNITS_LEFT_OUT or value is None:
            continue
        if unit not in GENAI_UNITS:
            raise _SkippedRow(f"an unknown unit: {unit}")
        if isinstance(value, dict):
            above = sorted((tier["start"], _text(tier["price"])) for tier in value["tiers"])
            rates[GENAI_UNITS[unit]] = {"base": _text(value["base"]), "above": above}
        else:
            rates[GENAI_UNITS[unit]] = _text(value)
    return rates
