"""Describes a Python function as a tool: JSON Schema from its signature, descriptions from its docstring."""

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
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        raise InvalidInput(f"a tool is made from a function, not from {type(function).__name__}", field="tools")
    summary, notes = split_docstring(inspect.getdoc(function) or "")
    hints = _hints(function)
    names: list[str] = []
    fields: dict[str, Any] = {}
    for i, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise InvalidInput(f"{function.__name__}: {name} must be a named parameter", field="tools")
        names.append(name)
        # Numbered names keep clear of pydantic's own attributes; the alias is what the model sees.
        hint = hints.get(name, Any)
        fields[f"p{i}"] = (hint, _field(name, parameter, notes.get(name, _words_of(hint))))
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


def _hints(function: Any) -> dict[str, Any]:
    """Return the types of a function's parameters; its return type is not resolved."""

    def stand_in() -> None:
        pass

    inner = inspect.unwrap(function)
    try:
        annotations = dict(inner.__annotations__)
        annotations.pop("return", None)
        stand_in.__annotations__ = annotations
        return typing.get_type_hints(stand_in, globalns=inner.__globals__, include_extras=True)
    except NameError as error:
        raise InvalidInput(
            f"{function.__name__} cannot be described: the type of a parameter is not defined ({error})", field="tools"
        ) from None


def _words_of(hint: Any) -> str | None:
    """Return the text of `Annotated[T, "text"]`, which describes a parameter as `Field(description=...)` does."""
    metadata = getattr(hint, "__metadata__", ())
    if any(isinstance(item, FieldInfo) and item.description for item in metadata):
        return None
    return next((item for item in metadata if isinstance(item, str)), None)


def _field(name: str, parameter: inspect.Parameter, description: str | None) -> Any:
    default = ... if parameter.default is parameter.empty else parameter.default
    if isinstance(default, FieldInfo):
        return pydantic.fields.FieldInfo.merge_field_infos(default, alias=name)
    if description is None:  # an explicit None would override the description of `Annotated`
        return pydantic.Field(default, alias=name)
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


_SECTION = re.compile(r"^(Args|Arguments|Parameters|Other Parameters|Returns|Raises|Yields|Examples?|Notes?)\s*:?\s*$")
_GOOGLE = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.+)$")
_NUMPY = re.compile(r"^\*{0,2}(\w+)\s*(?::.*)?$")
_REST = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what comes before the sections, and the description of each parameter (Google, NumPy or reST style)."""
    summary: list[str] = []
    notes: dict[str, str] = {}
    section, current = "", ""
    for line in docstring.splitlines():
        text = line.strip()
        if (rest := _REST.match(text)) is not None:
            section, current = "args", rest[1]
            notes[current] = rest[2]
        elif text.startswith(":") and section:
            section = "fields"  # `:returns:` and others
        elif (head := _SECTION.match(text)) is not None:
            section, current = "args" if head[1].endswith(("Args", "Arguments", "Parameters")) else "other", ""
        elif section == "args" and text and not text.strip("-"):
            section = "numpy"
        elif not section:
            summary.append(line)
        elif section == "numpy" and (found := _NUMPY.match(line)) is not None:
            current = found[1]
            notes[current] = ""
        elif section == "args" and (found := _GOOGLE.match(line)) is not None and _indent(line) <= 4:
            current = found[1]
            notes[current] = found[2].strip()
        elif section in ("args", "numpy") and text and current:
            notes[current] = f"{notes[current]} {text}".strip()
    return "\n".join(summary).strip(), notes


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
