"""Limits, modalities, features and retirement in a wheel of LiteLLM: one JSON member, its numbers read as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MEMBER = "litellm/model_prices_and_context_window_backup.json"

MODES = {"chat", "completion", "embedding", "responses"}
"""What a row without a price in the other table must be for."""
FEATURES = {
    "supports_function_calling": "tools",
    "supports_response_schema": "schema",
    "supports_reasoning": "reasoning",
    "supports_prompt_caching": "prompt_caching",
    "supports_web_search": "web_search",
    "supports_computer_use": "computer_use",
}
INPUTS = {
    "supports_vision": "image",
    "supports_audio_input": "audio",
    "supports_video_input": "video",
    "supports_pdf_input": "pdf",
}
RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
}
"""Our units to its rates a token, which are compared with the other table's."""


@dataclass(frozen=True)
class Facts:
    """What the table says about one name.

    Attributes:
        rates: dollars per million, by unit, where it has one.
        regions: multipliers of all rates, by the region that an answer names.
        long_writes: rates of writes to a cache of 12 hours, which the other table lacks, by how an answer was served.
    """

    mode: str
    rates: Mapping[str, str]
    max_input_tokens: int | None
    max_output_tokens: int | None
    dimensions: int | None
    input: tuple[str, ...]
    output: tuple[str, ...]
    features: tuple[str, ...]
    retires: str | None
    regions: Mapping[str, str]
    long_writes: Mapping[str, Any]


SERVED = {"": "", "_batches": "batch", "_flex": "flex", "_priority": "priority"}
"""The ends of its rates, and how an answer was served that they are for."""
LONG_WRITE = "cache_creation_input_token_cost_above_12hr"
ABOVE_272K = "_above_272k_tokens"


def read_facts(text: str) -> dict[str, dict[str, Facts]]:
    """Return what the table says about the names of each of its providers, without the provider's prefix."""
    table = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    found: dict[str, dict[str, Facts]] = {}
    for key, row in table.items():
        provider = row.get("litellm_provider")
        if isinstance(provider, str):
            name = key.removeprefix(f"{provider}/").lower()
            own = found.setdefault(provider, {})
            if name not in own or key.startswith(f"{provider}/"):
                own[name] = _read_row(row)
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} in the table of LiteLLM")


def _read_row(row: Mapping[str, Any]) -> Facts:
    mode = str(row.get("mode") or "")
    inputs = row.get("supported_modalities") or ["text", *(name for key, name in INPUTS.items() if row.get(key))]
    if row.get("supports_pdf_input") and "pdf" not in inputs:
        inputs = [*inputs, "pdf"]
    outputs = row.get("supported_output_modalities") or ([] if mode == "embedding" else ["text"])
    specific = row.get("provider_specific_entry") or {}
    regions = {"us": _text(specific["us"])} if "us" in specific else {}
    return Facts(
        mode,
        {unit: _text(Decimal(row[key]) * 1_000_000) for unit, key in RATES.items() if row.get(key) is not None},
        _count(row.get("max_input_tokens")),
        _count(row.get("max_output_tokens")),
        _count(row.get("output_vector_size")),
        tuple(sorted(inputs, key=_ORDER.index)) if set(inputs) <= set(_ORDER) else tuple(inputs),
        tuple(outputs),
        tuple(name for key, name in FEATURES.items() if row.get(key)),
        row.get("deprecation_date"),
        regions,
        {served: rate for end, served in SERVED.items() if (rate := _read_long_write(row, end)) is not None},
    )


def _read_long_write(row: Mapping[str, Any], end: str) -> Any:
    base, above = (row.get(f"{LONG_WRITE}{size}{end}") for size in ("", ABOVE_272K))
    if base is None or above is None:
        return None if base is None else _text(Decimal(base) * 1_000_000)
    rates = [_text(Decimal(one) * 1_000_000) for one in (base, above)]
    return rates[0] if rates[0] == rates[1] else {"base": rates[0], "above": [[272_000, rates[1]]]}


_ORDER = ("text", *INPUTS.values())


def _count(given: Any) -> int | None:
    """Return a number of tokens; the table has some as text or with a fraction of zero."""
    try:
        number = int(given)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def _text(number: Any) -> str:
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
