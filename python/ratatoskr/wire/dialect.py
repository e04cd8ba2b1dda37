"""The interface between a wire dialect and the provider that sends its requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.model import ParameterChange
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.turn import TurnBuilder


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider, and what is known about it there.

    Attributes:
        provider: the provider's name as configured, such as `groq`.
        model: the model's name on the wire.
        dialect: the dialect's name, such as `messages`; part of the issuer of opaque state.
        rules: what the model accepts.
        flags: the host's quirks; the dialect that reads a flag documents it.
    """

    provider: str
    model: str
    dialect: str
    rules: ModelRules = field(default_factory=ModelRules)
    flags: frozenset[str] = frozenset()

    @property
    def issuer(self) -> str:
        """The issuer of opaque state: `provider/dialect/model`."""
        return f"{self.provider}/{self.dialect}/{self.model}"


@dataclass(slots=True)
class Encoded:
    """A request in a dialect.

    Attributes:
        path: what is appended to the provider's base URL; every name in it percent-encoded.
        body: the JSON object, its members in the order of the text; `msgspec.Raw` for JSON kept byte for byte.
        headers: besides the key and the content type.
        notices: what was left out or sent in another form.
        changes: the parameters that the provider adapted to the model before the request was encoded.
    """

    path: str
    body: dict[str, Any] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    notices: list[Notice] = field(default_factory=list)
    changes: tuple[ParameterChange, ...] = ()


class StreamDecoder(Protocol):
    """Decodes the events of one stream. The result does not depend on how the bytes were split."""

    turn: TurnBuilder

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events that one event of the wire stands for.

        Raises:
            FailureReported: the provider reported an error inside the stream.
            MalformedResponse: the event does not follow the dialect.
        """
        ...

    def end(self) -> list[ChatEvent]:
        """Return the last events after a clean end of the body; `turn.done` is false if the answer is incomplete."""
        ...


class Dialect(Protocol):
    """The interface of a dialect's package."""

    PARAMETERS: frozenset[str]
    """The chat parameters that the dialect supports."""
    FRAMING: Any
    """`sse` or `ndjson`: how its streams are framed."""
    StreamDecoder: Any

    def encode_request(self, request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
        """Return the request in the dialect; raises `InvalidInput(field=…)` for what the dialect does not support."""
        ...

    def decode_response(self, body: bytes, target: Target) -> TurnBuilder:
        """Return the finished turn of a complete response; raises `FailureReported` or `MalformedResponse`."""
        ...

    def decode_error(self, body: bytes) -> ReportedFailure:
        """Return the failure that an error body reports; any other body gives one with a short message."""
        ...
