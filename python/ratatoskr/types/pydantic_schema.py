"""pydantic schemas of plain data as field types: they read what `from_dict` takes and write what `to_dict` gives."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import hints_of

if TYPE_CHECKING:
    from ratatoskr.types.plain import Plain


def schema_of(cls: type[Plain]) -> CoreSchema:
    """Return the core schema of one class: an instance passes, an object is read by `from_dict`."""
    shape = _object(cls, ())

    def read(value: Any, _: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return cls.from_dict(value)
        except InvalidInput as error:
            raise PydanticCustomError("plain_data", "{reason}", {"reason": error.message}) from None

    write = core_schema.plain_serializer_function_ser_schema(lambda value: value.to_dict(), return_schema=_any_object)
    return core_schema.no_info_wrap_validator_function(read, shape, serialization=write)


def json_schema_of(cls: type[Plain], handler: Any) -> Any:
    """Return the JSON Schema, the same for reading and writing."""
    return handler(_object(cls, ()))


_any_object = core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())


def _object(cls: type[Plain], above: tuple[type[Plain], ...]) -> CoreSchema:
    """Describe the JSON form; a class inside itself is described as any object, which ends the recursion."""
    if cls in above:
        return _any_object
    hints = hints_of(cls)
    fields = {"type": core_schema.typed_dict_field(core_schema.literal_schema([cls.type]))}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # every Plain is a dataclass
        if not field.name.startswith("_"):
            needed = field.default is field.default_factory is dataclasses.MISSING
            value = _value(hints[field.name], (*above, cls))
            fields[field.name] = core_schema.typed_dict_field(value, required=needed)
    return core_schema.typed_dict_schema(fields, cls_name=cls.__name__)


_SCALARS: dict[Any, CoreSchema] = {
    str: core_schema.str_schema(),
    int: core_schema.int_schema(),
    float: core_schema.float_schema(),
    bool: core_schema.bool_schema(),
    bytes: core_schema.str_schema(),
    Decimal: core_schema.str_schema(),
    type(None): core_schema.none_schema(),
}


def _value(hint: Any, above: tuple[type[Plain], ...]) -> CoreSchema:
    origin = get_origin(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is Any or isinstance(hint, TypeVar):
        return core_schema.any_schema()
    if origin is Literal:
        return core_schema.literal_schema(list(get_args(hint)))
    if origin in (Union, types.UnionType):
        return core_schema.union_schema([_value(member, above) for member in get_args(hint)])
    if origin is tuple:
        return core_schema.list_schema(_value(get_args(hint)[0], above))
    cls = origin or hint
    if issubclass(cls, Mapping):
        return _any_object
    return _object(cls, above)
