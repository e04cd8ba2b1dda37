"""Filling a turn with Gemini's parts, the same for a whole answer and for the chunks of a stream.

Unsigned text goes on in the part that is open; a signed part stands alone, be its text empty or not, because a
signature must go back in the very part that carried it (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Literal

from msgspec import UNSET

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    ImagePart,
    ProviderPart,
    ProviderState,
    ServerToolCall,
    ServerToolResult,
    TokenLogprob,
)
from ratatoskr.wire.gemini.partial import PartialCall
from ratatoskr.wire.gemini.shapes import (
    Blob,
    Bytes,
    Execution,
    FileData,
    FunctionCall,
    Logprobs,
    Part,
    RawChunk,
    Token,
    given,
)
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

CODE_EXECUTION = "code_execution"
"""The name that Gemini's code execution goes by among server tools."""

_MEDIA: dict[str, type[ImagePart | AudioPart]] = {"image": ImagePart, "audio": AudioPart}


class Parts:
    """Puts parts into a turn, in the order in which they come.

    Attributes:
        spoken: whether anything but thinking has come.
        called: whether a call of the caller's tools has come.
    """

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.spoken = False
        self.called = False
        self._next = 0
        self._open: Literal["text", "reasoning"] | None = None
        self._last_text: int | None = None
        self._ids: set[str] = set()
        self._partial: PartialCall | None = None
        self._servers = 0
        self._server_id = ""

    def add(self, part: Part, data: bytes, candidate: int, index: int) -> None:
        """Take one part; `data` is the chunk it stands in, at the given places."""
        text = part.text
        if text is not None:
            self._text(text, "reasoning" if part.thought else "text", part.thought_signature)
            return
        self._open = None
        if part.function_call is not None and (part.function_call.name or self._partial):
            self._call(part.function_call, given(part.thought_signature))
            return
        if part.function_call == _NO_CALL and part.thought_signature is UNSET:
            return  # it ends a call that its last piece had ended already
        raw = _raw_part(data, candidate, index)
        self.spoken = True
        if part.inline_data is not None and not part.thought:
            self._blob(part.inline_data, given(part.thought_signature), raw)
        elif part.file_data is not None and not part.thought:
            self._file(part.file_data, given(part.thought_signature), raw)
        elif not self._server_tool(part, raw):
            kind = _kind_of(raw)
            self.turn.part(self._key(), ProviderPart(kind, raw, self.turn.issuer), kind, raw)

    def keep(self, kind: str, data: bytes) -> None:
        """Keep something of the candidate that has to come back, as a part of its own."""
        self._open = None
        self.turn.part(self._key(), ProviderPart(kind, data, self.turn.issuer), kind, data)

    def _key(self) -> int:
        self._next += 1
        return self._next - 1

    def _text(self, text: str, kind: Literal["text", "reasoning"], signature: Bytes) -> None:
        turn = self.turn
        signed = given(signature) if signature is not UNSET else None
        if signed is None:
            if not text:
                return
            if self._open != kind:
                self._open = kind
                self._next += 1
            key = self._next - 1
        else:
            self._open, key = None, self._key()
            turn.state(key, signed, kind)
        if kind == "reasoning":
            turn.reasoning(key, text)
            return
        self._last_text = key
        self.spoken = self.spoken or bool(text)
        turn.text(key, text)

    def logprobs(self, result: Logprobs) -> None:
        """Put the tokens on the text that came last; without any text they have no place."""
        chosen = result.chosen_candidates
        if not chosen or self._last_text is None:
            return
        tops = result.top_candidates or []
        made = [
            _token(token, tuple(_token(other) for other in (tops[i].candidates or ())) if i < len(tops) else ())
            for i, token in enumerate(chosen)
        ]
        self.turn.logprobs(self._last_text, made)

    def _call(self, call: FunctionCall, signature: bytes | None) -> None:
        self.spoken = True
        if call.name and self._partial is not None:
            raise MalformedResponse("a function call began before the one before it had ended")
        if self._partial is None and not call.will_continue and call.partial_args is None:
            args = given(call.args)
            self._whole_call(call.name or "", call.id, "{}" if args is None else text_of(args), signature)
            return
        if self._partial is None:
            self._partial = PartialCall(call.name or "", call.id, signature)
        self._partial.add(call)
        if not self._partial.goes_on(call):
            partial, self._partial = self._partial, None
            self._whole_call(partial.name, partial.id, partial.arguments(), partial.signature or signature)

    def close(self) -> None:
        """Note that Gemini has stopped of its own will.

        Raises:
            MalformedResponse: a call that it had begun is not whole.
        """
        if self._partial is not None:
            raise MalformedResponse("the answer ended inside a function call")

    def _whole_call(self, name: str, id: str | None, arguments: str, signature: bytes | None) -> None:
        """Gemini writes calls whole; an id that an earlier call has too is none."""
        if not name.isascii():
            name = replace_surrogates(name)
        turn, key = self.turn, self._key()
        own = replace_surrogates(id) if id and id not in self._ids else None
        self._ids.add(own or "")
        turn.tool(key, own, name)
        if signature is not None:
            turn.state(key, signature, "tool")
        turn.arguments(key, arguments)
        turn.end(key)
        self.called = True

    def _signed(self, signature: bytes | None) -> tuple[ProviderState, ...]:
        return () if signature is None else (ProviderState(self.turn.issuer, signature),)

    def _blob(self, blob: Blob, signature: bytes | None, raw: bytes) -> None:
        try:
            standard = blob.data.encode().translate(_STANDARD)
            data = base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True)
        except (ValueError, binascii.Error):
            raise MalformedResponse("unexpected shape: inlineData.data is no base64") from None
        media_type = replace_surrogates(blob.mime_type or "application/octet-stream")
        made = _MEDIA.get(media_type.partition("/")[0], FilePart)
        part = made(data=data, media_type=media_type, state=self._signed(signature))
        self.turn.part(self._key(), part, "inlineData", raw)

    def _file(self, file: FileData, signature: bytes | None, raw: bytes) -> None:
        media_type = None if file.mime_type is None else replace_surrogates(file.mime_type)
        made = _MEDIA.get((media_type or "").partition("/")[0], FilePart)
        part = made(url=replace_surrogates(file.file_uri), media_type=media_type, state=self._signed(signature))
        self.turn.part(self._key(), part, "fileData", raw)

    def _server_tool(self, part: Part, raw: bytes) -> bool:
        """Take a call of Google's own tools or its result; the whole part is what goes back."""
        state = (ProviderState(self.turn.issuer, raw),)
        made: ServerToolCall | ServerToolResult
        if (code := given(part.executable_code)) is not None:
            call_id = self._server_call(decode(Execution, code).id, CODE_EXECUTION)
            made, kind = ServerToolCall(call_id, CODE_EXECUTION, text_of(code), state=state), "executableCode"
        elif (result := given(part.code_execution_result)) is not None:
            read = decode(Execution, result)
            failed = read.outcome not in (None, "OUTCOME_OK")
            call_id, kind = replace_surrogates(read.id or self._server_id), "codeExecutionResult"
            made = ServerToolResult(call_id, CODE_EXECUTION, text_of(result), failed, state=state)
        elif (call := given(part.tool_call)) is not None:
            read = decode(Execution, call)
            name, kind = replace_surrogates(read.tool_type or "tool"), "toolCall"
            arguments = text_of(given(read.args) or b"{}")
            made = ServerToolCall(self._server_call(read.id, name), name, arguments, state=state)
        elif (response := given(part.tool_response)) is not None:
            read = decode(Execution, response)
            call_id, name, kind = (
                replace_surrogates(read.id or self._server_id),
                replace_surrogates(read.tool_type or "tool"),
                "toolResponse",
            )
            made = ServerToolResult(call_id, name, text_of(given(read.response) or b"{}"), state=state)
        else:
            return False
        self.turn.part(self._key(), made, kind, raw)
        return True

    def _server_call(self, id: str | None, name: str) -> str:
        self._servers += 1
        self._server_id = replace_surrogates(id) if id else self.turn.made_up_id(-self._servers, name)
        return self._server_id

    def seed(self, data: bytes) -> None:
        """See to it that made-up ids differ between answers that have no id of their own."""
        if self.turn.response_id is None and not self.turn.seed:
            self.turn.seed = hashlib.blake2s(data, digest_size=16).hexdigest()


_NO_CALL = FunctionCall()
"""What says nothing of a call."""

_STANDARD = bytes.maketrans(b"-_", b"+/")
"""Proto3 JSON may write base64 in the alphabet for URLs too, and without padding."""


def _raw_part(data: bytes, candidate: int, index: int) -> bytes:
    candidates = decode(RawChunk, data).candidates or []
    content = candidates[candidate].content
    parts = [] if content is None else content.parts or []
    return bytes(parts[index])


def _kind_of(raw: bytes) -> str:
    """Return the word for a part without one here: its first key that says what it is."""
    names = [name for name in decode(dict[str, object], raw) if name not in ("thought", "thoughtSignature")]
    return replace_surrogates(names[0]) if names else "part"


def _token(token: Token, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    return TokenLogprob(replace_surrogates(token.token), token.log_probability or 0.0, None, top)
