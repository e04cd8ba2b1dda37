"""Calls of tools, put together from pieces that may interleave, lack their index or id, or come whole."""

from __future__ import annotations

import msgspec
from msgspec import Raw, UnsetType

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.chat_completions.shapes import Call, Function
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

CUSTOM = b'"type":"custom"'
"""What stands in a call's state if it is one for a tool that takes free text."""

_string = msgspec.json.Decoder(str).decode
_any_json = msgspec.json.Decoder(Raw).decode


class _Slot:
    """One call under way."""

    __slots__ = ("id", "key", "named", "pieces", "state")

    def __init__(self, key: tuple[str, int]) -> None:
        self.key = key
        self.id = ""
        self.named = ""
        self.pieces: list[str] = []
        self.state: dict[str, bytes] = {}

    def complete(self) -> bool:
        """Tell whether the arguments so far are a whole JSON value."""
        text = "".join(self.pieces)
        if not text.strip():
            return False
        try:
            _any_json(text.encode("utf-8", "replace"))
        except msgspec.DecodeError:
            return False
        return True


class Calls:
    """The calls of one answer: a piece belongs to the call of its index, else of its id, never to the latest."""

    __slots__ = ("_by_id", "_by_index", "_slots", "_turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self._turn = turn
        self._slots: list[_Slot] = []
        self._by_index: dict[int | None, _Slot] = {}
        self._by_id: dict[str, _Slot] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def piece(self, call: Call) -> None:
        """Take a piece of a call out of a stream.

        Raises:
            MalformedResponse: it tells neither which call it belongs to nor that it begins one.
        """
        own = _id_of(call)
        name, arguments, extra = _content(call)
        if call.index is None and not (own or name or arguments or extra):
            return
        slot = self._find(call.index, own, name, arguments)
        if slot is None:
            slot = self._begin(own)
            self._by_index[call.index] = slot
        self._name(slot, own)
        self._fill(slot, name, arguments, extra)

    def whole(self, call: Call) -> None:
        """Take a call that is whole, whatever index and id it has."""
        slot = self._begin(_id_of(call))
        self._fill(slot, *_content(call))

    def legacy(self, function: Function, *, streamed: bool) -> None:
        """Take a `function_call`, the form before tools: one call without index or id."""
        call = Call(index=-1, function=function)
        if streamed:
            self.piece(call)
        else:
            self.whole(call)

    def close(self) -> None:
        """Begin what never got a name: its arguments are not lost."""
        for slot in self._slots:
            if not slot.named and not self._turn.has(slot.key):
                self._start(slot, "")

    def _find(self, index: int | None, id: str | None, name: str, arguments: str) -> _Slot | None:
        if index is None and not id and not name:
            return self._unaddressed()
        slot = None if index is None and id else self._by_index.get(index)
        if id and (slot is None or slot.id not in ("", replace_surrogates(id))):
            slot = self._by_id.get(id, slot)
        if slot is None and not id and not name:
            slot = self._strayed(index)
        if slot is None or (name and _is_another(slot, id, name, arguments)):
            return None
        begins = name and index is not None and index not in self._by_index
        return None if begins and slot.named not in ("", name) else slot

    def _strayed(self, index: int | None) -> _Slot | None:
        """Return the only call that waits for arguments, for a piece of a new index that begins none.

        Some hosts count a call's arguments otherwise than its head.
        """
        waiting = [slot for slot in self._slots if slot.named and not slot.complete()]
        if len(waiting) != 1:
            return None
        self._by_index[index] = waiting[0]
        return waiting[0]

    def _unaddressed(self) -> _Slot:
        """Return the only call that a piece without index, id and name can belong to."""
        candidates = [slot for slot in self._slots if not slot.complete()] if len(self._slots) > 1 else self._slots
        if len(candidates) != 1:
            raise MalformedResponse("a piece of a tool call has neither index nor id")
        return candidates[0]

    def _begin(self, id: str | None) -> _Slot:
        slot = _Slot(("call", len(self._slots)))
        self._slots.append(slot)
        self._name(slot, id)
        return slot

    def _name(self, slot: _Slot, id: str | None) -> None:
        if id and not slot.id and id not in self._by_id:  # an id that another call has pairs neither with its result
            slot.id = replace_surrogates(id)
            self._by_id[id] = slot

    def _fill(self, slot: _Slot, name: str, arguments: str, extra: dict[str, bytes]) -> None:
        if extra:
            slot.state |= extra
        if name and not slot.named:
            self._start(slot, name)
        elif slot.named and extra:
            self._hang(slot)
        if arguments:
            slot.pieces.append(arguments)
            if slot.named:
                self._turn.arguments(slot.key, arguments)

    def _start(self, slot: _Slot, name: str) -> None:
        slot.named = name
        self._turn.tool(slot.key, slot.id or None, name)
        for held in slot.pieces:
            self._turn.arguments(slot.key, held)
        if slot.state:
            self._hang(slot)

    def _hang(self, slot: _Slot) -> None:
        self._turn.replace_state(slot.key, b"{" + b",".join(slot.state.values()) + b"}", "tool")


def _is_another(slot: _Slot, id: str | None, name: str, arguments: str) -> bool:
    """Tell whether a piece with a name begins another call than the one that stands under its index or id."""
    if id and slot.id and replace_surrogates(id) != slot.id:
        return True
    if not slot.named:
        return False
    if name != slot.named and not (id and replace_surrogates(id) == slot.id):
        return True
    return bool(arguments.strip()) and slot.complete()


def _id_of(call: Call) -> str | None:
    return str(call.id) if isinstance(call.id, int) else call.id


def _content(call: Call) -> tuple[str, str, dict[str, bytes]]:
    extra: dict[str, bytes] = {}
    if not isinstance(call.extra_content, UnsetType) and (text := text_of(call.extra_content)) != "null":
        extra["extra_content"] = f'"extra_content":{text}'.encode()
    if call.custom is not None:
        extra["type"] = CUSTOM
        return replace_surrogates(call.custom.name or ""), call.custom.input or "", extra
    if call.type and call.type != "function":  # Moonshot's `builtin_function` goes back as it came
        extra["type"] = b'"type":' + msgspec.json.encode(replace_surrogates(call.type))
    if call.function is None:
        return "", "", extra
    return replace_surrogates(call.function.name or ""), _arguments(call.function.arguments), extra


def _arguments(raw: Raw | UnsetType) -> str:
    """Return the arguments as the model wrote them: a string's text, or a bare value byte for byte."""
    if isinstance(raw, UnsetType):
        return ""
    data = bytes(raw)
    if data[:1] == b'"':
        try:
            return _string(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return decode(str, data)
    return "" if data == b"null" else text_of(data)
