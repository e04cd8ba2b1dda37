"""The content of a recording as plain data, read from its JSON and text without any code of the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of one of the caller's tools: name, parsed arguments, and the id if the provider sent one."""

    name: str
    arguments: Any
    id: str | None


@dataclass
class Answer:
    """The expected response.

    Attributes:
        text: all text, including refusals.
        reasoning: all readable thinking.
        calls: the tool calls, in order.
        sources: URL and title of each citation, in order.
        server_calls: the names of the provider's tools that ran, in order.
        server_results: the number of results of such tools.
        opaque: every signature, ciphertext and the like, in order.
        tokens: the tokens of the log probabilities.
        images: the number of images.
        prompt, cached, written, completion, reasoned: token counts; `prompt` and `completion` include the others.
        cost: the price, if the provider sends it.
        finish: the native finish reason.
        reason: our finish reason.
        model: the model of the response.
        id: the id of the response.
        wire: the assistant's turn as the provider's JSON, merged from its deltas.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    sources: list[tuple[str | None, str | None]] = field(default_factory=list)
    server_calls: list[str] = field(default_factory=list)
    server_results: int = 0
    opaque: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    images: int = 0
    prompt: int | None = None
    cached: int | None = None
    written: int | None = None
    completion: int | None = None
    reasoned: int | None = None
    cost: float | None = None
    finish: str | None = None
    reason: str = "unknown"
    model: str | None = None
    id: str | None = None
    wire: Any = None


@dataclass(frozen=True)
class Failure:
    """The expected error.

    Attributes:
        status: the status of the response, or the one in an error with status 200.
        message: the message.
        codes: every code and type in it.
        wait: the seconds to wait, if header or body contain them.
    """

    status: int | None
    message: str
    codes: frozenset[str] = frozenset()
    wait: float | None = None


Reader = Callable[[dict[str, Any]], Answer | Failure]


def payloads(recording: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON of each event of a stream, or the body."""
    response = recording["response"]
    if "payloads" in response:
        events = [json.loads(one) if isinstance(one, str) else one for one in response["payloads"]]
    elif "body_text" in response:
        events = list(_events(response["body_text"], response["framing"]))
    else:
        body = response["body"]
        events = body if isinstance(body, list) else [body]
    return [one for one in events if isinstance(one, dict)]


def _events(text: str, framing: str) -> Iterator[Any]:
    text = text.replace("\r\n", "\n")
    if framing == "ndjson":
        yield from (json.loads(line) for line in text.split("\n") if line)
        return
    for event in text.split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            yield json.loads(data)


def find_opaque(value: Any, names: frozenset[str]) -> Iterator[str]:
    """Yield every text whose member has one of the names, in order."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in names and isinstance(inner, str) and inner:
                yield inner
            else:
                yield from find_opaque(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from find_opaque(inner, names)


def status_of(recording: dict[str, Any]) -> int:
    """Return the status of the response; 200 for recordings with payloads only."""
    return recording["response"].get("status") or 200


def retry_after_of(recording: dict[str, Any]) -> float | None:
    """Return the seconds of `retry-after`."""
    headers = {name.lower(): value for name, value in (recording["response"].get("headers") or {}).items()}
    return float(headers["retry-after"]) if "retry-after" in headers else None
