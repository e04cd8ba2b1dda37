"""The attempts of a call, as plain data that keeps no frame, socket or prompt alive."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass
from ratatoskr.types.pending import resolves_when_read
from ratatoskr.types.plain import Plain
from ratatoskr.types.usage import Cost, Usage

Decision: TypeAlias = Literal["answered", "again", "next", "stop", "skipped", "retry_budget_exhausted"]


@dataclass(frozen=True, slots=True)
class ErrorInfo(Plain):
    """An error as data.

    Attributes:
        code: the class name in snake_case.
        message: cut to 200 characters.
        status: HTTP status, where there was one.
        provider_code: the provider's own code.
        retry_after: seconds that the provider asked us to wait.
    """

    type: ClassVar[Literal["error_info"]] = "error_info"
    code: str
    message: str
    status: int | None = None
    provider_code: str | None = None
    retry_after: float | None = None


@resolves_when_read("cost")
@dataclass(frozen=True, slots=True)
class Attempt(Plain):
    """One attempt at one candidate.

    Attributes:
        provider: name of the provider.
        model: the model's name there.
        error: why it failed; `None` if it succeeded.
        phase: how far it got: `prepare`, `connect`, `first_byte`, `body`, `stream`, `done`.
        started: seconds after the call began.
        duration: seconds that it took.
        waited: seconds of backoff before it.
        decision: what came next; `retry_budget_exhausted` means that the provider was not tried again because it has
            failed too often in the last minutes.
        maybe_billed: whether the provider may charge for it although it failed.
        usage: tokens of an attempt that may be billed, if it is known.
        cost: what it cost, if that is known.
    """

    type: ClassVar[Literal["attempt"]] = "attempt"
    provider: str
    model: str
    error: ErrorInfo | None = None
    phase: str = "done"
    started: float = 0.0
    duration: float = 0.0
    waited: float = 0.0
    decision: Decision = "answered"
    maybe_billed: bool = False
    usage: Usage | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Notice(Plain):
    """A warning about a response that is otherwise right.

    Attributes:
        code: stable name, such as `parameter_dropped` or `foreign_state_dropped`.
        message: one sentence.
        field: the argument that it is about.
    """

    type: ClassVar[Literal["notice"]] = "notice"
    code: str
    message: str
    field: str | None = None
