"""A history in Gemini's words: `contents` and the texts of `systemInstruction`.

Follows https://ai.google.dev/gemini-api/docs/function-calling, …/thought-signatures and …/files (November 2026).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
    ImagePart,
    Part,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import require_utf8
from ratatoskr.wire.gemini.decode import CONTINUATION
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import arguments_object

Json: TypeAlias = dict[str, Any]

NEVER_SIGNED = Raw(b'"skip_thought_signature_validator"')
"""What Google documents for a call that no Gemini 3 model has signed."""

MAX_INLINE = 100 * 1024 * 1024
"""Bytes of media that a request may hold, in base64 (blog.google, "Increased file size limits", January 2026)."""

MAX_PDF = 50 * 1024 * 1024
"""Bytes of one PDF (https://ai.google.dev/gemini-api/docs/file-input-methods)."""

_FILES = "https://generativelanguage.googleapis.com/v1beta/"
_ANSWERABLE = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""Media that may stand inside a function's response (pydantic-ai 2.68 profiles/google.py); others go beside it."""


class History:
    """Writes messages.

    Args:
        target: who is asked; state of others stays here.
        signs: whether the model asks for a signature on every step's first call (Gemini 3 and later).

    Attributes:
        contents: the turns.
        system: the texts of the system messages, as parts.
        continuation: the token by which an answer that was cut off goes on.
    """

    def __init__(self, target: Target, *, signs: bool) -> None:
        self.contents: list[Json] = []
        self.system: list[Json] = []
        self.continuation: Raw | None = None
        self._target = target
        self._issuer = target.issuer
        self._signs = signs
        self._calls: dict[str, tuple[str, int]] = {}
        self._count = 0
        self._inline = 0
        self._foreign: dict[str, str] = {}

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one for each kind."""
        return [
            Notice("foreign_state_dropped", f"{kind} of {issuer} was left out: only its issuer can read it", "messages")
            for kind, issuer in self._foreign.items()
        ]

    def write(self, messages: tuple[Message, ...]) -> None:
        """Take all messages, in order."""
        last = len(messages) - 1
        results: list[tuple[int, list[Json]]] = []
        for i, message in enumerate(messages):
            if message.role == "tool":
                results += self._results(message, i)
                continue
            self._answer(results)
            results = []
            if message.role == "system":
                self.system += [{"text": require_utf8(part.text, where)} for part, where in _texts(message, i)]
            elif message.role == "user":
                self.contents.append({"role": "user", "parts": self._user(message, i)})
            elif not (i == last and self._goes_on(message)):
                parts = self._assistant(message, i)
                if parts:
                    self.contents.append({"role": "model", "parts": parts})
        self._answer(results)

    def _answer(self, results: list[tuple[int, list[Json]]]) -> None:
        """Send the results of one turn together, in the order of the calls: it tells calls of one name apart."""
        if results:
            results.sort(key=lambda result: result[0])
            self.contents.append({"role": "user", "parts": [part for _, parts in results for part in parts]})

    def _goes_on(self, message: Message) -> bool:
        """Tell whether the history ends in an answer that was cut off: then the same request goes with its token."""
        for part in message.content:
            if isinstance(part, ProviderPart) and part.kind == CONTINUATION and same_issuer(part.issuer, self._issuer):
                self.continuation = Raw(part.data)
        return self.continuation is not None

    def _user(self, message: Message, i: int) -> list[Json]:
        parts: list[Json] = []
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if isinstance(part, TextPart):
                parts.append({"text": require_utf8(part.text, where)})
            elif isinstance(part, ToolResult):
                parts += self._result(part, where)
            else:
                parts.append(self._media(part, where))
        return parts

    def _results(self, message: Message, i: int) -> Iterator[tuple[int, list[Json]]]:
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if not isinstance(part, ToolResult):
                raise InvalidInput(f"a tool message holds results, not a {part.type}", field=where)
            known = self._calls.get(part.tool_call_id)
            yield self._count if known is None else known[1], self._result(part, where)

    def _result(self, result: ToolResult, where: str) -> list[Json]:
        """Write a result as plain text inside an object, so that nothing in it is taken for a reference."""
        known = self._calls.get(result.tool_call_id)
        name = known[0] if known is not None else result.name
        if name is None:
            raise InvalidInput(f"no call in the history has the id {result.tool_call_id!r:.80}", field=where)
        text = require_utf8(result.text, where)
        response: Json = {
            "id": require_utf8(result.tool_call_id, where),
            "name": require_utf8(name, where),
            "response": {"error" if result.is_error else "output": text},
        }
        inside: list[Json] = []
        beside: list[Json] = []
        for k, part in enumerate(result.content):
            if not isinstance(part, TextPart):
                media = self._media(part, f"{where}.content[{k}]")
                kind = media.get("inlineData", {}).get("mimeType", "")
                (inside if self._signs and kind in _ANSWERABLE else beside).append(media)
        if inside:
            response["parts"] = inside
        return [{"functionResponse": response}, *beside]

    def _assistant(self, message: Message, i: int) -> list[Json]:
        parts: list[Json] = []
        first_call: Json | None = None
        signed = False
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            written = self._written(part, where)
            if written is None:
                continue
            parts.append(written)
            if isinstance(part, ToolCall):
                first_call = first_call or written
                signed = signed or "thoughtSignature" in written
        if first_call is not None and self._signs and not signed:
            first_call["thoughtSignature"] = NEVER_SIGNED
        return parts

    def _written(self, part: Part, where: str) -> Any:
        """Return one part of the assistant's turn, or `None` where it stays out."""
        if isinstance(part, TextPart):
            state = self._own(part.state, "the signature of a text")
            if not part.text and state is None:
                return None
            return _signed({"text": require_utf8(part.text, where)}, state)
        if isinstance(part, ToolCall):
            return self._call(part, where)
        if isinstance(part, ReasoningPart):
            state = self._own(part.state, "thinking")
            if state is None:
                return None
            return _signed({"text": require_utf8(part.text, where), "thought": True}, state)
        if isinstance(part, ServerToolCall | ServerToolResult):
            state = self._own(part.state, "a call of a provider's own tool")
            if state is None and not part.state:
                self._foreign.setdefault("a call of a provider's own tool", "another provider")
            return None if state is None or not state.startswith(b"{") else Raw(state)
        if isinstance(part, ProviderPart):
            if part.kind == CONTINUATION:
                return None
            if not same_issuer(part.issuer, self._issuer):
                self._foreign.setdefault("a provider's own part", part.issuer)
                return None
            return Raw(part.data)
        return _signed(self._media(part, where), self._own(part.state, "the signature of a medium"))

    def _call(self, part: ToolCall, where: str) -> Json:
        name = require_utf8(part.name, where)
        self._calls[part.id] = (name, self._count)
        self._count += 1
        arguments = arguments_object(require_utf8(part.arguments, where), where)
        state = self._own(part.state, "the signature of a call")
        return _signed({"functionCall": {"id": require_utf8(part.id, where), "name": name, "args": arguments}}, state)

    def _own(self, states: tuple[ProviderState, ...], kind: str) -> bytes | None:
        """Return the state that Google gave, and note any of others."""
        own: bytes | None = None
        for state in states:
            if same_issuer(state.issuer, self._issuer):
                own = state.data
            else:
                self._foreign.setdefault(kind, state.issuer)
        return own

    def _media(self, part: Part, where: str) -> Json:
        if isinstance(part, FileRef):
            if part.provider != self._target.provider:
                raise InvalidInput(f"a file at {part.provider} cannot be read by {self._target.provider}", field=where)
            uri = part.id if "://" in part.id else _FILES + part.id
            return {"fileData": {"fileUri": require_utf8(uri, where)}}
        if not isinstance(part, ImagePart | AudioPart | FilePart):
            raise InvalidInput(f"a {part.type} cannot be said here", field=where)
        if part.data is not None:
            return self._inlined(part.data, part.media_type or "", where)
        url = require_utf8(part.url or "", where)
        if url.startswith("data:"):
            return self._inlined(*_opened(url, part.media_type, where), where)
        file: Json = {"fileUri": url}
        if part.media_type is not None:
            file = {"mimeType": require_utf8(part.media_type, where), **file}
        return {"fileData": file}

    def _inlined(self, data: bytes, media_type: str, where: str) -> Json:
        if media_type == "application/pdf" and len(data) > MAX_PDF:
            raise InvalidInput(f"a PDF of more than {MAX_PDF // 2**20} MiB: upload it and pass a FileRef", field=where)
        self._inline += (len(data) + 2) // 3 * 4
        if self._inline > MAX_INLINE:
            size = MAX_INLINE // 2**20
            raise InvalidInput(
                f"media of more than {size} MiB in one request: upload it and pass a FileRef", field=where
            )
        return {
            "inlineData": {"mimeType": require_utf8(media_type, where), "data": base64.b64encode(data).decode("ascii")}
        }


def _signed(part: Json, state: bytes | None) -> Json:
    if state is not None and state.startswith(b'"'):
        part["thoughtSignature"] = Raw(state)
    return part


def _texts(message: Message, i: int) -> Iterator[tuple[TextPart, str]]:
    for j, part in enumerate(message.content):
        where = f"messages[{i}].content[{j}]"
        if not isinstance(part, TextPart):
            raise InvalidInput(f"system instructions are text, not a {part.type}", field=where)
        yield part, where


def _opened(url: str, media_type: str | None, where: str) -> tuple[bytes, str]:
    """Return bytes and media type of a `data:` URL (RFC 2397)."""
    head, comma, body = url[5:].partition(",")
    kind, _, coding = head.rpartition(";") if head.endswith(";base64") else (head, "", "")
    read: Callable[[str], bytes] = _unbase64 if coding else unquote_to_bytes
    try:
        data = read(body) if comma else None
    except ValueError:
        data = None
    if data is None:
        raise InvalidInput("not a data: URL", field=where)
    return data, media_type or kind.partition(";")[0] or "text/plain"


def _unbase64(body: str) -> bytes:
    return base64.b64decode(unquote_to_bytes(body), validate=True)
