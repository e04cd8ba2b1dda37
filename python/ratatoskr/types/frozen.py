"""`dataclass(frozen=True, slots=True)` and `field` of the standard library, made cheap to import and to construct.

Type checkers see the standard library's own. At run time a class is what `dataclasses` would make of it (`fields`,
`replace`, pattern matching, pickling, `==`, `hash`, `FrozenInstanceError`), with three differences: `__init__` writes
each slot through the slot's own descriptor, which takes half the time of `object.__setattr__` by name; one short
function is compiled a class in place of six, without importing `dataclasses`; and `repr` leaves defaults out and cuts
long values.
"""

from __future__ import annotations

import functools
import re
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass, field

__all__ = ["dataclass", "field", "replace"]

_T = TypeVar("_T")


class _Missing:
    def __repr__(self) -> str:
        return "<factory>"


_MISSING = _Missing()


class _Field:
    """How one field behaves; the names are those of `dataclasses.field`."""

    __slots__ = ("compare", "default", "default_factory", "kw_only", "repr", "type")

    def __init__(
        self,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        repr: bool = True,
        compare: bool = True,
        kw_only: bool = False,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare
        self.kw_only = kw_only
        self.type: Any = None


if not TYPE_CHECKING:

    def field(**options: Any) -> _Field:
        """Return a field with the options `default`, `default_factory`, `repr`, `compare` and `kw_only`."""
        return _Field(**options)

    def dataclass(*, frozen: bool, slots: bool, eq: bool = True, kw_only: bool = False) -> Callable[[type], type]:
        """Return the decorator that makes a class a frozen dataclass with slots."""
        if not (frozen and slots):
            raise TypeError("only frozen dataclasses with slots are made here; see the standard library for others")
        return lambda cls: _make(cls, eq, kw_only)


def _make(cls: Any, eq: bool, kw_only: bool) -> Any:
    namespace = dict(cls.__dict__)
    inherited = {name: one for base in reversed(cls.__mro__) for name, one in base.__dict__.get(_FIELDS, {}).items()}
    own: dict[str, _Field] = {}
    for name, hint in cls.__annotations__.items():
        if not str(hint).startswith(("ClassVar", "typing.ClassVar")):
            default = namespace.pop(name, _MISSING)
            own[name] = one = default if isinstance(default, _Field) else _Field(default)
            one.type = hint
            one.kw_only = one.kw_only or kw_only
    fields = inherited | own
    compared = [name for name, one in fields.items() if one.compare]
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace.update(
        {
            "__qualname__": cls.__qualname__,
            "__slots__": tuple(name for name in own if name not in inherited),
            _FIELDS: fields,
            "__compared__": attrgetter(*compared) if compared else staticmethod(lambda _: ()),
            "__match_args__": tuple(name for name, one in fields.items() if not one.kw_only),
            "__dataclass_fields__": _Described("fields"),
            "__dataclass_params__": _Described("params"),
            "__setattr__": _refuse_assignment,
            "__delattr__": _refuse_deletion,
            "__getstate__": _get_state,
            "__setstate__": _set_state,
            "__replace__": replace,
        }
    )
    if cls.__repr__ is object.__repr__:
        namespace["__repr__"] = _represent
    if eq and "__eq__" not in namespace:
        namespace["__eq__"], namespace["__hash__"] = _equal, _hash
    made: Any = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__init__ = _initializer(made, fields)
    return made


_REPR_LENGTH = 600
_FIELDS = "__frozen_fields__"


def _initializer(cls: Any, fields: dict[str, _Field]) -> Any:
    """Return the `__init__` of a class: one call of a slot's descriptor a field, then `__post_init__`."""
    scope: dict[str, Any] = {"_missing": _MISSING, "_convert": _convert}
    positional: list[str] = ["self"]
    keyword: list[str] = []
    body: list[str] = []
    for name, one in fields.items():
        scope[f"set_{name}"] = getattr(cls, name).__set__
        value, parameter = name, name
        if one.default_factory is not _MISSING:
            scope[f"new_{name}"] = one.default_factory
            value, parameter = f"new_{name}() if {name} is _missing else {name}", f"{name}=_missing"
        elif one.default is not _MISSING:
            scope[f"default_{name}"] = one.default
            parameter = f"{name}=default_{name}"
        (keyword if one.kw_only else positional).append(parameter)
        hint = str(one.type)
        if hasattr(cls, _CHECKED) and (hint in _EXACT or _ITEMS.fullmatch(hint)):
            scope[f"exact_{name}"] = _EXACT.get(hint)
            is_usual = f"type({name}) is exact_{name}" if hint in _EXACT else f"type({name}) is tuple and not {name}"
            if hint.endswith("| None"):
                is_usual += f" or {name} is None"
            if f"default_{name}" in scope:
                is_usual = f"{name} is default_{name} or {is_usual}"
            body.append(f" if not ({is_usual}): {name} = _convert(self, {name!r}, {name}, {hint!r})\n")
        body.append(f" set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()\n")
    parameters = ", ".join([*positional, "*", *keyword] if keyword else positional)
    exec(f"def __init__({parameters}):\n{''.join(body) or ' pass'}", scope)  # noqa: S102  # of the class's own names
    made = scope["__init__"]
    made.__module__, made.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    made.__annotations__ = {**{name: one.type for name, one in fields.items()}, "return": None}
    return made


_CHECKED = "__checked__"
"""The name of a class attribute: fields of texts, bytes, truth values and tuples of plain data are then checked."""
_EXACT: dict[str, type] = {
    f"{kind.__name__}{optional}": kind for kind in (str, bytes, bool) for optional in ("", " | None")
}
_ITEMS = re.compile(r"tuple\[(?!Part\b)\w+, \.\.\.\]( \| None)?")
_WORDS: dict[type, str] = {str: "text", bytes: "bytes", bool: "true or false"}


def _convert(self: Any, name: str, value: Any, hint: str) -> Any:
    """Return the value of a field in its exact type, in place of one of a subclass.

    Raises:
        InvalidInput: it is of another type.
    """
    from ratatoskr.errors import InvalidInput

    if value is None and hint.endswith("| None"):
        return None
    if hint in _EXACT:
        kind = _EXACT[hint]
        if isinstance(value, kind):
            return str.__str__(value) if isinstance(value, str) else kind(value)
        wanted = _WORDS[kind]
    else:
        item_class = _item_class(self.__class__, name)
        if isinstance(value, (tuple, list)) and all(isinstance(item, item_class) for item in value):
            return tuple(value)
        wanted = f"a tuple of {item_class.__name__}"
    raise InvalidInput(f"{self.type}.{name} must be {wanted}, not {type(value).__name__}", field=name)


class _PublicTypes(dict[str, Any]):
    """The types of the package by name: a module need not import those that only its annotations name."""

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(sys.modules["ratatoskr"], name)
        except AttributeError:
            raise KeyError(name) from None


def hints_of(cls: Any) -> dict[str, Any]:
    """Return the annotations of a class of plain data."""
    import typing

    return typing.get_type_hints(cls, localns=_PublicTypes())


@functools.cache
def _item_class(cls: Any, name: str) -> type:
    import typing

    hint = hints_of(cls)[name]
    found = next(part for part in (hint, *typing.get_args(hint)) if typing.get_origin(part) is tuple)
    return typing.get_args(found)[0]  # type: ignore[no-any-return]  # a class of plain data


class _Described:
    """`__dataclass_fields__` or `__dataclass_params__`, made by the standard library on first use."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __get__(self, instance: object, owner: Any) -> Any:
        import dataclasses

        cls = next(base for base in owner.__mro__ if _FIELDS in base.__dict__)
        twin: Any = type(cls.__name__, (), {"__annotations__": {}})
        for name, one in cls.__dict__[_FIELDS].items():
            options: dict[str, Any] = {"repr": one.repr, "compare": one.compare, "kw_only": one.kw_only}
            if one.default_factory is not _MISSING:
                options["default_factory"] = one.default_factory
            elif one.default is not _MISSING:
                options["default"] = one.default
            twin.__annotations__[name] = one.type
            setattr(twin, name, dataclasses.field(**options))
        dataclasses.dataclass(init=False, repr=False, eq=False, frozen=True)(twin)
        cls.__dataclass_fields__, cls.__dataclass_params__ = twin.__dataclass_fields__, twin.__dataclass_params__
        return cls.__dataclass_fields__ if self._what == "fields" else cls.__dataclass_params__


def _represent(self: Any) -> str:
    from ratatoskr.types.display import represent

    fields: dict[str, _Field] = getattr(self, _FIELDS)
    values = {name: getattr(self, name) for name, one in fields.items() if one.repr}
    shown = [f"{name}={represent(value)}" for name, value in values.items() if not _is_default(fields[name], value)]
    text = f"{type(self).__qualname__}({', '.join(shown)})"
    return text if len(text) <= _REPR_LENGTH else f"{text[:_REPR_LENGTH]}…"


def _is_default(one: _Field, value: Any) -> bool:
    default = one.default if one.default_factory is _MISSING else one.default_factory()
    return type(value) is type(default) and bool(value == default)


def _equal(self: Any, other: Any) -> bool:
    if other.__class__ is not self.__class__:
        return NotImplemented  # type: ignore[no-any-return]
    return (self.__compared__(self),) == (self.__compared__(other),)


def _hash(self: Any) -> int:
    return hash((self.__class__, self.__compared__(self)))


def _refuse_assignment(self: Any, name: str, value: object) -> None:
    _check_open(self, name, "assign to")
    object.__setattr__(self, name, value)


def _refuse_deletion(self: Any, name: str) -> None:
    _check_open(self, name, "delete")
    object.__delattr__(self, name)


def _check_open(self: Any, name: str, what: str) -> None:
    """Raise `FrozenInstanceError` unless the attribute is one that an undecorated subclass has added."""
    if name in getattr(self, _FIELDS) or _FIELDS in type(self).__dict__:
        import dataclasses

        raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _FIELDS)]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _FIELDS), state, strict=True):
        object.__setattr__(self, name, value)


def replace(self: _T, /, **changes: Any) -> _T:
    """Return a copy with some fields replaced, as `dataclasses.replace` does, in less time."""
    cls: Any = type(self)
    values = {name: getattr(self, name) for name in getattr(cls, _FIELDS)}
    values.update(changes)
    return cls(**values)  # type: ignore[no-any-return]  # of the same class
