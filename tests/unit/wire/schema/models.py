"""Pydantic models of every kind, each with values that are valid for it, made by hypothesis."""

from __future__ import annotations

import datetime
import enum
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union

import pydantic
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

Values = st.SearchStrategy[Any]


@dataclass(frozen=True)
class Kind:
    """A type and the values that are valid for it.

    Attributes:
        annotation: the type.
        values: what may be given for it.
        hashable: whether it may be in a set.
        nullable: whether it takes `None`.
    """

    annotation: Any
    values: Values
    hashable: bool = True
    nullable: bool = False


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
SMALL = st.integers(-1000, 1000)

SCALARS = [
    Kind(int, SMALL),
    Kind(float, st.floats(-1e6, 1e6)),
    Kind(bool, st.booleans()),
    Kind(str, TEXT),
    Kind(None, st.none(), nullable=True),
    Kind(Decimal, st.decimals(-1000, 1000, places=2)),
    Kind(datetime.date, st.dates()),
    Kind(datetime.datetime, st.datetimes(timezones=st.just(datetime.UTC))),
    Kind(datetime.time, st.times()),
    Kind(datetime.timedelta, st.timedeltas(datetime.timedelta(0), datetime.timedelta(9))),
    Kind(uuid.UUID, st.uuids()),
    Kind(Colour, st.sampled_from(Colour)),
    Kind(Level, st.sampled_from(Level)),
    Kind(Any, SMALL | TEXT | st.none(), hashable=False, nullable=True),
    Kind(pydantic.AnyUrl, st.just("https://example.com/a"), hashable=False),
    Kind(pydantic.Base64Bytes, st.just(b"aGk=")),
    Kind(Literal["a"], st.just("a")),
    Kind(Literal["a", "b", 3], st.sampled_from(["a", "b", 3])),
    Kind(Literal["x", None], st.sampled_from(["x", None]), nullable=True),
    Kind(Literal[True], st.just(True)),
    Kind(dict, st.dictionaries(TEXT, SMALL, max_size=2), hashable=False),
    Kind(list, st.lists(SMALL, max_size=2), hashable=False),
]

CONSTRAINED = [
    Kind(Annotated[int, Field(ge=1, le=5)], st.integers(1, 5)),
    Kind(Annotated[int, Field(gt=0, multiple_of=2)], st.integers(1, 50).map(lambda n: 2 * n)),
    Kind(Annotated[float, Field(gt=0, lt=1)], st.floats(0.01, 0.99)),
    Kind(Annotated[Decimal, Field(max_digits=6, decimal_places=2)], st.decimals(-999, 999, places=2)),
    Kind(Annotated[str, Field(min_length=1, max_length=8)], st.text("abcé", min_size=1, max_size=8)),
    Kind(Annotated[str, Field(pattern=r"^[a-z]{1,4}$")], st.text("abc", min_size=1, max_size=4)),
    Kind(Annotated[str, Field(pattern=r"^\d+(-\d+)?$")], st.sampled_from(["1", "12-3"])),
    Kind(Annotated[str, Field(pattern=r"b|c$")], st.sampled_from(["xb", "bx", "c"])),
    Kind(
        Annotated[list[int], Field(min_length=2, max_length=3)], st.lists(SMALL, min_size=2, max_size=3), hashable=False
    ),
    Kind(Annotated[dict[str, int], Field(max_length=2)], st.dictionaries(TEXT, SMALL, max_size=2), hashable=False),
    Kind(
        dict[Annotated[str, Field(pattern=r"^[a-z]$")], int],
        st.dictionaries(st.sampled_from("abc"), SMALL, max_size=2),
        hashable=False,
    ),
    Kind(tuple[()], st.just(())),
]

NAMES = ["a", "b", "title", "type", "default", "enum", "properties", "a b", "é", "items", "required"]
AGAIN: list[tuple[str, Any]] = [
    ("{} | None", None),
    ("list[{}]", []),
    ("dict[str, {}]", {}),
    ("tuple[int, {} | None]", (1, None)),
    ("{} | str", "end"),
]
"""How a model contains itself, and a value that ends it."""
_numbers = itertools.count()


@st.composite
def kinds(draw: Callable[..., Any], depth: int = 2) -> Kind:
    """Draw a type."""
    simple = st.sampled_from(SCALARS) | st.sampled_from(CONSTRAINED)
    if depth == 0:
        return draw(simple)
    return draw(st.one_of(simple, simple, *(made(depth - 1) for made in COMPOSITES)))


@st.composite
def optionals(draw: Callable[..., Any], depth: int) -> Kind:
    inner = draw(kinds(depth))
    annotation = Optional[inner.annotation]  # noqa: UP045  # it may be None itself
    return Kind(annotation, st.none() | inner.values, inner.hashable, nullable=True)


@st.composite
def unions(draw: Callable[..., Any], depth: int) -> Kind:
    members = draw(st.lists(kinds(depth), min_size=2, max_size=3))
    return Kind(
        Union[tuple(member.annotation for member in members)],  # noqa: UP007  # made of a list
        st.one_of(*(member.values for member in members)),
        all(member.hashable for member in members),
        any(member.nullable for member in members),
    )


@st.composite
def lists(draw: Callable[..., Any], depth: int) -> Kind:
    inner = draw(kinds(depth))
    return Kind(list[inner.annotation], st.lists(inner.values, max_size=2), hashable=False)


@st.composite
def sets(draw: Callable[..., Any], depth: int) -> Kind:
    inner = draw(kinds(depth).filter(lambda kind: kind.hashable))
    return Kind(set[inner.annotation], st.lists(inner.values, max_size=2), hashable=False)


@st.composite
def tuples(draw: Callable[..., Any], depth: int) -> Kind:
    members = draw(st.lists(kinds(depth), min_size=1, max_size=3))
    if draw(st.booleans()):
        return Kind(tuple[members[0].annotation, ...], st.lists(members[0].values, max_size=3), hashable=False)
    return Kind(
        tuple[tuple(member.annotation for member in members)],
        st.tuples(*(member.values for member in members)),
        hashable=False,
    )


@st.composite
def dicts(draw: Callable[..., Any], depth: int) -> Kind:
    inner = draw(kinds(depth))
    key, keys = draw(st.sampled_from([(str, TEXT), (int, SMALL), (Colour, st.sampled_from(Colour))]))
    return Kind(dict[key, inner.annotation], st.dictionaries(keys, inner.values, max_size=2), hashable=False)


@st.composite
def models(draw: Callable[..., Any], depth: int = 2, tag: str | None = None) -> Kind:
    """Draw a model, and values of it as dicts by alias; some fields have a default, a description or an alias."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    fields: dict[str, Any] = {}
    values: dict[str, Values] = {}
    optional: dict[str, Values] = {}
    if tag is not None:
        fields["kind"] = (Literal[tag], ... if draw(st.booleans()) else tag)
        values["kind"] = st.just(tag)
    for i, alias in enumerate(names):
        kind = draw(kinds(depth))
        extras = {"description": "What it is."} if draw(st.booleans()) else {}
        if draw(st.booleans()):
            default = draw(kind.values)
            fields[f"f{i}"] = (kind.annotation, Field(default, alias=alias, validate_default=True, **extras))
            optional[alias] = kind.values
        else:
            fields[f"f{i}"] = (kind.annotation, Field(alias=alias, **extras))
            values[alias] = kind.values
    config = ConfigDict(extra=draw(st.sampled_from(["ignore", "forbid"])))
    name = f"M{next(_numbers)}"
    again = draw(st.sampled_from([*[None] * 7, *AGAIN])) if depth else None
    if again is not None:  # a model that contains itself
        annotation, empty = again
        is_required = draw(st.booleans())
        fields["again"] = (annotation.format(name), ... if is_required else empty)
        (values if is_required else optional)["again"] = st.just(empty)
    own = pydantic.create_model(name, __config__=config, **fields)
    own.model_rebuild(_types_namespace={name: own})
    return Kind(own, st.fixed_dictionaries(values, optional=optional), hashable=False)


@st.composite
def discriminated(draw: Callable[..., Any], depth: int) -> Kind:
    members = [draw(models(depth, tag)) for tag in draw(st.sampled_from([["x", "y"], ["x", "y", "z"]]))]
    union = Union[tuple(member.annotation for member in members)]  # noqa: UP007  # made of a list
    return Kind(
        Annotated[union, Field(discriminator="kind")], st.one_of(*(member.values for member in members)), hashable=False
    )


COMPOSITES = [optionals, unions, lists, sets, tuples, dicts, models, discriminated]
