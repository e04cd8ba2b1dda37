"""What was tried for a call, as plain data that keeps no frame, socket or prompt alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.codec import Plain
from ratatoskr.types.usage import Usage

Decision: TypeAlias = Literal["answered", "again", "next", "stop", "skipped", "retry_budget_exhausted"]


@dataclass(frozen=True, slots=True)
class ErrorInfo(Plain):
    """An error as data.

    Attributes:
        code: the class name in snake_case.
        message: cut to 200 characters.
        status: HTTP status, where there was one.
        provider_code: the provider's own word.
        retry_after: seconds that the provider asked us to wait.
    """

    type: ClassVar[Literal["error_info"]] = "error_info"
    code: str
    message: str
    status: int | None = None
    provider_code: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt(Plain):
    """One try at one candidate.

    Attributes:
        provider: who was asked.
        model: the model's name there.
        error: why it failed; `None` if it answered.
        phase: how far it came: `prepare`, `connect`, `first_byte`, `body`, `stream`, `done`.
        started: seconds after the call began.
        duration: seconds it took.
        waited: seconds of backoff before it.
        decision: what came next; `retry_budget_exhausted` where the same provider would have been asked again, had it
            not failed so often of late.
        maybe_billed: the provider may charge for it although it failed.
        usage: of an answered try, and of one that was filtered; of a stream, in its response.
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


@dataclass(frozen=True, slots=True)
class Notice(Plain):
    """Something a caller should know about an answer that is otherwise right.

    Attributes:
        code: stable word, as in `parameter_dropped`, `foreign_state_dropped`.
        message: one sentence.
        field: the argument it is about.
    """

    type: ClassVar[Literal["notice"]] = "notice"
    code: str
    message: str
    field: str | None = None
