"""What a failure looks like in a shell: an exit code, a line to read, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ratatoskr import errors
from ratatoskr.cli.render import one_line
from ratatoskr.types.attempt import Attempt

FILTERED = 7

EXITS: tuple[tuple[int, tuple[type[errors.RatatoskrError], ...]], ...] = (
    (2, (errors.ConfigurationError, errors.NoProvider, errors.InvalidInput)),
    (3, (errors.AuthenticationFailed,)),
    (4, (errors.ModelNotFound, errors.ModelNotAvailable, errors.PresetNotFound)),
    (5, (errors.RateLimited, errors.QuotaExhausted)),
    (
        6,
        (
            errors.ConnectionFailed,
            errors.Timeout,
            errors.ProviderError,
            errors.RedirectRefused,
            errors.MalformedResponse,
            errors.StreamInterrupted,
        ),
    ),
    (FILTERED, (errors.ContentFiltered,)),
)
"""The exit codes; whatever stands in no line is 1."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r",? or call \.\w+\([^)]*\) on the builder", ""),
    (r"; or choose the parameter policy \"drop\" or \"pass\"", ""),
    (r"\ballow_insecure=True\b", "--allow-insecure"),
    (r"\breasoning=\"(\w+)\"", r"--reasoning \1"),
    (r"\bdigests= or allow_unpinned=True\b", "--digest FILE=SHA256 or --allow-unpinned"),
    (r"\b(fresh|overwrite)=True\b", r"--\1"),
    (r"\btimeouts\.total\b(.*) \(math\.inf for none\)", r"--timeout\1"),
)
"""Advice for programs, in the words of a shell."""


def in_shell_words(text: str) -> str:
    """Return a message with what it advises said as options of a command."""
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    return text


def code_of(error: BaseException) -> int:
    """Return the exit code."""
    if isinstance(error, errors.AllAttemptsFailed):
        error = error.primary
    return next((code for code, classes in EXITS if isinstance(error, classes)), 1)


def lines_of(error: BaseException) -> Iterator[str]:
    """Yield one line that tells the failure, and one for each try where there were several."""
    if isinstance(error, OSError) and not isinstance(error, errors.RatatoskrError):
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        yield f"rat: {one_line(what)}"
        return
    if not isinstance(error, errors.RatatoskrError):
        yield f"rat: {one_line(f'{type(error).__name__}: {error}')} (RATATOSKR_DEBUG=1 shows where)"
        return
    if isinstance(error, errors.AllAttemptsFailed):
        text, hint = error.message, hint_for(error.primary)  # the message tells all about the most telling one
    else:
        text, hint = str(error), hint_for(error)
    text = in_shell_words(text)
    yield f"rat: {one_line(text)}" + (f"; {one_line(hint)}" if hint else "")
    if len(error.attempts) > 1:
        for number, attempt in enumerate(error.attempts, 1):
            yield f"  {number}. {_told(attempt)}"


def _told(attempt: Attempt) -> str:
    what = "answered" if attempt.error is None else f"{attempt.error.code}: {attempt.error.message}"
    billed = " (may be billed)" if attempt.maybe_billed else ""
    return one_line(f"at {attempt.started:.1f} s {attempt.provider} {attempt.model}: {what}{billed}")


def hint_for(error: errors.RatatoskrError) -> str:
    """Return what to do about it, where there is something to say that the message does not."""
    return next((hint(error) for cls, hint in _HINTS if isinstance(error, cls)), "")


def _about_the_key(error: errors.RatatoskrError) -> str:
    from ratatoskr.config.secrets import find_keys
    from ratatoskr.providers.specs import SPECS

    provider = error.provider or ""
    try:
        found = find_keys(provider)
    except errors.ConfigurationError:
        return ""
    if found is not None:
        return f"the key is from {found.origin}"
    variables = " or ".join(SPECS[provider].key_variables) if provider in SPECS else ""
    return f"no key was sent: set {variables}" if variables else ""


def _about_the_model(error: errors.RatatoskrError) -> str:
    return f"`rat models --provider {error.provider}` lists what there is" if error.provider else ""


def _about_the_wait(error: errors.RatatoskrError) -> str:
    return f"try again in {error.retry_after:.0f} s" if error.retry_after else "try again later"


def _about_the_line(error: errors.RatatoskrError) -> str:
    from ratatoskr.providers.specs import SPECS

    spec = SPECS.get(error.provider or "")
    if spec is None or spec.configured_by != "address":
        return ""
    return f"is {spec.title} running, and {spec.base_url_variable} right?"


def _about_the_time(_: errors.RatatoskrError) -> str:
    return "--timeout allows more"


_HINTS: tuple[tuple[type[errors.RatatoskrError], Callable[[errors.RatatoskrError], str]], ...] = (
    (errors.AuthenticationFailed, _about_the_key),
    (errors.ModelNotFound, _about_the_model),
    (errors.RateLimited, _about_the_wait),
    (errors.ConnectionFailed, _about_the_line),
    (errors.Timeout, _about_the_time),
)
