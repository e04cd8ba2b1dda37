"""Exact JSON for plain data: what `Plain` reads and writes, by the annotations of its classes.

Bytes travel as standard base64, decimals as text, tuples as arrays; every object carries its `type`. Nothing here knows
what the data means.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from ratatoskr.errors import MAX_FIELD, InvalidInput
from ratatoskr.types.frozen import hints_of
from ratatoskr.types.visible import quote

P = TypeVar("P")

Decode = Callable[[Any, str], Any]
"""Takes a JSON value and the path it stands at; gives the Python value or raises `InvalidInput(field=path)`."""

_MAX_EXPONENT = 30
"""The largest power of ten of a decimal number."""


@functools.lru_cache(maxsize=512)
def is_plain(cls: Any) -> bool:
    """Return whether a type is one of plain data: a dataclass with a `type`."""
    return isinstance(cls, type) and isinstance(getattr(cls, "type", None), str) and dataclasses.is_dataclass(cls)


def dump(value: Any) -> str:
    """Return a JSON value as text; `InvalidInput` for one that JSON does not have, such as NaN."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"no JSON form: {error}") from None


def parse(text: str | bytes) -> Any:
    """Parse JSON text; `InvalidInput` where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from None


_JSON_SCALARS = frozenset({str, int, float, bool, type(None)})


def to_value(value: Any) -> Any:
    """Return the JSON form of any value that plain data may hold.

    Raises:
        InvalidInput: it has none, or is nested too deeply or holds itself.
    """
    try:
        return _to_value(value)
    except RecursionError:
        raise InvalidInput(f"{type(value).__name__} is nested too deeply, or holds itself") from None


def _to_value(value: Any) -> Any:
    cls: Any = type(value)
    if cls in _JSON_SCALARS:
        return value
    if is_plain(cls):
        return value.to_dict()
    match value:
        case str():
            return str.__str__(value)
        case int() | float():
            return value
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case Decimal():
            return str(value)
        case Mapping():
            return {_key_text(k): _to_value(v) for k, v in value.items()}
        case Sequence():
            return [_to_value(v) for v in value]
    raise InvalidInput(f"{type(value).__name__} has no JSON form")


def _key_text(key: Any) -> str:
    """Return the name of a member as JSON would write it; other keys than texts, numbers and null have none."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (int, float)):
        with suppress(ValueError):  # more digits than Python writes
            return str(key)
    raise InvalidInput(f"a key of type {type(key).__name__} has no JSON form")


def encode_object(value: Any) -> dict[str, Any]:
    """Return the JSON form of plain data: its `type` and every field."""
    out: dict[str, Any] = {"type": value.type}
    for name in _names(value.__class__):
        out[name] = to_value(getattr(value, name))
    return out


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls) if not f.name.startswith("_"))


@functools.cache
def _decoders(cls: Any) -> dict[str, Decode]:
    hints = hints_of(cls)
    return {name: decoder_of(hints[name]) for name in _names(cls)}


def read_object(cls: type[P], data: Any) -> P:
    """Make one object of `cls` from data of any shape; raises nothing but `InvalidInput`."""
    try:
        return typing.cast("P", decode_object(cls, data, ""))
    except RecursionError:
        raise InvalidInput(f"{cls.__name__} is nested too deeply") from None


def decode_object(cls: type[Any], data: Any, path: str) -> Any:
    """Make one object of `cls`; unknown and missing members are `InvalidInput`."""
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path or cls.__name__} must be an object", field=path or None)
    kind = data.get("type", cls.type)
    if not isinstance(kind, str) or kind != cls.type:
        raise InvalidInput(
            f"{path or cls.__name__} has type {quote(kind)}, not {cls.type!r}", field=_join(path, "type")
        )
    anything: Any = cls
    decoders = _decoders(anything)
    values = {}
    for name, value in data.items():
        if name == "type":
            continue
        decode = decoders.get(name) if isinstance(name, str) else None
        if decode is None:
            where = _join(path, name if isinstance(name, str) else quote(name))
            raise InvalidInput(f"{where} is not a member of {cls.type}", field=where)
        values[name] = decode(value, _join(path, name))
    try:
        return cls(**values)
    except TypeError as error:
        raise InvalidInput(f"{path or cls.__name__}: {error}", field=path or None) from None


def _join(path: str, name: str) -> str:
    """Return the path of a member; a path that names of others have made long is not made longer."""
    if len(path) + len(name) > MAX_FIELD:
        return f"{path[:MAX_FIELD]}…"
    return f"{path}.{name}" if path else name


def decoder_of(hint: Any) -> Decode:
    """Return the function that reads a JSON value of an annotated type."""
    origin = get_origin(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is Any or isinstance(hint, TypeVar):
        return _anything
    if origin is Literal:
        return _one_of(get_args(hint))
    if origin in (Union, types.UnionType):
        return _union(get_args(hint))
    if origin is tuple:
        return _array(get_args(hint)[0])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _object_of(get_args(hint)[1])
    cls = origin or hint
    return lambda value, path: decode_object(cls, value, path)


def _anything(value: Any, path: str) -> Any:
    return value


def _expect(kind: str, accepted: tuple[type, ...]) -> Decode:
    def decode(value: Any, path: str) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise InvalidInput(f"{path} must be {kind}", field=path)
        return value

    return decode


def _bytes(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise InvalidInput(f"{path} must be base64", field=path) from None


def _decimal(value: Any, path: str) -> Decimal:
    try:
        number = Decimal(value) if type(value) in (str, int) else None  # a binary float is no price
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise InvalidInput(f"{path} must be a decimal number as text", field=path)
    if abs(number.adjusted()) > _MAX_EXPONENT:  # written out, 1e999999999 would fill the memory
        raise InvalidInput(f"{path} is out of range", field=path)
    return number


def _float(value: Any, path: str) -> float:
    try:
        return float(_expect("a number", (int, float))(value, path))
    except OverflowError:
        raise InvalidInput(f"{path} is too large for a number", field=path) from None


def _none(value: Any, path: str) -> None:
    if value is not None:
        raise InvalidInput(f"{path} must be null", field=path)


def _object_of(member: Any) -> Decode:
    decode_member = decoder_of(member)

    def decode(value: Any, path: str) -> Any:
        members = _expect("an object", (Mapping,))(value, path)
        return {name: decode_member(one, _join(path, str(name))) for name, one in members.items()}

    return decode


_SCALARS: dict[Any, Decode] = {
    str: _expect("a string", (str,)),
    int: _expect("an integer", (int,)),
    bool: _expect("true or false", (bool,)),
    float: _float,
    bytes: _bytes,
    Decimal: _decimal,
    type(None): _none,
}


def _one_of(values: tuple[Any, ...]) -> Decode:
    kinds = frozenset(map(type, values))

    def decode(value: Any, path: str) -> Any:
        if type(value) not in kinds or value not in values:
            raise InvalidInput(f"{path} must be one of {', '.join(map(str, values))}", field=path)
        return value

    return decode


def _array(item: Any) -> Decode:
    decode_item = decoder_of(item)

    def decode(value: Any, path: str) -> Any:
        items = _expect("an array", (list, tuple))(value, path)
        return tuple(decode_item(v, f"{path}[{i}]") for i, v in enumerate(items))

    return decode


def _union(members: tuple[Any, ...]) -> Decode:
    """Return the decoder of a union: plain data is chosen by its `type`, of the rest the first that fits."""
    classes = {m.type: m for m in map(_class_of, members) if m is not None}
    others = [decoder_of(m) for m in members if _class_of(m) is None]

    def decode(value: Any, path: str) -> Any:
        kind = value.get("type") if isinstance(value, Mapping) else None
        if isinstance(kind, str) and kind in classes:
            return decode_object(classes[kind], value, path)
        for other in others:
            try:
                return other(value, path)
            except InvalidInput:
                continue
        raise InvalidInput(f"{path} must be one of {', '.join(classes) or 'the allowed kinds'}", field=path)

    return decode


def _class_of(hint: Any) -> Any:
    cls = get_origin(hint) or hint
    return cls if is_plain(cls) else None
