"""The tables of `config.toml` on how a gateway behaves: routing and deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ratatoskr.config.section import Names, Section

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder

__all__ = ["RoutingSection", "TimeoutsSection"]

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RoutingSection(Section, frozen=True):
    """Which models may follow others, and what happens to calls that fail or cannot be sent as they are.

    Attributes:
        fallbacks: patterns of models, each with the models that may follow after any failure.
        substitute: allow another provider of the same model after any failure, not only if the model is missing.
        retries: repeats at each candidate.
        parameter_policy: what happens to a parameter that a model does not support: `error`, `drop` or `pass`.
    """

    fallbacks: dict[str, Names] = {}
    substitute: bool = False
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    parameter_policy: Literal["error", "drop", "pass"] = "error"

    def apply(self, builder: Builder, rules: dict[str, str | list[str]]) -> None:
        """Set the routing of a builder.

        Args:
            builder: of a gateway.
            rules: the aliases.
        """
        if rules or self.substitute:
            builder.routing(rules=rules, substitute=self.substitute)
        for pattern, models in self.fallbacks.items():
            builder.fallback(pattern, models)
        builder.retries(self.retries).parameter_policy(self.parameter_policy)


class TimeoutsSection(Section, frozen=True):
    """Deadlines in seconds of calls that set none themselves; `inf` switches one off.

    Attributes:
        connect: name resolution, connection and TLS of one attempt.
        first_byte: from the request having left to the head of the response.
        idle: between two pieces of a body.
        no_progress: between two events with content.
        attempt: one attempt; for streams until the first event.
        total: the call with all attempts and waits; for streams until the first event.
        stream_life: a stream from its opening to its end.
    """

    connect: Seconds | None = None
    first_byte: Seconds | None = None
    idle: Seconds | None = None
    no_progress: Seconds | None = None
    attempt: Seconds | None = None
    total: Seconds | None = None
    stream_life: Seconds | None = None

    def apply(self, builder: Builder) -> None:
        """Set the deadlines of a builder."""
        from ratatoskr.types.timeouts import Timeouts

        given = self.values()
        if given:
            builder.timeout(Timeouts(**given))
