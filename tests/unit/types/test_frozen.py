"""Frozen dataclasses behave as the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import pickle
from operator import attrgetter
from typing import Any, ClassVar

import pytest

from ratatoskr.types import frozen
from ratatoskr.types.chat import ChatOptions, ChatResponse
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart


def family(dataclass: Any, field: Any) -> dict[str, Any]:
    """Return the same classes, made by one of the two decorators."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Base:
        """A base."""

        cache: bool = False

    @dataclass(frozen=True, slots=True)
    class Point(Base):
        """A point."""

        kind: ClassVar[str] = "point"
        x: float
        y: float = 0.0
        tags: list[str] = field(default_factory=list)
        secret: str = field(default="s", repr=False, compare=False)
        note: str | None = field(default=None, kw_only=True)

        def __post_init__(self) -> None:
            if self.x == math.inf:
                raise ValueError("infinite")
            object.__setattr__(self, "y", float(self.y))

    @dataclass(frozen=True, slots=True, eq=False)
    class Identity:
        """Equal to itself alone."""

        x: int = 0

    @dataclass(frozen=True, slots=True)
    class Single:
        """One field."""

        x: float

    class Sub(Point):
        """A subclass that is not decorated."""

        def __init__(self, x: float) -> None:
            super().__init__(x, note="sub")

    return {cls.__name__: cls for cls in (Base, Point, Identity, Single, Sub)}


OURS, THEIRS = family(frozen.dataclass, frozen.field), family(dataclasses.dataclass, dataclasses.field)
BOTH = [OURS, THEIRS]
both = pytest.mark.parametrize("made", BOTH, ids=["ours", "theirs"])


@both
def test_construction_defaults_and_matching(made: dict[str, Any]) -> None:
    point = made["Point"](1.0, 2, note="n", cache=True)
    assert (point.x, point.y, point.tags, point.secret, point.note, point.cache) == (1.0, 2.0, [], "s", "n", True)
    assert made["Point"](1.0).tags is not made["Point"](1.0).tags
    assert made["Point"].__match_args__ == ("x", "y", "tags", "secret")
    cls = made["Point"]
    match point:
        case cls(x, y, note="n"):
            assert (x, y) == (1.0, 2.0)
        case _:
            raise AssertionError(point)
    for arguments in [(), (1, 2, [], "s", "n")]:
        with pytest.raises(TypeError):
            made["Point"](*arguments)
    with pytest.raises(TypeError):
        made["Point"](1, z=1)
    with pytest.raises(ValueError, match="infinite"):
        made["Point"](math.inf)


@both
def test_it_is_frozen_and_slotted(made: dict[str, Any]) -> None:
    point = made["Point"](1.0)
    for name in ("x", "cache", "other"):
        # Before Python 3.12 the standard library's own raise TypeError for a name that is no field.
        refused = dataclasses.FrozenInstanceError if name != "other" or made is OURS else Exception
        with pytest.raises(refused):
            setattr(point, name, 1)
        with pytest.raises(refused):
            delattr(point, name)
    assert not hasattr(point, "__dict__")


def test_a_subclass_may_have_attributes_of_its_own() -> None:
    sub = OURS["Sub"](1.0)
    sub.extra = 2
    assert (sub.extra, sub.note) == (2, "sub")
    del sub.extra
    with pytest.raises(dataclasses.FrozenInstanceError):
        sub.x = 1


@both
def test_equality_and_hashes(made: dict[str, Any]) -> None:
    point, single, identity = made["Point"], made["Single"], made["Identity"]
    assert point(1.0, secret="a") == point(1.0, secret="b") != point(2.0)
    assert single(1.0) != made["Base"]()
    assert single(math.nan) == single(math.nan)
    assert hash(single(1.0)) == hash(single(1.0))
    with pytest.raises(TypeError):
        hash(point(1.0))
    assert identity() != identity()
    assert len({identity(), identity()}) == 2


def test_signature_is_the_standard_librarys() -> None:
    for name in ("Point", "Single", "Base", "Identity", "Sub"):
        ours, theirs = OURS[name], THEIRS[name]
        assert inspect.signature(ours) == inspect.signature(theirs) or name == "Point"  # <factory>
        assert ours.__slots__ == theirs.__slots__ if name != "Sub" else True
        assert (ours.__name__, ours.__module__, ours.__doc__) == (theirs.__name__, theirs.__module__, theirs.__doc__)


def test_the_tools_of_the_standard_library_work() -> None:
    for name in ("Base", "Point", "Identity", "Single", "Sub"):
        describe = attrgetter("name", "type", "default", "default_factory", "repr", "compare", "kw_only")
        ours, theirs = dataclasses.fields(OURS[name]), dataclasses.fields(THEIRS[name])
        assert [*map(describe, ours)] == [*map(describe, theirs)]
        assert dataclasses.is_dataclass(OURS[name])
    point = OURS["Point"](1.0, note="n")
    assert dataclasses.replace(point, x=2.0) == OURS["Point"](2.0, note="n") == frozen.replace(point, x=2.0)
    assert dataclasses.asdict(point) == dataclasses.asdict(THEIRS["Point"](1.0, note="n"))
    with pytest.raises(TypeError):
        frozen.replace(point, z=1)

    @dataclasses.dataclass(frozen=True, slots=True)
    class Child(OURS["Point"]):  # type: ignore[misc]  # a class from a table
        z: int = 0

    assert Child(1.0, 2.0, [], "s", 3).z == 3
    with pytest.raises(TypeError, match="frozen"):
        dataclasses.dataclass(type("Thawed", (OURS["Point"],), {"__annotations__": {}}))


@pytest.mark.parametrize(
    "value", [ChatResponse(Message.user("x")), ChatOptions(model="m", seed=1), TextPart("a", cache=True)]
)
def test_copies_are_equal(value: Any) -> None:
    pickled = [pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, 6)]
    for copied in (copy.copy(value), copy.deepcopy(value), *pickled):
        assert copied == value
        assert type(copied) is type(value)


def test_other_dataclasses_are_not_made_here() -> None:
    with pytest.raises(TypeError, match="only frozen"):
        frozen.dataclass(frozen=False, slots=True)


def test_values_without_fields_are_equal() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert Nothing() != 5
