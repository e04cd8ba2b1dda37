"""One file over HTTPS: few redirects, no surprises, into a place that only whole and right files reach."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from ratatoskr._files import atomic_write, check_room
from ratatoskr.errors import ConfigurationError, ConnectionFailed, ModelNotFound, RedirectRefused, Timeout

if TYPE_CHECKING:
    from ratatoskr.local.store.store import Progress

__all__ = ["Download", "WrongDigest", "download", "is_private"]

IDLE: Final = 30.0
"""Seconds without a byte."""
_TRIES: Final = 5
_REDIRECTS: Final = 5
_BLOCK: Final = 1 << 20
_HUB_HOSTS: Final = ("huggingface.co", "hf.co")
_MOVED: Final = {301, 302, 303, 307, 308}


class WrongDigest(ConfigurationError):
    """What came is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch.

    Attributes:
        url: where from.
        path: where to.
        name: for progress and messages.
        size: bytes, where known.
        sha256: what it has to be, where known; only then a broken transfer is taken up again.
        token: for the first host alone.
    """

    url: str
    path: Path
    name: str
    size: int | None = None
    sha256: str | None = None
    token: str | None = None


def download(
    wanted: Download, progress: Callable[[Progress], None] | None = None, *, idle: float = IDLE, tries: int = _TRIES
) -> None:
    """Fetch a file.

    Raises:
        WrongDigest: it is not what it has to be; nothing is kept.
        ModelNotFound: it is not there.
        RedirectRefused: it is said to be at a host that does not belong to the hub, or without TLS.
        ConnectionFailed: the transfer broke off, as often as it was taken up again.
        Timeout: no byte came for `idle` seconds.
        ConfigurationError: it does not fit on the disk.
    """
    check_room(wanted.path, wanted.size or 0)
    digest = hashlib.sha256()
    with atomic_write(wanted.path) as out:
        for left in reversed(range(tries if wanted.sha256 else 1)):
            try:
                _transfer(wanted, out, digest, progress, idle)
                break
            except (ConnectionFailed, Timeout):
                if not left:
                    raise
        if wanted.sha256 is not None and digest.hexdigest() != wanted.sha256:
            raise WrongDigest(f"{wanted.name} has the digest {digest.hexdigest()}, not {wanted.sha256}")


def _transfer(
    wanted: Download, out: IO[bytes], digest: Any, progress: Callable[[Progress], None] | None, idle: float
) -> None:
    from ratatoskr.local.store.store import Progress

    done = out.tell()
    connection, response = _open(wanted, done, idle)
    try:
        if done and response.status != 206:
            raise ConnectionFailed(f"the transfer of {wanted.name} cannot be taken up again", phase="body")
        for block in _blocks(wanted, response, idle):
            digest.update(block)
            out.write(block)
            done += len(block)
            if wanted.size is not None and done > wanted.size:
                raise WrongDigest(f"{wanted.name} is longer than {wanted.size} bytes")
            if progress is not None:
                progress(Progress(wanted.name, done, wanted.size))
        if response.length or (wanted.size is not None and done < wanted.size):
            raise ConnectionFailed(f"the transfer of {wanted.name} broke off after {done} bytes", phase="body")
    finally:
        connection.close()


def _blocks(wanted: Download, response: http.client.HTTPResponse, idle: float) -> Iterator[bytes]:
    """Yield what comes, as it comes; what the disk raises meanwhile is not the network's."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except TimeoutError:
        raise Timeout(f"no byte of {wanted.name} came for {idle:g} seconds", phase="idle") from None
    except (http.client.HTTPException, OSError) as error:
        text = f"the transfer of {wanted.name} broke off ({type(error).__name__})"
        raise ConnectionFailed(text, phase="body") from None


def _open(wanted: Download, start: int, idle: float) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Ask, following the hub's own redirects; the token goes to the first host alone."""
    first = here = urlsplit(wanted.url)
    for _ in range(_REDIRECTS + 1):
        _allow(here, first)
        headers = {"accept-encoding": "identity", "user-agent": "ratatoskr"}
        if start:
            headers["range"] = f"bytes={start}-"
        if wanted.token and here[:2] == first[:2]:
            headers["authorization"] = f"Bearer {wanted.token}"
        connection, response = _ask(here, headers, wanted.name, idle)
        if response.status in {200, 206}:
            return connection, response
        connection.close()
        if response.status not in _MOVED:
            kind = ModelNotFound if response.status in {404, 410} else ConnectionFailed
            raise kind(f"{here.hostname} answered with status {response.status}", status=response.status)
        here = _moved(here, response.getheader("location") or "")
    raise RedirectRefused(f"{first.hostname} redirects in a circle")


def _ask(
    url: SplitResult, headers: dict[str, str], name: str, idle: float
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=idle)
    try:
        connection.request("GET", url.path + (f"?{url.query}" if url.query else ""), headers=headers)
        return connection, connection.getresponse()
    except TimeoutError:
        connection.close()
        raise Timeout(f"{url.hostname} did not answer for {idle:g} seconds about {name}", phase="first_byte") from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        connection.close()
        raise ConnectionFailed(f"{url.hostname} cannot be reached ({type(error).__name__})", phase="connect") from None


def _moved(here: SplitResult, location: str) -> SplitResult:
    try:
        there = urlsplit(urljoin(here.geturl(), location))
        there.port  # noqa: B018  # only asking for it tells whether it is one
    except ValueError:
        raise RedirectRefused(f"{here.hostname} redirects to what is no address") from None
    return there


def is_private(url: SplitResult) -> bool:
    """Tell whether nobody between can read what is sent there: by TLS, or because it stays on this machine."""
    return url.scheme == "https" or (url.scheme == "http" and _loopback((url.hostname or "").casefold()))


def _allow(url: SplitResult, first: SplitResult) -> None:
    host = (url.hostname or "").casefold()
    if not is_private(url):
        raise RedirectRefused(f"{host} is not asked without TLS")
    home = (first.hostname or "").casefold()
    if not any(host == own or host.endswith(f".{own}") for own in (home, *_HUB_HOSTS)):
        raise RedirectRefused(f"{home} redirects to {host}, which does not belong to the hub")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
