"""Encodes tools and the choice among them; puts function calls together whose arguments come in pieces.

Follows https://ai.google.dev/gemini-api/docs/function-calling, and for the pieces Vertex AI's
`streamFunctionCallArguments` (November 2026).
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.part import MAX_DEPTH
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import encode_json, require_utf8
from ratatoskr.wire.gemini.shapes import FunctionCall, PartialArg, bytes_or_none
from ratatoskr.wire.json import decode
from ratatoskr.wire.schema import StrictUse, plan_parameters

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")


def encode_tools(request: ChatRequest, target: Target, notices: list[Notice]) -> list[Any]:
    """Return `tools`; all functions are in one list, which stands where the first of them does."""
    use = StrictUse()
    tools: list[Any] = []
    functions: list[dict[str, Any]] = []
    for i, tool in enumerate(request.tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            encode_json(tool.definition, where)
            tools.append(tool.definition)
            continue
        if not functions:
            tools.append({"functionDeclarations": functions})
        function: dict[str, Any] = {"name": require_utf8(tool.name, where)}
        if tool.description:
            function["description"] = require_utf8(tool.description, where)
        plan = plan_parameters(tool, target, use, where)
        notices.extend(plan.notices)
        functions.append({**function, "parametersJsonSchema": plan.schema})
    return tools


def encode_tool_config(request: ChatRequest, rules: ModelRules) -> dict[str, Any]:
    """Return `toolConfig`; empty if there is nothing to send.

    The mode `VALIDATED` holds for all functions of a request; models take it from Gemini 2.5 on, as all that think.
    """
    functions = [tool for tool in request.tools if not isinstance(tool, ProviderTool)]
    if not functions:
        return {}
    config: dict[str, Any] = {}
    choice = request.tool_choice
    strict = [tool.strict for tool in functions]
    validated = rules.thinking != "none" and any(strict) and False not in strict
    if choice == "none":
        config["functionCallingConfig"] = {"mode": "NONE"}
    elif choice == "required":
        config["functionCallingConfig"] = {"mode": "ANY"}
    elif choice not in (None, "auto"):
        name = require_utf8(choice or "", "tool_choice")
        config["functionCallingConfig"] = {"mode": "ANY", "allowedFunctionNames": [name]}
    elif validated or choice == "auto":
        config["functionCallingConfig"] = {"mode": "VALIDATED" if validated else "AUTO"}
    if len(functions) < len(request.tools) and rules.thinking == "level":
        config["includeServerSideToolInvocations"] = True
    return config


class PartialFunctionCall:
    """A function call whose arguments come in pieces, addressed by JSON path.

    It becomes part of the turn once it is complete, so that no incomplete call can be run.
    """

    def __init__(self, name: str, id: str | None, signature: bytes | None) -> None:
        self.name = name
        self.id = id
        self.signature = signature
        self._arguments: dict[str, Any] = {}
        self._open_path: str | None = None
        self._open_text: tuple[Any, str | int, list[str]] | None = None

    def add(self, call: FunctionCall) -> None:
        """Add the next fragment.

        Raises:
            MalformedResponse: a path in it is invalid or does not fit the arguments so far.
        """
        if (args := bytes_or_none(call.args)) is not None:
            self._close_text()
            self._arguments.update(decode(dict[str, Any], args))
        for piece in call.partial_args or ():
            self._set_argument(piece)

    def is_continued(self, call: FunctionCall) -> bool:
        """Return whether a fragment says that more follow."""
        if call.will_continue is not None:
            return call.will_continue
        return bool(call.partial_args) and self._open_path is not None

    def arguments(self) -> str:
        """Return the arguments as JSON text."""
        self._close_text()
        return json.dumps(self._arguments, ensure_ascii=False, separators=(",", ":"))

    def _close_text(self) -> None:
        """Put a text that came in pieces in its place."""
        if self._open_text is not None:
            place, step, pieces = self._open_text
            place[step] = "".join(pieces)
            self._open_text = None

    def _set_argument(self, piece: PartialArg) -> None:
        continues = piece.json_path == self._open_path
        self._open_path = piece.json_path if piece.will_continue else None
        if continues and self._open_text is not None and piece.string_value is not None:
            self._open_text[2].append(piece.string_value)
            return
        self._close_text()
        *parents, last = _parse_path(piece.json_path)
        place: Any = self._arguments
        for step, after in itertools.pairwise([*parents, last]):
            place = _get_child(place, step, [] if isinstance(after, int) else {})
        value = _read_value(piece)
        _get_child(place, last, "")
        place[last] = value
        if isinstance(value, str):
            self._open_text = place, last, [value]


def _parse_path(path: str) -> list[str | int]:
    steps: list[str | int] = []
    end = 1
    for match in _STEP.finditer(path, 1):
        if match.start() != end:
            break
        end = match.end()
        name = next(group for group in match.groups() if group is not None)
        steps.append(int(name) if match.group(2) is not None else name)
    if not path.startswith("$") or end != len(path) or not steps or isinstance(steps[0], int) or len(steps) > MAX_DEPTH:
        raise MalformedResponse(f"unexpected shape: {path[:80]!r} is not the path of an argument")
    return steps


def _read_value(piece: PartialArg) -> Any:
    if piece.string_value is not None:
        return piece.string_value
    if (number := bytes_or_none(piece.number_value)) is not None:
        return decode(float, number) if b"." in number or b"e" in number.lower() else decode(int, number)
    return piece.bool_value


def _get_child(place: Any, step: str | int, default: Any) -> Any:
    """Return the member of an object or array, which is set to `default` if it is new."""
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, default)
    if isinstance(place, list) and isinstance(step, int) and step <= len(place):
        if step == len(place):
            place.append(default)
        return place[step]
    raise MalformedResponse("unexpected shape: the pieces of an argument do not fit together")
