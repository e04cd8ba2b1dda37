"""Arguments that come piece by piece, by JSON path (Vertex AI, `streamFunctionCallArguments`)."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import MAX_DEPTH
from ratatoskr.wire.gemini.shapes import FunctionCall, PartialArg, given
from ratatoskr.wire.json import decode

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")


class PartialCall:
    """A call under way; it is told of when it is whole, so that half a call can never be run."""

    def __init__(self, name: str, id: str | None, signature: bytes | None) -> None:
        self.name = name
        self.id = id
        self.signature = signature
        self._arguments: dict[str, Any] = {}
        self._going_on: str | None = None

    def add(self, call: FunctionCall) -> None:
        """Take the next fragment."""
        if (args := given(call.args)) is not None:
            self._arguments.update(decode(dict[str, Any], args))
        for piece in call.partial_args or ():
            self._put(piece)

    def goes_on(self, call: FunctionCall) -> bool:
        """Tell whether a fragment says that more is to come."""
        if call.will_continue is not None:
            return call.will_continue
        return bool(call.partial_args) and self._going_on is not None

    def arguments(self) -> str:
        """Return the arguments as JSON text."""
        return json.dumps(self._arguments, ensure_ascii=False, separators=(",", ":"))

    def _put(self, piece: PartialArg) -> None:
        steps = _steps(piece.json_path)
        place: Any = self._arguments
        for step, after in itertools.pairwise(steps):
            place = _child(place, step, [] if isinstance(after, int) else {})
        value = _value_of(piece)
        if piece.json_path == self._going_on and isinstance(value, str):
            before = _child(place, steps[-1], "")
            value = before + value if isinstance(before, str) else value
        _set(place, steps[-1], value)
        self._going_on = piece.json_path if piece.will_continue else None


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    end = 1
    for found in _STEP.finditer(path, 1):
        if found.start() != end:
            break
        end = found.end()
        name = next(group for group in found.groups() if group is not None)
        steps.append(int(name) if found.group(2) is not None else name)
    if not path.startswith("$") or end != len(path) or not steps or isinstance(steps[0], int) or len(steps) > MAX_DEPTH:
        raise MalformedResponse(f"unexpected shape: {path[:80]!r} is no path of an argument")
    return steps


def _value_of(piece: PartialArg) -> Any:
    if piece.string_value is not None:
        return piece.string_value
    if (number := given(piece.number_value)) is not None:
        return decode(float, number) if b"." in number or b"e" in number.lower() else decode(int, number)
    return piece.bool_value


def _child(place: Any, step: str | int, empty: Any) -> Any:
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, empty)
    if isinstance(place, list) and isinstance(step, int) and step <= len(place):
        if step == len(place):
            place.append(empty)
        return place[step]
    raise MalformedResponse("unexpected shape: the pieces of an argument do not fit together")


def _set(place: Any, step: str | int, value: Any) -> None:
    _child(place, step, value)
    place[step] = value
