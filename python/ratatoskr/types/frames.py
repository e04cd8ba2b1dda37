"""Keeps keys and what an upstream said out of the frames of a traceback, whose local variables reporters print."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from inspect import isfunction
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def forget_locals(error: BaseException, handled: BaseException | None = None) -> None:
    """Clear the local variables of every frame that an error and its causes have left; the lines stay.

    A context that `raise … from None` has suppressed is removed, because it may hold the text that could not be parsed.

    Args:
        error: was raised, and has been caught.
        handled: what the caller was handling before, which is not changed.
    """
    pending: list[BaseException | None] = [error]
    seen = {id(handled), id(None)}
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        if one.__suppress_context__ and one.__context__ is not one.__cause__:
            one.__context__ = None
        pending += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions


def hide_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose exceptions leave none of its arguments in a frame."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except Exception as error:
            del args, kwargs
            forget_locals(error, handled)
            raise

    return call


def hide_arguments_of_methods(cls: type[T]) -> type[T]:
    """Return the class, with `hide_arguments` applied to each of its public methods."""
    for name, member in list(vars(cls).items()):
        if isfunction(member) and not name.startswith("_"):
            setattr(cls, name, hide_arguments(member))
    return cls
