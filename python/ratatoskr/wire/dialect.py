"""The seam between a wire dialect and the glue that sends its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.turn import TurnBuilder


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked, and what is known about the model there.

    Attributes:
        provider: name of the provider as configured, as in `groq`.
        model: the model's name on the wire.
        family: the endpoint family, as in `messages`; part of the issuer of opaque state.
        rules: what the model takes.
        flags: quirks of the host, each a word documented by the dialect that reads it.
    """

    provider: str
    model: str
    family: str
    rules: ModelRules = field(default_factory=ModelRules)
    flags: frozenset[str] = frozenset()

    @property
    def issuer(self) -> str:
        """Who signs opaque state: `provider/family/model`."""
        return f"{self.provider}/{self.family}/{self.model}"


@dataclass(slots=True)
class Encoded:
    """A request in a dialect's words.

    Attributes:
        path: what is appended to the provider's base URL; every name in it percent-encoded.
        body: the JSON object, in the order in which it is to be written; `msgspec.Raw` for JSON kept byte for byte.
        headers: besides key and content type.
        notices: what had to be left out or said in another way.
    """

    path: str
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    notices: list[Notice] = field(default_factory=list)


class StreamDecoder(Protocol):
    """Turns the events of one stream into ours. It does not depend on how the bytes were cut."""

    turn: TurnBuilder

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one event of the wire means.

        Raises:
            FailureReported: the provider told an error inside the stream.
            MalformedResponse: the event is not of the dialect.
        """
        ...

    def end(self) -> list[ChatEvent]:
        """Return what a clean end of the body means; `turn.done` tells whether the dialect's own end had come."""
        ...


class Dialect(Protocol):
    """A wire package as a value."""

    PARAMETERS: frozenset[str]
    """The chat parameters that the dialect has words for."""
    FRAMING: Any
    """`sse` or `ndjson`: how its streams are framed."""
    StreamDecoder: Any

    def encode_request(self, request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
        """Return the request in the dialect's words; raises `InvalidInput(field=…)` for what cannot be said in it."""
        ...

    def decode_response(self, body: bytes, target: Target) -> TurnBuilder:
        """Return the turn that a whole response holds, finished; raises `FailureReported` or `MalformedResponse`."""
        ...

    def decode_error(self, body: bytes) -> ReportedFailure:
        """Return what an error body says; any other body gives one with a short message."""
        ...
