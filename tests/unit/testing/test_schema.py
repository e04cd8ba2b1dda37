"""Examples fit their schemas."""

from __future__ import annotations

import enum

import msgspec
import pydantic
import pytest

from ratatoskr.testing.schema import example_of


class Colour(enum.Enum):
    red = "red"


class Node(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=10)
    colour: Colour
    size: float = pydantic.Field(gt=0, lt=1)
    count: int = pydantic.Field(multiple_of=4, ge=5)
    when: str | None
    children: list[Node]
    either: int | str
    pair: tuple[int, str]
    many: dict[str, int]


def test_an_example_of_a_models_schema_is_a_model():
    Node.model_validate(example_of(Node.model_json_schema()))


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}, {"a": 1}),
        ({"type": ["null", "boolean"]}, True),
        ({"const": 7}, 7),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "number", "maximum": -2}, -2),
        (
            {"allOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"b": {"enum": [3]}}}]},
            {"a": None, "b": 3},
        ),
        ({"type": "array", "minItems": 2, "items": {"type": "boolean"}}, [True, True]),
        ({}, "text"),
        (True, "text"),
    ],
)
def test_examples_of_small_schemas(schema, example):
    assert example_of(schema) == example
    msgspec.json.encode(example_of(schema))
