"""Describes a Python function as a tool: JSON Schema from its signature, words from its docstring."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from ratatoskr.errors import InvalidInput

Describe = tuple[str, dict[str, Any], Callable[[dict[str, Any]], Any]]


def describe(function: Any) -> Describe:
    """Return a function's description, its parameters' JSON Schema, and how to call it with a dict of arguments."""
    summary, notes = split_docstring(inspect.getdoc(function) or "")
    hints = typing.get_type_hints(function, include_extras=True)
    names: list[str] = []
    fields: dict[str, Any] = {}
    for i, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise InvalidInput(f"{function.__name__}: {name} must be a named parameter", field="tools")
        names.append(name)
        # Numbered names keep clear of pydantic's own attributes; the alias is what the model sees.
        fields[f"p{i}"] = (hints.get(name, Any), _field(name, parameter, notes.get(name)))
    try:
        model = pydantic.create_model(
            function.__name__, __config__=pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields
        )
        schema = without_titles(model.model_json_schema(by_alias=True))
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"{function.__name__} cannot be described: {reason}", field="tools") from None
    schema.pop("description", None)

    def run(arguments: dict[str, Any]) -> Any:
        value = model.model_validate(arguments)
        return function(**{name: getattr(value, f"p{i}") for i, name in enumerate(names)})

    return summary, schema, run


def _field(name: str, parameter: inspect.Parameter, description: str | None) -> Any:
    default = ... if parameter.default is parameter.empty else parameter.default
    if isinstance(default, FieldInfo):
        return pydantic.fields.FieldInfo.merge_field_infos(default, alias=name)
    return pydantic.Field(default, alias=name, description=description)


def without_titles(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes from names; properties called `title` stay."""
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        named = key in ("properties", "$defs", "patternProperties") and isinstance(value, dict)
        out[key] = {k: without_titles(v) for k, v in value.items()} if named else without_titles(value)
    return out


_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?)\s*:?\s*$")
_GOOGLE = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.+)$")
_REST = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")


def split_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return what comes before the sections, and the description of each parameter (Google or reST style)."""
    summary: list[str] = []
    notes: dict[str, str] = {}
    section, current = "", ""
    for line in text.splitlines():
        if (rest := _REST.match(line.strip())) is not None:
            section, current = "args", rest[1]
            notes[current] = rest[2]
        elif (head := _SECTION.match(line.strip())) is not None:
            section, current = head[1].lower(), ""
        elif not section:
            summary.append(line)
        elif section in ("args", "arguments", "parameters") and line.strip():
            if (found := _GOOGLE.match(line)) is not None and _indent(line) <= 4:
                current = found[1]
                notes[current] = found[2].strip()
            elif current:
                notes[current] += " " + line.strip()
    return "\n".join(summary).strip(), notes


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
