"""Fast constructors make the same instances as the classes do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from ratatoskr.types.attempt import Attempt
from ratatoskr.types.chat import ChatOptions, ChatRequest, ChatResponse, RawResponse
from ratatoskr.types.construct import fast_constructor
from ratatoskr.types.event import ContentDelta
from ratatoskr.types.message import Message
from ratatoskr.types.part import ProviderState, TextPart
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.usage import Usage

PARTS = (TextPart("Hello"),)
MESSAGE = Message("assistant", PARTS)
CASES: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (Message, ("assistant", PARTS), {}),
    (Message, ("user", PARTS), {"name": "Ada", "metadata": {"turn": 1}}),
    (TextPart, ("Hello",), {}),
    (TextPart, ("Hello", (), None), {"cache": True, "state": (ProviderState("p/d/m", b"1"),)}),
    (Usage, (), {}),
    (Usage, (1, 2, 3, 4, 5, "provider"), {}),
    (RawResponse, (200, {"a": "b"}, b"{}"), {}),
    (Attempt, ("openai", "m"), {"usage": Usage(1)}),
    (Deadlines, (1.0, 2.0), {"total_phase": "attempt"}),
    (ContentDelta, ("x",), {"part": 2}),
    (ChatRequest, ((MESSAGE,),), {"options": ChatOptions(model="m")}),
    (ChatResponse, (MESSAGE, Usage(1), None, "stop"), {"model": "m", "_output": int}),
]


@pytest.mark.parametrize(("cls", "args", "keywords"), CASES)
def test_the_instance_equals_one_made_by_the_class(cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    made, expected = fast_constructor(cls)(*args, **keywords), cls(*args, **keywords)
    assert type(made) is cls
    assert made == expected
    assert repr(made) == repr(expected)


@pytest.mark.parametrize(("cls", "args", "keywords"), CASES)
def test_the_instance_is_frozen(cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    made = fast_constructor(cls)(*args, **keywords)
    name = fields(cls)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, None)
    with pytest.raises(FrozenInstanceError):
        delattr(made, name)


def test_the_instance_can_be_copied_pickled_hashed_and_replaced() -> None:
    made = fast_constructor(TextPart)("Hello", cache=True)
    assert hash(made) == hash(TextPart("Hello", cache=True))
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    assert replace(made, text="Bye") == TextPart("Bye", cache=True)
    assert TextPart.from_json(made.to_json()) == made


def test_each_instance_has_a_new_default_of_its_own() -> None:
    new_response = fast_constructor(ChatResponse)
    assert new_response(MESSAGE)._parsed is not new_response(MESSAGE)._parsed
    new_message = fast_constructor(Message)
    assert new_message("user", ()).metadata is not new_message("user", ()).metadata


@dataclass(frozen=True, slots=True)
class Sample:
    first: int
    late: list[int] = field(default_factory=list, kw_only=True)
    second: int = 2


@pytest.mark.parametrize("make", [Sample, fast_constructor(Sample)])
def test_the_parameters_are_those_of_the_class(make: Any) -> None:
    assert make(1, late=[4]) == Sample(1, 2, late=[4])
    for args, keywords in (((), {}), ((1, 2, 3), {}), ((1,), {"unknown": 2}), ((1,), {"first": 1})):
        with pytest.raises(TypeError):
            make(*args, **keywords)


def test_post_init_is_not_called() -> None:
    assert fast_constructor(Message)("nobody", ()).role == "nobody"  # type: ignore[arg-type]  # the class refuses it
