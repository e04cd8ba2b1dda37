"""Reads responses, whole or of a stream, into a turn: both give the same message.

Text without a signature continues the part before it. A signed part stands alone, even if its text is empty, because a
signature must go back in the part that carried it (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Literal

from msgspec import UNSET, Raw

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
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.gemini.citations import CitationCollector
from ratatoskr.wire.gemini.errors import decode_error
from ratatoskr.wire.gemini.finish import set_block_reason, set_finish_reason
from ratatoskr.wire.gemini.shapes import (
    CONTINUATION,
    MINOR,
    Blob,
    Candidate,
    FileData,
    FunctionCall,
    GenerateContentResponse,
    LogprobsCandidate,
    LogprobsResult,
    OptionalRaw,
    Part,
    RawResponse,
    ToolInvocation,
    bytes_or_none,
)
from ratatoskr.wire.gemini.tools import PartialFunctionCall
from ratatoskr.wire.gemini.usage import LazyUsageTurnBuilder
from ratatoskr.wire.json import decode, decode_answer, decode_without_minor, is_blank, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

CODE_EXECUTION = "code_execution"
"""The name that Gemini's code execution has among server tools."""

_MEDIA_PARTS: dict[str, type[ImagePart | AudioPart]] = {"image": ImagePart, "audio": AudioPart}

_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
"""JSON of proto3 may write base64 in the URL-safe alphabet, and without padding."""


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the finished turn of a whole response: one object, or the array of a stream without `alt=sse`.

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: the body is not a response, or an incomplete one.
    """
    reader = GenerateContentReader(target)
    reader.turn.streamed = False
    is_array = body.lstrip()[:1] == b"["
    for item in decode(list[Raw], body) if is_array else (body,):
        reader.read(bytes(item))
    if not reader.ended:
        if is_array or not reader.turn.parts():
            raise MalformedResponse("the response is incomplete: it has no finishReason")
        reader.turn.finish("unknown", reader.turn.native_finish_reason)
    reader.complete()
    return reader.turn


class GenerateContentReader:
    """Reads `GenerateContentResponse`s, one after the other, into `turn`."""

    def __init__(self, target: Target) -> None:
        self.turn = LazyUsageTurnBuilder(target.issuer)
        self._parts = PartReader(self.turn)
        self._citations = CitationCollector()
        self._identified = False

    @property
    def ended(self) -> bool:
        """Whether a finish reason has come, and no part after it.

        With code execution a stream has several, the first of them with the code, whose result then follows.
        """
        turn = self.turn
        return turn.finish_reason is not None and not (
            turn.native_finish_reason == "STOP" and self._parts.awaits_code_result
        )

    def read(self, data: bytes) -> None:
        """Read one response.

        Raises:
            FailureReported: it is an error, or ended in one before any output.
            MalformedResponse: it is not a response.
        """
        try:
            response = decode(GenerateContentResponse, data)
        except MalformedResponse as error:
            response = decode_without_minor(error, GenerateContentResponse, data, MINOR, self.turn.notices)
        if response.error is not UNSET and bytes_or_none(response.error) is not None:
            raise FailureReported(decode_error(data))
        if not self._identified:
            self._identify(response, data)
        if response.usage_metadata is not None:
            self.turn.update_counts(response.usage_metadata)
        if response.candidates:
            for position, candidate in enumerate(response.candidates):
                if not candidate.index:
                    self._read_candidate(candidate, data, position)
                    break
        feedback = response.prompt_feedback
        if feedback is not None and feedback.block_reason and self.turn.finish_reason is None:
            set_block_reason(
                self.turn, replace_surrogates(feedback.block_reason), _text_or_none(feedback.block_reason_message)
            )

    def _identify(self, response: GenerateContentResponse, data: bytes) -> None:
        """Take model and id, which every response repeats; without an id, call ids are made from the first data."""
        if response.response_id is None and response.model_version is None and not response.candidates:
            return
        self._identified = True
        turn = self.turn
        turn.model, turn.response_id = _text_or_none(response.model_version), _text_or_none(response.response_id)
        if turn.response_id is None:
            turn.seed = hashlib.blake2s(data, digest_size=16).hexdigest()

    def _read_candidate(self, candidate: Candidate, data: bytes, position: int) -> None:
        content = candidate.content
        if content is not None and content.parts:
            if self.turn.finish_reason is not None:
                self.turn.reopen()
            for index, part in enumerate(content.parts):
                self._parts.read(part, data, position, index)
        if candidate.logprobs_result is not None:
            self._parts.read_logprobs(candidate.logprobs_result)
        if (
            candidate.finish_reason is None
            and candidate.grounding_metadata is UNSET
            and candidate.citation_metadata is UNSET
            and candidate.url_context_metadata is UNSET
        ):
            return
        for kind, metadata in self._citations.collect(candidate):
            self.turn.event(kind, metadata)
        if (token := bytes_or_none(candidate.continuation_token)) is not None:
            self._parts.add_provider_part(CONTINUATION, token)
        if candidate.finish_reason and (self.turn.finish_reason is None or candidate.finish_reason != "STOP"):
            self._parts.end_bare_call()
            native, message = replace_surrogates(candidate.finish_reason), _text_or_none(candidate.finish_message)
            has_output, has_calls = self._parts.has_output, self._parts.has_calls
            set_finish_reason(self.turn, native, message, has_output=has_output, has_calls=has_calls)

    def complete(self) -> None:
        """Complete the turn at a clean end of the body.

        Raises:
            MalformedResponse: the model stopped by itself, but inside a function call.
        """
        if self.turn.native_finish_reason == "STOP" and self._parts.inside_call:
            raise MalformedResponse("the answer ended inside a function call")
        self._parts.end_bare_call()
        self._citations.add_citations(self.turn)
        self.turn.complete()


class PartReader:
    """Adds parts to a turn in the order in which they come; their keys are their positions in the turn.

    Attributes:
        has_output: whether anything besides thinking has come.
        has_calls: whether a call of one of the caller's tools has come.
        awaits_code_result: whether code has come that the provider runs, and its result has not.
    """

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.has_output = False
        self.has_calls = False
        self.awaits_code_result = False
        self._next = 0
        self._open: Literal["text", "reasoning"] | None = None
        self._last_text: int | None = None
        self._responses = 0
        self._data = b""
        self._raw_parts: list[Raw] | None = None
        self._partial: PartialFunctionCall | None = None
        self._is_bare = False
        self._began = 0
        self._server_calls = 0
        self._server_call_id = ""

    @property
    def inside_call(self) -> bool:
        """Whether a function call has begun whose arguments are incomplete."""
        return self._partial is not None and not self._is_bare

    def read(self, part: Part, data: bytes, candidate: int, index: int) -> None:
        """Add one part; `data` is the response that holds it, at the given positions."""
        if data is not self._data:
            self._data, self._raw_parts = data, None
            self._responses += 1
        if self._is_bare and (part.function_call is None or part.function_call.name):
            self.end_bare_call()
        text = part.text
        if text is not None:
            self._read_text(text, "reasoning" if part.thought else "text", part.thought_signature)
            return
        self._open = None
        call = part.function_call
        if call is not None and (call.name or self._partial or not _is_blank(call)):
            self._read_call(call, bytes_or_none(part.thought_signature))
            return
        if call is not None and part.thought_signature is UNSET:
            return  # no call, or the end of one that its last fragment has ended already
        if self._raw_parts is None:
            content = (decode(RawResponse, data).candidates or [])[candidate].content
            self._raw_parts = (content.parts if content else None) or []
        raw = bytes(self._raw_parts[index])
        self.has_output = True
        if part.inline_data is not None and not part.thought:
            self._read_blob(part.inline_data, bytes_or_none(part.thought_signature), raw)
        elif part.file_data is not None and not part.thought:
            self._read_file(part.file_data, bytes_or_none(part.thought_signature), raw)
        elif not self._read_server_tool(part, raw):
            names = [name for name in decode(dict[str, object], raw) if name not in ("thought", "thoughtSignature")]
            self.add_provider_part(replace_surrogates(names[0]) if names else "part", raw)

    def add_provider_part(self, kind: str, data: bytes) -> None:
        """Add a part that has no type here, as JSON text."""
        self._open = None
        self.turn.part(self._new_key(), ProviderPart(kind, data, self.turn.issuer), kind, data)

    def _new_key(self) -> int:
        self._next += 1
        return self._next - 1

    def _read_text(self, text: str, kind: Literal["text", "reasoning"], signature: OptionalRaw) -> None:
        turn = self.turn
        signed = bytes_or_none(signature) if signature is not UNSET else None
        if signed is None:
            if not text:
                return
            if self._open != kind:
                self._open = kind
                self._next += 1
            key = self._next - 1
        else:
            self._open, key = None, self._new_key()
            turn.state(key, signed, kind)
        if kind == "reasoning":
            turn.reasoning(key, text)
            return
        self._last_text = key
        self.has_output = self.has_output or bool(text)
        turn.text(key, text)

    def read_logprobs(self, result: LogprobsResult) -> None:
        """Add log probabilities to the latest text part; without one they are left out."""
        chosen = result.chosen_candidates
        if not chosen or self._last_text is None:
            return
        tops = result.top_candidates or []
        tokens = [
            _token_logprob(token, tuple(map(_token_logprob, tops[i].candidates or ())) if i < len(tops) else ())
            for i, token in enumerate(chosen)
        ]
        self.turn.logprobs(self._last_text, tokens)

    def _read_call(self, call: FunctionCall, signature: bytes | None) -> None:
        """Add a call, or a fragment of one.

        A call without arguments is bare: it waits for the next part, because some models send the arguments there,
        without a name.
        """
        self.has_output = True
        if call.name and self._partial is not None:
            raise MalformedResponse("a function call began before the previous one had ended")
        is_whole = self._partial is None and not call.will_continue and call.partial_args is None
        self._is_bare = is_whole and _is_blank(call)
        if is_whole and not self._is_bare:
            self._add_call(
                call.name or "", call.id, text_of(bytes_or_none(call.args) or b"{}"), signature, self._responses
            )
            return
        if self._partial is None:
            self._partial, self._began = PartialFunctionCall(call.name or "", call.id, signature), self._responses
        if self._is_bare:
            self.has_calls = True
            return
        self._partial.add(call)
        self._partial.signature = self._partial.signature or signature
        if not self._partial.is_continued(call):
            self._end_call(self._partial)

    def end_bare_call(self) -> None:
        """Add the call without arguments that waits for the next part, if there is one."""
        if self._is_bare and self._partial is not None:
            self._end_call(self._partial)

    def _end_call(self, call: PartialFunctionCall) -> None:
        self._partial, self._is_bare = None, False
        self._add_call(call.name, call.id, call.arguments(), call.signature, self._began)

    def _add_call(self, name: str, id: str | None, arguments: str, signature: bytes | None, message: int) -> None:
        """Add a complete call of the response of this number."""
        if not name.isascii():
            name = replace_surrogates(name)
        call_id = replace_surrogates(id) if id else None
        if self.turn.whole_call(self._next, call_id, name, arguments, message=message, state=signature):
            self._next += 1
        self.has_calls = True

    def _state(self, data: bytes | None) -> tuple[ProviderState, ...]:
        return () if data is None else (ProviderState(self.turn.issuer, data),)

    def _read_blob(self, blob: Blob, signature: bytes | None, raw: bytes) -> None:
        try:
            standard = blob.data.encode().translate(_URL_SAFE_TO_STANDARD)
            data = base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True)
        except (ValueError, binascii.Error):
            raise MalformedResponse("unexpected shape: inlineData.data is not base64") from None
        media_type = replace_surrogates(blob.mime_type or "application/octet-stream")
        part_type = _MEDIA_PARTS.get(media_type.partition("/")[0], FilePart)
        part = part_type(data=data, media_type=media_type, state=self._state(signature))
        self.turn.part(self._new_key(), part, "inlineData", raw)

    def _read_file(self, file: FileData, signature: bytes | None, raw: bytes) -> None:
        media_type = _text_or_none(file.mime_type)
        part_type = _MEDIA_PARTS.get((media_type or "").partition("/")[0], FilePart)
        part = part_type(url=replace_surrogates(file.file_uri), media_type=media_type, state=self._state(signature))
        self.turn.part(self._new_key(), part, "fileData", raw)

    def _read_server_tool(self, part: Part, raw: bytes) -> bool:
        """Add a call of one of Google's own tools, or its result, if the part is one; the whole part goes back."""
        state = self._state(raw)
        added: ServerToolCall | ServerToolResult
        if (code := bytes_or_none(part.executable_code)) is not None:
            self.awaits_code_result = True
            call_id = self._start_server_call(self._read_invocation(code).id, CODE_EXECUTION)
            added, kind = ServerToolCall(call_id, CODE_EXECUTION, text_of(code), state=state), "executableCode"
        elif (result := bytes_or_none(part.code_execution_result)) is not None:
            self.awaits_code_result = False
            fields = self._read_invocation(result)
            failed = fields.outcome not in (None, "OUTCOME_OK")
            call_id, kind = replace_surrogates(fields.id or self._server_call_id), "codeExecutionResult"
            added = ServerToolResult(call_id, CODE_EXECUTION, text_of(result), failed, state=state)
        elif (call := bytes_or_none(part.tool_call)) is not None:
            fields = self._read_invocation(call)
            name, kind = replace_surrogates(fields.tool_type or "tool"), "toolCall"
            arguments = text_of(bytes_or_none(fields.args) or b"{}")
            added = ServerToolCall(self._start_server_call(fields.id, name), name, arguments, state=state)
        elif (response := bytes_or_none(part.tool_response)) is not None:
            fields = self._read_invocation(response)
            call_id, name = (
                replace_surrogates(fields.id or self._server_call_id),
                replace_surrogates(fields.tool_type or "tool"),
            )
            content, kind = text_of(bytes_or_none(fields.response) or b"{}"), "toolResponse"
            added = ServerToolResult(call_id, name, content, state=state)
        else:
            return False
        self.turn.part(self._new_key(), added, kind, raw)
        return True

    def _read_invocation(self, data: bytes) -> ToolInvocation:
        return decode_answer(ToolInvocation, data, MINOR, self.turn.notices)

    def _start_server_call(self, id: str | None, name: str) -> str:
        """Return the id of a new server tool call, which a result without an id belongs to."""
        self._server_calls += 1
        self._server_call_id = replace_surrogates(id) if id else self.turn.made_up_id(-self._server_calls, name)
        return self._server_call_id


def _is_blank(call: FunctionCall) -> bool:
    """Return whether a call has no arguments."""
    arguments = bytes_or_none(call.args)
    return not call.partial_args and (arguments is None or is_blank(text_of(arguments)))


def _text_or_none(text: str | None) -> str | None:
    return None if text is None else replace_surrogates(text)


def _token_logprob(token: LogprobsCandidate, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    return TokenLogprob(replace_surrogates(token.token), token.log_probability or 0.0, None, top)
