"""Finds a secret in everything that hangs on an exception: texts, pickles, and the local variables of its frames."""

from __future__ import annotations

import dataclasses
import pickle
import traceback
from collections.abc import Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any

import msgspec

PACKAGE = "python/ratatoskr"
DEPTH = 8
_OPAQUE = (type, ModuleType, FrameType, int, float, bool, type(None))


def leaks(error: BaseException, secret: str) -> list[str]:
    """Return every place where an error, its causes or the frames of the package and its libraries hold a secret.

    The frames of tests are left out: there the secret is made.
    """
    found = [place for place, text in _texts(error) if secret in text]
    for one in _family(error):
        for frame, line in traceback.walk_tb(one.__traceback__):
            name = frame.f_code.co_filename
            if "/tests/" in name or "/asyncio/" in name or "pytest" in name:
                continue
            for variable, value in frame.f_locals.items():
                place = f"{name.rpartition('/python/')[2]}:{line} {frame.f_code.co_name} {variable}"
                found += [f"{place}{path}" for path in search(value, secret)]
        found += [f"{type(one).__name__}{path}" for path in search([vars(one), one.args], secret)]
    return found


def search(value: Any, secret: str, depth: int = DEPTH, seen: set[int] | None = None) -> Iterator[str]:
    """Yield the paths at which a value shows a secret: in its text, its members and its attributes."""
    seen = set() if seen is None else seen
    if isinstance(value, _OPAQUE) or callable(value) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, str | bytes | bytearray):
        text = value if isinstance(value, str) else value.decode("latin-1")
        if secret in text:
            yield f" = {text[:60]!r}"
        return
    if secret in _repr(value):
        yield " (repr)"
    if depth == 0 or type(value).__name__ == "Secret":
        return
    for path, member in _members(value):
        for rest in search(member, secret, depth - 1, seen):
            yield path + rest


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, member in list(value.items()):
            yield "[key]", key
            yield f"[{key!r:.30}]", member
    elif isinstance(value, list | tuple | set | frozenset):
        for index, member in enumerate(value):
            yield f"[{index}]", member
    elif isinstance(value, BaseException):
        yield ".args", value.args
    names = dict.fromkeys(getattr(value, "__dict__", {}))
    names |= dict.fromkeys(slot for cls in type(value).__mro__ for slot in getattr(cls, "__slots__", ()) or ())
    if dataclasses.is_dataclass(value):
        names |= dict.fromkeys(field.name for field in dataclasses.fields(value))
    if isinstance(value, msgspec.Struct):
        names |= dict.fromkeys(value.__struct_fields__)
    for name in names:
        if not name.startswith("__"):
            try:
                yield f".{name}", getattr(value, name)
            except Exception:  # an attribute that cannot be read shows nothing
                continue


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # a repr that fails shows nothing
        return ""


def _family(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its contexts and causes, even suppressed ones, and the members of groups."""
    pending, seen = [error], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        more = [one.__cause__, one.__context__, getattr(one, "cause", None), *getattr(one, "exceptions", ())]
        pending += [each for each in more if isinstance(each, BaseException)]


def _texts(error: BaseException) -> Iterator[tuple[str, str]]:
    yield "str", str(error)
    yield "repr", repr(error)
    yield "format", "".join(traceback.format_exception(error))
    yield "fields", str(getattr(error, "fields", dict)())
    yield "pickle", pickle.dumps(error).decode("latin-1")
