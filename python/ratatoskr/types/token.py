"""`Token`: a key that expires, and the functions that return one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias, final

from ratatoskr.types.frozen import dataclass
from ratatoskr.types.secret import Secret

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
"""A key: characters that an HTTP header can carry as they are."""
_QUOTES = ('"', "'", "`")


@dataclass(frozen=True, slots=True)
class Token:
    """A key that is valid for some time. Its repr does not contain it.

    Attributes:
        value: what is sent, without a scheme such as `Bearer`.
        expires_at: seconds since the epoch, or a `datetime` with a time zone; `None` if it is not known. The token is
            renewed a minute before, or when nine tenths of its life are over, whichever is later.
    """

    value: str | Secret
    expires_at: float | datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            object.__setattr__(self, "value", Secret(self.value))


Key: TypeAlias = "str | Token"
KeyFunction: TypeAlias = "Callable[[], Key] | Callable[[], Awaitable[Key]]"
"""A function that returns a key; a synchronous one is called in a thread of its own, so it may block."""


@final
class KeySource:
    """A function that returns a key, as part of a configuration: no repr shows what it was made from.

    Args:
        function: called without arguments.
    """

    __slots__ = ("function",)

    def __init__(self, function: KeyFunction) -> None:
        self.function = function

    def __repr__(self) -> str:
        return "KeySource(…)"

    def __eq__(self, other: object) -> bool:
        return self.function == other.function if isinstance(other, KeySource) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.function)


def find_key_problem(secret: Secret) -> str:
    """Return what is wrong with a key without white space around it; `""` if nothing is."""
    key = secret.reveal()
    if key.startswith(_QUOTES) or key.endswith(_QUOTES):
        return "has a quotation mark at its beginning or end; remove it"
    if key[:7].lower() == "bearer ":
        return 'begins with "Bearer"; pass what follows it'
    return "" if _PRINTABLE.fullmatch(key) else "is empty, or contains spaces, line breaks or non-ASCII characters"
