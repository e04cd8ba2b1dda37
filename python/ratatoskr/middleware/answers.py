"""What a user's middleware returns, checked: an error that names the method where it is not what it must be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from importlib import import_module
from inspect import isasyncgen, isawaitable, iscoroutine
from types import CoroutineType
from typing import Any, Final, cast

from ratatoskr.errors import ConfigurationError
from ratatoskr.middleware.base import CAPABILITIES, Middleware

__all__ = ["check_answers"]

_ANSWERS: Final = {one.name: one.answer for one in CAPABILITIES}


def check_answers(middleware: Middleware, name: str) -> Callable[..., Any]:
    """Return a method of a middleware that raises `ConfigurationError` in place of a wrong answer.

    The methods of this package's own middleware are returned as they are.
    """
    method = getattr(middleware, name)
    if str(getattr(method, "__module__", "")).startswith("ratatoskr."):
        return cast("Callable[..., Any]", method)
    module, answer = _ANSWERS[name]
    kind: type = getattr(import_module(f"ratatoskr.{module}"), answer)
    full_name = f"{type(middleware).__name__}.{name}"

    async def return_checked(request: Any, call: Any, ask: Any) -> Any:
        made = method(request, call, ask)
        if type(made) is not CoroutineType and not isawaitable(made):
            raise _wrong(full_name, "returned", made, kind)
        found = await made
        if not isinstance(found, kind):
            raise _wrong(full_name, "returned", found, kind)
        return found

    async def yield_checked(request: Any, call: Any, ask: Any) -> AsyncGenerator[Any, None]:
        windows = method(request, call, ask)
        if not hasattr(windows, "__aiter__"):
            raise _wrong(full_name, "returned", windows, kind)
        try:
            async for window in windows:
                if not isinstance(window, kind):
                    raise _wrong(full_name, "yielded", window, kind)
                yield window
        finally:
            if isasyncgen(windows):
                await windows.aclose()

    return yield_checked if name == "embed_windows" else return_checked


def _wrong(name: str, verb: str, made: object, kind: type) -> ConfigurationError:
    if iscoroutine(made):
        made.close()  # or else it is reported as never awaited, too
    what = "None" if made is None else f"an object of {type(made).__name__}"  # an answer is for no message
    advice = "yield the windows" if name.endswith(".embed_windows") else "return what `await ask(request, call)` gives"
    text = f"the middleware {name} {verb} {what} in place of {kind.__name__}: {advice}, or one of your own"
    return ConfigurationError(text, field="middleware")
