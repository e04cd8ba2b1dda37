"""Each rewrite by an example: what is said otherwise, what is left out, and what cannot be said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.wire.schema.send import compile_schema
from ratatoskr.wire.schema.subsets import OF_DIALECT, SUBSETS

STRING, INTEGER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


def close(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def compile_as(name: Any, schema: Any) -> tuple[Any, list[str]]:
    """Return the compiled schema, or why there is none, and the paths of what was left out."""
    found = compile_schema(json.dumps(schema).encode(), name)
    return (found.reason if found.schema is None else json.loads(found.schema)), list(found.dropped)


def compile_property(name: Any, schema: Any, **more: Any) -> tuple[Any, list[str]]:
    sent, dropped = compile_as(name, {**close(p=schema), **more})
    return (sent if isinstance(sent, str) else sent["properties"]["p"]), dropped


WITHOUT_LOSS = {
    # vendor, property, what is sent
    "const": ("gemini", {"const": "a"}, {"type": "string", "enum": ["a"]}),
    "const with its type": ("openai", {"const": 1, "type": "integer"}, {"type": "integer", "const": 1}),
    "oneOf with a discriminator": (
        "openai",
        {"oneOf": [close(k={"const": "a"}), close(k={"const": "b"})], "discriminator": {"propertyName": "k"}},
        {"anyOf": [close(k={"type": "string", "const": "a"}), close(k={"type": "string", "const": "b"})]},
    ),
    "oneOf of other types": ("anthropic", {"oneOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER]}),
    "a branch that nothing matches": ("openai", {"anyOf": [STRING, False]}, STRING),
    "nested unions": ("openai", {"anyOf": [{"anyOf": [STRING, NULL]}, NULL]}, {"anyOf": [STRING, NULL]}),
    "allOf of one": ("anthropic", {"allOf": [STRING], "description": "d"}, {**STRING, "description": "d"}),
    "allOf of objects": (
        "openai",
        {
            "allOf": [
                {"properties": {"a": STRING}},
                {"type": "object", "properties": {"b": STRING}, "required": ["a", "b"]},
            ]
        },
        close(a=STRING, b=STRING),
    ),
    "words beside $ref": ("openai", {"$ref": "#/$defs/A", "description": "d"}, {**INTEGER, "description": "d"}),
    "words beside a union": (
        "openai",
        {"type": "string", "anyOf": [{"pattern": "^a$"}, {"format": "date"}]},
        {"anyOf": [{**STRING, "pattern": "^a$"}, {**STRING, "format": "date"}]},
    ),
    "values of several types": (
        "gemini",
        {"enum": ["a", 1, None]},
        {"anyOf": [{**STRING, "enum": ["a"]}, {**INTEGER, "enum": [1]}, NULL]},
    ),
    "a list of types": ("cerebras", {"type": ["string", "null"]}, {"anyOf": [STRING, NULL]}),
    "a list of types with an array": (
        "openai",
        {"type": ["array", "null"], "items": STRING},
        {"anyOf": [{"type": "array", "items": STRING}, NULL]},
    ),
    "a tuple of one type": (
        "openai",
        {"type": "array", "prefixItems": [STRING, STRING], "minItems": 2, "maxItems": 2},
        {"type": "array", "items": STRING, "minItems": 2, "maxItems": 2},
    ),
    "types in capitals": ("openai", {"type": "STRING"}, STRING),
    "an object whose type is implied": ("openai", {"properties": {}}, close()),
    "annotations": ("openai", {**STRING, "default": "x", "examples": ["y"], "deprecated": True}, STRING),
    "a default": ("anthropic", {**STRING, "default": "x"}, {**STRING, "default": "x"}),
    "an empty object": ("openai", {"type": "object", "properties": {}}, close()),
    "an empty array": ("openai", {"type": "array", "maxItems": 0}, {"type": "array", "items": NULL, "maxItems": 0}),
    "members named by a pattern, elsewhere": ("gemini", {"type": "object", "additionalProperties": STRING}, None),
}


@pytest.mark.parametrize("what", WITHOUT_LOSS)
def test_what_is_said_otherwise_loses_nothing(what: str) -> None:
    name, schema, sent = WITHOUT_LOSS[what]
    found, dropped = compile_property(name, schema, **{"$defs": {"A": INTEGER}})
    assert found == (schema if sent is None else sent)
    assert dropped == []


LEFT_OUT = {
    "anthropic": [
        (
            {**INTEGER, "minimum": 1, "maximum": 5},
            {**INTEGER, "description": "minimum: 1, maximum: 5"},
            "maximum minimum",
        ),
        ({**STRING, "minLength": 1, "description": "d"}, {**STRING, "description": "d\n\nminLength: 1"}, "minLength"),
        (
            {"type": "array", "items": STRING, "minItems": 2},
            {"type": "array", "items": STRING, "minItems": 1, "description": "minItems: 2"},
            "minItems",
        ),
        ({**STRING, "pattern": "(?=a)"}, {**STRING, "description": 'pattern: "(?=a)"'}, "pattern"),
        ({**STRING, "pattern": "^[a-z]+$"}, {**STRING, "pattern": "^[a-z]+$"}, ""),
    ],
    "openai": [
        ({**STRING, "format": "uri"}, {**STRING, "description": 'format: "uri"'}, "format"),
        ({**STRING, "format": "date"}, {**STRING, "format": "date"}, ""),
        ({**INTEGER, "minimum": 1}, {**INTEGER, "minimum": 1}, ""),
        ({**STRING, "maxLength": 3}, {**STRING, "description": "maxLength: 3"}, "maxLength"),
        ({**STRING, "minimum": 3}, STRING, ""),  # says nothing about texts
        ({**STRING, "not": {"const": "a"}}, {**STRING, "description": 'not: {"const": "a"}'}, "not"),
        ({**STRING, "pattern": r"\bx\b"}, {**STRING, "description": r'pattern: "\\bx\\b"'}, "pattern"),
        (
            {"type": "array", "prefixItems": [STRING, INTEGER], "maxItems": 2},
            {
                "type": "array",
                "items": {"anyOf": [STRING, INTEGER]},
                "maxItems": 2,
                "description": 'prefixItems: ["string", "integer"]',
            },
            "prefixItems",
        ),
        ({"oneOf": [STRING, {**STRING, "format": "date"}]}, {"anyOf": [STRING, {**STRING, "format": "date"}]}, "oneOf"),
    ],
    "gemini": [
        ({**STRING, "pattern": "^a$"}, {**STRING, "description": 'pattern: "^a$"'}, "pattern"),
        ({"const": True}, {"type": "boolean", "description": "enum: [true]"}, "enum"),
        ({**INTEGER, "exclusiveMinimum": 1}, {**INTEGER, "description": "exclusiveMinimum: 1"}, "exclusiveMinimum"),
        (
            {"type": "object", "patternProperties": {"^a$": STRING}, "additionalProperties": False},
            {"type": "object", "additionalProperties": STRING},
            "patternProperties",
        ),
    ],
    "xai": [
        ({**STRING, "pattern": "a"}, {**STRING, "description": 'pattern: "a"'}, "pattern"),  # means ^a$ there
        ({**STRING, "pattern": "^a|b$"}, {**STRING, "description": 'pattern: "^a|b$"'}, "pattern"),
        ({**STRING, "pattern": "^(a|b)$"}, {**STRING, "pattern": "^(a|b)$"}, ""),
    ],
    "ollama": [
        ({**STRING, "pattern": r"^\d$"}, {**STRING, "description": r'pattern: "^\\d$"'}, "pattern"),
        ({**STRING, "pattern": "^[0-9]$"}, {**STRING, "pattern": "^[0-9]$"}, ""),
        ({"type": "number", "minimum": 1}, {"type": "number", "description": "minimum: 1"}, "minimum"),
        ({**INTEGER, "minimum": 1}, {**INTEGER, "minimum": 1}, ""),
    ],
}


@pytest.mark.parametrize(
    ("name", "schema", "sent", "words"), [(name, *row) for name, rows in LEFT_OUT.items() for row in rows]
)
def test_what_is_left_out_is_told_in_the_description(name: str, schema: Any, sent: Any, words: str) -> None:
    found, dropped = compile_property(name, schema)
    assert found == sent
    assert dropped == [f"/properties/p/{word}" for word in words.split()]


UNSAYABLE = {
    "any value": ("openai", {}, "/properties/p: it has no type"),
    "any value at xAI": ("xai", {"description": "d"}, "/properties/p: it has no type"),
    "a list of anything": ("anthropic", {"type": "array"}, "/properties/p/items: it has no type"),
    "a free object": ("openai", {"type": "object"}, "/properties/p: it is an object whose members are not named"),
    "a dict": ("anthropic", {"type": "object", "additionalProperties": STRING}, "whose members are not named"),
    "named by patterns": (
        "groq",
        {"type": "object", "patternProperties": {"a": STRING}},
        "whose members are not named",
    ),
    "open": ("mistral", {**close(a=STRING), "additionalProperties": True}, "whose members are not named"),
    "recursion": ("anthropic", {"$ref": "#/$defs/A"}, "/properties/p: it contains itself"),
    "recursion by the root": ("xai", {"$ref": "#"}, "it contains itself"),
    "recursion without a property": ("gemini", {"$ref": "#/$defs/L"}, "it contains itself, but not through a property"),
    "a reference to nothing": (
        "openai",
        {"$ref": "#/$defs/None"},
        "refers to '#/$defs/None', which is not in the schema",
    ),
    "a reference elsewhere": ("openai", {"$ref": "https://x/a"}, "which is not in the schema"),
    "a reference to itself": ("openai", {"$ref": "#/$defs/S", "description": "d"}, "it refers to itself"),
    "no value": ("openai", {"enum": []}, "no value is valid"),
    "objects as values": ("openai", {"enum": [{"a": 1}]}, "its values are objects or arrays"),
    "what does not fit together": ("openai", {"allOf": [STRING, INTEGER]}, "two schemas hold together"),
    "required and unknown": ("openai", {**close(), "required": ["x"]}, "'x' is required, but not among its properties"),
    "the same members": (
        "openai",
        {"anyOf": [close(a=STRING), close(a=INTEGER)]},
        "the objects of a union have the same properties, and none that tells which",
    ),
}
DEFS = {
    "A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}},
    "L": {"type": "array", "items": {"$ref": "#/$defs/L"}},
    "S": {"$ref": "#/$defs/S"},
}


@pytest.mark.parametrize("what", UNSAYABLE)
def test_what_cannot_be_said_is_told_with_its_place(what: str) -> None:
    name, schema, reason = UNSAYABLE[what]
    found, _ = compile_property(name, schema, **{"$defs": DEFS})
    assert isinstance(found, str)
    assert reason in found


def test_optional_properties_are_nullable_where_all_must_be_given() -> None:
    schema = {
        "type": "object",
        "properties": {"a": STRING, "b": {**STRING, "title": "B"}, "c": NULL},
        "required": ["a"],
    }
    found = compile_schema(json.dumps(schema).encode(), "openai")
    assert json.loads(found.schema or b"") == close(a=STRING, b={"anyOf": [STRING, NULL], "title": "B"}, c=NULL)
    assert found.nullable == ("/properties/b",)
    kept = compile_schema(json.dumps(schema).encode(), "anthropic")
    assert json.loads(kept.schema or b"")["required"] == ["a", "c"]


def test_a_tag_with_a_default_must_be_given() -> None:
    """A union is told apart by it; pydantic does not require a `Literal` that has a default."""
    cat = {"type": "object", "properties": {"k": {"const": "a", "default": "a", "type": "string"}}}
    dog = {"type": "object", "properties": {"k": {"enum": ["b", "c"], "default": "b", "type": "string"}}}
    branches = [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    union = {"oneOf": branches, "discriminator": {"propertyName": "k"}}
    text = json.dumps({**close(p=union), "$defs": {"Cat": cat, "Dog": dog}}).encode()
    for name in ("openai", "anthropic", "gemini", "xai", "ollama", "mistral", "compatible"):
        found = compile_schema(text, name)
        sent = json.loads(found.schema or b"")["$defs"]
        assert sent["Cat"]["required"] == sent["Dog"]["required"] == ["k"]
        assert sent["Dog"]["properties"]["k"]["enum"] == ["b", "c"]
        assert found.nullable == found.forced == ()


def test_a_lone_value_without_a_default_may_be_absent() -> None:
    found = compile_schema(json.dumps({"type": "object", "properties": {"on": {"const": True}}}).encode(), "openai")
    assert found.nullable == ("/properties/on",)


def test_recursion_goes_through_optional_properties_where_it_must() -> None:
    """Gemini: cyclic references "may only be used within non-required properties"."""
    node = {
        "type": "object",
        "properties": {"v": INTEGER, "next": {"type": "array", "items": {"$ref": "#/$defs/N"}}},
        "required": ["v", "next"],
    }
    sent, dropped = compile_as(
        "gemini", {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    )
    assert sent["$defs"]["N"]["required"] == ["v"]
    assert dropped == ["/$defs/N/required/next"]


def test_definitions_have_names_that_need_no_escape() -> None:
    a, b = {"$ref": "#/definitions/x~1y"}, {"$ref": "#/properties/a%20b/$defs/A"}
    schema = close(a=a, b=b, **{"a b": {**STRING, "$defs": {"A": INTEGER}}}, c={"$ref": "#/$defs/A"})
    sent, dropped = compile_as("openai", {**schema, "definitions": {"x/y": STRING}, "$defs": {"A": NULL}})
    properties = {
        "a": {"$ref": "#/$defs/x_1y"},
        "b": {"$ref": "#/$defs/A"},
        "a b": STRING,
        "c": {"$ref": "#/$defs/A_2"},
    }
    assert sent == {**close(**properties), "$defs": {"x_1y": STRING, "A": INTEGER, "A_2": NULL}}
    assert dropped == []


def test_a_root_that_refers_to_itself_stays_a_reference() -> None:
    sent, _ = compile_as("openai", {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, NULL]}}})
    assert sent == close(next={"anyOf": [{"$ref": "#"}, NULL]})


@pytest.mark.parametrize(
    "root", [{"type": "array", "items": STRING}, {"anyOf": [close(a=STRING)] * 2}, {"enum": ["a"]}]
)
def test_the_root_must_be_an_object_at_openai(root: Any) -> None:
    found, _ = compile_as("openai", root)
    assert found == "/: the root is not an object" or root.get("anyOf")


def test_what_tells_the_objects_of_a_union_apart_comes_first() -> None:
    one, other = close(name=STRING, kind={**STRING, "const": "a"}), close(name=STRING, kind={**STRING, "const": "b"})
    sent, _ = compile_property("openai", {"anyOf": [one, other]})
    assert [list(branch["properties"]) for branch in sent["anyOf"]] == [["kind", "name"], ["kind", "name"]]
    sent, _ = compile_property("openai", {"anyOf": [close(name=STRING, a=STRING), close(name=STRING, b=STRING)]})
    assert [list(branch["properties"]) for branch in sent["anyOf"]] == [["a", "name"], ["b", "name"]]


LIMITS = {
    "properties": ("openai", close(**{f"p{i}": STRING for i in range(5001)}), "more than 5000 properties"),
    "values": ("openai", close(p={"enum": [f"{i}" for i in range(1001)]}), "more than 1000 enum values"),
    "text": ("openai", close(p={"enum": ["x" * 120_001]}), "more than 120000 characters in names and values"),
    "unions": (
        "anthropic",
        close(**{f"p{i}": {"anyOf": [STRING, INTEGER]} for i in range(17)}),
        "/properties/p16: it has more than 16 unions",
    ),
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_schema_beyond_a_limit_is_not_called_strict(what: str) -> None:
    name, schema, reason = LIMITS[what]
    found, _ = compile_as(name, schema)
    assert reason in found


def test_objects_are_nested_ten_deep_at_openai() -> None:
    schema = close(p=STRING)
    for _ in range(9):
        schema = close(p=schema)
    assert isinstance(compile_as("openai", schema)[0], dict)
    assert "nested deeper than 10" in compile_as("openai", close(p=schema))[0]


def test_optional_properties_beyond_anthropics_limit_are_required() -> None:
    schema = {"type": "object", "properties": {f"p{i}": STRING for i in range(26)}}
    found = compile_schema(json.dumps(schema).encode(), "anthropic")
    assert json.loads(found.schema or b"")["required"] == ["p24", "p25"]
    assert found.forced == ("/properties/p24", "/properties/p25")


def test_a_schema_that_grows_without_end_is_given_up_quickly() -> None:
    definitions = {
        f"D{i}": close(a={"$ref": f"#/$defs/D{i + 1}", "title": "x"}, b={"$ref": f"#/$defs/D{i + 1}", "title": "y"})
        for i in range(40)
    }
    schema = {**close(p={"$ref": "#/$defs/D0"}), "$defs": {**definitions, "D40": STRING}}
    for name in SUBSETS:
        assert "it is too large" in compile_as(name, schema)[0]
    turns = {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}
    assert "refers to itself" in compile_as("openai", {**close(p={"$ref": "#/$defs/A"}), "$defs": turns})[0]


def test_what_conforms_is_sent_byte_for_byte() -> None:
    schema = {"$defs": {"A": STRING, "unused": INTEGER}, **close(b={"$ref": "#/$defs/A"}), "title": "T"}
    text = json.dumps(schema).encode()
    for name in SUBSETS:
        assert compile_schema(text, name).schema == text
    schema["$defs"]["unused"] = {"type": "array"}
    assert compile_as("openai", schema)[0] == {**schema, "$defs": {"A": STRING}}


def test_every_row_has_a_dated_source_and_every_dialect_a_row() -> None:
    assert all("2026-" in row.source for row in SUBSETS.values())
    assert set(OF_DIALECT.values()) <= set(SUBSETS)
