"""Gemini: parts of a candidate, in one response or in the chunks of a stream."""

from __future__ import annotations

import itertools
import re
from typing import Any

from recorded.expected.answer import Answer, Call, Failure, payloads, retry_after_of, status_of

REASONS = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "MODEL_ARMOR": "content_filter"}


def read(recording: dict[str, Any]) -> Answer | Failure:
    """Return the content of the recording."""
    chunks = payloads(recording)
    failed = next((chunk["error"] for chunk in chunks if chunk.get("error")), None)
    if failed is not None:
        reasons = {detail["reason"] for detail in failed.get("details", []) if "reason" in detail}
        status = status_of(recording)
        wait = next((_seconds(one["retryDelay"]) for one in failed.get("details", []) if "retryDelay" in one), None)
        wait = retry_after_of(recording) if wait is None else wait
        return Failure(status, failed["message"].strip(), frozenset({failed["status"], *reasons}), wait)
    answer, usage, parts = Answer(), dict[str, int](), list[dict[str, Any]]()
    metadata: list[dict[str, Any]] = []
    for chunk in chunks:
        usage |= {name: n for name, n in (chunk.get("usageMetadata") or {}).items() if isinstance(n, int)}
        answer.model, answer.id = chunk.get("modelVersion"), chunk.get("responseId")
        blocked = (chunk.get("promptFeedback") or {}).get("blockReason")
        answer.finish = blocked or answer.finish
        for candidate in chunk.get("candidates") or []:
            parts += (candidate.get("content") or {}).get("parts") or []
            answer.finish = candidate.get("finishReason") or answer.finish
            metadata.append(candidate)
            tokens = (candidate.get("logprobsResult") or {}).get("chosenCandidates") or []
            answer.tokens += [one["token"] for one in tokens]
    merged = _merge_parts(parts)
    answer.text = "".join(part["text"] for part in merged if "text" in part and not part.get("thought"))
    answer.reasoning = "".join(part["text"] for part in merged if "text" in part and part.get("thought"))
    answer.calls = [_call(part["functionCall"]) for part in merged if "functionCall" in part]
    answer.reason = REASONS.get(answer.finish or "", "unknown")
    if answer.calls and answer.reason == "stop":
        answer.reason = "tool_calls"
    answer.server_calls = [name for part in merged if (name := _server_tool(part))]
    answer.server_results = sum("codeExecutionResult" in part or "toolResponse" in part for part in merged)
    answer.images = sum(_is_image(part) for part in merged)
    answer.opaque = [part["thoughtSignature"] for part in merged if "thoughtSignature" in part]
    answer.sources = _sources(metadata)
    answer.wire = merged
    _count(answer, usage)
    return answer


def _merge_parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join consecutive texts without signature, and the partial arguments of calls; remove empty texts."""
    out: list[dict[str, Any]] = []
    for part in parts:
        call, last = part.get("functionCall"), out[-1] if out else {}
        if call is not None and ("partialArgs" in call or "willContinue" in call or not call):
            if call.get("name"):
                out.append({**part, "functionCall": {"name": call["name"], "args": {}}})
            for partial in call.get("partialArgs", []):
                _add_partial(out[-1]["functionCall"]["args"], partial)
        elif part == {"text": ""}:
            continue
        elif "text" in part and "text" in last and not {"thoughtSignature"} & (part.keys() | last.keys()):
            if bool(part.get("thought")) == bool(last.get("thought")):
                out[-1] = {**last, "text": last["text"] + part["text"]}
            else:
                out.append(part)
        else:
            out.append(part)
    return out


def _add_partial(arguments: Any, partial: dict[str, Any]) -> None:
    """Add a partial argument to the arguments; strings are concatenated."""
    steps = [int(n) if n else name for name, n in re.findall(r"\.(\w+)|\[(\d+)\]", partial["jsonPath"])]
    for step, after in itertools.pairwise(steps):
        arguments = _get_or_create(arguments, step, [] if isinstance(after, int) else {})
    last = steps[-1]
    if "stringValue" in partial:
        arguments[last] = _get_or_create(arguments, last, "") + partial["stringValue"]
    else:
        _get_or_create(arguments, last, None)
        arguments[last] = partial.get("numberValue", partial.get("boolValue"))


def _get_or_create(holder: Any, step: str | int, empty: Any) -> Any:
    if isinstance(step, int) and step == len(holder):
        holder.append(empty)
    return holder[step] if isinstance(step, int) else holder.setdefault(step, empty)


def _server_tool(part: dict[str, Any]) -> str | None:
    if "executableCode" in part:
        return "code_execution"
    return str(part["toolCall"]["toolType"]) if "toolCall" in part else None


def _is_image(part: dict[str, Any]) -> bool:
    kind = (part.get("inlineData") or {}).get("mimeType", "")
    return str(kind).startswith("image/") and not part.get("thought")


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def _call(call: dict[str, Any]) -> Call:
    return Call(call["name"], call.get("args", {}), call.get("id"))


def _sources(candidates: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    """Return the URLs of grounding supports, then those of other grounding chunks, then those of URL context."""
    named: list[tuple[str | None, str | None]] = []
    alone: list[tuple[str | None, str | None]] = []
    read: list[tuple[str | None, str | None]] = []
    for candidate in candidates:
        grounding = candidate.get("groundingMetadata") or {}
        urls_and_titles = [
            (source.get("uri"), source.get("title"))
            for chunk in grounding.get("groundingChunks") or []
            for source in chunk.values()
        ]
        used = [n for one in grounding.get("groundingSupports") or [] for n in one.get("groundingChunkIndices") or []]
        named += [urls_and_titles[n] for n in used]
        alone += [pair for n, pair in enumerate(urls_and_titles) if n not in used]
        urls = (candidate.get("urlContextMetadata") or {}).get("urlMetadata") or []
        read += [(one["retrievedUrl"], None) for one in urls]
    return named + alone + read


def _count(answer: Answer, usage: dict[str, int]) -> None:
    """Read the counts: tokens of tool use are part of the prompt, thinking is not part of the candidates."""
    if "promptTokenCount" in usage:
        answer.prompt = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    answer.cached = usage.get("cachedContentTokenCount")
    answer.reasoned = usage.get("thoughtsTokenCount")
    if "candidatesTokenCount" in usage:
        answer.completion = usage["candidatesTokenCount"] + (answer.reasoned or 0)
    elif answer.reasoned is not None:
        answer.completion = answer.reasoned
    if "totalTokenCount" in usage and answer.prompt is not None:
        assert usage["totalTokenCount"] == (answer.prompt or 0) + (answer.completion or 0)
