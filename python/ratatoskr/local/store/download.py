"""Requests over HTTPS: few redirects, checked digests, and no file in place unless it is complete."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from ratatoskr._files import atomic_write, check_disk_space
from ratatoskr.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    MalformedResponse,
    ModelNotFound,
    RatatoskrError,
    RateLimited,
    RedirectRefused,
    Timeout,
    TlsError,
)
from ratatoskr.local.store.network import connect, is_secure
from ratatoskr.local.store.progress import OnPullProgress, PullProgress
from ratatoskr.types.visible import escape_hidden

__all__ = ["Download", "WrongDigest", "download", "read_json"]

IDLE_TIMEOUT: Final = 30.0
"""Seconds without a byte after which a transfer fails."""
_TRIES: Final = 5
_MAX_REDIRECTS: Final = 5
_BLOCK: Final = 1 << 20
_MAX_JSON: Final = 32 << 20
_HUB_HOSTS: Final = ("huggingface.co", "hf.co")
_REDIRECT_STATUSES: Final = {301, 302, 303, 307, 308}
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_STATUS_ERRORS: Final[dict[int, type[RatatoskrError]]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    404: ModelNotFound,
    410: ModelNotFound,
    429: RateLimited,
}


class WrongDigest(ConfigurationError):
    """A file is not the one that was expected."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    Attributes:
        url: its address.
        path: where to write it.
        name: its name in progress and messages.
        size: its size in bytes, if known.
        sha256: its digest, if known; only with a digest is an interrupted transfer resumed.
        token: sent to the host of `url`, never to the target of a redirect.
    """

    url: str
    path: Path
    name: str
    size: int | None = None
    sha256: str | None = None
    token: str | None = None


def download(
    file: Download, progress: OnPullProgress | None = None, *, idle: float = IDLE_TIMEOUT, tries: int = _TRIES
) -> None:
    """Fetch a file.

    Raises:
        WrongDigest: the size or digest differs from what was expected; nothing is kept.
        ModelNotFound: the server has no such file.
        AuthenticationFailed: it needs a token, or another one.
        RateLimited: too many requests.
        RedirectRefused: a redirect leads to a host that does not belong to the hub, or to one without TLS.
        ConnectionFailed: the transfer was interrupted, and so was every attempt to resume it.
        Timeout: no byte came for `idle` seconds.
        ConfigurationError: the file does not fit on the disk.
    """
    check_disk_space(file.path, file.size or 0)
    digest = hashlib.sha256()
    with atomic_write(file.path) as out:
        for tries_left in reversed(range(tries if file.sha256 else 1)):
            try:
                _transfer(file, out, digest, progress, idle)
                break
            except (ConnectionFailed, Timeout) as error:
                if not tries_left or isinstance(error, TlsError):
                    raise
        if file.sha256 is not None and digest.hexdigest() != file.sha256:
            raise WrongDigest(f"{file.name} has the digest {digest.hexdigest()}, not {file.sha256}")


def _transfer(file: Download, out: IO[bytes], digest: Any, progress: OnPullProgress | None, idle: float) -> None:
    done = out.tell()
    connection, response = _open(file.url, file.name, file.token, idle, done)
    try:
        if done and response.status != 206:
            raise ConnectionFailed(f"the transfer of {file.name} cannot be resumed", phase="body")
        for block in _read_blocks(file.name, response, idle):
            digest.update(block)
            out.write(block)
            done += len(block)
            if file.size is not None and done > file.size:
                raise WrongDigest(f"{file.name} is longer than {file.size} bytes")
            if progress is not None:
                progress(PullProgress(file.name, done, file.size))
        if response.length or (file.size is not None and done < file.size):
            raise ConnectionFailed(f"the transfer of {file.name} broke off after {done} bytes", phase="body")
    finally:
        connection.close()


def read_json(url: str, name: str, token: str | None, *, idle: float = IDLE_TIMEOUT) -> Any:
    """Return the JSON value at a URL; `name` is what it is called in messages.

    Raises:
        RatatoskrError: as in `download`.
        MalformedResponse: it is not JSON, or too long.
    """
    connection, response = _open(url, name, token, idle)
    text = bytearray()
    try:
        for block in _read_blocks(name, response, idle):
            text += block
            if len(text) > _MAX_JSON:
                raise MalformedResponse(f"{name} is longer than {_MAX_JSON} bytes")
    finally:
        connection.close()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedResponse(f"{name} is not JSON") from None


def _read_blocks(name: str, response: http.client.HTTPResponse, idle: float) -> Iterator[bytes]:
    """Yield the body as it arrives. Errors of the consumer, such as a full disk, are not caught here."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except TimeoutError:
        raise Timeout(f"no byte of {name} came for {idle:g} seconds", phase="idle") from None
    except (http.client.HTTPException, OSError) as error:
        text = f"the transfer of {name} broke off ({type(error).__name__})"
        raise ConnectionFailed(text, phase="body") from None


def _open(
    address: str, name: str, token: str | None, idle: float, start: int = 0
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Request a file from byte `start` on, following redirects within the hub; the first host gets the token."""
    first = url = urlsplit(address)
    for _ in range(_MAX_REDIRECTS + 1):
        _check_host(url, first)
        headers = {"accept-encoding": "identity", "user-agent": "ratatoskr"}
        if start:
            headers["range"] = f"bytes={start}-"
        if token and url[:2] == first[:2]:
            headers["authorization"] = f"Bearer {token}"
        connection, response = _request(url, headers, name, idle)
        if response.status in {200, 206}:
            return connection, response
        connection.close()
        if response.status not in _REDIRECT_STATUSES:
            raise _status_error(url, name, response, token)
        url = _resolve_redirect(url, response.getheader("location") or "")
    raise RedirectRefused(f"{first.hostname} redirects more than {_MAX_REDIRECTS} times")


def _request(
    url: SplitResult, headers: dict[str, str], name: str, idle: float
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = connect(url, idle)
    try:
        connection.request("GET", url.path + (f"?{url.query}" if url.query else ""), headers=headers)
        return connection, connection.getresponse()
    except TimeoutError:
        connection.close()
        text = f"{url.hostname} did not answer the request for {name} within {idle:g} seconds"
        raise Timeout(text, phase="first_byte") from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        connection.close()
        raise ConnectionFailed(f"{url.hostname} cannot be reached ({type(error).__name__})", phase="connect") from None


def _status_error(url: SplitResult, name: str, response: http.client.HTTPResponse, token: str | None) -> RatatoskrError:
    """Return the error for a status that is neither success nor a redirect."""
    status = response.status
    kind = _STATUS_ERRORS.get(status, ConnectionFailed)
    text = f"{url.hostname} answered with status {status} to the request for {name}"
    if kind is AuthenticationFailed:
        text += "; the token may not read it" if token else "; it needs a token in HF_TOKEN"
        text += ", and the terms of a gated model must be accepted on its page"
    seconds = response.getheader("retry-after", "")
    return kind(text, status=status, retry_after=float(seconds) if _SECONDS.fullmatch(seconds) else None)


def _resolve_redirect(url: SplitResult, location: str) -> SplitResult:
    try:
        target = urlsplit(urljoin(url.geturl(), location))
        target.port  # noqa: B018  # reading it checks that it is a port
    except ValueError:
        raise RedirectRefused(f"{url.hostname} redirects to an invalid URL") from None
    return target


def _check_host(url: SplitResult, first: SplitResult) -> None:
    host = (url.hostname or "").casefold()
    shown = escape_hidden(host, 200)
    if not is_secure(url):
        raise RedirectRefused(f"{shown} would be requested without TLS")
    home = (first.hostname or "").casefold()
    if not any(host == own or host.endswith(f".{own}") for own in (home, *_HUB_HOSTS)):
        raise RedirectRefused(f"{home} redirects to {shown}, which does not belong to the hub")
