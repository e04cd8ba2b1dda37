"""Thinking in all the forms that hosts send it, each item with the JSON that goes back to its issuer.

OpenRouter's `reasoning_details` (https://openrouter.ai/docs/use-cases/reasoning-tokens): stream pieces of the same
index and type are one item; the array goes back unchanged. Mistral's chunks: https://docs.mistral.ai/capabilities/reasoning.
Plain text has no JSON of its own: the name of the member it came in stands for it and tells whose it is.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.turn import TurnBuilder

_JOINED = frozenset({"text", "summary", "data"})
"""Members that streams cut into pieces; of every other member the latest value stands."""

_object = msgspec.json.Decoder(dict[str, Any]).decode


def object_of(raw: Raw) -> dict[str, Any]:
    """Return a raw JSON object as a dict; `MalformedResponse` for anything else."""
    try:
        return _object(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half a surrogate pair, or bytes that are no UTF-8
        return decode(dict, bytes(raw))


class Item:
    """One item of thinking, folded from its pieces."""

    __slots__ = ("_first", "_joined", "_members", "_pieces", "id", "key", "unsent")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.id: str | None = None
        self._first = b""
        self._pieces = 0
        self._members: dict[str, Any] = {}
        self._joined: dict[str, list[str]] = {}
        self.unsent = False

    def add(self, raw: Raw, piece: dict[str, Any]) -> None:
        """Take in a piece."""
        self._pieces += 1
        self.unsent = True
        if self._pieces == 1:
            self._first = bytes(raw)
        for name, value in piece.items():
            if name in _JOINED and isinstance(value, str):
                self._joined.setdefault(name, []).append(value)
                self._members.setdefault(name, "")
            elif name == "thinking" and isinstance(value, list):
                self._members[name] = _run_together(self._members.get(name) or [], value)
            elif value is not None or name not in self._members:
                self._members[name] = value

    def json(self) -> bytes:
        """Return the item as JSON: byte for byte if it came whole."""
        if self._pieces == 1:
            return self._first
        joined = {name: replace_surrogates(_paired("".join(pieces))) for name, pieces in self._joined.items()}
        members = {**self._members, **joined}
        try:
            return msgspec.json.encode(members)
        except (UnicodeEncodeError, OverflowError):  # half a pair in a member that is not joined; a very long number
            return json.dumps(members, separators=(",", ":")).encode()


def _paired(text: str) -> str:
    """Join halves of a surrogate pair that stood in two pieces."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _run_together(before: list[Any], more: list[Any]) -> list[Any]:
    """Append Mistral's pieces of a thought; neighbouring texts become one."""
    out = list(before)
    for piece in more:
        if out and _is_text(piece) and _is_text(out[-1]):
            out[-1] = {**out[-1], "text": out[-1]["text"] + piece["text"]}
        else:
            out.append(piece)
    return out


def _is_text(piece: Any) -> bool:
    return isinstance(piece, dict) and piece.get("type") == "text" and isinstance(piece.get("text"), str)


class Thinking:
    """The thinking of one answer."""

    __slots__ = ("_items", "_open", "_streamed", "_turn")

    def __init__(self, turn: TurnBuilder, *, streamed: bool) -> None:
        self._turn = turn
        self._streamed = streamed
        self._items: list[Item] = []
        self._open: dict[tuple[Any, Any], Item] = {}

    def plain(self, key: Hashable, text: str, member: str) -> None:
        """Take text that came in a member of its own."""
        if not self._turn.has(key):
            self._turn.state(key, f'"{member}"'.encode())
        self._turn.reasoning(key, text)

    def details(self, raws: list[Raw]) -> bool:
        """Take OpenRouter's items, or pieces of them; tell whether text was among them."""
        spoke = False
        for raw in raws:
            piece = object_of(raw)
            item = self._item(piece.get("index"), piece.get("type"), piece.get("id"))
            item.add(raw, piece)
            text = piece.get("text") or piece.get("summary")
            if isinstance(text, str):
                spoke = True
                self._turn.reasoning(item.key, text)
            if not self._streamed or not isinstance(text, str):
                self._settle(item)
        return spoke

    def chunk(self, key: Hashable, raw: Raw, piece: dict[str, Any]) -> None:
        """Take one of Mistral's thinking chunks; those that follow on each other are one thought."""
        item = self._open.get(("chunk", key))
        if item is None:
            item = self._open["chunk", key] = Item(key)
            self._items.append(item)
        item.add(raw, piece)
        thought = piece.get("thinking")
        texts = [thought] if isinstance(thought, str) else [p["text"] for p in thought or () if _is_text(p)]
        self._turn.reasoning(key, "".join(texts))
        if not self._turn.has(key):
            self._settle(item)

    def close(self) -> None:
        """Hang on each part the JSON of its item, now that it is whole."""
        for item in self._items:
            if item.unsent:
                self._settle(item)

    def _item(self, index: Any, kind: Any, id: Any) -> Item:
        if not self._streamed:
            return self._new()
        place = (index if isinstance(index, int) else None, kind if isinstance(kind, str) else None)
        item = self._open.get(place)
        if item is None or (isinstance(id, str) and item.id is not None and id != item.id):
            item = self._open[place] = self._new()
        if isinstance(id, str):
            item.id = id
        return item

    def _new(self) -> Item:
        item = Item(("detail", len(self._items)))
        self._items.append(item)
        return item

    def _settle(self, item: Item) -> None:
        item.unsent = False
        self._turn.replace_state(item.key, item.json())
