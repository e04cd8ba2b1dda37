"""Reads the tables of `config.toml` by the types of their keys; every mistake is found, not the first alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

from ratatoskr.config.section import Section
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.visible import quote

__all__ = ["read_table", "table_in"]

Place = tuple[str, ...]


def read_table(cls: type[Section], document: Mapping[str, Any]) -> tuple[Any, dict[Place, str]]:
    """Return the table, and for each wrong key what is wrong with it; without one the table is whole."""
    reader = _TableReader()
    return reader.table(cls, document, ()), reader.problems


def table_in(kind: Any) -> type[Section] | None:
    """Return the class of a table, or of the tables in a table or list."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    return next((found for inner in reversed(get_args(kind)) if (found := table_in(inner))), None)


class _TableReader:
    """Collects what is wrong.

    Attributes:
        problems: by the path of the key.
    """

    def __init__(self) -> None:
        self.problems: dict[Place, str] = {}

    def table(self, cls: type[Section], value: Any, place: Place) -> Any:
        """Return a table; `None` where anything in it is wrong."""
        if cls.short and isinstance(value, str):
            value = {cls.short: value}
        if not isinstance(value, dict):
            return self._tell(place, "must be a table")
        fields = {field.name: field for field in msgspec.structs.fields(cls)}
        before = len(self.problems)
        for key in value:
            if key not in fields:
                self._tell((*place, key), _unknown(place, key, list(fields)))
        found = {key: self._key(cls, fields[key].type, value[key], (*place, key)) for key in fields if key in value}
        for key, field in fields.items():
            if field.required and key not in value:
                self._tell((*place, key), "must be given")
        if len(self.problems) > before:
            return None
        made = cls(**found)
        try:
            made.check_whole()
        except ConfigurationError as error:
            return self._tell(place, f"is wrong: {error.message}")
        return made

    def _key(self, cls: type[Section], kind: Any, value: Any, place: Place) -> Any:
        before = len(self.problems)
        found = self._value(kind, value, place)
        key, form = place[-1], cls.forms.get(place[-1])
        if len(self.problems) == before and form is not None:
            texts = found if isinstance(found, list) else [found]
            if not all(re.fullmatch(form, text) for text in texts):
                self._tell(place, f"must be of the form {form}")
        if len(self.problems) == before:
            try:
                cls.check(key, found)
            except ConfigurationError as error:
                self._tell(place, f"is wrong: {error.message}")
        return found

    def _value(self, kind: Any, value: Any, place: Place) -> Any:
        kind = _without_none(kind)
        origin, inner = get_origin(kind), get_args(kind)
        table = table_in(kind)
        if table is not None and kind is table:
            return self.table(table, value, place)
        if origin is dict:
            if not isinstance(value, dict):
                return self._tell(place, "must be a table")
            return {key: self._value(inner[1], one, (*place, key)) for key, one in value.items()}
        if origin is list and table is not None:
            if not isinstance(value, list):
                return self._tell(place, "must be a list of tables")
            return [self.table(table, one, (*place, str(index))) for index, one in enumerate(value)]
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            text, _, at = str(error).partition(" - at `$")
            return self._tell((*place, *re.findall(r"\[(\d+)\]", at)), f"must be {_expectation(kind, text)}")

    def _tell(self, place: Place, problem: str) -> None:
        self.problems.setdefault(place, problem)


def _without_none(kind: Any) -> Any:
    """Return a type without `None`, which TOML does not have."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    inner = tuple(one for one in get_args(kind) if one is not NoneType)
    return inner[0] if len(inner) == 1 else Union[inner]  # noqa: UP007  # of a tuple


def _unknown(place: Place, key: str, known: list[str]) -> str:
    if place[:1] == ("providers",) and key in ("key", "keys", "api_key", "token"):
        return "does not belong here: put keys into the secrets file (`rat keys set`) or the environment"
    near = difflib.get_close_matches(key, known, 1)
    return "is unknown; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")


def _expectation(kind: Any, text: str) -> str:
    """Return what a key must be, by msgspec's words, which hold no value but an unknown word of a literal."""
    if get_origin(kind) is Literal:
        *some, last = map(repr, get_args(kind))
        return f"{', '.join(some)} or {last}"
    above = _bound(kind)
    if above is not None and re.match(r"Expected `(int|float)` >=? ", text):  # of an int it says what is the least
        return f"above {above}"
    for pattern, words in _LIMITS:
        if match := re.fullmatch(pattern, text):
            return words.format(*(re.sub(r"\.0$", "", group) for group in match.groups()))
    wanted = re.match(r"Expected `([^`]+)`", text)
    kinds = wanted[1].split(" | ") if wanted else []
    if "str" in kinds and "array" in kinds:
        return "text, or where several are allowed a list of texts"
    return " or ".join(_WORDS.get(one, one) for one in kinds) or f"another value: {quote(text)}"


def _bound(kind: Any) -> float | None:
    """Return what a number must be above."""
    return next((meta.gt for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, msgspec.Meta)), None)


_LIMITS: Final = (
    (r"Expected `(?:int|float)` <= 1\.79769313486231\d*e\+?308", "a finite number"),
    (r"Expected `(?:int|float)` >= (\S+)", "at least {}"),
    (r"Expected `(?:int|float)` <= (\S+)", "at most {}"),
    (r"Expected `str` of length >= 1", "text that is not empty"),
    (r"Integer value out of range", "a number of at most 64 bits"),
)
"""What was expected of a value of the right type."""
_WORDS: Final = {
    "array": "a list of texts",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "a table",
    "str": "text",
}
"""What was expected, by msgspec's names of types."""
