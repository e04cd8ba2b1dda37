"""Google Gemini's `generateContent` and `streamGenerateContent`.

Follows https://ai.google.dev/api/generate-content and …/docs/thought-signatures (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from ratatoskr.testing.dialects.dialect import Dialect, Ids, Problem, need, sse, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, Offered, ScriptedTurn, Texts, encode_json, pieces, whole

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


class Gemini(Dialect):
    """`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`."""

    name = "gemini"
    stream_type = "text/event-stream"
    json_type = "application/json; charset=UTF-8"
    keep_alive = b": keep-alive\n\n"

    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request; model and method are in the path."""
        need(body, "contents", list, "* GenerateContentRequest.contents: contents is not specified")
        model, _, method = unquote(path.rpartition("/models/")[2]).rpartition(":")
        prompt, results = _heard(body["contents"])
        config = body.get("generationConfig") or {}
        calling = ((body.get("toolConfig") or {}).get("functionCallingConfig")) or {}
        names = calling.get("allowedFunctionNames") or ["required"]
        declared = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        return Asked(
            provider,
            model,
            stream=method == "streamGenerateContent",
            prompt=prompt,
            results=results,
            tools=tuple(
                Offered(d["name"], d.get("parametersJsonSchema") or d.get("parameters") or {}) for d in declared
            ),
            choice={"NONE": "none", "ANY": names[0]}.get(str(calling.get("mode", "")).upper()),
            schema=schema,
            json_mode=schema is None and config.get("responseMimeType") == "application/json",
            thinking=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
            variant="sse" if parse_qs(query).get("alt") == ["sse"] else "array",
            body=body,
        )

    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into `GenerateContentResponse`s: SSE, one JSON array, or one document."""
        base = {"modelVersion": turn.model or asked.model, "responseId": ids.new("r")}
        if turn.finish_word in {"content_filter", "refusal"} and not turn.text:
            return self._blocked(turn, asked, ids, base)
        parts, finish = self._parts(turn, asked, ids), _FINISH.get(turn.finish_word, turn.finish_word)
        if not asked.stream:
            candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish, "index": 0}
            value = {"candidates": [candidate], "usageMetadata": _usage(turn, asked, 1.0), **base}
            return self.document(turn, asked, ids, value)
        values: list[dict[str, Any]] = []
        for number, part in enumerate(parts):
            content = {"content": {"parts": [part], "role": "model"}, "index": 0}
            so_far = _usage(turn, asked, (number + 1) / (len(parts) + 1))
            values.append({"candidates": [content], "usageMetadata": so_far, **base})
        closing: dict[str, Any] = {"text": ""}
        if turn.reasoning and not turn.tool_calls and turn.signature != "":
            closing["thoughtSignature"] = turn.signature or ids.blob("thought signature")
        end = {"content": {"parts": [closing], "role": "model"}, "finishReason": finish, "index": 0}
        values.append({"candidates": [end], "usageMetadata": _usage(turn, asked, 1.0), **base})
        return self._stream(turn, asked, ids, values)

    def _stream(self, turn: ScriptedTurn, asked: Asked, ids: Ids, values: list[dict[str, Any]]) -> Reply:
        last = len(values) - 1
        if asked.variant == "sse":
            return self.stream(turn, asked, ids, [sse(value) for value in values], first=0, last=last)
        marks = [b"[", *[b",\r\n"] * last]
        array = [mark + encode_json(value) for mark, value in zip(marks, values, strict=True)]
        array[-1] += b"]"
        reply = self.stream(turn, asked, ids, array, first=0, last=last)
        reply.headers["content-type"] = self.json_type
        return reply

    def _blocked(self, turn: ScriptedTurn, asked: Asked, ids: Ids, base: dict[str, Any]) -> Reply:
        feedback = {"blockReason": _FINISH[turn.finish_word]}
        value = {"promptFeedback": feedback, "usageMetadata": _usage(turn, asked, 0.0), **base}
        return self._stream(turn, asked, ids, [value]) if asked.stream else self.document(turn, asked, ids, value)

    def _parts(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> list[dict[str, Any]]:
        """Spell the parts, cut into deltas for a stream; the first of the calls is the one that is signed."""

        def cut(text: Texts) -> list[str]:
            return pieces(text, turn.deltas) if asked.stream else [whole(text)] * bool(text)

        out: list[dict[str, Any]] = [{"text": text, "thought": True} for text in cut(turn.reasoning)]
        out += [dict(block) for block in turn.blocks]
        out += [{"text": text} for text in cut(turn.text or turn.refusal)]
        for number, call in enumerate(turn.tool_calls):
            made: dict[str, Any] = {"name": call.name, "args": call.arguments}
            made |= {"id": call.id or ids.new("c")[-8:]}
            out.append({"functionCall": made})
            if call.signature or (number == 0 and turn.signature != ""):
                out[-1]["thoughtSignature"] = call.signature or turn.signature or ids.blob("thought signature")
        if not asked.stream and turn.reasoning and turn.text and not turn.tool_calls and turn.signature != "":
            out[-1]["thoughtSignature"] = turn.signature or ids.blob("thought signature")
        return out

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: Ids) -> dict[str, str]:
        """Return no id: Gemini's is `responseId` in the body; a given one is sent all the same."""
        return {"x-request-id": turn.request_id} if turn is not None and turn.request_id else {}

    def rate_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """Gemini sends no header: the delay is in the body."""
        return {}, seconds

    def error(self, problem: Problem, provider: str, ids: Ids) -> dict[str, Any]:
        """Return an error body; a bad key is a 400 here."""
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

    def refuse(self, problem: Problem, provider: str, ids: Ids) -> Reply:
        """Return a whole error response with Gemini's status for it."""
        reply = super().refuse(problem, provider, ids)
        reply.status = {"bad_key": 400, "no_key": 403}.get(problem.kind, problem.status)
        return reply

    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return an error in place of a response."""
        return sse(self.error(problem, asked.provider, ids))

    def unknown_event(self) -> bytes:
        """Return an object with keys that nobody knows."""
        return sse({"novelty": {"index": 0, "note": "nobody knows me"}})


def _usage(turn: ScriptedTurn, asked: Asked, share: float) -> dict[str, Any]:
    """Return the usage so far: what went in is known from the start, what comes out grows."""
    spent = turn.spent(asked)
    usage: dict[str, Any] = {"promptTokenCount": spent.prompt}
    if spent.cache_read:
        usage["cachedContentTokenCount"] = spent.cache_read
    written, thought = int(spent.output * share), int(spent.reasoning * share)
    if written:
        usage["candidatesTokenCount"] = written
    usage["totalTokenCount"] = spent.prompt + written + thought
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": spent.prompt}]
    if thought:
        usage["thoughtsTokenCount"] = thought
    return {**usage, "serviceTier": "standard"}


def _heard(contents: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the last words of the user and the tool results after them."""
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
