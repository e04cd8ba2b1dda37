"""The interface of a dialect: parse a request, encode a `ScriptedTurn`, and encode errors."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import ParsedRequest, ScriptedTurn, encode_json

CREATED = 1_790_000_000
"""The creation time of every answer, in seconds since the epoch; it is fixed so that answers are reproducible."""


class IdSequence:
    """Generates ids that are unique within an upstream and the same in every run."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """Return the next id."""
        self._count += 1
        return f"{prefix}{self._count:024x}"

    def blob(self, what: str) -> str:
        """Return an opaque token in base64, such as a signature."""
        self._count += 1
        return base64.b64encode(f"{what} {self._count:06d} of the scripted upstream".encode()).decode()


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, which each dialect encodes in its own shape.

    Attributes:
        status: The HTTP status (also in the body, where the dialect repeats it).
        kind: The kind of an error that dialects encode differently: `bad_key`, `no_key`, `quota`, `context_length`,
            `unknown_model`, `unknown_path`, `overloaded` or `rate_limit`; "" means that the status is enough.
        message: The message; default: one that suits the kind.
        field: The invalid parameter, for dialects that name it.
        retry_after: Seconds, for dialects that send them in the body.
    """

    status: int
    kind: str = ""
    message: str = ""
    field: str | None = None
    retry_after: float | None = None

    def text(self) -> str:
        """Return the given message, or one that suits the kind."""
        if self.message:
            return self.message
        phrase = next((one.phrase for one in HTTPStatus if one.value == self.status), "Unknown error")
        return _MESSAGES.get(self.kind, f"{phrase}, said the scripted upstream.")


_MESSAGES = {
    "bad_key": "Incorrect API key provided.",
    "no_key": "You didn't provide an API key.",
    "quota": "You exceeded your current quota, please check your plan and billing details.",
    "context_length": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "200000 tokens. Please reduce the length of the messages.",
    "unknown_model": "The model does not exist or you do not have access to it.",
    "overloaded": "Overloaded",
    "rate_limit": "Rate limit reached. Please try again later.",
}


class RequestRefused(Exception):  # control flow between parsing a request and answering it
    """The provider would reject the request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text())
        self.problem = problem


class ScriptedDialect(ABC):
    """The wire format of a provider. Stateless; `ids` come from the upstream."""

    name: ClassVar[str]
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    json_type: ClassVar[str] = "application/json"
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"

    @abstractmethod
    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request.

        Raises:
            RequestRefused: A required field is missing.
        """

    @abstractmethod
    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn, as a stream if the request asks for one."""

    @abstractmethod
    def error_body(self, problem: Problem, provider: str, ids: IdSequence) -> dict[str, Any]:
        """Return the body of an error response."""

    @abstractmethod
    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return the event that reports an error within a stream."""

    @abstractmethod
    def unknown_event(self) -> bytes:
        """Return an event of an unknown kind."""

    def frame(self, text: bytes) -> bytes:
        """Return text as one event of a stream; it need not be JSON."""
        return b"data: " + text + b"\n\n"

    def event_line(self) -> tuple[bytes, bytes]:
        """Return how an event begins and how its lines end, for faults with endless events."""
        return b"data: ", b"\n"

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: IdSequence) -> dict[str, str]:
        """Return the headers that identify a request at this provider."""
        given = turn.request_id if turn is not None else None
        return {"x-request-id": given or ids.new("req_")}

    def retry_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """Return how this provider sends a retry delay: headers, and the seconds to send in the body, if any."""
        return {"retry-after": f"{seconds:g}"}, None

    def error_reply(self, problem: Problem, provider: str, ids: IdSequence) -> Reply:
        """Return an error response."""
        headers = {"content-type": self.json_type, **self.request_id(None, provider, ids)}
        return Reply(problem.status, headers, [encode_json(self.error_body(problem, provider, ids))])

    def stream_reply(
        self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence, events: list[bytes], *, first: int, last: int
    ) -> Reply:
        """Return a streamed response of these events."""
        head = {"content-type": self.stream_type, "cache-control": "no-cache"}
        head |= self.request_id(turn, request.provider, ids) | dict(turn.headers)
        if turn.keep_alives:
            events[:0] = [self.keep_alive] * turn.keep_alives
            first, last = first + turn.keep_alives, last + turn.keep_alives
        reply = Reply(200, head, events, "chunked", first=first, last=last)
        reply.pace, reply.delay, reply.gated = turn.pace, turn.delay, turn.gated
        return reply

    def document_reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence, value: Any) -> Reply:
        """Return a response with one JSON document."""
        head = {"content-type": self.json_type, **self.request_id(turn, request.provider, ids), **turn.headers}
        return Reply(200, head, [encode_json(value)], delay=turn.delay)


def sse_event(value: Any, name: str = "") -> bytes:
    """Return one event of a stream."""
    opening = f"event: {name}\n".encode() if name else b""
    return opening + b"data: " + encode_json(value) + b"\n\n"


def require_field(body: Mapping[str, Any], name: str, kinds: type | tuple[type, ...], message: str) -> Any:
    """Return a required field of the body.

    Raises:
        RequestRefused: It is missing, empty or of another type.
    """
    value = body.get(name)
    if not isinstance(value, kinds) or not value:
        raise RequestRefused(Problem(400, message=message, field=name))
    return value


def text_of(content: Any) -> str:
    """Return the text of a message's content: a string, a part, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        inner = content.get("text", content.get("content", ""))
        return text_of(inner) if inner else ""
    if isinstance(content, Iterable):
        return "".join(map(text_of, content))
    return ""
