"""Everything that Ratatoskr raises.

    RatatoskrError
    ├── ConfigurationError          wrong set-up
    ├── NoProvider                  no configured provider serves this name
    ├── GatewayClosed               used after closing
    ├── InvalidInput                400, 413, 422, other 4xx, and everything refused before sending
    │   ├── UnsupportedParameter
    │   ├── ContextLengthExceeded
    │   ├── InvalidToolArguments
    │   └── OutputInvalid
    ├── AuthenticationFailed        401, 403
    ├── QuotaExhausted              402, and a 429 that will not clear
    │   └── BudgetExceeded          a budget of this gateway, before sending
    ├── RateLimited                 429
    ├── ModelNotFound               404 for a model
    ├── ModelNotAvailable           not loadable, not served here, over budget, 410
    ├── PresetNotFound
    ├── ContentFiltered             refused before any output
    ├── Timeout                     one of our deadlines, before the first event (also a TimeoutError)
    ├── ConnectionFailed            DNS, refused, reset, ended before the head (also a ConnectionError)
    │   └── TlsError
    ├── ProviderError               409, 425 and other 5xx
    │   └── ServiceUnavailable      408, 500, 502, 503, 504, 520-524, 529
    ├── RedirectRefused             3xx
    ├── MalformedResponse           wrong content type, bad or cut JSON, too large, too deep
    ├── StreamInterrupted           whatever ends a stream after its first event
    └── AllAttemptsFailed           two or more candidates were tried (also an ExceptionGroup)

All are made as `Class(message="", **fields)`, all pickle, and none holds a key, a URL's query or a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratatoskr.types.attempt import Attempt
    from ratatoskr.types.chat import ChatResponse


MAX_MESSAGE = 2000
"""The most characters of a message: it may repeat what others wrote."""
MAX_FIELD = 1000
"""The most characters of the name of a field: it may be the path of a place in what others wrote."""


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class RatatoskrError(Exception):
    """Root of the tree; a field that is not known is `None`.

    Attributes:
        code: stable name of the class in snake_case.
        message: one sentence for people.
        provider: name of the provider that failed.
        model: name of the model as asked for there.
        status: HTTP status.
        request_id: the provider's own id of the request.
        provider_code: the provider's own code or type of the error.
        retryable: whether the very same call may succeed later.
        retry_after: seconds that the provider asked us to wait.
        attempts: every try that was made for the call.
        partial: what had been delivered; `None` if nothing had.
        field: name of the argument that was refused.
    """

    code: ClassVar[str] = "ratatoskr_error"
    _fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "model",
        "status",
        "request_id",
        "provider_code",
        "retryable",
        "retry_after",
        "attempts",
        "partial",
        "field",
    )
    _retryable: ClassVar[bool] = False
    other_keys: int = 0
    """The number of other keys with which the same provider can be asked again at once."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = _snake_case(cls.__name__)

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        provider_code: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        attempts: tuple[Attempt, ...] = (),
        partial: ChatResponse[Any] | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…")
        self.provider = provider
        self.model = model
        self.status = status
        self.request_id = request_id
        self.provider_code = provider_code
        self.retryable = self._retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.attempts = attempts
        self.partial = partial
        self.field = field if field is None or len(field) <= MAX_FIELD else field[: MAX_FIELD - 1] + "…"

    @property
    def message(self) -> str:
        """One sentence for people."""
        return str(self.args[0]) if self.args else ""

    def fields(self) -> dict[str, Any]:
        """Return the keyword arguments that an equal error is made with."""
        return {name: getattr(self, name) for name in self._fields}

    def __str__(self) -> str:
        model = str(self.model or "")
        provider = "" if model.startswith(f"{self.provider}:") else self.provider
        where = ", ".join(part for part in (provider, model) if part)
        return f"{where}: {self._describe()}" if where else self._describe()

    def _describe(self) -> str:
        notes = [f"status {self.status}"] if self.status is not None else []
        if self.request_id:
            notes.append(f"request {self.request_id}")
        return f"{self.message} ({', '.join(notes)})" if notes else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.fields())


def _rebuild(cls: type[RatatoskrError], message: str, fields: dict[str, Any]) -> RatatoskrError:
    return cls(message, **fields)


class ConfigurationError(RatatoskrError):
    """The set-up is wrong: no provider, two of the same name, an unreadable secrets file."""


class NoProvider(RatatoskrError):
    """No configured provider serves this name; the message names the key or the call that is missing."""


class GatewayClosed(RatatoskrError):
    """The gateway was used after `aclose()`, or closed while the call ran."""


class InvalidInput(RatatoskrError):
    """The request is wrong; `field` names the argument if it was refused before sending."""


class UnsupportedParameter(InvalidInput):
    """A parameter that this model or provider does not take."""


class ContextLengthExceeded(InvalidInput):
    """The input is longer than the model allows."""


class InvalidToolArguments(InvalidInput):
    """The arguments of a tool call are not what the tool takes."""


class OutputInvalid(InvalidInput):
    """The answer does not validate against the output type that was asked for.

    Attributes:
        response: the complete response, so that text and usage are not lost.
        errors: one entry for each wrong place: `loc`, `msg`, `type`.
    """

    _fields = (*RatatoskrError._fields, "response", "errors")
    response: ChatResponse[Any]

    def __init__(
        self,
        message: str = "",
        *,
        response: ChatResponse[Any] = None,  # type: ignore[assignment]  # an error made by hand may have none
        errors: Sequence[dict[str, Any]] = (),
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.response = response
        self.errors = tuple(errors)


class AuthenticationFailed(RatatoskrError):
    """The key is missing, wrong or not allowed to do this (401, 403)."""


class QuotaExhausted(RatatoskrError):
    """The credit or quota is used up, and waiting does not help."""


class BudgetExceeded(QuotaExhausted):
    """A call may cost more than what is left of a budget of this gateway; `retry_after` is when the budget is renewed.

    Nothing was sent, and no other candidate is tried.
    """


class RateLimited(RatatoskrError):
    """Too many requests; `retry_after` is the wait that the provider asked for, if it named one."""

    _retryable = True


class ModelNotFound(RatatoskrError):
    """The provider does not know this model."""


class ModelNotAvailable(RatatoskrError):
    """The model cannot be served here now.

    Attributes:
        reason: why: `not_local`, `ram_budget`, `not_served`, `gone`.
    """

    _fields = (*RatatoskrError._fields, "reason")

    def __init__(self, message: str = "", *, reason: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.reason = reason


class PresetNotFound(RatatoskrError):
    """There is no preset of this tier and capability."""


class ContentFiltered(RatatoskrError):
    """The provider refused before any output."""


class Timeout(RatatoskrError, TimeoutError):
    """One of our deadlines passed before the first event.

    Attributes:
        phase: `connect`, `first_byte`, `idle`, `no_progress`, `attempt`, `total` or `stream_life`.
    """

    _fields = (*RatatoskrError._fields, "phase")
    _retryable = True
    queued: bool = False
    """Whether the request was still waiting here, for a free slot or its key, so that the provider was not asked."""

    def __init__(self, message: str = "", *, phase: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.phase = phase


class ConnectionFailed(RatatoskrError, ConnectionError):
    """The connection could not be made, or broke before the head of the response.

    Attributes:
        phase: `proxy`, `dns`, `connect`, `tls`, `send`, `head` or `body`.
        sent: whether bytes of the request can have reached the provider.
    """

    _fields = (*RatatoskrError._fields, "phase", "sent")
    _retryable = True

    def __init__(self, message: str = "", *, phase: str | None = None, sent: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.phase = phase
        self.sent = sent


class TlsError(ConnectionFailed):
    """The TLS handshake failed; never retried, never downgraded."""

    _retryable = False


class ProviderError(RatatoskrError):
    """The provider failed in another way (409, 425, other 5xx, an error inside a 200)."""


class ServiceUnavailable(ProviderError):
    """The provider is overloaded or down for the moment (408, 500, 502, 503, 504, 520-524, 529)."""

    _retryable = True


class RedirectRefused(RatatoskrError):
    """The provider answered with a redirect, which is never followed."""


class MalformedResponse(RatatoskrError):
    """The answer is not what the protocol says: content type, JSON, shape, size or depth."""

    _retryable = True


class StreamInterrupted(RatatoskrError):
    """A stream that had begun ended before its end.

    Attributes:
        cause: the error that ended it.
    """

    _fields = (*RatatoskrError._fields, "cause")

    def __init__(self, message: str = "", *, cause: RatatoskrError | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.cause = cause


class AllAttemptsFailed(RatatoskrError, ExceptionGroup[RatatoskrError]):
    """Two or more candidates were tried and none answered.

    Attributes:
        primary: the most relevant of the errors; its fields are also this error's.
        exceptions: the last error of each candidate, in the order in which they were tried.
    """

    def __new__(cls, message: str = "", exceptions: Sequence[RatatoskrError] = (), **fields: Any) -> AllAttemptsFailed:
        """Make the group; `exceptions` may not be empty."""
        return super().__new__(cls, message, list(exceptions))

    def __init__(self, message: str = "", exceptions: Sequence[RatatoskrError] = (), **fields: Any) -> None:
        self.primary = primary_of(exceptions)
        shared = {name: getattr(self.primary, name) for name in RatatoskrError._fields}
        super().__init__(message, **{**shared, **fields})

    @property
    def message(self) -> str:
        """One sentence for people."""
        return str(self.args[0])

    def __str__(self) -> str:
        return self.message

    def derive(self, excs: Sequence[RatatoskrError]) -> AllAttemptsFailed:  # type: ignore[override]  # narrower on purpose
        """Return a group of some of the exceptions that keeps all fields."""
        return AllAttemptsFailed(self.message, list(excs), **self.fields())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_group, (self.message, list(self.exceptions), self.fields())


def _rebuild_group(message: str, exceptions: list[RatatoskrError], fields: dict[str, Any]) -> AllAttemptsFailed:
    return AllAttemptsFailed(message, exceptions, **fields)


def summarize(errors: Sequence[RatatoskrError]) -> str:
    """Return the errors of several candidates as one line: each failure once, behind those that had it."""
    names: dict[str, list[str]] = {}
    for error in errors:
        text = error._describe()
        where = ":".join(part for part in (error.provider, error.model) if part)
        names.setdefault(text if len(text) <= _MAX_SUMMARY else f"{text[: _MAX_SUMMARY - 1]}…", []).append(where)
    return "; ".join(f"{' and '.join(dict.fromkeys(where))}: {text}" for text, where in names.items())


_MAX_SUMMARY = 300
"""The number of characters that a summary keeps of each message."""

_BY_RELEVANCE: tuple[type[RatatoskrError], ...] = (
    AuthenticationFailed,
    QuotaExhausted,
    ContextLengthExceeded,
    InvalidInput,
    ContentFiltered,
    ModelNotFound,
    RateLimited,
    ProviderError,
    MalformedResponse,
    TlsError,
    ConnectionFailed,
    Timeout,
)


def primary_of(errors: Sequence[RatatoskrError]) -> RatatoskrError:
    """Return the most relevant error: what a person can fix comes before what passes by itself."""

    def rank(error: RatatoskrError) -> int:
        return next((i for i, cls in enumerate(_BY_RELEVANCE) if isinstance(error, cls)), len(_BY_RELEVANCE))

    return min(errors, key=rank)
