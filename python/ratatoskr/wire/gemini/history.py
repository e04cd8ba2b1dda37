"""Encodes a history as `contents` and the texts of `systemInstruction`.

Follows https://ai.google.dev/gemini-api/docs/function-calling and …/thought-signatures (November 2026).
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
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
from ratatoskr.wire.encode import SYSTEM_AS_USER, EncodeContext, encode_arguments, foreign_state_notices, require_utf8
from ratatoskr.wire.gemini.media import MediaWriter
from ratatoskr.wire.gemini.shapes import CONTINUATION
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import JsonObject

_SKIP_SIGNATURE = Raw(b'"skip_thought_signature_validator"')
"""The signature that Google documents for a function call that no Gemini 3 model has signed."""

_RESULT_MEDIA = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""Media that a function response may hold (pydantic-ai 2.68 profiles/google.py); other media stand beside it."""


class ContentWriter:
    """Writes a history.

    Args:
        target: the model that is asked; state of other issuers is left out.
        requires_signatures: whether the first function call of every step must be signed (Gemini 3 and later).

    Attributes:
        contents: the messages of user and model.
        system: the texts of the system messages, as parts.
        continuation: the token with which an answer that was cut off is continued.
    """

    def __init__(self, target: Target, *, requires_signatures: bool) -> None:
        self.contents: list[JsonObject] = []
        self.system: list[JsonObject] = []
        self.continuation: Raw | None = None
        self._issuer = target.issuer
        self._requires_signatures = requires_signatures
        self._context = EncodeContext(target)
        self._media = MediaWriter(target.provider, self._context.notice)
        self._calls: dict[str, tuple[str, int]] = {}
        self._count = 0
        self._foreign: dict[str, str] = {}

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one notice for each kind."""
        return [*foreign_state_notices(self._foreign), *self._context.notices]

    def write(self, messages: tuple[Message, ...]) -> None:
        """Write all messages, in order.

        Raises:
            InvalidInput: the API cannot express a part of them, or they hold nothing to answer.
        """
        last = len(messages) - 1
        results: list[tuple[int, list[JsonObject]]] = []
        for i, message in enumerate(messages):
            if message.role == "tool":
                results += self._write_results(message, i)
                continue
            self._add_results(results)
            results = []
            if message.role == "system":
                self._write_system(message, i)
            elif message.role == "user":
                self._write_user(message, i)
            elif not (i == last and self._find_continuation(message)):
                self._write_assistant(message, i)
        self._add_results(results)
        if self.contents or self.continuation is not None:
            return
        if not self.system:
            raise InvalidInput("there is no message to answer", field="messages")
        self._context.notice(*SYSTEM_AS_USER)
        self.contents.append({"role": "user", "parts": self.system})
        self.system = []

    def _add_results(self, results: list[tuple[int, list[JsonObject]]]) -> None:
        """Add the results of one turn as one content, in the order of the calls: Gemini matches them by order, too."""
        if results:
            results.sort(key=lambda result: result[0])
            self.contents.append({"role": "user", "parts": [part for _, parts in results for part in parts]})

    def _find_continuation(self, message: Message) -> bool:
        """Return whether an answer was cut off; the same request is then sent again, with its token."""
        for part in message.content:
            if isinstance(part, ProviderPart) and part.kind == CONTINUATION and same_issuer(part.issuer, self._issuer):
                self.continuation = Raw(part.data)
        return self.continuation is not None

    def _write_system(self, message: Message, i: int) -> None:
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if not isinstance(part, TextPart):
                raise InvalidInput(f"a system message must hold text only, not a {part.type}", field=where)
            if part.text:
                self.system.append({"text": require_utf8(part.text, where)})

    def _write_user(self, message: Message, i: int) -> None:
        parts: list[JsonObject] = []
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if isinstance(part, TextPart):
                if part.text or len(message.content) == 1:
                    parts.append({"text": require_utf8(part.text, where)})
            elif isinstance(part, ToolResult):
                parts += self._write_result(part, where)
            else:
                parts.append(self._media.write(part, where))
        if parts:  # the API refuses a content without parts
            self.contents.append({"role": "user", "parts": parts})

    def _write_results(self, message: Message, i: int) -> list[tuple[int, list[JsonObject]]]:
        """Return the results of a tool message, each with the position of its call."""
        results = []
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if not isinstance(part, ToolResult):
                raise InvalidInput(f"a tool message must hold tool results, not a {part.type}", field=where)
            _, position = self._calls.get(part.tool_call_id, ("", self._count))
            results.append((position, self._write_result(part, where)))
        return results

    def _write_result(self, result: ToolResult, where: str) -> list[JsonObject]:
        """Write a result as plain text inside an object: JSON Schema references in it must not be resolved."""
        name, _ = self._calls.get(result.tool_call_id, (result.name, 0))
        if name is None:
            raise InvalidInput(f"no call in the history has the id {result.tool_call_id!r:.80}", field=where)
        text = require_utf8(result.text, where)
        response: JsonObject = {
            "id": require_utf8(result.tool_call_id, where),
            "name": require_utf8(name, where),
            "response": {"error" if result.is_error else "output": text},
        }
        inside: list[JsonObject] = []
        beside: list[JsonObject] = []
        for k, part in enumerate(result.content):
            if not isinstance(part, TextPart):
                media = self._media.write(part, f"{where}.content[{k}]")
                media_type = media.get("inlineData", {}).get("mimeType", "")
                (inside if self._requires_signatures and media_type in _RESULT_MEDIA else beside).append(media)
        if inside:
            response["parts"] = inside
        return [{"functionResponse": response}, *beside]

    def _write_assistant(self, message: Message, i: int) -> None:
        parts: list[Any] = []
        first_call: JsonObject | None = None
        signed = False
        if not any(same_issuer(state.issuer, self._issuer) for part in message.content for state in part.state):
            self._note_unsigned_thinking(message)
        for j, part in enumerate(message.content):
            written = self._write_part(part, f"messages[{i}].content[{j}]")
            if written is None:
                continue
            parts.append(written)
            if isinstance(part, ToolCall):
                first_call = first_call or written
                signed = signed or "thoughtSignature" in written
        if first_call is not None and self._requires_signatures and not signed:
            first_call["thoughtSignature"] = _SKIP_SIGNATURE
        if parts:
            self.contents.append({"role": "model", "parts": parts})

    def _note_unsigned_thinking(self, message: Message) -> None:
        """Note thinking without a signature; that of a signed answer is a summary, which the signature replaces."""
        if any(isinstance(part, ReasoningPart) and part.text and not part.state for part in message.content):
            self._foreign.setdefault("thinking", "another provider")

    def _write_part(self, part: Part, where: str) -> Any:
        """Return a part of an assistant message as a part of the API, or `None` if it is left out."""
        if isinstance(part, TextPart):
            state = self._find_state(part.state, "the signature of a text")
            if not part.text and state is None:
                return None
            return _sign({"text": require_utf8(part.text, where)}, state)
        if isinstance(part, ToolCall):
            return self._write_call(part, where)
        if isinstance(part, ReasoningPart):
            state = self._find_state(part.state, "thinking")
            if state is None:
                return None
            return _sign({"text": require_utf8(part.text, where), "thought": True}, state)
        if isinstance(part, ServerToolCall | ServerToolResult):
            state = self._find_state(part.state, "a call of a provider's own tool")
            if state is None and not part.state:
                self._foreign.setdefault("a call of a provider's own tool", "another provider")
            return None if state is None or not state.startswith(b"{") else Raw(state)
        if isinstance(part, ProviderPart):
            if part.kind == CONTINUATION:
                message = "the token that continues an answer was left out, as the answer is not the last message"
                self._context.notice("continuation_dropped", "", message, where)
                return None
            if not same_issuer(part.issuer, self._issuer):
                self._foreign.setdefault("a provider's own part", part.issuer)
                return None
            return Raw(part.data)
        return _sign(self._media.write(part, where), self._find_state(part.state, "the signature of a medium"))

    def _write_call(self, call: ToolCall, where: str) -> JsonObject:
        name = require_utf8(call.name, where)
        self._calls[call.id] = (name, self._count)
        self._count += 1
        arguments = encode_arguments(call, where, self._context.notice)
        state = self._find_state(call.state, "the signature of a call")
        return _sign({"functionCall": {"id": require_utf8(call.id, where), "name": name, "args": arguments}}, state)

    def _find_state(self, states: tuple[ProviderState, ...], kind: str) -> bytes | None:
        """Return the state of this issuer, and note any other as left out."""
        own: bytes | None = None
        for state in states:
            if same_issuer(state.issuer, self._issuer):
                own = state.data
            else:
                self._foreign.setdefault(kind, state.issuer)
        return own


def _sign(part: JsonObject, state: bytes | None) -> JsonObject:
    if state is not None and state.startswith(b'"'):
        part["thoughtSignature"] = Raw(state)
    return part
