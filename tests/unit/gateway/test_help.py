"""`help` and a notebook's `?` show every parameter of a chat with its type."""

from __future__ import annotations

import ast
import inspect
import pydoc
from collections.abc import Callable
from typing import Any

import pytest

from ratatoskr import ChatParams
from ratatoskr.testing import ScriptedGateway

GATEWAY = ScriptedGateway("Hi")
METHODS = ["chat", "chat_stream", "chat_many", "run_tools", "run_tools_stream", "generate", "generate_stream"]
OWN = {
    "chat": {"retries_on_invalid": "int"},
    "chat_many": {"concurrency": "int", "ordered": "bool", "retries_on_invalid": "int"},
    "run_tools": {"max_rounds": "int", "retries_on_invalid": "int"},
    "run_tools_stream": {"max_rounds": "int"},
}


def typed_parameters(text: str) -> dict[str, str]:
    """Return the parameters in a signature's text with their types."""
    inner = text.partition("(")[2].partition(") ->")[0]
    (function,) = ast.parse(f"def f({inner}): pass").body
    assert isinstance(function, ast.FunctionDef)
    assert function.args.kwarg is None
    every = (*function.args.args, *function.args.kwonlyargs)
    return {one.arg: ast.unparse(one.annotation).strip("'") for one in every if one.annotation is not None}


def in_plain_python(method: Callable[..., Any]) -> str:
    return pydoc.plain(pydoc.render_doc(method))


def in_ipython(method: Callable[..., Any]) -> str:
    from IPython.core.oinspect import Inspector

    information = Inspector(theme_name="nocolor").info(method)
    assert information["docstring"] == inspect.getdoc(method)
    return str(information["definition"])


@pytest.mark.parametrize("show", [in_plain_python, in_ipython])
@pytest.mark.parametrize("gateway", [GATEWAY, GATEWAY.sync()], ids=["async", "blocking"])
@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_is_shown_with_its_type(gateway: Any, name: str, show: Callable[[Any], str]) -> None:
    shown = typed_parameters(show(getattr(gateway, name)))
    expected = {key: hint.__forward_arg__ for key, hint in ChatParams.__annotations__.items()}
    expected |= {"timeout": "TimeoutsLike"} | OWN.get(name, {})
    if not name.startswith("generate"):
        expected |= {"tools": "Sequence[ToolLike]", "tool_choice": "str | None", "output": "type[T] | None"}
    assert {key: shown.get(key) for key in expected} == expected
