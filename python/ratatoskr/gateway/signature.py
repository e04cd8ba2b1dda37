"""Run-time signatures of the methods that take the parameters of a chat, for `help` and `inspect.signature`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar

from ratatoskr.types.chat import ChatParams

_F = TypeVar("_F", bound=Callable[..., Any])

_CALL = {
    "tools": ("Sequence[ToolLike]", ()),
    "tool_choice": ("str | None", None),
    "output": ("type[T] | None", None),
    "timeout": ("TimeoutsLike", None),
}


def shows_parameters(function: _F) -> _F:
    """Return a method whose `**arguments` are shown, parameter by parameter, where its signature is asked for."""
    own = signature(function)
    shown = [parameter for parameter in own.parameters.values() if parameter.kind is not Parameter.VAR_KEYWORD]
    names = {parameter.name for parameter in shown}
    keywords = _CALL | {
        name: (getattr(hint, "__forward_arg__", str(hint)), None) for name, hint in ChatParams.__annotations__.items()
    }
    shown += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        for name, (hint, default) in keywords.items()
        if name not in names
    ]
    function.__signature__ = Signature(shown, return_annotation=own.return_annotation)  # type: ignore[attr-defined]
    return function
