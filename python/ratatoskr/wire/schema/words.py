"""The annotations and assertions of a schema that a vendor takes, and those that only a description can tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ratatoskr.types.subschema import ALL_TYPES
from ratatoskr.wire.schema.merge import ANNOTATIONS
from ratatoskr.wire.schema.patterns import TAKES
from ratatoskr.wire.schema.subsets import Subset

_MAX_NOTE = 300

ABOUT: Mapping[str, str] = {
    "format": "string number integer",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "minimum": "number integer",
    "maximum": "number integer",
    "exclusiveMinimum": "number integer",
    "exclusiveMaximum": "number integer",
    "multipleOf": "number integer",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "contains": "array",
    "minContains": "array",
    "maxContains": "array",
    "unevaluatedItems": "array",
    "minProperties": "object",
    "maxProperties": "object",
    "propertyNames": "object",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "unevaluatedProperties": "object",
    "not": " ".join(ALL_TYPES),
    "if": " ".join(ALL_TYPES),
    "then": "",  # says nothing without `if`, which is named
    "else": "",
}
"""The types that an assertion is about: for all others it says nothing. What is not listed asserts nothing."""


def choose_words(
    node: Mapping[str, Any], kinds: Iterable[str], subset: Subset
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is sent besides the structure of a schema of these types, and what the vendor does not take."""
    sent, untold = dict[str, Any](), dict[str, Any]()
    for word, value in node.items():
        about = [kind for kind in kinds if kind in ABOUT.get(word, "").split()]
        if word in ("title", "description") or (word == "default" and word in subset.general):
            sent[word] = value
        elif word in ANNOTATIONS or not about:
            continue
        elif all(_takes(word, value, kind, subset) for kind in about):
            sent[word] = value
        else:
            untold[word] = value
            if word == "minItems" and subset.max_min_items is not None and count_of(node, word):
                sent[word] = subset.max_min_items
    return sent, untold


def _takes(word: str, value: Any, kind: str, subset: Subset) -> bool:
    if word not in subset.keywords.get(kind, ()):
        return False
    if word == "pattern":
        return isinstance(value, str) and TAKES[subset.patterns](value)
    if word == "format":
        return isinstance(value, str) and (subset.formats is None or value in subset.formats)
    if word == "uniqueItems":
        return isinstance(value, bool)
    if not isinstance(value, (int, float)) or isinstance(value, bool):  # as `exclusiveMinimum: true` in draft 4
        return False
    return word != "minItems" or subset.max_min_items is None or value <= subset.max_min_items


def count_of(node: Mapping[str, Any], word: str) -> int | None:
    """Return the value of `minItems` or `maxItems`."""
    value = node.get(word)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def describe_rest(sent: dict[str, Any], untold: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words with what is left out told in the description, if it is short."""
    note = ", ".join(f"{word}: {json.dumps(value, ensure_ascii=False)}" for word, value in untold.items())
    if not note or len(note) > _MAX_NOTE:
        return sent
    description = sent.get("description")
    return {**sent, "description": f"{description}\n\n{note}" if description else note}
