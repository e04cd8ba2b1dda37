"""Output items become parts: the one place for whole responses and for the ends of streamed items.

A message's parts carry their item without its content as state, so that id, status and phase return; every other item
is its part's state whole, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Hashable, Iterable

import msgspec
from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import (
    Citation,
    ImagePart,
    ProviderPart,
    ProviderState,
    ServerToolCall,
    ServerToolResult,
    TokenLogprob,
)
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.responses.shapes import (
    Annotation,
    CallItem,
    Content,
    GeneratedImage,
    ItemHead,
    Logprob,
    MessageItem,
    ReasoningItem,
    ToolItem,
    fields_of,
    present,
)
from ratatoskr.wire.turn import TurnBuilder

REFUSAL = b'{"type":"refusal"}'
"""Second state of a text that the model said as a refusal."""

BETWEEN = "\n\n"
"""Stands between two sections of one reasoning item."""

CALLS = frozenset({"function_call", "custom_tool_call"})

CLIENT_TOOLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "computer_call": ("computer", ("actions", "action")),
    "local_shell_call": ("local_shell", ("action",)),
    "shell_call": ("shell", ("action",)),
    "apply_patch_call": ("apply_patch", ("operation",)),
}
"""Calls of OpenAI's own tools that the caller runs: name, and which field holds the arguments."""

_SERVER_TOOLS: dict[str, tuple[str, str, str]] = {
    "web_search_call": ("web_search", "action", "results"),
    "file_search_call": ("file_search", "queries", "results"),
    "code_interpreter_call": ("code_interpreter", "code", "outputs"),
    "mcp_call": ("mcp", "arguments", "output"),
    "tool_search_call": ("tool_search", "arguments", ""),
    "shell_call": ("shell", "action", ""),
}
"""Calls that the provider ran itself: name, and which fields hold the arguments and the result."""

_SERVER_RESULTS: dict[str, tuple[str, str]] = {
    "tool_search_output": ("tool_search", "tools"),
    "shell_call_output": ("shell", "output"),
}
"""Results that come as items of their own: name, and which field holds them."""

_IN_AN_OBJECT = frozenset({"queries", "code"})


class Items:
    """Puts output items into a turn, each under a number of its own that never changes.

    Attributes:
        turn: what is filled.
        said: what has come by deltas, by key.
        cited: how many citations have come by events, by key.
        heard: log probabilities that came with deltas, by key.
        calls: whether the caller is to run a tool.
        refused: whether the model declined in words.
    """

    __slots__ = ("_asked", "calls", "cited", "heard", "refused", "said", "turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.said: dict[Hashable, list[str]] = {}
        self.cited: dict[Hashable, int] = {}
        self.heard: dict[Hashable, list[TokenLogprob]] = {}
        self.calls = False
        self.refused = False
        self._asked: dict[str, str] = {}

    def put(self, number: int, raw: Raw) -> None:
        """Add a whole item, or complete one that has been streamed."""
        data = bytes(raw)
        kind = decode(ItemHead, data).type
        if kind == "message":
            self._message(number, data)
        elif kind == "reasoning":
            self._reasoning(number, data)
        elif kind in CALLS:
            self._call(number, data)
        elif not (self._tool(number, kind, data) or self._image(number, kind, data)):
            self.turn.part((number, -1), ProviderPart(kind, data, self.turn.issuer), kind, data)

    def _message(self, number: int, data: bytes) -> None:
        contents = decode(MessageItem, data).content
        if not contents:  # nothing was said, but the item is part of the turn
            self.turn.part((number, -1), ProviderPart("message", data, self.turn.issuer), "message", data)
            return
        envelope = fields_of(data)
        envelope.pop("content", None)
        state = msgspec.json.encode(envelope, order="deterministic")  # hosts order stream and whole otherwise
        for index, raw in enumerate(contents):
            self._content((number, index), bytes(raw), state)

    def _content(self, key: tuple[int, int], data: bytes, state: bytes) -> None:
        content, turn = decode(Content, data), self.turn
        if content.type == "refusal":
            self.words(key, content.refusal or "")
            turn.replace_state(key, state, "text")
            turn.state(key, REFUSAL, "text")
            self.refused, turn.detail = True, replace_surrogates(content.refusal or "")
        elif content.type == "output_text":
            self.words(key, content.text or "")
            turn.replace_state(key, state, "text")
            for annotation in (content.annotations or [])[self.cited.get(key, 0) :]:
                turn.citation(key, citation_of(annotation))
            logprobs = logprobs_of(content.logprobs or ()) or self.heard.get(key)
            if logprobs:
                turn.logprobs(key, logprobs)
        else:
            states = (ProviderState(turn.issuer, state),)
            turn.part(key, ProviderPart(content.type, data, turn.issuer, state=states), content.type, data)
        turn.end(key)

    def words(self, key: Hashable, text: str) -> None:
        """Add what of a text part has not been streamed."""
        said = "".join(self.said.get(key, ()))
        if text.startswith(said):
            self.turn.text(key, text[len(said) :])
            self.said[key] = [text]

    def _reasoning(self, number: int, data: bytes) -> None:
        item, key = decode(ReasoningItem, data), (number, -1)
        sections = [said.text for said in (*(item.summary or ()), *(item.content or ())) if said.text]
        text, said = BETWEEN.join(sections), "".join(self.said.get(key, ()))
        if text.startswith(said):
            self.turn.reasoning(key, text[len(said) :])
        self.turn.replace_state(key, data, "reasoning")
        self.turn.end(key)

    def _call(self, number: int, data: bytes) -> None:
        item, key = decode(CallItem, data), (number, -1)
        self.calls = True
        if key not in self.said:
            self.turn.tool(key, id_of(item), replace_surrogates(item.name or ""))
        said = "".join(self.said.get(key, ()))
        if item.words.startswith(said):
            self.turn.arguments(key, item.words[len(said) :])
        self.turn.replace_state(key, data, "tool")
        self.turn.end(key)

    def _tool(self, number: int, kind: str, data: bytes) -> bool:
        """Add a call or result of a tool that the API itself knows; false if the item is none."""
        if kind in _SERVER_RESULTS:
            self._server_result(number, kind, data)
            return True
        if kind not in CLIENT_TOOLS and kind not in _SERVER_TOOLS:
            return False
        item = decode(ToolItem, data)
        if kind in CLIENT_TOOLS and (item.environment is None or item.environment.type == "local"):
            self._client_call(number, item, data)
            return True
        if kind not in _SERVER_TOOLS or item.execution == "client":
            return False
        self._server_call(number, item, data)
        return True

    def _client_call(self, number: int, item: ToolItem, data: bytes) -> None:
        key, (name, fields) = (number, -1), CLIENT_TOOLS[item.type]
        self.calls = True
        self.turn.tool(key, id_of(item), name)
        self.turn.arguments(key, next((text for field in fields if (text := _field(item, field))), ""))
        self.turn.replace_state(key, data, "tool")
        self.turn.end(key)

    def _server_call(self, number: int, item: ToolItem, data: bytes) -> None:
        tool, asks, gives = _SERVER_TOOLS[item.type]
        call_id = replace_surrogates(item.call_id or item.id or self.turn.made_up_id(number, tool))
        name = replace_surrogates(item.name or tool)
        self._asked[tool] = call_id
        states = (ProviderState(self.turn.issuer, data),)
        self.turn.part(
            (number, -1), ServerToolCall(call_id, name, _arguments(item, asks), state=states), item.type, data
        )
        failed = present(item.error) is not None
        field = "error" if failed else gives
        result = _field(item, field) if field else None
        if result is not None:
            is_error = failed or item.status == "failed"
            part = ServerToolResult(call_id, name, result, is_error)
            self.turn.part((number, -2), part, f"{item.type}.{field}", result.encode())

    def _server_result(self, number: int, kind: str, data: bytes) -> None:
        name, field = _SERVER_RESULTS[kind]
        item = decode(ToolItem, data)
        call_id = replace_surrogates(item.call_id or self._asked.get(name) or item.id or "")
        states = (ProviderState(self.turn.issuer, data),)
        part = ServerToolResult(call_id, name, _field(item, field) or "", state=states)
        self.turn.part((number, -1), part, kind, data)

    def _image(self, number: int, kind: str, data: bytes) -> bool:
        if kind != "image_generation_call":
            return False
        item = decode(GeneratedImage, data)
        prefix, comma, rest = (item.result or "").partition(",")
        media_type = f"image/{item.output_format or 'png'}"
        if comma and prefix.startswith("data:"):
            media_type = prefix[5:].partition(";")[0] or media_type
        try:
            picture = base64.b64decode(rest if comma else prefix, validate=True)
        except (binascii.Error, ValueError):
            return False
        if not picture:
            return False
        states = (ProviderState(self.turn.issuer, data),)
        part = ImagePart(data=picture, media_type=media_type, state=states)
        self.turn.part((number, -1), part, kind, data)
        return True


def id_of(item: CallItem | ToolItem) -> str | None:
    """Return what pairs a call with its result."""
    found = item.call_id or item.id
    return None if found is None else replace_surrogates(found)


def _field(item: ToolItem, name: str) -> str | None:
    data = present(getattr(item, name))
    return None if data is None else text_of(data)


def _arguments(item: ToolItem, field: str) -> str:
    """Return a call's arguments as a JSON object's text; MCP sends them as text within a JSON string."""
    text = _field(item, field)
    if text is None:
        return ""
    if text.startswith('"') and field == "arguments":
        return replace_surrogates(decode(str, text.encode()))
    return f'{{"{field}":{text}}}' if field in _IN_AN_OBJECT else text


def citation_of(raw: Raw) -> Citation:
    """Return an annotation as a citation; one of an unknown shape keeps its JSON alone."""
    data = bytes(raw)
    try:
        note = decode(Annotation, data)
    except MalformedResponse:
        return Citation(data=data)
    texts = (note.url, note.title or note.filename, note.content)
    url, title, text = (None if t is None else replace_surrogates(t) for t in texts)
    return Citation(url, title, text, note.start_index, note.end_index, data)


def logprobs_of(tokens: Iterable[Logprob]) -> list[TokenLogprob]:
    """Return log probabilities in our form; tokens without one are left out."""
    return [
        TokenLogprob(
            replace_surrogates(one.token),
            one.logprob,
            None if one.bytes is None else tuple(one.bytes),
            tuple(logprobs_of(one.top_logprobs or ())),
        )
        for one in tokens
        if one.token is not None and one.logprob is not None
    ]
