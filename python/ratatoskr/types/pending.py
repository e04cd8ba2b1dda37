"""Fields of plain data whose value is worked out when it is first read: one that is not read costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

C = TypeVar("C", bound=type)


class Pending:
    """A value that is not worked out yet; it stands in a field that `resolves_when_read` has made ready for it."""

    __slots__ = ()

    def resolve(self) -> Any:
        """Return the value."""
        raise NotImplementedError


class _ResolvingField:
    """A slot whose `Pending` value is replaced by what it stands for when it is read.

    Attributes:
        as_it_is: returns the value of an object without working it out.
    """

    __slots__ = ("_write", "as_it_is")

    def __init__(self, slot: Any) -> None:
        self.as_it_is = slot.__get__
        self._write = slot.__set__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self.as_it_is(instance)
        if isinstance(value, Pending):
            value = value.resolve()
            self._write(instance, value)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        self._write(instance, value)


def resolves_when_read(*names: str) -> Callable[[C], C]:
    """Return the decorator of a class with slots whose fields of these names may be given a `Pending`."""

    def decorate(cls: C) -> C:
        for name in names:
            setattr(cls, name, _ResolvingField(vars(cls)[name]))
        return cls

    return decorate


def as_it_is(instance: Any, name: str) -> Any:
    """Return the value of a field, pending or not, to hand it on to another object."""
    field = getattr(type(instance), name, None)
    return field.as_it_is(instance) if isinstance(field, _ResolvingField) else getattr(instance, name, None)
