"""Exact JSON for plain data: `to_dict`, `from_dict`, `to_json`, `from_json`, and pydantic's understanding of both.

A class that derives from `Plain` and is a dataclass gets all of it from its annotations. Bytes travel as standard
base64, decimals as text, tuples as arrays; every object carries its `type`. Nothing here knows what the data means.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from ratatoskr.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Decode = Callable[[Any, str], Any]
"""Takes a JSON value and the path it stands at; gives the Python value or raises `InvalidInput(field=path)`."""


class Plain:
    """Base of every part, event, message and response: plain data with an exact JSON form."""

    __slots__ = ()
    type: ClassVar[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: every field, and `type` first."""
        out: dict[str, Any] = {"type": self.type}
        cls: Any = self.__class__
        for name in _names(cls):
            out[name] = to_value(getattr(self, name))
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the object again from `to_dict`'s result.

        Raises:
            InvalidInput: the data is not of this class's shape; `field` is the path of the first wrong place.
        """
        try:
            return typing.cast("Self", decode_object(cls, data, ""))
        except RecursionError:
            raise InvalidInput(f"{cls.__name__} is nested too deeply") from None

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Make the object again from `to_json`'s text; raises `InvalidInput` as `from_dict` does."""
        return cls.from_dict(parse(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from ratatoskr.types.pydantic_schema import schema_of

        return schema_of(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        from ratatoskr.types.pydantic_schema import json_schema_of

        return json_schema_of(cls, handler)  # type: ignore[no-any-return]  # a JSON object


def parse(text: str | bytes) -> Any:
    """Parse JSON text; `InvalidInput` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from None


def to_value(value: Any) -> Any:
    """Return the JSON form of any value that plain data may hold."""
    match value:
        case None | str() | bool() | int() | float():
            return value
        case Plain():
            return value.to_dict()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case Decimal():
            return str(value)
        case Mapping():
            return {str(k): to_value(v) for k, v in value.items()}
        case Sequence():
            return [to_value(v) for v in value]
    raise InvalidInput(f"{type(value).__name__} has no JSON form")


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls) if not f.name.startswith("_"))


@functools.cache
def _decoders(cls: Any) -> dict[str, Decode]:
    hints = typing.get_type_hints(cls, localns=_scope())
    return {name: decoder_of(hints[name]) for name in _names(cls)}


def _scope() -> dict[str, Any]:
    """Names that annotations use for the checker's eye only, bound on use because the modules stand side by side."""
    import ratatoskr.types as all_types

    return {name: getattr(all_types, name) for name in all_types.__all__}


def decode_object(cls: type[Any], data: Any, path: str) -> Any:
    """Make one object of `cls`; unknown and missing members are `InvalidInput`."""
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path or cls.__name__} must be an object", field=path or None)
    if data.get("type", cls.type) != cls.type:
        raise InvalidInput(
            f"{path or cls.__name__} has type {data['type']!r}, not {cls.type!r}", field=_join(path, "type")
        )
    anything: Any = cls
    decoders = _decoders(anything)
    values = {}
    for name, value in data.items():
        if name == "type":
            continue
        decode = decoders.get(name)
        if decode is None:
            raise InvalidInput(f"{_join(path, name)} is not a member of {cls.type}", field=_join(path, name))
        values[name] = decode(value, _join(path, name))
    try:
        return cls(**values)
    except TypeError as error:
        raise InvalidInput(f"{path or cls.__name__}: {error}", field=path or None) from None


def _join(path: str, name: str) -> str:
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
        return _mapping
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
        return Decimal(value)
    except (TypeError, ValueError, InvalidOperation):
        raise InvalidInput(f"{path} must be a decimal number as text", field=path) from None


def _float(value: Any, path: str) -> float:
    try:
        return float(_expect("a number", (int, float))(value, path))
    except OverflowError:
        raise InvalidInput(f"{path} is too large for a number", field=path) from None


def _none(value: Any, path: str) -> None:
    if value is not None:
        raise InvalidInput(f"{path} must be null", field=path)


def _mapping(value: Any, path: str) -> Any:
    return dict(_expect("an object", (Mapping,))(value, path))


_SCALARS: dict[Any, Decode] = {
    str: _expect("a string", (str,)),
    int: _expect("an integer", (int,)),
    bool: _expect("true or false", (bool,)),
    float: _float,
    bytes: _bytes,
    Decimal: _decimal,
    type(None): _none,
}


def _one_of(words: tuple[Any, ...]) -> Decode:
    def decode(value: Any, path: str) -> Any:
        if value not in words:
            raise InvalidInput(f"{path} must be one of {', '.join(map(str, words))}", field=path)
        return value

    return decode


def _array(item: Any) -> Decode:
    decode_item = decoder_of(item)

    def decode(value: Any, path: str) -> Any:
        items = _expect("an array", (list, tuple))(value, path)
        return tuple(decode_item(v, f"{path}[{i}]") for i, v in enumerate(items))

    return decode


def _union(members: tuple[Any, ...]) -> Decode:
    """Plain classes are told apart by `type`; of the rest the first that fits is taken."""
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
    return cls if isinstance(cls, type) and issubclass(cls, Plain) else None


def snake_case(name: str) -> str:
    """Return a class name as the word that stands in `type`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
