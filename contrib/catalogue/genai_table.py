"""The prices and names in a wheel of genai-prices: its literal is read through `ast`, never imported."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from ratatoskr.config.refresh_formats import GENAI_UNITS, GENAI_UNITS_LEFT_OUT

MEMBER = "genai_prices/data.py"

NOT_IN_ANSWERS = {"route", "search_type"}
"""Variants chosen by what no answer that the gateway reads says."""


@dataclass(frozen=True)
class Row:
    """One model: its id, the names that it is matched by, whether a name must be equal, and its price."""

    id: str
    names: tuple[str, ...]
    stems: tuple[tuple[str, str], ...]
    price: dict[str, Any]
    context_window: int | None
    deprecated: bool


def read_models(source: str) -> dict[str, list[Row]]:
    """Return the models of each provider in the source of its table."""
    tree = ast.parse(source)
    literal = next(
        node.value for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "providers"
    )
    assert isinstance(literal, ast.List)
    providers = (_arguments(one) for one in literal.elts)
    return {provider["id"].value: [_read_row(one) for one in provider["models"].elts] for provider in providers}


def _arguments(call: ast.expr) -> dict[str, Any]:
    assert isinstance(call, ast.Call), ast.dump(call)
    return {str(keyword.arg): keyword.value for keyword in call.keywords}


def _name(call: ast.expr) -> str:
    assert isinstance(call, ast.Call), ast.dump(call)
    return ast.unparse(call.func)


def _value(node: ast.expr | None, default: Any = None) -> Any:
    return default if node is None else ast.literal_eval(node)


def _read_row(call: ast.expr) -> Row:
    given = _arguments(call)
    names, stems = _read_match(given["match"])
    return Row(
        _value(given["id"]),
        tuple(names),
        tuple(stems),
        _read_price(given["prices"], given.get("price_variants")),
        _value(given.get("context_window")),
        bool(_value(given.get("deprecated"), False)),
    )


def _read_match(clause: ast.expr) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names that are equal to the model's, and the parts of names: `starts_with`, `contains`, `ends_with`.

    Regular expressions only add dates to names, which `ratatoskr.models.catalogue` does itself, or exclude others.
    """
    (key, value), kind = next(iter(_arguments(clause).items())), _name(clause)
    if kind == "ClauseEquals":
        return [_value(value)], []
    if kind in ("ClauseStartsWith", "ClauseContains", "ClauseEndsWith"):
        return [], [(key, _value(value))]
    if kind == "ClauseRegex":
        return [], []
    assert kind in ("ClauseOr", "ClauseAnd"), kind
    parts = [_read_match(one) for one in value.elts]
    return [name for names, _ in parts for name in names], [stem for _, stems in parts for stem in stems]


def _read_price(prices: ast.expr, variants: ast.expr | None) -> dict[str, Any]:
    if isinstance(prices, ast.List):
        changes = [_read_change(one) for one in prices.elts]
        base = {unit: rate for unit, rate in changes[0].items() if unit in GENAI_UNITS.values()}
        price = {**base, **({"changes": _merge_hours(changes[1:])} if changes[1:] else {})}
    else:
        price = _read_rates(prices)
    found = [one for call in (variants.elts if isinstance(variants, ast.List) else ()) if (one := _read_variant(call))]
    return {**price, **({"variants": found} if found else {})}


def _read_change(call: ast.expr) -> dict[str, Any]:
    given = _arguments(call)
    return {**_read_constraint(given.get("constraint")), **_read_rates(given["prices"])}


def _read_variant(call: ast.expr) -> dict[str, Any]:
    """Return a variant; an empty one if it has no rates, or no answer says that it applies."""
    given = _arguments(call)
    when, rates = dict(_value(given["when"])), _read_rates(given["prices"])
    if NOT_IN_ANSWERS & when.keys() or not rates:
        return {}
    if processing := when.pop("processing", None):
        assert processing == "batch", processing
        when["batch"] = True
    assert when.keys() <= {"batch", "service_tier", "speed"}, when
    return {**when, **_read_constraint(given.get("constraint")), **rates}


def _read_constraint(call: ast.expr | None) -> dict[str, Any]:
    if call is None or (isinstance(call, ast.Constant) and call.value is None):
        return {}
    given, kind = _arguments(call), _name(call)
    if kind == "StartDateConstraint":
        year, month, day = (_value(one) for one in given["start_date"].args)
        return {"since": f"{year:04}-{month:02}-{day:02}"}
    assert kind == "TimeOfDateConstraint", kind
    return {"windows": [{"start": _read_time(given["start_time"]), "end": _read_time(given["end_time"])}]}


def _read_time(call: ast.expr) -> str:
    assert isinstance(call, ast.Call)
    hour, minute = (_value(one) for one in (*call.args, ast.Constant(0))[:2])
    return f"{hour:02}:{minute:02}"


def _merge_hours(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return changes with those that follow one another with the same rates in one."""
    merged: list[dict[str, Any]] = []
    for change in changes:
        if merged and "windows" in change and {**merged[-1], "windows": None} == {**change, "windows": None}:
            merged[-1] = {**change, "windows": merged[-1]["windows"] + change["windows"]}
        else:
            merged.append(change)
    return merged


def _read_rates(call: ast.expr) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for unit, value in _arguments(call).items():
        if unit not in GENAI_UNITS_LEFT_OUT:
            rates[GENAI_UNITS[unit]] = _read_rate(value)
    return rates


def _read_rate(value: ast.expr) -> Any:
    assert isinstance(value, ast.Call)
    if _name(value) == "Decimal":
        return str(_value(value.args[0]))
    given = _arguments(value)
    above = [(_value(tier["start"]), _read_rate(tier["price"])) for tier in map(_arguments, given["tiers"].elts)]
    return {"base": _read_rate(given["base"]), "above": [list(tier) for tier in sorted(above)]}
