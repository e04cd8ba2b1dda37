"""One capability of text analysis: its providers, found by presence, and the models that they serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ratatoskr.backend.deadline import Deadline
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.settings import CallTimeouts, Settings
from ratatoskr.errors import InvalidInput, NoProvider
from ratatoskr.providers.protocol import CallOptions, FindsModels, KeepsModels
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.model import Explanation, Plan
from ratatoskr.types.timeouts import Timeouts
from ratatoskr.types.visible import quote

__all__ = ["BackendParts", "CapabilityBackend", "CapabilityNames"]

P = TypeVar("P", bound=FindsModels)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CapabilityNames:
    """What a capability is called.

    Attributes:
        name: as `capabilities()` lists it.
        model: what its models are called in messages.
        builder: the method of the builder that adds one to this process.
        method: that of the gateway by which it is used.
    """

    name: str
    model: str
    builder: str
    method: str


@dataclass(frozen=True, slots=True)
class BackendParts:
    """What all capabilities of a backend share.

    Attributes:
        chain: tries candidates in order.
        settings: the builder's.
        timeouts: resolves the timeouts of a call.
        lifecycle: admits calls.
    """

    chain: Chain
    settings: Settings
    timeouts: CallTimeouts
    lifecycle: Lifecycle


class CapabilityBackend(Generic[P]):
    """Asks the providers of one capability.

    Args:
        capability: what it is called.
        providers: in order of preference.
        shared: what all capabilities share.
    """

    def __init__(self, capability: CapabilityNames, providers: Mapping[str, P], shared: BackendParts) -> None:
        self.capability = capability
        self.registry = ProviderRegistry(providers, shared.chain, shared.settings.policy)
        self._shared = shared

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """Return the candidates for a model in order; never empty.

        After the first come only those that serve the very same model, for when it is not available there.

        Raises:
            InvalidInput: it is not one name.
            NoProvider: no configured provider serves it; the message lists the models of this process.
        """
        if not isinstance(model, str) or not model.strip() or not model.isprintable():
            text = f"model must be the name of one {self.capability.model}, not {quote(model)}"
            raise InvalidInput(text, field="model")
        found = self.find(model)
        if not found:
            raise NoProvider(self._describe_missing(), model=model.strip())
        return found

    def find(self, model: str, *, known: bool = False) -> tuple[Candidate, ...]:
        """Return the candidates for a model in order; none if no configured provider serves it.

        Args:
            model: the name as the caller gave it.
            known: whether a provider that takes any name counts only where the name says what the model does; without
                a prefix it counts only there in any case.
        """
        name = model.strip()
        prefix, colon, rest = name.partition(":")
        providers = self.registry.providers
        only = next((one for one in (prefix, prefix.casefold()) if colon and one in providers), None)
        asked = (rest.strip() if only else name).rstrip("/") or name  # as shells complete the path of a folder
        eligible = [provider for own, provider in providers.items() if only in (None, own)]

        def look(provider: P, name: str) -> str | None:
            if (known or only is None) and not getattr(provider, "knows_model", _knows_any)(name):
                return None
            return provider.find_model(name)

        canonical = next((found for one in eligible if (found := look(one, asked)) is not None), None)
        if canonical is None:
            return ()
        serving = [one for one in eligible if canonical in (look(one, asked), look(one, canonical))]
        first = "named by its prefix" if only else f"serves this {self.capability.model}"
        return tuple(
            Candidate(one.name, canonical, first if place == 0 else "serves the same model", place > 0)
            for place, one in enumerate(serving)
        )

    def _describe_missing(self) -> str:
        own = [info for info in self.registry.providers.values() if isinstance(info, KeepsModels)]
        names = sorted({name for one in own for name in getattr(one, "model_names", ())})
        those = f"configured are {', '.join(names)}" if names else "none is configured"
        text = f"not a configured {self.capability.model}: {those}; see builder().{self.capability.builder}"
        remote = [name for name, one in self.registry.providers.items() if not isinstance(one, KeepsModels)]
        return f"{text}, or put a provider before the name ({', '.join(remote)})" if remote else text

    async def run(
        self, model: str, timeouts: Timeouts, ask: Callable[[P, CallOptions], Awaitable[T]]
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return the first answer and every attempt; raises what `Chain.run` raises."""
        call = self._shared.lifecycle.enter()
        try:

            async def attempt(provider: P, options: CallOptions) -> T:
                limit, phase = options.deadlines.total, options.deadlines.total_phase
                async with Deadline(limit, phase, "the results"):
                    return await ask(provider, options)

            return await self.registry.run(self.candidates(model), attempt, self._shared.timeouts.resolve(timeouts))
        finally:
            self._shared.lifecycle.leave(call)

    async def explain(self, model: str, timeouts: Timeouts) -> Explanation:
        """Return which providers would be asked; one that cannot be used would be skipped."""
        plans = []
        for candidate in self.candidates(model):
            keeper: object = self.registry[candidate.provider]
            status = await keeper.status(candidate.model) if isinstance(keeper, KeepsModels) else None
            refused = status.reason if status is not None and status.status == "unavailable" else None
            address = getattr(keeper, "address", None)
            plans.append(
                Plan(
                    candidate.provider,
                    candidate.model,
                    candidate.reason,
                    None if address is None else address(candidate.model),
                    refused=refused,
                    only_if_unavailable=candidate.only_if_unavailable,
                )
            )
        deadlines = Explanation.deadlines_of(self._shared.timeouts.resolve(timeouts))
        return Explanation(tuple(plans), deadlines, self._shared.settings.retries)

    def keepers(self, model: str) -> Sequence[tuple[KeepsModels, str]]:
        """Return the providers of this process that have a model, with its name there."""
        served: list[tuple[object, str]] = [
            (self.registry[candidate.provider], candidate.model) for candidate in self.find(model)
        ]
        return [(provider, name) for provider, name in served if isinstance(provider, KeepsModels)]


def _knows_any(_: str) -> bool:
    """Return whether a provider with a list of its models is to be asked for one: it says itself."""
    return True
