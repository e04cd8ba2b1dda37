"""A provider's error as the provider reported it, before it is mapped to an exception class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    """The content of an error body or an error event.

    Attributes:
        message: the provider's message.
        kind: the provider's error type (`type`, `status`), as in `overloaded_error`.
        code: the provider's error code, as in `insufficient_quota`.
        param: the parameter that the error is about.
        status: the HTTP status that the body or event itself contains.
        retry_after: seconds to wait, where the body (not a header) contains them.
        resets_at: when the limit ends, in seconds since the epoch, where the body contains it.
        permanent: whether the body says that waiting does not help (a daily or spending limit).
    """

    message: str = ""
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    retry_after: float | None = None
    permanent: bool = False
    resets_at: float | None = None


class FailureReported(Exception):  # internal: the provider maps it to a public exception
    """An error that a decoder found in a response with status 200."""

    def __init__(self, failure: ReportedFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure
