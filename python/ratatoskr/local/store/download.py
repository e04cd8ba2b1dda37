"""Download of one file over HTTPS: few redirects, checked digests, and no file in place unless it is complete."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from ratatoskr._files import atomic_write, check_disk_space
from ratatoskr.errors import ConfigurationError, ConnectionFailed, ModelNotFound, RedirectRefused, Timeout
from ratatoskr.local.store.progress import OnPullProgress, PullProgress
from ratatoskr.types.visible import escape_hidden

__all__ = ["Download", "WrongDigest", "download", "is_secure"]

IDLE_TIMEOUT: Final = 30.0
"""Seconds without a byte after which a transfer fails."""
_TRIES: Final = 5
_MAX_REDIRECTS: Final = 5
_BLOCK: Final = 1 << 20
_HUB_HOSTS: Final = ("huggingface.co", "hf.co")
_REDIRECT_STATUSES: Final = {301, 302, 303, 307, 308}


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
            except (ConnectionFailed, Timeout):
                if not tries_left:
                    raise
        if file.sha256 is not None and digest.hexdigest() != file.sha256:
            raise WrongDigest(f"{file.name} has the digest {digest.hexdigest()}, not {file.sha256}")


def _transfer(file: Download, out: IO[bytes], digest: Any, progress: OnPullProgress | None, idle: float) -> None:
    done = out.tell()
    connection, response = _open(file, done, idle)
    try:
        if done and response.status != 206:
            raise ConnectionFailed(f"the transfer of {file.name} cannot be resumed", phase="body")
        for block in _read_blocks(file, response, idle):
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


def _read_blocks(file: Download, response: http.client.HTTPResponse, idle: float) -> Iterator[bytes]:
    """Yield the body as it arrives. Errors of the consumer, such as a full disk, are not caught here."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except TimeoutError:
        raise Timeout(f"no byte of {file.name} came for {idle:g} seconds", phase="idle") from None
    except (http.client.HTTPException, OSError) as error:
        text = f"the transfer of {file.name} broke off ({type(error).__name__})"
        raise ConnectionFailed(text, phase="body") from None


def _open(file: Download, start: int, idle: float) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Request the file from byte `start` on, following redirects within the hub; the first host gets the token."""
    first = url = urlsplit(file.url)
    for _ in range(_MAX_REDIRECTS + 1):
        _check_host(url, first)
        headers = {"accept-encoding": "identity", "user-agent": "ratatoskr"}
        if start:
            headers["range"] = f"bytes={start}-"
        if file.token and url[:2] == first[:2]:
            headers["authorization"] = f"Bearer {file.token}"
        connection, response = _request(url, headers, file.name, idle)
        if response.status in {200, 206}:
            return connection, response
        connection.close()
        if response.status not in _REDIRECT_STATUSES:
            kind = ModelNotFound if response.status in {404, 410} else ConnectionFailed
            raise kind(f"{url.hostname} answered with status {response.status}", status=response.status)
        url = _resolve_redirect(url, response.getheader("location") or "")
    raise RedirectRefused(f"{first.hostname} redirects more than {_MAX_REDIRECTS} times")


def _request(
    url: SplitResult, headers: dict[str, str], name: str, idle: float
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=idle)
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


def _resolve_redirect(url: SplitResult, location: str) -> SplitResult:
    try:
        target = urlsplit(urljoin(url.geturl(), location))
        target.port  # noqa: B018  # reading it checks that it is a port
    except ValueError:
        raise RedirectRefused(f"{url.hostname} redirects to an invalid URL") from None
    return target


def is_secure(url: SplitResult) -> bool:
    """Return whether others on the network cannot read what is sent there: it uses TLS, or stays on this machine."""
    return url.scheme == "https" or (url.scheme == "http" and _is_loopback((url.hostname or "").casefold()))


def _check_host(url: SplitResult, first: SplitResult) -> None:
    host = (url.hostname or "").casefold()
    shown = escape_hidden(host, 200)
    if not is_secure(url):
        raise RedirectRefused(f"{shown} would be requested without TLS")
    home = (first.hostname or "").casefold()
    if not any(host == own or host.endswith(f".{own}") for own in (home, *_HUB_HOSTS)):
        raise RedirectRefused(f"{home} redirects to {shown}, which does not belong to the hub")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
