"""The answer without a script: tool loops and structured output work with it."""

from __future__ import annotations

from ratatoskr.testing.schema import example_of
from ratatoskr.testing.turns import ParsedRequest, ScriptedToolCall, ScriptedTurn, encode_json

_QUOTED = 200  # characters of the prompt that are repeated


def make_default_turn(request: ParsedRequest) -> ScriptedTurn:
    """Return an answer that suits the request.

    It calls the first offered tool, or the required one, until there is a result; it is JSON that matches the schema
    if the request has one; otherwise it is a short text that repeats the prompt.
    """
    reasoning = "The user wants an answer, so I give one." if request.thinking else ""
    if request.tools and not request.results and request.choice != "none":
        tool = next((one for one in request.tools if one.name == request.choice), request.tools[0])
        return ScriptedTurn(reasoning=reasoning, tool_calls=[ScriptedToolCall(tool.name, example_of(tool.schema))])
    if request.schema is not None:
        return ScriptedTurn(encode_json(example_of(request.schema)).decode(), reasoning=reasoning)
    if request.json_mode:
        return ScriptedTurn('{"answer": "yes"}', reasoning=reasoning)
    if request.results:
        return ScriptedTurn(f"The tool says: {' | '.join(request.results)}", reasoning=reasoning)
    return ScriptedTurn(f"Up and down the tree I carried your words: {request.prompt[:_QUOTED]}", reasoning=reasoning)
