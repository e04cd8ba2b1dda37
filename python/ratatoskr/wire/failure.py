"""An error as a provider told it, before it has one of our classes: what status and body said, nothing interpreted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    """What an error body or an error event said.

    Attributes:
        message: the provider's words.
        kind: its word for the class of error (`type`, `status`), as in `overloaded_error`.
        code: its finer code, as in `insufficient_quota`.
        param: the argument it complains about.
        status: the HTTP status that the body or event itself names, if any.
        retry_after: seconds, where the body (not a header) says them.
        permanent: waiting does not help, as the body says (a daily or spending limit).
    """

    message: str = ""
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    retry_after: float | None = None
    permanent: bool = False


class FailureReported(Exception):  # it carries a provider's error to the place that gives it a class; never public
    """A decoder met an error inside a 200."""

    def __init__(self, failure: ReportedFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure
