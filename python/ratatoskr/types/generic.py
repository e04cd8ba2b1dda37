"""`GenericBase`: what makes a class generic over the type of its answer for checkers, at no cost at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generic

    from typing_extensions import TypeVar

    T = TypeVar("T", default=None, covariant=True)

    class GenericBase(Generic[T]):
        """Base of classes that are subscripted with the type of `output=`; it defaults to `None`."""

        __slots__ = ()
else:

    class GenericBase:
        """At run time `X[T]` is `X`: before 3.13 a slotted generic dataclass cannot be called when subscripted."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls


__all__ = ["GenericBase"]
