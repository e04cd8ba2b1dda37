"""Errors in a shell: the exit code, the lines to print, and a hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ratatoskr import errors
from ratatoskr.cli.render import collapse_lines
from ratatoskr.cli.settings import asked_daemon
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
"""Exit codes by error class; any other error is 1."""

_WORDS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r",? or call \.\w+\([^)]*\) on the builder", ""),
    (r"; or choose the parameter policy \"drop\" or \"pass\"", ""),
    (r"\ballow_insecure=True\b", "--allow-insecure"),
    (r"\breasoning=\"(\w+)\"", r"--reasoning \1"),
    (r"\bdigests= or allow_unpinned=True\b", "--digest FILE=SHA256 or --allow-unpinned"),
    (r"\b(fresh|overwrite)=True\b", r"--\1"),
    (r"\b(encoding|quoting)='([\w-]+)'", r"--\1 \2"),
    (r"\bon_null='(\w+)'", r"--on-null \1"),
    (r"\b(output_column|input_format|output_format)\b", lambda match: f"--{match[1].replace('_', '-')}"),
    (r"\bgive labels=, as in .*", "give --label-names, in the order of the logits"),
    (r"\bgive labels=$", "give --label-names, in the order of the logits"),
    (r"\btls\(ca=\)(:?)", r"the CA file\1"),
    (r"\btimeout\.total\b(.*) \(math\.inf for none\)", r"--timeout\1"),
)
"""Advice for programs, as advice for a shell."""


def adapt_to_shell(text: str) -> str:
    """Return a message whose advice names options of a command."""
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    return text


def exit_code(error: BaseException) -> int:
    """Return the exit code."""
    if isinstance(error, errors.AllAttemptsFailed):
        error = error.primary
    return next((code for code, classes in EXITS if isinstance(error, classes)), 1)


def error_lines(error: BaseException) -> Iterator[str]:
    """Yield a line for the error, and one for each attempt if there were several."""
    if isinstance(error, OSError) and not isinstance(error, errors.RatatoskrError):
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        yield f"rat: {collapse_lines(what)}"
        return
    if not isinstance(error, errors.RatatoskrError):
        yield f"rat: {collapse_lines(f'{type(error).__name__}: {error}')} (RATATOSKR_DEBUG=1 shows where)"
        return
    hint, text = hint_for(error), str(error)
    if isinstance(error, errors.AllAttemptsFailed):
        hint = hint_for(error.primary)
        if error.attempts:  # which follow, and say more
            text = f"all {len(error.exceptions)} candidates failed"
    yield f"rat: {collapse_lines(adapt_to_shell(text))}" + (f"; {collapse_lines(hint)}" if hint else "")
    if len(error.attempts) > 1:
        for number, attempt in enumerate(error.attempts, 1):
            yield f"  {number}. {_attempt_line(attempt)}"


def _attempt_line(attempt: Attempt) -> str:
    what = "answered" if attempt.error is None else f"{attempt.error.code}: {attempt.error.message}"
    billed = " (may be billed)" if attempt.maybe_billed else ""
    return collapse_lines(f"at {attempt.started:.1f} s {attempt.provider} {attempt.model}: {what}{billed}")


def hint_for(error: errors.RatatoskrError) -> str:
    """Return what to do about an error, `""` if the message says enough."""
    if asked_daemon() is not None and isinstance(error, errors.AuthenticationFailed | errors.ConnectionFailed):
        return _daemon_hint(error)
    return next((hint(error) for cls, hint in _HINTS if isinstance(error, cls)), "")


def _daemon_hint(error: errors.RatatoskrError) -> str:
    """Return what to do about an error of a daemon, whose keys are not this machine's."""
    if isinstance(error, errors.ConnectionFailed):
        says_enough = error.provider or isinstance(error, errors.TlsError)
        return "" if says_enough else "is ratd running there? --embedded asks no daemon"
    return "" if error.provider or error.model else "--token-file names the file of this daemon's token"


def _key_hint(error: errors.RatatoskrError) -> str:
    from ratatoskr.config.secrets import find_keys
    from ratatoskr.providers.specs import SPECS

    provider = error.provider or ""
    try:
        keys = find_keys(provider)
    except errors.ConfigurationError:
        return ""
    if keys is not None:
        return f"the key is from {keys.origin}"
    variables = " or ".join(SPECS[provider].key_variables) if provider in SPECS else ""
    return f"no key was sent: `rat keys set {provider}` saves one, or set {variables}" if variables else ""


def _model_hint(error: errors.RatatoskrError) -> str:
    return f"`rat models --provider {error.provider}` lists its models" if error.provider else ""


def _rate_limit_hint(error: errors.RatatoskrError) -> str:
    return f"try again in {error.retry_after:.0f} s" if error.retry_after else "try again later"


def _connection_hint(error: errors.RatatoskrError) -> str:
    from ratatoskr.providers.specs import SPECS

    spec = SPECS.get(error.provider or "")
    if spec is None or spec.configured_by != "address":
        return ""
    return f"is {spec.title} running, and is {spec.base_url_variable} right?"


def _timeout_hint(_: errors.RatatoskrError) -> str:
    return "--timeout sets a longer limit"


_HINTS: tuple[tuple[type[errors.RatatoskrError], Callable[[errors.RatatoskrError], str]], ...] = (
    (errors.AuthenticationFailed, _key_hint),
    (errors.ModelNotFound, _model_hint),
    (errors.RateLimited, _rate_limit_hint),
    (errors.ConnectionFailed, _connection_hint),
    (errors.Timeout, _timeout_hint),
)
