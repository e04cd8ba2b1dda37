"""The API keys of one provider: which one to use next, and which ones have failed recently."""

from __future__ import annotations

import base64
import math
import re
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeAlias
from urllib.parse import quote

from ratatoskr._fork import call_in_child
from ratatoskr.errors import AuthenticationFailed, QuotaExhausted, RatatoskrError, RateLimited
from ratatoskr.providers.token_source import LiveToken, TokenSource
from ratatoskr.types.rests import Rests
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource

Headers = tuple[tuple[str, str], ...]
Credential: TypeAlias = "LiveToken | None"
"""The token of a request whose key is a function; `None` for a key that does not change."""

_SECRET_HEADER = re.compile(r"auth|bearer|cookie|cred|jwt|key|passw|pwd|secret|session|signature|token", re.IGNORECASE)
"""The names of headers whose values are secret."""

_MIN_SECRET = 8
"""The shortest text that is redacted wherever it occurs: a shorter one occurs in other words, too."""
_MIN_WORD = 4
"""The shortest text that is redacted where it is a word of its own; a still shorter one protects nothing."""

_COOLDOWN: dict[type[RatatoskrError], float] = {AuthenticationFailed: 30.0, QuotaExhausted: 300.0, RateLimited: 5.0}
"""Seconds for which a key is avoided after an error that another key may not meet; a provider's own hint is preferred
to them."""
_MAX_REST = 86_400.0
"""The longest rest in seconds, so that a wrong hint does not retire a key."""
_KNOWN_TOKENS = 16
"""The number of tokens of functions that are redacted; the latest count."""


class KeyRing:
    """Chooses the key of each request: the least busy of those that are not resting, and of equals each in turn.

    Requests with the same cached prompt have the same key as long as it is not resting, so that the provider's cache
    is met: the first of the keys that are not resting in an order that is theirs alone (rendezvous hashing), which a
    change of the other keys leaves as it is.

    A request counts for its key from `pick` to `release`.

    Args:
        keys: those that do not change, and functions that return one; may be empty.
        key_header: the name of the header that carries the key, and the text before the key in its value.
        token_header: the same for what a function returns; `None` for that of keys.
        headers: sent with every request.
        now: a monotonic clock.
    """

    def __init__(
        self,
        keys: Sequence[Secret | KeySource],
        key_header: tuple[str, str] = ("authorization", "Bearer "),
        headers: Headers = (),
        now: Callable[[], float] = time.monotonic,
        token_header: tuple[str, str] | None = None,
    ) -> None:
        self._key_header = key_header
        self._token_header = token_header or key_header
        self._without_key = _hide(headers)
        self._with_key = [self._source(key) if isinstance(key, KeySource) else self._add_key(key) for key in keys]
        self.has_functions = any(isinstance(key, KeySource) for key in keys)
        fixed = [key for key in keys if isinstance(key, Secret)]
        self._secrets = (*fixed, *map(Secret, _secret_values(headers)))
        self._tokens: tuple[Secret, ...] = ()
        self._redact = _build_redact([secret.reveal() for secret in self._secrets])
        self._ids = [_digest(key, index) for index, key in enumerate(keys)] if len(keys) > 1 else []
        self._in_flight = [0] * len(self._with_key)
        self._turn = 0
        self._rests = Rests[tuple[int, str | None]]()  # of a key for a model; `None` stands for all models
        self._now = now
        self._lock = threading.Lock()
        call_in_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def pick(self, model: str, affinity: bytes | None = None, chosen: int | None = None) -> int | None:
        """Return the index of the key to use; `None` if there is no key.

        Where all keys are resting, it is the one whose rest ends first.

        Args:
            model: the model that is asked.
            affinity: what requests that should have the same key have in common; `None` where any key will do.
            chosen: the index that the caller has chosen, by `order`.
        """
        count = len(self._with_key)
        if count < 2:
            return 0 if count else None
        with self._lock:
            index = min(range(count), key=self._rank(model, affinity)) if chosen is None else chosen
            self._in_flight[index] += 1
            if affinity is None:
                self._turn = (index + 1) % count
        return index

    def order(self, model: str, affinity: bytes | None = None) -> list[int]:
        """Return the indices of the keys that are not resting, in the order in which `pick` would use them.

        Where all are resting, it is the one whose rest ends first.
        """
        with self._lock:
            now = self._now()
            ranked = sorted(range(len(self._with_key)), key=self._rank(model, affinity))
            return [index for index in ranked if self._rest_of(index, model) <= now] or ranked[:1]

    def _rank(self, model: str, affinity: bytes | None) -> Callable[[int], tuple[float, bytes, int, int]]:
        """Return what keys are sorted by: the end of their rest, their affinity, their load, their turn."""
        count, now = len(self._with_key), self._now()

        def rank(index: int) -> tuple[float, bytes, int, int]:
            until = self._rest_of(index, model)
            own = b"" if affinity is None else blake2b(self._ids[index], key=affinity, digest_size=8).digest()
            return (until if until > now else -math.inf), own, self._in_flight[index], (index - self._turn) % count

        return rank

    def release(self, index: int | None) -> None:
        """End a request that `pick` began, however it ended."""
        if index is not None and len(self._with_key) > 1:
            with self._lock:
                self._in_flight[index] -= 1

    def _source(self, key: KeySource) -> TokenSource:
        return TokenSource(key, self._learn)

    def _add_key(self, key: Secret, header: tuple[str, str] | None = None) -> Callable[[], Headers]:
        name, prefix = header or self._key_header
        return _hide((*self._without_key(), (name, prefix + key.reveal())))

    def _learn(self, token: Secret) -> None:
        """Redact a new token from now on."""
        with self._lock:
            if token not in self._tokens:
                self._tokens = (*self._tokens, token)[-_KNOWN_TOKENS:]
                self._redact = _build_redact([secret.reveal() for secret in (*self._secrets, *self._tokens)])

    def redact(self, text: str) -> str:
        """Return a text with `[redacted]` in place of each key and each value of a secret header."""
        return self._redact(text)

    async def credential(self, index: int | None, deadlines: Deadlines) -> Credential:
        """Return what `headers` needs besides the index; for a key that is a function, its token.

        Raises:
            AuthenticationFailed: the function failed.
            Timeout: it took too long.
        """
        source = None if index is None else self._with_key[index]
        if not isinstance(source, TokenSource):
            return None
        return source.ready() or await source.fetch(deadlines)

    async def renew(self, index: int | None, refused: Credential, deadlines: Deadlines) -> Credential:
        """Return a token in place of one that was refused; `None` if there is no other.

        Raises:
            AuthenticationFailed: the function failed.
            Timeout: it took too long.
        """
        source = None if index is None else self._with_key[index]
        if refused is None or not isinstance(source, TokenSource):
            return None
        token = await source.fetch(deadlines, refused)
        return token if token.secret != refused.secret else None

    def headers(self, index: int | None, more: Headers = (), credential: Credential = None) -> Headers:
        """Return the headers of a request: those of every request, the one of this key, and `more`."""
        if index is None:
            return self._without_key() + more
        key = self._with_key[index]
        if not isinstance(key, TokenSource):
            return key() + more
        return (
            self._add_key(credential.secret, self._token_header)() if credential is not None else self._without_key()
        ) + more

    def redacted_headers(self, more: Headers = ()) -> dict[str, str]:
        """Return the headers of a request by name in lower case, with `[redacted]` in place of secrets."""
        shown = {}
        is_token = bool(self._with_key) and isinstance(self._with_key[0], TokenSource)
        header = self._token_header if is_token else self._key_header
        key = self._add_key(Secret("…"), header)() if self._with_key else self._without_key()
        for name, value in key + more:
            scheme, space, _ = value.rpartition(" ")
            shown[name.lower()] = f"{scheme}{space}[redacted]" if _SECRET_HEADER.search(name) else value
        return shown

    def report_failure(self, index: int | None, error: RatatoskrError, model: str) -> None:
        """Let a key rest if the error is about it, and note on the error how many other keys are available.

        A rate limit and a refused permission (403) hold for this model, other errors for the whole key. A rest is never
        shortened.
        """
        cooldown = next((seconds for cls, seconds in _COOLDOWN.items() if isinstance(error, cls)), None)
        if index is None or cooldown is None or len(self._with_key) < 2:
            return
        with self._lock:
            now = self._now()
            key = (index, model if isinstance(error, RateLimited) or error.status == 403 else None)
            self._rests.extend(key, now + min(error.retry_after or cooldown, _MAX_REST), now)
            error.other_keys = sum(
                other != index and self._rest_of(other, model) <= now for other in range(len(self._with_key))
            )

    def _rest_of(self, index: int, model: str) -> float:
        """Return the time until which a key is not to be used with a model."""
        return max(self._rests.until((index, None)), self._rests.until((index, model)))


def _digest(key: Secret | KeySource, index: int) -> bytes:
    """Return what stands for a key when keys are ranked: the same in every process, wherever in the list it is."""
    text = key.reveal() if isinstance(key, Secret) else f"function {index}"
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _hide(headers: Headers) -> Callable[[], Headers]:
    """Return a function that returns the headers: no repr shows what is in it, and it cannot be pickled."""
    return lambda: headers


def _secret_values(headers: Headers) -> list[str]:
    """Return the values of the secret headers, with and without a scheme such as `Bearer`."""
    values = [value.strip() for name, value in headers if _SECRET_HEADER.search(name)]
    return [*values, *(value.rpartition(" ")[2] for value in values)]


def _build_redact(secrets: Sequence[str]) -> Callable[[str], str]:
    """Return a function that replaces the secrets in a text, also in percent-encoding and base64.

    The text may have been cut: at its end, the beginning of a secret is replaced as well. A secret of fewer than
    `_MIN_SECRET` characters is replaced only where it is a whole word.
    """
    short = [secret for secret in secrets if _MIN_WORD <= len(secret) < _MIN_SECRET]
    words = "|".join(re.escape(form) for secret in short for form in (quote(secret, safe="", errors="replace"), secret))
    whole_words = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
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
        return text if whole_words is None else whole_words.sub("[redacted]", text)

    return redact
