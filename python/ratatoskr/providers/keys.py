"""The API keys of one provider: which one to use next, and which ones have failed recently."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from ratatoskr.errors import AuthenticationFailed, QuotaExhausted, RatatoskrError, RateLimited
from ratatoskr.types.secret import Secret

Headers = tuple[tuple[str, str], ...]

_SECRET_HEADER = re.compile(r"auth|key|token|secret|password|cookie|credential", re.IGNORECASE)
"""The names of headers whose values are secret."""

_MIN_SECRET = 8
"""The shortest text that is redacted: a shorter one, such as a placeholder for a key, occurs in other words, too."""

_COOLDOWN: dict[type[RatatoskrError], float] = {AuthenticationFailed: 30.0, QuotaExhausted: 300.0, RateLimited: 5.0}
"""Seconds for which a key is avoided after an error that another key may not meet; a provider's own hint is preferred
to them."""


class KeyRing:
    """Chooses the key that has been available longest.

    Args:
        keys: may be empty.
        key_header: the name of the header that carries the key, and the text before the key in its value.
        headers: sent with every request.
        now: a monotonic clock.
    """

    def __init__(
        self,
        keys: Sequence[Secret],
        key_header: tuple[str, str] = ("authorization", "Bearer "),
        headers: Headers = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        name, prefix = key_header
        self._headers = headers
        self._with_key = [_hide((*headers, (name, prefix + key.reveal()))) for key in keys]
        self.redact = _build_redact([*(key.reveal() for key in keys), *_secret_values(headers)])
        """Returns a text with `[redacted]` in place of each key and each value of a secret header."""
        self._available_at = [0.0] * len(self._with_key)
        self._now = now

    def pick(self) -> int | None:
        """Return the index of the key to use; `None` if there is no key."""
        if len(self._available_at) < 2:
            return 0 if self._available_at else None
        return min(range(len(self._available_at)), key=self._available_at.__getitem__)

    def headers(self, index: int | None, more: Headers = ()) -> Headers:
        """Return the headers of a request: those of every request, the one of this key, and `more`."""
        if index is None:
            return self._headers + more
        return self._with_key[index]() + more

    def report_failure(self, index: int | None, error: RatatoskrError) -> None:
        """Avoid a key for a while if the error is about it, and note on the error whether another key is available."""
        cooldown = next((seconds for cls, seconds in _COOLDOWN.items() if isinstance(error, cls)), None)
        if index is None or cooldown is None or len(self._available_at) < 2:
            return
        now = self._now()
        self._available_at[index] = now + (error.retry_after or cooldown)
        error.retry_now = any(moment <= now for moment in self._available_at)


def _hide(headers: Headers) -> Callable[[], Headers]:
    """Return a function that returns the headers: no repr shows what is in it, and it cannot be pickled."""
    return lambda: headers


def _secret_values(headers: Headers) -> list[str]:
    """Return the values of the secret headers, with and without a scheme such as `Bearer`."""
    values = [value.strip() for name, value in headers if _SECRET_HEADER.search(name)]
    return [*values, *(value.rpartition(" ")[2] for value in values)]


def _build_redact(secrets: Sequence[str]) -> Callable[[str], str]:
    """Return a function that replaces the secrets in a text, also in percent-encoding and base64.

    The text may have been cut: at its end, the beginning of a secret is replaced as well.
    """
    plain = [secret for secret in secrets if len(secret) >= _MIN_SECRET]
    encoded = [base64.b64encode(secret.encode("utf-8", "replace")).decode().rstrip("=") for secret in plain]
    quoted = [quote(secret, safe="", errors="replace") for secret in plain]
    forms = [(form[:_MIN_SECRET], form) for form in sorted({*plain, *quoted, *encoded}, key=len, reverse=True)]

    def redact(text: str) -> str:
        for beginning, form in forms:
            if beginning in text:
                text = text.replace(form, "[redacted]")
                start = text.rfind(beginning)
                if start >= 0 and form.startswith(text[start:]):
                    text = text[:start] + "[redacted]"
        return text

    return redact
