"""The tables of `config.toml` on how a gateway behaves: local models, routing and deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ratatoskr.config.section import Name, Names, Section
from ratatoskr.types.timeouts import Timeouts

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder

__all__ = ["LocalSection", "RoutingSection", "TimeoutsSection"]

Count = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class LocalSection(Section):
    """The models of this process.

    Attributes:
        models: names of the catalogue, `organisation/name` of models in the store, or folders.
        precision: `fp32`, or `int8` for an approximation that is about twice as fast on a CPU.
        device: `cpu`, `cuda` or `cuda:1`.
        threads: that tokenise and compute; by default one for each CPU that the process may use.
        cache_dir: the folder of the store, in place of `$RATATOSKR_CACHE_DIR`.
        ram_budget: bytes that the models may add to the process.
    """

    models: list[Name] = []
    precision: Literal["fp32", "int8"] = "fp32"
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d{1,3})?)$")] = "cpu"
    threads: Count | None = None
    cache_dir: Name | None = None
    ram_budget: Count | None = None

    def apply(self, builder: Builder) -> None:
        """Add the models to a builder."""
        for model in self.models:
            builder.local_embeddings(model, self.precision)
        if self.models and self.device != "cpu":
            from ratatoskr.local.engine.device import Device

            builder.device(Device.cuda(int(self.device.partition(":")[2] or 0)))
        if self.threads is not None:
            builder.threads(self.threads)
        if self.cache_dir is not None:
            builder.cache_dir(self.cache_dir)
        if self.ram_budget is not None:
            builder.ram_budget(self.ram_budget)


class RoutingSection(Section):
    """Which models may follow others, and what happens to calls that fail or cannot be sent as they are.

    Attributes:
        fallbacks: patterns of models, each with the models that may follow after any failure.
        substitute: allow another provider of the same model after any failure, not only if the model is missing.
        retries: repeats at each candidate.
        parameter_policy: what happens to a parameter that a model does not support: `error`, `drop` or `pass`.
    """

    fallbacks: dict[str, Names] = {}
    substitute: bool = False
    retries: Annotated[int, Field(ge=0, le=10)] = 2
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


class TimeoutsSection(Section):
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
        given = self.model_dump(exclude_none=True)
        if given:
            builder.timeout(Timeouts(**given))
