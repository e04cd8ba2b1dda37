"""Tools made from functions and models."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import functools
import threading
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import pytest

from ratatoskr import (
    ImagePart,
    InvalidInput,
    TextPart,
    ToolCall,
    ToolDefinition,
    ToolResult,
)

if TYPE_CHECKING:
    from decimal import Decimal


class Colour(enum.Enum):
    RED = "red"


class Place(pydantic.BaseModel):
    """Where something is."""

    title: str
    height: int = 0


@dataclasses.dataclass
class Size:
    metres: float


def described(function: Any) -> tuple[str, dict[str, Any]]:
    tool = ToolDefinition.from_function(function)
    assert tool.parameters["type"] == "object"
    assert tool.parameters["additionalProperties"] is False
    return tool.description, dict(tool.parameters)


async def ran(function: Any, arguments: str = "") -> ToolResult:
    tool = function if isinstance(function, ToolDefinition) else ToolDefinition.from_function(function)
    return await tool.run(ToolCall("c1", tool.name, arguments))


# described


def google(city: str, days: int = 1) -> None:
    """Tell the weather: soon.

    In some detail.

    Args:
        city (str): where: a name
            or two.
        days: how many.

    Returns:
        nothing: at all
    """


def numpy(city: str, days: int = 1) -> None:
    """Tell the weather: soon.

    In some detail.

    Parameters
    ----------
    city : str
        where: a name
        or two.
    days
        how many.

    Returns
    -------
    nothing
        at all
    """  # noqa: D416  # NumPy's sections have no colon


def rest(city: str, days: int = 1) -> None:
    """Tell the weather: soon.

    In some detail.

    :param str city: where: a name
        or two.
    :param days: how many.
    :returns: nothing
        at all
    """


@pytest.mark.parametrize("function", [google, numpy, rest])
def test_words_come_from_the_docstring_whatever_its_style(function: Any) -> None:
    description, parameters = described(function)
    assert description == "Tell the weather: soon.\n\nIn some detail."
    assert parameters["properties"] == {
        "city": {"type": "string", "description": "where: a name or two."},
        "days": {"type": "integer", "description": "how many.", "default": 1},
    }
    assert parameters["required"] == ["city"]


def test_a_text_in_annotated_describes_a_parameter_where_nothing_else_does() -> None:
    def tool(  # noqa: D417  # the types describe the others
        city: Annotated[str, "where"],
        days: Annotated[int, "how many", pydantic.Field(ge=1)] = 3,
        unit: Annotated[str, "not this", pydantic.Field(description="C or F")] = "C",
        place: Annotated[str, "nor this"] = "",
    ) -> None:
        """Do.

        Args:
            place: a place
        """

    properties = described(tool)[1]["properties"]
    assert {name: found["description"] for name, found in properties.items()} == {
        "city": "where",
        "days": "how many",
        "unit": "C or F",
        "place": "a place",
    }


def test_types_become_a_schema_with_names_of_every_kind_kept() -> None:
    def tool(
        title: str,
        schema: int,
        model_config: Literal["a", "b"],
        place: Place,
        colour: Colour = Colour.RED,
        *,
        limit: Annotated[int, pydantic.Field(ge=1, description="at most")] = 3,
        note: str | None = None,
    ) -> Decimal:  # a return type that is not known here at run time
        """Do."""
        raise NotImplementedError

    _, parameters = described(tool)
    properties = parameters["properties"]
    assert parameters["required"] == ["title", "schema", "model_config", "place"]
    assert properties["model_config"] == {"enum": ["a", "b"], "type": "string"}
    assert properties["limit"] == {"default": 3, "description": "at most", "minimum": 1, "type": "integer"}
    assert properties["note"]["default"] is None
    assert parameters["$defs"]["Place"]["properties"]["title"] == {"type": "string"}


def test_methods_and_wrapped_functions_are_functions() -> None:
    class Tree:
        def method(self, leaf: int) -> int:
            """Count."""
            return leaf

        @classmethod
        def of_class(cls, leaf: int) -> int:
            """Count."""
            return leaf

        @staticmethod
        def static(leaf: int) -> int:
            """Count."""
            return leaf

    @functools.wraps(google)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return google(*args, **kwargs)

    for one in (Tree().method, Tree.of_class, Tree.static):
        assert described(one) == (
            "Count.",
            {
                "type": "object",
                "properties": {"leaf": {"type": "integer"}},
                "required": ["leaf"],
                "additionalProperties": False,
            },
        )
    assert described(wrapped) == described(google)


def test_what_cannot_be_described_is_refused_with_the_reason() -> None:
    def unknown(place: Decimal) -> None: ...
    def anything(*leaves: int) -> None: ...
    def any_names(**leaves: int) -> None: ...
    def positional(leaf: int, /) -> None: ...
    def callback(call: type(lambda: 0)) -> None: ...  # type: ignore[valid-type]  # that is the point

    reasons = {
        unknown: "the type of a parameter is not defined (name 'Decimal' is not defined)",
        anything: "leaves must be a named parameter",
        any_names: "leaves must be a named parameter",
        positional: "leaf must be a named parameter",
        callback: "cannot be described",
        functools.partial(google, "Oslo"): "made from a function, not from partial",
        len: "made from a function, not from builtin_function_or_method",
    }
    for function, reason in reasons.items():
        with pytest.raises(InvalidInput) as caught:
            ToolDefinition.from_function(function)  # type: ignore[arg-type]  # that is the point
        assert reason in caught.value.message
        assert caught.value.field == "tools"


def test_a_model_describes_a_tool_and_is_what_running_it_gives() -> None:
    tool = ToolDefinition.from_model(Place, strict=True)
    assert (tool.name, tool.description, tool.strict) == ("Place", "Where something is.", True)
    assert tool.parameters == Place.model_json_schema()
    result = asyncio.run(ran(tool, '{"title": "roots"}'))
    assert (result.text, result.is_error) == ('{"title":"roots","height":0}', False)


# run


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("{", "arguments of 'google' are not JSON"),
        ("[1]", "arguments of 'google' are not a JSON object"),
        ("", "city: Field required"),
        ('{"city": ["secret"]}', "city: Input should be a valid string"),
        ('{"city": "Oslo", "days": 1, "tomorrow": "secret"}', "tomorrow: Extra inputs are not permitted"),
    ],
)
async def test_wrong_arguments_are_an_error_that_the_model_can_mend(arguments: str, text: str) -> None:
    result = await ran(google, arguments)
    assert (result.is_error, result.tool_call_id, result.name) == (True, "c1", "google")
    assert text in result.text
    assert "secret" not in result.text


async def test_an_exception_is_an_error_result_and_cancelling_is_not() -> None:
    def broken() -> None:
        raise KeyError("no such branch")

    began = asyncio.Event()

    async def wait() -> None:
        began.set()
        await asyncio.Event().wait()

    result = await ran(broken)
    assert (result.is_error, result.text) == (True, "KeyError: 'no such branch'")
    running = asyncio.create_task(ran(wait))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancellation_inside_a_tool_is_its_error_and_does_not_reach_the_caller() -> None:
    async def cancelled() -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        inner.cancel("the server is gone")
        await inner

    result = await ran(cancelled)
    assert (result.is_error, result.text) == (True, "CancelledError: the server is gone")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_stop_iteration_is_an_error_result_and_does_not_hang(is_async: bool) -> None:
    def first() -> Any:
        return next(iter(()))

    async def first_async() -> Any:
        return first()

    result = await asyncio.wait_for(ran(first_async if is_async else first), 10)
    assert result.is_error
    assert "StopIteration" in result.text


PIXEL = ImagePart(data=b"x", media_type="image/png")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ({"a": [1, True, "ä"]}, '{"a":[1,true,"ä"]}'),
        (["a", "b"], '["a","b"]'),
        ([Place(title="t")], '[{"title":"t","height":0}]'),
        (Size(1.5), '{"metres":1.5}'),
        ({"when": datetime.date(2026, 11, 2)}, '{"when":"2026-11-02"}'),
        (Colour.RED, '"red"'),
        ({3}, "[3]"),
    ],
)
async def test_a_result_is_text_or_the_json_of_what_the_function_gave(value: Any, text: str) -> None:
    def tool() -> Any:
        return value

    result = await ran(tool)
    assert (result.is_error, result.text) == (False, text)


async def test_a_result_may_hold_pictures_and_what_has_no_json_is_an_error() -> None:
    def seen(kind: str) -> Any:
        return {"picture": PIXEL, "both": ["Look:", PIXEL]}.get(kind, object())

    assert (await ran(seen, '{"kind": "picture"}')).content == (PIXEL,)
    assert (await ran(seen, '{"kind": "both"}')).content == (TextPart("Look:"), PIXEL)
    result = await ran(seen, '{"kind": "none"}')
    assert (result.is_error, "has no JSON form" in result.text) == (True, True)


async def test_async_functions_run_on_the_loop_and_others_in_threads() -> None:
    here = threading.get_ident()

    async def inside(a: int) -> bool:
        await asyncio.sleep(0)
        return threading.get_ident() == here

    def outside(a: int) -> bool:
        return threading.get_ident() == here

    def disguised(a: int) -> Any:  # as a decorator that is not aware of coroutines leaves it
        return inside(a)

    assert [(await ran(f, '{"a": 1}')).text for f in (inside, outside, disguised)] == ["true", "false", "true"]


async def test_a_definition_without_a_function_cannot_run() -> None:
    tool = ToolDefinition("f", "", {"type": "object"})
    assert not tool.runs
    with pytest.raises(InvalidInput, match="has no function to run"):
        await ran(tool)
