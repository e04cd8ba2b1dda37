"""Reasoning parameters as each kind of host expects them, and thinking in all the forms in which hosts send it.

Each item of thinking has its JSON as state, which is sent back to its issuer:

- OpenRouter's `reasoning_details` (https://openrouter.ai/docs/use-cases/reasoning-tokens): the deltas of the same index
  and type are one item, and the array is sent back unchanged.
- Mistral's chunks (https://docs.mistral.ai/capabilities/reasoning): consecutive ones are one item.
- Plain text has no JSON of its own: its state is the name of the member in which it came.
- Opaque members beside the text, such as GitHub Copilot's `reasoning_opaque` and LiteLLM's `thinking_blocks`, are an
  object with that member.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, cast

import msgspec
from msgspec import Raw

from ratatoskr.types.chat import EFFORTS, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.turn import TurnBuilder

TEXT_MEMBERS = frozenset({"reasoning", "reasoning_content", "reasoning_text"})
"""Members of a message that hold thinking as plain text."""

OPAQUE_MEMBERS = ("reasoning_opaque", "reasoning_encrypted", "thinking_blocks")
"""Members of a message that some hosts send and want back unchanged."""

_CONCATENATED = frozenset({"text", "summary", "data"})
"""Members that streams split into deltas; of all others the latest value counts."""

_ANY = cast("type[Any]", Any)
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def encode_reasoning(config: ReasoningConfig | None, target: Target) -> dict[str, Any]:
    """Return the members of the body; what the model does not support has been rejected before."""
    members = {} if config is None else _encode_config(config, target)
    if "groq" in target.flags:
        members |= _encode_groq(config, target)
    return members


def _encode_config(config: ReasoningConfig, target: Target) -> dict[str, Any]:
    if "openrouter" in target.flags:
        return {"reasoning": _encode_openrouter(config, target.rules)}
    rules = target.rules
    if config.effort == "none" or (config.effort is None and config.budget_tokens == 0):
        return _encode_off(target)
    if rules.thinking == "switch":
        return _encode_switch(target, on=True) | _encode_effort(config, rules)
    if rules.thinking == "budget" and config.budget_tokens is not None:
        return {"thinking": {"type": "enabled", "budget_tokens": config.budget_tokens}}
    return _encode_effort(config, rules)


def _encode_groq(config: ReasoningConfig | None, target: Target) -> dict[str, Any]:
    """Ask Groq not to put thinking into the text, as it does by default (https://console.groq.com/docs/reasoning).

    gpt-oss never does, and has another parameter to hide it.
    """
    hidden = config is not None and not config.include
    if "gpt-oss" in target.model:
        return {"include_reasoning": False} if hidden else {}
    if not (target.rules.thinks or hidden):
        return {}
    return {"reasoning_format": "hidden" if hidden else "parsed"}


def _encode_effort(config: ReasoningConfig, rules: ModelRules) -> dict[str, Any]:
    """Return the effort as the model names it; a mere switch has none."""
    if config.effort is None or (rules.thinking == "switch" and config.effort not in rules.efforts):
        return {}
    return {"reasoning_effort": rules.efforts.get(config.effort, config.effort)}


def _encode_off(target: Target) -> dict[str, Any]:
    rules = target.rules
    if rules.thinking == "switch" or rules.off == "disabled":
        return _encode_switch(target, on=False)
    if rules.off == "zero":
        return {"thinking": {"type": "enabled", "budget_tokens": 0}}
    return {"reasoning_effort": _lowest_effort(rules)}


def _lowest_effort(rules: ModelRules) -> str:
    """Return the effort for no thinking, or the lowest one where thinking cannot be switched off."""
    if rules.off != "lowest":
        return rules.efforts.get("none", "none")
    return next((rules.efforts[effort] for effort in EFFORTS if effort in rules.efforts), "none")


def _encode_switch(target: Target, *, on: bool) -> dict[str, Any]:
    """Return the switch as DeepSeek and Moonshot, Alibaba, or chat templates in vLLM and SGLang expect it."""
    if "enable_thinking" in target.flags:
        return {"enable_thinking": on}
    if "template_thinking" in target.flags:
        return {"chat_template_kwargs": {"enable_thinking": on}}
    return {"thinking": {"type": "enabled" if on else "disabled"}}


def _encode_openrouter(config: ReasoningConfig, rules: ModelRules) -> dict[str, Any]:
    """Return OpenRouter's object: an effort or a budget, not both; OpenRouter maps it to what the model supports."""
    value: dict[str, Any] = {}
    budget_first = rules.thinking == "budget" or config.effort is None
    if config.budget_tokens is not None and budget_first:
        value = {"max_tokens": config.budget_tokens} if config.budget_tokens else {"enabled": False}
    elif config.effort == "none" and rules.off == "disabled":
        value = {"enabled": False}
    elif config.effort == "none":
        value = {"effort": _lowest_effort(rules)}
    elif config.effort is not None:
        value = {"effort": rules.efforts.get(config.effort, config.effort)}
    elif config.include:
        value = {"enabled": True}
    return value if config.include else {**value, "exclude": True}


def decode_object(raw: Raw) -> dict[str, Any]:
    """Return a raw JSON object as a dict; raise `MalformedResponse` for anything else."""
    try:
        return _decode_object(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a lone surrogate, or invalid UTF-8
        return decode(dict, bytes(raw))


class _Item:
    """One item of thinking, merged from its deltas.

    Attributes:
        key: of its part.
        id: the provider's id.
        changed: whether a delta has come since its state was set.
    """

    __slots__ = ("_chunks", "_concatenated", "_delta_count", "_first", "_members", "changed", "id", "key")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.id: str | None = None
        self._first = b""
        self._delta_count = 0
        self._members: dict[str, Any] = {}
        self._concatenated: dict[str, list[str]] = {}
        self._chunks: list[tuple[Any, list[str]]] = []
        self.changed = False

    def add(self, raw: Raw, delta: dict[str, Any]) -> None:
        """Add a delta, whose JSON is `raw`."""
        self._delta_count += 1
        self.changed = True
        if self._delta_count == 1:
            self._first = bytes(raw)
        for name, value in delta.items():
            if name in _CONCATENATED and isinstance(value, str):
                self._concatenated.setdefault(name, []).append(value)
                self._members.setdefault(name, "")
            elif name == "thinking" and isinstance(value, list):
                self._members[name] = value
                self._add_chunks(value)
            elif value is not None or name not in self._members:
                self._members[name] = value

    def _add_chunks(self, chunks: list[Any]) -> None:
        """Add Mistral's chunks; neighbouring texts are joined."""
        for chunk in chunks:
            if not _is_text(chunk):
                self._chunks.append((chunk, []))
            elif self._chunks and self._chunks[-1][1]:
                self._chunks[-1][1].append(chunk["text"])
            else:
                self._chunks.append((chunk, [chunk["text"]]))

    def json(self) -> bytes:
        """Return the item as JSON, byte for byte if it came in one delta."""
        if self._delta_count == 1:
            return self._first
        texts = {name: replace_surrogates(_join_pairs("".join(deltas))) for name, deltas in self._concatenated.items()}
        members = {**self._members, **texts}
        if self._chunks:
            members["thinking"] = [{**one, "text": "".join(more)} if more else one for one, more in self._chunks]
        return _encode(members)


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate in a member, or a very large number
        return json.dumps(value, separators=(",", ":")).encode()


def _join_pairs(text: str) -> str:
    """Join surrogate pairs that were split between two deltas."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_text(chunk: Any) -> bool:
    return isinstance(chunk, dict) and chunk.get("type") == "text" and isinstance(chunk.get("text"), str)


def _join_opaque(pieces: list[Any]) -> Any:
    """Return the value of an opaque member of a stream: lists are appended, of all other values the latest counts.

    Blocks of thinking are split over deltas, and the last delta of a block has its signature.
    """
    if not all(isinstance(piece, list) for piece in pieces):
        return pieces[-1]
    blocks: list[dict[str, Any]] = []
    texts: list[list[str]] = []
    for block in (block for piece in pieces for block in piece if isinstance(block, dict)):
        text = block.get("thinking")
        if blocks and isinstance(text, str) and "thinking" in blocks[-1] and not blocks[-1].get("signature"):
            blocks[-1].update({name: value for name, value in block.items() if value})
            texts[-1].append(text)
        else:
            blocks.append(dict(block))
            texts.append([text] if isinstance(text, str) else [])
    return [{**block, "thinking": "".join(text)} if text else block for block, text in zip(blocks, texts, strict=True)]


class ThinkingReader:
    """The thinking of one response."""

    __slots__ = ("_items", "_opaque", "_open", "_streamed", "_texts", "_turn")

    def __init__(self, turn: TurnBuilder, *, streamed: bool) -> None:
        self._turn = turn
        self._streamed = streamed
        self._items: list[_Item] = []
        self._open: dict[tuple[Any, Any], _Item] = {}
        self._opaque: dict[str, tuple[Hashable, list[Raw]]] = {}
        self._texts: set[Hashable] = set()

    def add_text(self, key: Hashable, text: str, member: str) -> None:
        """Add text that came in a member of its own."""
        if key not in self._texts:
            self._texts.add(key)
            self._turn.state(key, f'"{member}"'.encode())
        self._turn.reasoning(key, text)

    def add_opaque(self, key: Hashable, member: str, value: Raw) -> None:
        """Add an opaque member, or a delta of one."""
        if bytes(value) != b"null":
            self._turn.place(key, "reasoning")
            self._opaque.setdefault(member, (key, []))[1].append(value)

    def add_details(self, raws: list[Raw]) -> bool:
        """Add OpenRouter's items, or deltas of them; return whether one of them has text."""
        has_text = False
        for raw in raws:
            detail = decode_object(raw)
            item = self._find(detail.get("index"), detail.get("type"), detail.get("id"))
            item.add(raw, detail)
            text = detail.get("text") or detail.get("summary")
            if isinstance(text, str):
                has_text = True
                self._turn.reasoning(item.key, text)
            if not self._streamed or not self._turn.has(item.key):
                self._set_state(item)
        return has_text

    def add_chunk(self, key: Hashable, raw: Raw, chunk: dict[str, Any]) -> None:
        """Add one of Mistral's thinking chunks; consecutive ones are one item."""
        item = self._open.get(("chunk", key))
        if item is None:
            item = self._open["chunk", key] = _Item(key)
            self._items.append(item)
        item.add(raw, chunk)
        thinking = chunk.get("thinking")
        texts = [thinking] if isinstance(thinking, str) else [t["text"] for t in thinking or () if _is_text(t)]
        self._turn.reasoning(key, "".join(texts))
        if not self._turn.has(key):
            self._set_state(item)

    def finish(self) -> None:
        """Set the state of each part to the JSON of its item, now that the item is complete."""
        for item in self._items:
            if item.changed:
                self._set_state(item)
        if not self._opaque:
            return
        for member, (key, pieces) in self._opaque.items():
            joined = (
                bytes(pieces[0])
                if len(pieces) == 1
                else _encode(_join_opaque([decode(_ANY, bytes(p)) for p in pieces]))
            )
            self._turn.state(key, f'{{"{member}":'.encode() + joined + b"}")

    def _find(self, index: Any, kind: Any, id: Any) -> _Item:
        if not self._streamed:
            return self._new()
        key = (index if isinstance(index, int) else None, kind if isinstance(kind, str) else None)
        item = self._open.get(key)
        if item is None or (isinstance(id, str) and item.id is not None and id != item.id):
            item = self._open[key] = self._new()
        if isinstance(id, str):
            item.id = id
        return item

    def _new(self) -> _Item:
        item = _Item(("detail", len(self._items)))
        self._items.append(item)
        return item

    def _set_state(self, item: _Item) -> None:
        item.changed = False
        self._turn.replace_state(item.key, item.json())
