"""Messages become turns of the wire: the system's words on top, tool results first in the turn after their calls."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart, ToolResult
from ratatoskr.wire.anthropic.parts import Block, PartWriter

Turns = list[dict[str, Any]]

_LATER_SYSTEM = re.compile(r"claude-(?:opus-4-8|opus-5|fable-5|mythos-5)(?!\d)")
"""Models that take a system message inside the history (docs.anthropic.com, November 2026)."""


def write_messages(writer: PartWriter, messages: Iterable[Message]) -> tuple[list[Block], Turns]:
    """Return the blocks of the top-level `system`, and the turns.

    System messages at the beginning go on top; a later one stays in its place for the models that take it there and is
    refused for the others. What stands between two turns of the assistant becomes one turn as soon as it holds tool
    results, and they come first in it.

    Raises:
        InvalidInput: something cannot be said; `field` is its path.
    """
    system: list[Block] = []
    turns: Turns = []
    heard: list[tuple[list[Block], list[Block]]] = []
    for i, message in enumerate(messages):
        if message.name is not None:
            writer.notice("name", "name_dropped", "names of speakers were left out: the provider has no word for them")
        if message.role in ("user", "tool"):
            heard.append(_heard(writer, i, message))
            continue
        _hear(turns, heard)
        heard = []
        if message.role == "assistant":
            blocks = _blocks(writer, i, message)
            _add(turns, "assistant", [] if all(map(_is_blank, blocks)) else blocks)
        elif not turns:
            system += _system(writer, i, message)
        elif _LATER_SYSTEM.search(writer.target.model):
            _add(turns, "system", _system(writer, i, message))
        else:
            raise InvalidInput(
                f"{writer.target.model} takes system messages at the beginning only; this one can be said as a user's",
                field=f"messages[{i}]",
            )
    _hear(turns, heard)
    return system, turns


def _blocks(writer: PartWriter, i: int, message: Message) -> list[Block]:
    blocks = []
    for j, part in enumerate(message.content):
        writer.at = (i, j)
        block = writer.block(message.role, part)
        if block is not None:
            blocks.append(block)
    return blocks


def _is_blank(block: Block) -> bool:
    """Tell whether a block is text without a word; the provider refuses a turn of nothing else, though it made it."""
    return isinstance(block, dict) and block.get("type") == "text" and block["text"].isspace()


def _heard(writer: PartWriter, i: int, message: Message) -> tuple[list[Block], list[Block]]:
    """Return the tool results of a message, and the rest of it."""
    results: list[Block] = []
    others: list[Block] = []
    for j, part in enumerate(message.content):
        writer.at = (i, j)
        block = writer.block(message.role, part)
        if block is not None:
            (results if isinstance(part, ToolResult) else others).append(block)
    return results, others


def _hear(turns: Turns, heard: list[tuple[list[Block], list[Block]]]) -> None:
    results = [block for found, _ in heard for block in found]
    if results:
        _add(turns, "user", results + [block for _, others in heard for block in others])
        return
    for _, others in heard:
        _add(turns, "user", others)


def _system(writer: PartWriter, i: int, message: Message) -> list[Block]:
    for j, part in enumerate(message.content):
        if not isinstance(part, TextPart):
            raise InvalidInput(f"a system message holds text only, no {part.type}", field=f"messages[{i}].content[{j}]")
    return _blocks(writer, i, message)


def _add(turns: Turns, role: str, blocks: list[Block]) -> None:
    """Add a turn, unless nothing is left of it."""
    if blocks:
        turns.append({"role": role, "content": terse(blocks)})


def terse(blocks: list[Block]) -> str | list[Block]:
    """Return blocks as they travel: one plain text as a string."""
    first = blocks[0]
    if len(blocks) == 1 and isinstance(first, dict) and first.keys() == {"type", "text"}:
        text: str = first["text"]
        return text
    return blocks
