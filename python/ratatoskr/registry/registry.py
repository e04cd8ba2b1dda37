"""Which providers serve a capability, and one way to ask them: along a chain of candidates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ratatoskr.errors import RatatoskrError
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.registry.chain import Chain
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Deadlines, Timeouts

if TYPE_CHECKING:
    from ratatoskr.models.knowledge import ModelKnowledge
    from ratatoskr.models.pricing import Pricing

P = TypeVar("P")
T = TypeVar("T")

__all__ = ["ProviderRegistry"]


class ProviderRegistry(Generic[P]):
    """The providers of one capability by name, in order of preference.

    Args:
        providers: by the name they are configured under.
        chain: tries candidates in order.
        policy: what happens to a parameter that a model does not take.
        pricing: gives answers their cost.
        knowledge: checks requests before they are sent.
    """

    def __init__(
        self,
        providers: Mapping[str, P],
        chain: Chain,
        policy: ParameterPolicy = "error",
        pricing: Pricing | None = None,
        knowledge: ModelKnowledge | None = None,
    ) -> None:
        self.providers: Mapping[str, P] = MappingProxyType(dict(providers))
        self._chain = chain
        self._policy = policy
        self.pricing = pricing
        self._knowledge = knowledge

    def __getitem__(self, name: str) -> P:
        return self.providers[name]

    def run(
        self,
        candidates: Sequence[Candidate],
        ask: Callable[[P, CallOptions], Awaitable[T]],
        timeouts: Timeouts,
        *,
        safe_to_repeat: Callable[[RatatoskrError], bool] = lambda _: True,
    ) -> Coroutine[Any, Any, tuple[T, tuple[Attempt, ...]]]:
        """Return the first answer and every attempt; raises what `Chain.run` raises.

        Args:
            candidates: providers and models in order of preference.
            ask: makes one attempt at one provider.
            timeouts: none of them inherited.
            safe_to_repeat: returns whether a request that failed with this error may be sent again anywhere.
        """
        numbers = count(1)
        waiting = list(candidates) if len(candidates) > 1 else None
        pricing = self.pricing

        def attempt(candidate: Candidate, deadlines: Deadlines) -> Awaitable[T]:
            name = candidate.provider
            has_next = waiting is not None and self._chain.has_ready(candidate, waiting)
            options = CallOptions(
                candidate.model,
                deadlines,
                self._policy,
                name,
                next(numbers),
                has_next,
                None,
                pricing,
                self._knowledge,
            )
            return ask(self.providers[name], options)

        return self._chain.run(candidates, attempt, timeouts, safe_to_repeat=safe_to_repeat)
