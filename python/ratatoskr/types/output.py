"""Typed output: the JSON Schema of a type for the wire, and the answer's text validated back into it."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import InvalidInput, OutputInvalid
from ratatoskr.types.absent import drop_absent
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

    A schema whose root is not an object is sent as `{"value": …}`. What a provider does not take of it is rewritten
    where the request is encoded.

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
    except (KeyError, AttributeError):  # pydantic 2.14 reads members `$ref` and `$defs` of default values as its own
        raise InvalidInput(
            f"output {quote(output)} has a default that pydantic cannot describe", field="output"
        ) from None
    if "$ref" in schema:  # a recursive type: providers want the object itself at the root
        schema = {**schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]], "$defs": schema["$defs"]}
    if not _has_object_root(schema):
        definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
        schema = {"type": "object", "properties": {"value": schema}, "required": ["value"], **definitions}
    name = getattr(output, "__name__", "output")
    identifier = "".join(c if c.isalnum() or c in "_-" else "_" for c in name if c.isascii())[:64] or "output"
    return JsonSchema(identifier, schema)


def _has_object_root(schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return bool(schema.get("$defs", {}).get(name, {}).get("type") == "object")
    return bool(schema.get("type") == "object")


def validate(response: ChatResponse[Any], output: Any) -> Any:
    """Return the response's text as the output type.

    Raises:
        OutputInvalid: the text does not validate.
    """
    import pydantic

    try:
        return _read(response.content if _is_sent_bare(output) else _unwrap(response.content), output)
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


def _read(text: str | bytes, output: Any) -> Any:
    """Return a JSON text as the output type; a null that the type does not take may stand for an absent member."""
    import pydantic

    adapter = _adapter(output)
    try:
        return adapter.validate_json(text)
    except pydantic.ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise
        value = json.loads(text)
        present = drop_absent(value, adapter.json_schema())
        if present == value:
            raise
        return adapter.validate_json(json.dumps(present))


@functools.lru_cache(maxsize=256)
def _is_sent_bare(output: Any) -> bool:
    return _has_object_root(_adapter(output).json_schema())


def _unwrap(text: str) -> bytes:
    """Return the JSON text of the member `value`."""
    import msgspec

    try:
        return bytes(msgspec.json.decode(text, type=dict[str, msgspec.Raw])["value"])
    except (msgspec.MsgspecError, KeyError, ValueError, RecursionError):
        raise ValueError('expected an object with the member "value"') from None
