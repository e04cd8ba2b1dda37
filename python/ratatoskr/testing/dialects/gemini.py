"""Google Gemini's `generateContent` and `streamGenerateContent`.

Follows https://ai.google.dev/api/generate-content and …/docs/thought-signatures (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from ratatoskr.testing.dialects.dialect import IdSequence, Problem, ScriptedDialect, require_field, sse_event, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import OfferedTool, ParsedRequest, ScriptedTurn, Texts, encode_json, join_text, split_text

_FINISH = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "paused": "CONTINUATION",
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {
    "bad_key": "API key not valid. Please pass a valid API key.",
    "no_key": "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
    "or other form of API consumer identity to call this API.",
    "context_length": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "unknown_model": "models/the-one-that-was-asked-for is not found for API version v1beta, or is not supported for "
    "generateContent. Call ModelService.ListModels to see the list of available models and their supported methods.",
    "rate_limit": "Resource exhausted. Please try again later.",
}
_TYPE = "type.googleapis.com/google.rpc."


class GeminiDialect(ScriptedDialect):
    """`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`."""

    name = "gemini"
    stream_type = "text/event-stream"
    json_type = "application/json; charset=UTF-8"
    keep_alive = b": keep-alive\n\n"

    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request; the model and the method are in the path."""
        require_field(body, "contents", list, "* GenerateContentRequest.contents: contents is not specified")
        model, _, method = unquote(path.rpartition("/models/")[2]).rpartition(":")
        prompt, results = _last_prompt(body["contents"])
        config = body.get("generationConfig") or {}
        calling = ((body.get("toolConfig") or {}).get("functionCallingConfig")) or {}
        names = calling.get("allowedFunctionNames") or ["required"]
        declared = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        return ParsedRequest(
            provider,
            model,
            stream=method == "streamGenerateContent",
            prompt=prompt,
            results=results,
            tools=tuple(
                OfferedTool(d["name"], d.get("parametersJsonSchema") or d.get("parameters") or {}) for d in declared
            ),
            choice={"NONE": "none", "ANY": names[0]}.get(str(calling.get("mode", "")).upper()),
            schema=schema,
            json_mode=schema is None and config.get("responseMimeType") == "application/json",
            thinking=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
            variant="sse" if parse_qs(query).get("alt") == ["sse"] else "array",
            body=body,
        )

    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn as `GenerateContentResponse`s: SSE, one JSON array, or one document."""
        base = {"modelVersion": turn.model or request.model, "responseId": ids.new("r")}
        if turn.finish_reason in {"content_filter", "refusal"} and not turn.text:
            return self._blocked_reply(turn, request, ids, base)
        parts, finish = self._parts(turn, request, ids), _FINISH.get(turn.finish_reason, turn.finish_reason)
        if not request.stream:
            candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish, "index": 0}
            value = {"candidates": [candidate], "usageMetadata": _usage(turn, request, 1.0), **base}
            return self.document_reply(turn, request, ids, value)
        values: list[dict[str, Any]] = []
        for number, part in enumerate(parts):
            content = {"content": {"parts": [part], "role": "model"}, "index": 0}
            so_far = _usage(turn, request, (number + 1) / (len(parts) + 1))
            values.append({"candidates": [content], "usageMetadata": so_far, **base})
        closing: dict[str, Any] = {"text": ""}
        if turn.reasoning and not turn.tool_calls and turn.signature != "":
            closing["thoughtSignature"] = turn.signature or ids.blob("thought signature")
        end = {"content": {"parts": [closing], "role": "model"}, "finishReason": finish, "index": 0}
        values.append({"candidates": [end], "usageMetadata": _usage(turn, request, 1.0), **base})
        return self._stream_values(turn, request, ids, values)

    def _stream_values(
        self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence, values: list[dict[str, Any]]
    ) -> Reply:
        last = len(values) - 1
        if request.variant == "sse":
            return self.stream_reply(turn, request, ids, [sse_event(value) for value in values], first=0, last=last)
        marks = [b"[", *[b",\r\n"] * last]
        array = [mark + encode_json(value) for mark, value in zip(marks, values, strict=True)]
        array[-1] += b"]"
        reply = self.stream_reply(turn, request, ids, array, first=0, last=last)
        reply.headers["content-type"] = self.json_type
        return reply

    def _blocked_reply(
        self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence, base: dict[str, Any]
    ) -> Reply:
        feedback = {"blockReason": _FINISH[turn.finish_reason]}
        value = {"promptFeedback": feedback, "usageMetadata": _usage(turn, request, 0.0), **base}
        return (
            self._stream_values(turn, request, ids, [value])
            if request.stream
            else self.document_reply(turn, request, ids, value)
        )

    def _parts(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> list[dict[str, Any]]:
        """Return the parts, split into deltas for a stream; the first call has the signature."""

        def cut(text: Texts) -> list[str]:
            return split_text(text, turn.deltas) if request.stream else [join_text(text)] * bool(text)

        out: list[dict[str, Any]] = [{"text": text, "thought": True} for text in cut(turn.reasoning)]
        out += [dict(block) for block in turn.blocks]
        out += [{"text": text} for text in cut(turn.text or turn.refusal)]
        for number, call in enumerate(turn.tool_calls):
            made: dict[str, Any] = {"name": call.name, "args": call.arguments}
            made |= {"id": call.id or ids.new("c")[-8:]}
            out.append({"functionCall": made})
            if call.signature or (number == 0 and turn.signature != ""):
                out[-1]["thoughtSignature"] = call.signature or turn.signature or ids.blob("thought signature")
        if not request.stream and turn.reasoning and turn.text and not turn.tool_calls and turn.signature != "":
            out[-1]["thoughtSignature"] = turn.signature or ids.blob("thought signature")
        return out

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: IdSequence) -> dict[str, str]:
        """Return the header of a given request id; Gemini's own is `responseId` in the body."""
        return {"x-request-id": turn.request_id} if turn is not None and turn.request_id else {}

    def retry_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """Return no header: Gemini sends the delay in the body."""
        return {}, seconds

    def error_body(self, problem: Problem, provider: str, ids: IdSequence) -> dict[str, Any]:
        """Return an error body; a bad key has status 400."""
        message = problem.message or _MESSAGES.get(problem.kind) or problem.text()
        code = {"bad_key": 400, "no_key": 403}.get(problem.kind, problem.status)
        default = "INTERNAL" if code >= 500 else "FAILED_PRECONDITION"
        error: dict[str, Any] = {"code": code, "message": message, "status": _STATUS.get(code, default)}
        details: list[dict[str, Any]] = []
        if problem.kind == "bad_key":
            info = {"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            details.append({**info, "metadata": {"service": "generativelanguage.googleapis.com"}})
        if problem.kind == "quota":
            quota = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}
            details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [quota]})
        if problem.retry_after is not None:
            details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{problem.retry_after:.9f}s"})
        return {"error": {**error, **({"details": details} if details else {})}}

    def error_reply(self, problem: Problem, provider: str, ids: IdSequence) -> Reply:
        """Return an error response with Gemini's status for it."""
        reply = super().error_reply(problem, provider, ids)
        reply.status = {"bad_key": 400, "no_key": 403}.get(problem.kind, problem.status)
        return reply

    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return an error instead of a response."""
        return sse_event(self.error_body(problem, request.provider, ids))

    def unknown_event(self) -> bytes:
        """Return an object with unknown keys."""
        return sse_event({"novelty": {"index": 0, "note": "unknown"}})


def _usage(turn: ScriptedTurn, request: ParsedRequest, share: float) -> dict[str, Any]:
    """Return the usage after `share` of the output."""
    spent = turn.usage_for(request)
    usage: dict[str, Any] = {"promptTokenCount": spent.total_input}
    if spent.cache_read:
        usage["cachedContentTokenCount"] = spent.cache_read
    written, thought = int(spent.output * share), int(spent.reasoning * share)
    if written:
        usage["candidatesTokenCount"] = written
    usage["totalTokenCount"] = spent.total_input + written + thought
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": spent.total_input}]
    if thought:
        usage["thoughtsTokenCount"] = thought
    return {**usage, "serviceTier": "standard"}


def _last_prompt(contents: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the text of the user's last message and the tool results after it."""
    prompt, results = "", []
    for content in contents:
        if content.get("role", "user") not in {"user", "function"}:
            continue
        parts = content.get("parts") or []
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if answers:
            results += [encode_json(answer.get("response", {})).decode() for answer in answers]
        else:
            prompt, results = text_of([part for part in parts if "text" in part]), []
    return prompt, tuple(results)
