"""Values that a mutation puts in the place of others: scalars, names, bytes, and objects that JSON does not have."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from random import Random
from typing import Any

SCALARS: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        7,
        64,
        255,
        256,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        -(2**63) - 1,
    ),
    *(
        2**64,
        10**30,
        0.0,
        -0.0,
        0.5,
        1e-320,
        1e308,
        -1e308,
        math.nan,
        math.inf,
        -math.inf,
        [],
        {},
        "",
        " ",
        "0",
        "1",
        "-1",
    ),
    *(
        "null",
        "true",
        "NaN",
        "1e999",
        "text",
        "é",
        "\0",
        "\r\n",
        "\x1b[31m",
        "\u202e",
        "\ud800",
        "\udfff text",
        "\U0001f600",
    ),
    *(
        "type",
        "a" * 300,
        "b" * 5000,
        "../../etc/passwd",
        "/",
        "http://[",
        "http://h:99999/",
        "data:,",
        "data:a/b;base64,%",
        "[]",
    ),
    *("{}", "[[[[", '{"a":', "2026-13-45", "9" * 5000, "%s{}%n", "_", "__class__", "0x10", "1_000", "٣"),
    *(
        [None],
        [[]],
        [0],
        ["a"],
        [{}],
        [True, 1, "x"],
        {"": None},
        {"a": {"a": {}}},
        {"type": "object"},
        {"type": None},
        {"type": []},
    ),
    *(
        {"type": "text"},
        {"type": "message"},
        {"$ref": "#"},
        {"$ref": "#/$defs/A"},
        ["a", None, 1.5],
        [1e400, -1],
        [2**70] * 3,
    ),
)
KEYS = ("", "type", "a" * 400, "\0", "\ud800", "id", "name", "data", "é", "0", "error", "$ref", "__init__", "a.b", " ")


class HostileText(str):
    """A `str` with a `repr` that fails."""

    def __repr__(self) -> str:
        raise RuntimeError("hostile repr")


class Hostile:
    """An object of which every question fails."""

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("hostile object")

    __repr__ = __str__ = __len__ = __bool__ = __eq__ = __float__ = __int__ = __index__ = __bytes__ = _fail
    __hash__ = object.__hash__


class HostileInt(int):
    """An `int` with a `repr` that fails."""

    def __repr__(self) -> str:
        raise RuntimeError("hostile repr")

    __str__ = __repr__


class HostileDict(dict[Any, Any]):
    """A `dict` with a `repr` that fails."""

    def __repr__(self) -> str:
        raise RuntimeError("hostile repr")


class HostileList(list[Any]):
    """A `list` with a `repr` that fails."""

    def __repr__(self) -> str:
        raise RuntimeError("hostile repr")


def odd_object(random: Random) -> Any:
    """Return an object that JSON does not have."""
    return random.choice(
        (
            Hostile(),
            HostileText("text"),
            HostileInt(3),
            HostileDict(a=1),
            HostileList([1, 2]),
            object(),
            Hostile,
            len,
            b"bytes",
            bytearray(b"\xff"),
            (1, "two"),
            {1, 2},
            frozenset({"a"}),
            {1: 2, None: 3, (4, 5): 6},
            {"a": {2: 3}, b"b": 1},
            range(3),
            iter(["a"]),
            (letter for letter in "ab"),
            Decimal("NaN"),
            Decimal("1e999999"),
            1 + 2j,
            datetime.date(2026, 1, 1),
            10**5000,
            -(10**400),
            memoryview(b"ab"),
            NotImplemented,
            ...,
            Exception("inner"),
        )
    )


BYTES = (
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
        b"\x1b[2J",
        b'"',
        b"'",
        b"\\",
        b"\\ud800",
        b"\n",
    ),
    *(
        b"\r",
        b",",
        b":",
        b"=",
        b"{",
        b"}",
        b"[",
        b"]",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"{a=" * 5000,
        b"[a.",
        b"9" * 5000,
        b"1e999",
    ),
    *(
        b"-",
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b'""',
        b'"""',
        b"#",
        b"\t",
        b"a." * 3000,
        b"\x80" * 10,
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
    ),
)
