"""For models of every kind: what is sent is what the vendor takes, and every valid instance is valid under it."""

from __future__ import annotations

import json
import os
import random
from typing import Any, Literal, get_args, get_origin

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratatoskr import ChatResponse, Message, ToolDefinition
from ratatoskr.types.output import schema_of
from ratatoskr.types.schema import JsonSchema
from ratatoskr.wire.encode import encode_json
from ratatoskr.wire.schema.send import CompiledSchema, compile_schema
from unit.wire.schema.checkers import CHECKERS
from unit.wire.schema.models import Kind, kinds, models
from unit.wire.schema.validator import is_valid

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "100"))
"""How many models are made: `make schemas` asks for more."""

COUNTS: dict[str, list[int]] = {name: [0, 0] for name in CHECKERS}
"""For each subset: models that could be said in it, and all models."""

pytestmark = pytest.mark.timeout(60 + 2 * EXAMPLES)
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def compile_for(schema: JsonSchema, name: str) -> CompiledSchema:
    return compile_schema(encode_json(schema.schema, "response_format"), name)  # type: ignore[arg-type]  # a name


def parse(text: str, output: Any) -> Any:
    return ChatResponse(Message.assistant(text), _output=output).parsed


def wrap(text: str, schema: JsonSchema, *, is_bare: bool) -> str:
    return text if is_bare else f'{{"value": {text}}}'


def is_nullable(field: pydantic.fields.FieldInfo) -> bool:
    try:
        pydantic.TypeAdapter(field.annotation).validate_python(None)
    except pydantic.ValidationError:
        return False
    return True


def make_null(value: Any, told: Any, choose: random.Random, *, leave_out: bool) -> Any:
    """Return the JSON of a value with optional members that cannot be null as null, or left out, as `choose` says."""
    if isinstance(value, pydantic.BaseModel) and isinstance(told, dict):
        out = {}
        for name, field in type(value).model_fields.items():
            alias = field.alias or name
            has_one_value = len(get_args(field.annotation)) == 1 and get_origin(field.annotation) is Literal
            if field.is_required() or has_one_value or is_nullable(field) or choose.random() < 0.3:
                out[alias] = make_null(getattr(value, name), told[alias], choose, leave_out=leave_out)
            elif not leave_out:
                out[alias] = None
        return out
    if isinstance(value, (list, tuple)) and isinstance(told, list):
        return [make_null(one, its, choose, leave_out=leave_out) for one, its in zip(value, told, strict=True)]
    if isinstance(value, dict) and isinstance(told, dict):
        pairs = zip(value.values(), told.items(), strict=True)
        return {name: make_null(one, its, choose, leave_out=leave_out) for one, (name, its) in pairs}
    return told


def check(kind: Kind, data: st.DataObject) -> None:
    schema = schema_of(kind.annotation)
    adapter = pydantic.TypeAdapter(kind.annotation)
    is_bare = schema.schema.get("properties", {}).keys() != {"value"}
    instances = [adapter.validate_python(data.draw(kind.values)) for _ in range(2)]
    texts = [adapter.dump_json(one, by_alias=True).decode() for one in instances]
    values = [json.loads(wrap(text, schema, is_bare=is_bare)) for text in texts]
    for text in texts:
        parse(wrap(text, schema, is_bare=is_bare), kind.annotation)
    seed = data.draw(st.integers(0, 2**16))
    told = list(zip(instances, map(json.loads, texts), strict=True))
    nulls = [make_null(one, its, random.Random(seed), leave_out=False) for one, its in told]
    without = [make_null(one, its, random.Random(seed), leave_out=True) for one, its in told]
    nulls_parsed = False
    for name, checker in CHECKERS.items():
        compiled = compile_for(schema, name)
        COUNTS[name][1] += 1
        if compiled.schema is None:
            assert compiled.reason
            continue
        COUNTS[name][0] += 1
        sent = json.loads(compiled.schema)
        assert checker(sent) == [], (name, sent)
        for value in values:
            assert is_valid(value, sent, sent), (name, value, sent)
        if name == "openai":  # what a model that must give every member may answer
            for value, text in zip(nulls, map(json.dumps, nulls), strict=True):
                whole = json.loads(wrap(text, schema, is_bare=is_bare))
                assert is_valid(whole, sent, sent), (value, sent)
            nulls_parsed = True
    if nulls_parsed:
        for value, less in zip(nulls, without, strict=True):
            found, wanted = (
                parse(wrap(json.dumps(one), schema, is_bare=is_bare), kind.annotation) for one in (value, less)
            )
            assert adapter.dump_json(found) == adapter.dump_json(wanted)


@many
@given(models(), st.data())
def test_a_model_is_sent_as_its_vendor_takes_it(kind: Kind, data: st.DataObject) -> None:
    check(kind, data)


@settings(many, max_examples=EXAMPLES // 2)
@given(kinds(), st.data())
def test_a_type_is_sent_as_its_vendor_takes_it(kind: Kind, data: st.DataObject) -> None:
    check(kind, data)


@settings(many, max_examples=EXAMPLES // 5)
@given(models())
def test_a_tool_of_a_model_is_sent_as_its_vendor_takes_it(kind: Kind) -> None:
    tool = ToolDefinition.from_model(kind.annotation, strict=True)
    for name, checker in CHECKERS.items():
        compiled = compile_schema(encode_json(tool.parameters, "tools"), name)  # type: ignore[arg-type]  # a name
        if compiled.schema is not None:
            assert checker(json.loads(compiled.schema)) == []


def test_enough_of_the_models_could_be_said() -> None:
    """The properties above would also hold for a compiler that gives up."""
    if not any(all_of_them for _, all_of_them in COUNTS.values()):
        pytest.skip("counts what the properties above have made")
    for name, (said, all_of_them) in COUNTS.items():
        print(f"{name}: {said} of {all_of_them} said")
        assert said > all_of_them / 10
