"""`Candidate`: a provider and a model that a name stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Candidate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider and model that can serve the request.

    Attributes:
        provider: its name as configured.
        model: the model's name there.
        reason: why it was chosen, for people to read.
        only_if_unavailable: whether it is tried only after `ModelNotAvailable`, not after another failure.
        also_if_not_found: whether `ModelNotFound` counts as well there.
        circuit: both names in one, by which the state of its circuit breaker is found.
    """

    provider: str
    model: str
    reason: str
    only_if_unavailable: bool = False
    also_if_not_found: bool = False
    circuit: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "circuit", f"{self.provider}:{self.model}")
