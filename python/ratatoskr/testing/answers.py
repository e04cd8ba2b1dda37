"""The answer of a model that nobody scripted: enough sense to make a tool loop and typed output work by themselves."""

from __future__ import annotations

from ratatoskr.testing.schema import example_of
from ratatoskr.testing.turns import Asked, Call, ScriptedTurn, encode_json

_QUOTED = 200  # characters of the prompt that are said back


def default_turn(asked: Asked) -> ScriptedTurn:
    """Return a sensible answer.

    Tools that are on offer are called (the first one, or the one that was asked for) until there is a result; JSON
    that was asked for fits its schema; anything else is a short text that says the prompt back.
    """
    reasoning = "The user wants an answer, so I give one." if asked.thinking else ""
    if asked.tools and not asked.results and asked.choice != "none":
        tool = next((one for one in asked.tools if one.name == asked.choice), asked.tools[0])
        return ScriptedTurn(reasoning=reasoning, tool_calls=[Call(tool.name, example_of(tool.schema))])
    if asked.schema is not None:
        return ScriptedTurn(encode_json(example_of(asked.schema)).decode(), reasoning=reasoning)
    if asked.json_mode:
        return ScriptedTurn('{"answer": "yes"}', reasoning=reasoning)
    if asked.results:
        return ScriptedTurn(f"The tool says: {' | '.join(asked.results)}", reasoning=reasoning)
    return ScriptedTurn(f"Up and down the tree I carried your words: {asked.prompt[:_QUOTED]}", reasoning=reasoning)
