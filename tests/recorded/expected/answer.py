"""What a recording says, as plain data: derived from its JSON and text alone, by nothing of the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of one of the caller's tools: name, arguments parsed, id where the provider gave one."""

    name: str
    arguments: Any
    id: str | None


@dataclass
class Answer:
    """One answer.

    Attributes:
        text: all text, refusals in words included.
        reasoning: all thinking that can be read.
        calls: in order.
        sources: address and title of each citation, in order; `None` for what it has not.
        server_calls: names of the provider's own tools that ran, in order.
        server_results: how many results of such tools are told of.
        opaque: every signature, ciphertext and the like, in order.
        tokens: log probabilities' tokens.
        images: pictures.
        prompt, cached, written, completion, reasoned: tokens; the first and the fourth are the wholes.
        cost: money, if the provider says it in this dialect.
        finish: the provider's own word.
        reason: that word in ours.
        model: as answered.
        id: of the response.
        wire: the assistant's turn in the provider's words, folded from its pieces.
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
    """An error, as a body or an event told it.

    Attributes:
        status: of the response, or the one that the error inside a 200 names.
        message: its words.
        codes: every word for its kind that stands in it.
        wait: seconds to wait, where header or body name them.
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
        found = [json.loads(one) if isinstance(one, str) else one for one in response["payloads"]]
    elif "body_text" in response:
        found = list(_events(response["body_text"], response["framing"]))
    else:
        body = response["body"]
        found = body if isinstance(body, list) else [body]
    return [one for one in found if isinstance(one, dict)]


def _events(text: str, framing: str) -> Iterator[Any]:
    text = text.replace("\r\n", "\n")
    if framing == "ndjson":
        yield from (json.loads(line) for line in text.split("\n") if line)
        return
    for event in text.split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            yield json.loads(data)


def opaque_in(value: Any, names: frozenset[str]) -> Iterator[str]:
    """Yield every text that stands under one of the names, in the order in which they stand."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in names and isinstance(inner, str) and inner:
                yield inner
            else:
                yield from opaque_in(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from opaque_in(inner, names)


def status_of(recording: dict[str, Any]) -> int:
    """Return the status of the response; 200 where only payloads were published."""
    return recording["response"].get("status") or 200


def wait_of(recording: dict[str, Any]) -> float | None:
    """Return the seconds of `retry-after`."""
    headers = {name.lower(): value for name, value in (recording["response"].get("headers") or {}).items()}
    return float(headers["retry-after"]) if "retry-after" in headers else None
