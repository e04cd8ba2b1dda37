"""Schemas whose keywords hold what may well be wrong: refused by name, or compiled to what the vendors take."""

from __future__ import annotations

import json
import random
from typing import Any

from ratatoskr import InvalidInput
from ratatoskr.types.schema import check_schema
from ratatoskr.wire.schema.send import compile_schema
from ratatoskr.wire.schema.subsets import SUBSETS
from ratatoskr.wire.schema.words import ABOUT
from unit.wire.schema.checkers import CHECKERS

STRING, INTEGER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}
TYPES = ["object", "array", "string", "integer", "number", "boolean", "null", ["string", "null"], "STRING", []]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    "x",
    "#",
    "#/$defs/a",
    "(",
    [],
    ["a"],
    [1, None],
    {},
    {"type": "string"},
]
KEYWORDS = [
    *ABOUT,
    "$ref",
    "$defs",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
]
KEYWORDS += ["items", "oneOf", "patternProperties", "prefixItems", "properties", "required", "title", "type", "x-odd"]


def make_odd_schema(choose: random.Random, depth: int = 4) -> Any:
    """Return a schema whose keywords hold what may well be wrong."""
    if depth == 0 or choose.random() < 0.2:
        return choose.choice([True, False, STRING, INTEGER, NULL, {}, {"$ref": "#/$defs/a"}, {"$ref": "#"}])
    schema: dict[str, Any] = {}
    for word in choose.sample(KEYWORDS, choose.randint(1, 4)):
        inner = [make_odd_schema(choose, depth - 1) for _ in range(choose.randint(0, 2))]
        named = dict(zip("ab", inner, strict=False))
        usual = {"properties": named, "$defs": named, "patternProperties": named, "type": choose.choice(TYPES)}
        usual |= dict.fromkeys(("anyOf", "allOf", "oneOf", "prefixItems", "enum"), inner)
        usual |= dict.fromkeys(("items", "additionalProperties", "not", "if"), inner[0] if inner else True)
        schema[word] = usual[word] if word in usual and choose.random() < 0.8 else choose.choice(ODD)
    return schema


def test_an_odd_schema_is_refused_by_name_or_compiled() -> None:
    choose, compiled = random.Random(7), 0
    for _ in range(4000):
        schema = make_odd_schema(choose)
        if not isinstance(schema, dict):
            continue
        try:
            check_schema(schema, "tools")
        except InvalidInput:
            continue
        text = json.dumps(schema).encode()
        for name in SUBSETS:
            sent = compile_schema(text, name).schema
            compiled += sent is not None
            if sent is not None and name in CHECKERS:
                assert CHECKERS[name](json.loads(sent)) == [], (name, schema)
    assert compiled > 1000
