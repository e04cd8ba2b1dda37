"""A JSON Schema in a few words, and what tells it from the name of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.cli.inputs import load_schema
from ratatoskr.cli.short_schema import parse_short_schema
from ratatoskr.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "properties", "required"),
    [
        ("name, legs int", {"name": {"type": "string"}, "legs": {"type": "integer"}}, ["name", "legs"]),
        ("tags [str], x?", {"tags": {"type": "array", "items": {"type": "string"}}, "x": {"type": "string"}}, ["tags"]),
        ("a float, b bool,", {"a": {"type": "number"}, "b": {"type": "boolean"}}, ["a", "b"]),
        (
            "name: the full name\nage int: in years",
            {
                "name": {"type": "string", "description": "the full name"},
                "age": {"type": "integer", "description": "in years"},
            },
            ["name", "age"],
        ),
    ],
)
def test_fields_become_an_object(text: str, properties: dict[str, Any], required: list[str]) -> None:
    assert parse_short_schema(text) == {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    loaded = load_schema(text)
    assert loaded is not None
    assert (loaded.name, loaded.schema) == ("answer", parse_short_schema(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name, legs nt", "'legs nt' is not a field"),
        ("name, [str]", "'[str]' is not a field"),
        ("tags [str", "'tags [str' is not a field"),
        ("a, , b", "'' is not a field"),
        ("a int, a str", "the schema names 'a' twice"),
        ("1a int", "'1a int' is not a field"),
        ('{"type": "object"', "the schema: not JSON"),
    ],
)
def test_a_wrong_field_is_named(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_schema(text)
    assert words in caught.value.message


def test_json_and_files_are_schemas_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    schema = {"title": "A thing", "type": "object"}
    Path("my schema, new.txt").write_text(json.dumps(schema))
    for text in (json.dumps(schema), "my schema, new.txt"):
        loaded = load_schema(text)
        assert loaded is not None
        assert (loaded.name, dict(loaded.schema)) == ("A_thing", schema)
    for missing in ("schema.json", "a folder/schema", "word"):
        with pytest.raises(InvalidInput, match="No such file"):
            load_schema(missing)
