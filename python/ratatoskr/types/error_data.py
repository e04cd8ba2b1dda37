"""Errors as JSON data: `error_to_dict`, and `error_from_dict`, which gives the same error back.

An error names its class and its parent classes by their codes, so that a reader that lacks the class takes the nearest
parent that it has. Only the classes of `ratatoskr.errors` are ever made.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ratatoskr import errors
from ratatoskr.errors import AllAttemptsFailed, InvalidInput, RatatoskrError
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.codec import Decode, decoder_of, to_value
from ratatoskr.types.visible import quote

MAX_NESTING = 32
"""The deepest nesting of causes and groups that is written or read."""

_MEMBERS = frozenset({"type", "code", "parents", "message", "fields", "exceptions", "primary"})


def error_to_dict(error: RatatoskrError) -> dict[str, Any]:
    """Return an error as JSON values: its code, its parents' codes, its message, all fields and nested errors.

    Raises:
        InvalidInput: the causes and groups are nested more than 32 deep.
    """
    return _to_dict(error, 0)


def _to_dict(error: RatatoskrError, depth: int) -> dict[str, Any]:
    if depth > MAX_NESTING:
        raise InvalidInput(f"the error is nested more than {MAX_NESTING} deep", field="error")
    fields: dict[str, Any] = {}
    for name, value in error.fields().items():
        if isinstance(value, RatatoskrError):
            fields[name] = _to_dict(value, depth + 1)
        elif name in _decoders():
            fields[name] = to_value(value) if not isinstance(value, float) or math.isfinite(value) else None
    parents = [cls.code for cls in type(error).__mro__[1:] if issubclass(cls, RatatoskrError)]
    data: dict[str, Any] = {"type": "error", "code": error.code, "parents": parents, "message": error.message}
    data["fields"] = fields
    if isinstance(error, AllAttemptsFailed):
        inner = [one for one in error.exceptions if isinstance(one, RatatoskrError)]
        data["exceptions"] = [_to_dict(one, depth + 1) for one in inner]
        data["primary"] = next((i for i, one in enumerate(inner) if one is error.primary), 0)
    return data


def error_from_dict(data: Mapping[str, Any]) -> RatatoskrError:
    """Return the error that `error_to_dict` wrote.

    The class is the one with the data's code, else the first of `parents` that is known, else `RatatoskrError`; a
    parent class drops the fields that it does not have.

    Raises:
        InvalidInput: the data is not of this shape; `field` is the path of the first wrong place.
    """
    try:
        return _from_dict(data, "error", 0)
    except RecursionError:
        raise InvalidInput("error is nested too deeply", field="error") from None


def _from_dict(data: Any, path: str, depth: int) -> RatatoskrError:
    if depth > MAX_NESTING:
        raise InvalidInput(f"{path} is nested more than {MAX_NESTING} deep", field=path)
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path} must be an object", field=path)
    for name in data:
        if name not in _MEMBERS:
            raise InvalidInput(f"{path}.{name} is not a member of an error", field=f"{path}.{name}")
    if data.get("type", "error") != "error":
        raise InvalidInput(f"{path}.type must be 'error', not {quote(data['type'])}", field=f"{path}.type")
    code = _text(data.get("code"), f"{path}.code")
    parents = _texts(data.get("parents", ()), f"{path}.parents")
    message = _text(data.get("message", ""), f"{path}.message")
    cls = next((_classes()[name] for name in (code, *parents) if name in _classes()), RatatoskrError)
    exact = cls.code == code
    fields = _fields(data.get("fields", {}), cls, exact, path, depth)
    if cls is not AllAttemptsFailed:
        if exact and not {"exceptions", "primary"}.isdisjoint(data):
            raise InvalidInput(f"{path}.exceptions is not a member of {code}", field=f"{path}.exceptions")
        return cls(message, **fields)
    inner = data.get("exceptions")
    if not isinstance(inner, (list, tuple)) or not inner:
        raise InvalidInput(f"{path}.exceptions must be a list of one error or more", field=f"{path}.exceptions")
    exceptions = [_from_dict(item, f"{path}.exceptions[{i}]", depth + 1) for i, item in enumerate(inner)]
    group = AllAttemptsFailed(message, exceptions, **fields)
    primary = data.get("primary", exceptions.index(group.primary))
    if isinstance(primary, bool) or not isinstance(primary, int) or not 0 <= primary < len(inner):
        raise InvalidInput(f"{path}.primary must be an index of exceptions", field=f"{path}.primary")
    group.primary = exceptions[primary]
    return group


def _fields(data: Any, cls: type[RatatoskrError], exact: bool, path: str, depth: int) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path}.fields must be an object", field=f"{path}.fields")
    fields: dict[str, Any] = {}
    for name, value in data.items():
        where = f"{path}.fields.{name}"
        if name in cls._fields:
            nested = name == "cause" and value is not None
            fields[name] = _from_dict(value, where, depth + 1) if nested else _decoders()[name](value, where)
        elif exact:
            raise InvalidInput(f"{where} is not a field of {cls.code}", field=where)
    return fields


@functools.cache
def _classes() -> dict[str, type[RatatoskrError]]:
    """Return the classes of `ratatoskr.errors` by their codes; classes of other modules are never made from data."""

    def tree(cls: type[RatatoskrError]) -> Iterator[type[RatatoskrError]]:
        yield cls
        for child in cls.__subclasses__():
            yield from tree(child)

    return {cls.code: cls for cls in tree(RatatoskrError) if getattr(errors, cls.__name__, None) is cls}


@functools.cache
def _decoders() -> dict[str, Decode]:
    """Return how each field of each class is read."""
    text, response = decoder_of(str | None), decoder_of(ChatResponse | None)
    texts = ("provider", "model", "request_id", "provider_code", "field", "phase", "reason")
    return {
        **dict.fromkeys(texts, text),
        "status": decoder_of(int | None),
        "retryable": decoder_of(bool),
        "retry_after": _seconds,
        "attempts": decoder_of(tuple[Attempt, ...]),
        "partial": response,
        "response": response,
        "errors": _validation_errors,
        "sent": decoder_of(bool),
        "cause": decoder_of(type(None)),
    }


def _seconds(value: Any, path: str) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int) and not isinstance(value, bool)
    if not number and not (isinstance(value, float) and math.isfinite(value)):
        raise InvalidInput(f"{path} must be a number of seconds or null", field=path)
    return value  # type: ignore[no-any-return]  # an int or a float


def _validation_errors(value: Any, path: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in value):
        raise InvalidInput(f"{path} must be an array of objects", field=path)
    return tuple(
        {name: tuple(v) if name == "loc" and isinstance(v, list) else v for name, v in entry.items()} for entry in value
    )


_text = decoder_of(str)
_texts = decoder_of(tuple[str, ...])
