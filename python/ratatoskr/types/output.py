"""Typed output: the JSON Schema of a type for the wire, and the answer's text validated back into it."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import InvalidInput, OutputInvalid
from ratatoskr.types.schema import JsonSchema
from ratatoskr.types.visible import escape_hidden, quote

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from ratatoskr.types.chat import ChatResponse


@functools.lru_cache(maxsize=256)
def _adapter(output: Any) -> TypeAdapter[Any]:
    import pydantic

    try:
        return pydantic.TypeAdapter(output)
    except Exception as error:  # of pydantic, of the type's own hooks, and of names in it that mean nothing
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(". Set ")[0]  # without advice
        raise InvalidInput(f"output {quote(output)} cannot be validated: {reason}", field="output") from None


def schema_of(output: Any) -> JsonSchema:
    """Return the JSON Schema to send to the provider.

    A schema whose root is not an object is sent as `{"value": …}`. Where the schema allows it, it is made strict: every
    property required, none besides them, which is what providers ask of a schema that they guarantee.

    Raises:
        InvalidInput: the type has no JSON Schema, or is not a type.
    """
    try:
        hash(output)
    except Exception:  # a schema in place of a type, as in `output={"type": "object"}`
        text = f"output must be a type, not {quote(output)}; a JSON Schema is given as response_format=JsonSchema(…)"
        raise InvalidInput(text, field="output") from None
    return _schema_of(output)


@functools.lru_cache(maxsize=256)
def _schema_of(output: Any) -> JsonSchema:
    import pydantic

    try:
        schema = _adapter(output).json_schema()
    except pydantic.errors.PydanticUserError as error:
        raise InvalidInput(f"output {quote(output)} has no JSON Schema: {error.message}", field="output") from None
    if "$ref" in schema:  # a recursive type: providers want the object itself at the root
        schema = {**schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]], "$defs": schema["$defs"]}
    if not _has_object_root(schema):
        definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
        schema = {"type": "object", "properties": {"value": schema}, "required": ["value"], **definitions}
    strict = _can_be_strict(schema)
    name = getattr(output, "__name__", "output")
    identifier = "".join(c if c.isalnum() or c in "_-" else "_" for c in name if c.isascii())[:64] or "output"
    return JsonSchema(identifier, _strict(schema) if strict else schema, strict)


def _has_object_root(schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return bool(schema.get("$defs", {}).get(name, {}).get("type") == "object")
    return bool(schema.get("type") == "object")


def _nodes(schema: Any) -> list[dict[str, Any]]:
    found, queue = [], [schema]
    while queue:
        node = queue.pop()
        if isinstance(node, dict):
            found.append(node)
            queue.extend(node.values())
        elif isinstance(node, list):
            queue.extend(node)
    return found


def _can_be_strict(schema: dict[str, Any]) -> bool:
    objects = [n for n in _nodes(schema) if n.get("type") == "object"]
    return all(not n.get("additionalProperties") and "properties" in n for n in objects)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {k: _strict(v) for k, v in node.items() if k != "default" or not _is_schema(node)}
    if node.get("type") == "object" and isinstance(node.get("properties"), dict):
        out["additionalProperties"] = False
        out["required"] = list(node["properties"])
    return out


def _is_schema(node: dict[str, Any]) -> bool:
    """Return whether a node is a schema, not a mapping of names to schemas in which `default` is a name."""
    return not isinstance(node.get("default"), dict) or bool({"type", "anyOf", "$ref", "enum", "const"} & node.keys())


def validate(response: ChatResponse[Any], output: Any) -> Any:
    """Return the response's text as the output type.

    Raises:
        OutputInvalid: the text does not validate.
    """
    import pydantic

    adapter, text = _adapter(output), response.content
    try:
        if not _is_sent_bare(output):
            return adapter.validate_python(_unwrap(text), strict=None)
        return adapter.validate_json(text)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        errors: list[dict[str, Any]] = [dict(entry) for entry in found]
    except ValueError as error:
        errors = [{"loc": (), "msg": str(error), "type": "json_invalid"}]
    what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in errors[:3])
    raise OutputInvalid(
        f"the answer is not the requested output: {escape_hidden(what, 1000)}",
        response=response,
        errors=errors,
        provider=response.provider or None,
        model=response.model or None,
        request_id=response.request_id,
    )


@functools.lru_cache(maxsize=256)
def _is_sent_bare(output: Any) -> bool:
    return _has_object_root(_adapter(output).json_schema())


def _unwrap(text: str) -> Any:
    value = json.loads(text)
    if not isinstance(value, dict) or "value" not in value:
        raise ValueError('expected an object with the member "value"')
    return value["value"]
