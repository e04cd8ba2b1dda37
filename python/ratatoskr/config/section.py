"""What every table of `config.toml` has in common.

Tables are structs of msgspec, which are made in a tenth of the time of pydantic's models, so that a mistake is told
before the packages that serve calls are imported. `tables.read_table` checks and makes them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import msgspec

__all__ = ["FINITE", "Name", "Names", "Section"]

Name = Annotated[str, msgspec.Meta(min_length=1)]
Names = Name | list[Name]
FINITE: Final = sys.float_info.max


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table: unknown keys and other types are mistakes."""

    secret: ClassVar[frozenset[str]] = frozenset()
    """Keys whose values are not shown."""
    forms: ClassVar[Mapping[str, str]] = {}
    """The regular expression of a text, or of each in a list, by key; those of msgspec 0.22 crash within a union."""
    short: ClassVar[str] = ""
    """The key that a text in place of the table stands for."""

    @classmethod
    def check(cls, key: str, value: Any) -> None:
        """Raise `ConfigurationError` for a value of the right type that cannot be used."""

    def check_whole(self) -> None:
        """Raise `ConfigurationError` for values that do not go together."""

    def values(self) -> dict[str, Any]:
        """Return what is not `None`, by key."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.secret)
        return f"{type(self).__name__}({', '.join(shown)})"
