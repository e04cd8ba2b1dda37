"""Null read as absent: what strict modes give for an optional property that cannot be null."""

from __future__ import annotations

import datetime
import time
from decimal import Decimal
from typing import Any, Literal

import pydantic
import pytest

from ratatoskr import ChatResponse, InvalidInput, Message, OutputInvalid, ToolCall, ToolDefinition
from ratatoskr.types.absent import drop_absent
from ratatoskr.types.output import schema_of

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def make_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


NULLABLE = {"anyOf": [STRING, {"type": "null"}]}
A = {**make_object(k={"const": "a"}, x=STRING), "required": ["k"]}
B = {**make_object(k={"const": "b"}, x=NULLABLE), "required": ["k"]}
CASES: dict[str, tuple[Any, Any, Any]] = {
    "optional": (make_object(a=STRING), {"a": None}, {}),
    "required": ({**make_object(a=STRING), "required": ["a"]}, {"a": None}, {"a": None}),
    "nullable": (make_object(a=NULLABLE), {"a": None}, {"a": None}),
    "a list of types": (make_object(a={"type": ["string", "null"]}), {"a": None}, {"a": None}),
    "an enumeration with null": (make_object(a={"enum": ["x", None]}), {"a": None}, {"a": None}),
    "any value": (make_object(a={}), {"a": None}, {"a": None}),
    "unknown": (make_object(), {"b": None}, {"b": None}),
    "nested": (make_object(a=make_object(b=STRING)), {"a": {"b": None}}, {"a": {}}),
    "in a list": ({"type": "array", "items": make_object(a=STRING)}, [{"a": None}, {"a": "x"}], [{}, {"a": "x"}]),
    "in a tuple": ({"prefixItems": [STRING, make_object(a=STRING)]}, ["x", {"a": None}], ["x", {}]),
    "in a dict": ({"type": "object", "additionalProperties": make_object(a=STRING)}, {"n": {"a": None}}, {"n": {}}),
    "by reference": (
        {"$defs": {"A": make_object(a=STRING)}, "properties": {"r": {"$ref": "#/$defs/A"}}},
        {"r": {"a": None}},
        {"r": {}},
    ),
    "recursive": (
        {"properties": {"v": STRING, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
        {"v": None, "next": {"v": None, "next": None}},
        {"next": {"next": None}},
    ),
    "the first branch": ({"oneOf": [A, B]}, {"k": "a", "x": None}, {"k": "a"}),
    "the second branch": ({"oneOf": [A, B]}, {"k": "b", "x": None}, {"k": "b", "x": None}),
    "all of": ({"allOf": [make_object(a=STRING), make_object(b=STRING)]}, {"a": None, "b": "x"}, {"b": "x"}),
    "a reference to nothing": (make_object(a={"$ref": "#/$defs/None"}), {"a": None}, {"a": None}),
    "a union that names itself": (
        {"$defs": {"U": {"anyOf": [{"$ref": "#/$defs/U"}, STRING]}}, "$ref": "#/$defs/U"},
        {},
        {},
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_null_is_absent_where_it_cannot_be_a_value(what: str) -> None:
    schema, value, read = CASES[what]
    assert drop_absent(value, schema) == read


def test_deep_values_of_wide_unions_are_read_in_time() -> None:
    schema = {
        "$defs": {
            "N": {"anyOf": [make_object(a={"$ref": "#/$defs/N"}), make_object(a={"$ref": "#/$defs/N"}, b=STRING)]}
        },
        "$ref": "#/$defs/N",
    }
    value: Any = {"b": 1}
    for _ in range(60):
        value = {"a": value}
    begun = time.process_time()
    drop_absent(value, schema)
    assert time.process_time() - begun < 1


class Inner(pydantic.BaseModel):
    n: int = 7
    note: str | None = "none"


class Outer(pydantic.BaseModel):
    price: Decimal
    inner: Inner = Inner()
    tags: list[Inner] = []
    day: datetime.date = datetime.date(2026, 1, 1)


def parse(text: str, output: Any) -> Any:
    return ChatResponse(Message.assistant(text), _output=output).parsed


def test_an_answer_with_nulls_has_the_defaults_of_its_type() -> None:
    found = parse(
        '{"price": 1.10, "inner": {"n": null, "note": null}, "tags": [{"n": null, "note": "x"}], "day": null}', Outer
    )
    assert found == Outer(price=Decimal("1.10"), inner=Inner(note=None), tags=[Inner(note="x")])
    assert parse('{"value": [{"n": null}]}', list[Inner]) == [Inner()]


def test_what_is_wrong_besides_is_still_told() -> None:
    with pytest.raises(OutputInvalid) as caught:
        parse('{"price": null, "inner": {"n": null}}', Outer)
    assert [error["loc"] for error in caught.value.errors] == [("price",)]
    with pytest.raises(OutputInvalid, match="valid integer"):
        parse('{"price": 1, "inner": {"n": "x"}}', Outer)
    with pytest.raises(OutputInvalid, match="Invalid JSON"):
        parse('{"price": ', Outer)


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    day: datetime.date
    pair: tuple[int, str]


def test_a_strict_type_inside_a_list_reads_json() -> None:
    found = parse('{"value": [{"day": "2026-01-02", "pair": [1, "a"]}]}', list[Strict])
    assert found == [Strict(day=datetime.date(2026, 1, 2), pair=(1, "a"))]
    for text in ('{"other": 1}', "[]", "{", '"x"'):
        with pytest.raises(OutputInvalid, match='an object with the member "value"'):
            parse(text, list[Strict])


async def test_a_tool_reads_null_as_absent() -> None:
    def feed(name: str, times: int = 2, *, kind: Literal["cat", "dog"] = "cat", note: str | None = "n") -> str:
        """Feed a pet."""
        return f"{name} {times} {kind} {note}"

    tool = ToolDefinition.from_function(feed, strict=True)
    result = await tool.run(ToolCall("c", "feed", '{"name": "a", "times": null, "kind": null, "note": null}'))
    assert (result.text, result.is_error) == ("a 2 cat None", False)
    result = await tool.run(ToolCall("c", "feed", '{"name": null}'))
    assert result.is_error
    model = ToolDefinition.from_model(Inner, strict=True)
    assert (await model.run(ToolCall("c", "Inner", '{"n": null, "note": null}'))).text == '{"n":7,"note":null}'


class Pointing(pydantic.BaseModel):
    inner: dict[str, str] = {"$ref": "x"}


def test_a_default_that_pydantic_cannot_describe_is_named() -> None:
    with pytest.raises(InvalidInput, match="has a default that pydantic cannot describe") as caught:
        schema_of(Pointing)
    assert caught.value.field == "output"
