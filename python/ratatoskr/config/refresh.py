"""Refreshing the catalogue, only on request: fetch, check against what is in force, write, roll back.

A table is refused whole where a tenth of the models would vanish or a price would move five-fold, until it is accepted.
The file in force is replaced in one step, so that it is whole at every moment; what it replaces is kept beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ratatoskr._files import atomic_write
from ratatoskr.config.catalogue import MAX_BYTES, Refreshed, read_embedded, read_refreshed, refreshed_path
from ratatoskr.config.refresh_formats import parse_tables
from ratatoskr.errors import ConfigurationError, ProviderError, RedirectRefused
from ratatoskr.models.entry import ModelEntry, NameIndex, ProviderTable
from ratatoskr.models.schedule import schedule_of
from ratatoskr.transport.client import HttpRequest, Transport
from ratatoskr.types.metadata import RefreshReport
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.usage import EXACT
from ratatoskr.types.visible import quote

__all__ = ["compare_tables", "fetch_table", "install", "read_source", "roll_back"]

VANISH: Final = 10
"""A table is refused if more than one in this many models would vanish."""
MOVE: Final = 5
"""A table is refused if a price would be this many times what it was, or less than one in this many."""
_TIMEOUT: Final = 60.0
_MAX_SHOWN: Final = 5
_CHECKED: Final = ("input", "output", "cache_read", "cache_write")
_LIMITS: Final = ("context_window", "max_input_tokens", "max_output_tokens")


async def fetch_table(url: str, transport: Transport) -> bytes:
    """Return what is at a URL.

    Raises:
        ConfigurationError: the URL is not https, or the answer is too large.
        RatatoskrError: it cannot be fetched.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        raise ConfigurationError("a table of models is fetched over https only", field="source")
    deadlines = Deadlines(connect=10.0, first_byte=_TIMEOUT, idle=_TIMEOUT, total=_TIMEOUT)
    headers = (("accept", "application/json"), ("accept-encoding", "identity"))
    reply = await transport.send(HttpRequest(url, headers, deadlines=deadlines, method="GET"))
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if 300 <= reply.status < 400:
        raise RedirectRefused(f"{where} redirects elsewhere", status=reply.status)
    if reply.status != 200:
        raise ProviderError(f"{where} answered with status {reply.status}", status=reply.status)
    return _check_size(reply.body, where)


def read_source(name: str) -> bytes:
    """Return the content of a file; raises `ConfigurationError` if it cannot be read or is too large."""
    try:
        path = Path(name).expanduser()
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe could wait for ever
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISFIFO(mode) and name.startswith("/dev/"):  # of the shell: /dev/stdin, or <(command)
                os.set_blocking(descriptor, True)
            elif not stat.S_ISREG(mode):
                kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
                raise ConfigurationError(f"{quote(name)} cannot be read: it is {kind}", field="source")
            return _check_size(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}", field="source") from None
    except (ValueError, RuntimeError):  # a null character, or no such home folder
        raise ConfigurationError(f"{quote(name)} is not the path of a file", field="source") from None


def _check_size(data: bytes, where: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{where} is larger than {MAX_BYTES >> 20} MiB", field="source")
    return data


async def install(
    data: bytes, source: str, *, sha256: str | None = None, accept: bool = False, dry_run: bool = False
) -> RefreshReport:
    """Check a table and put it in force.

    Args:
        data: the table.
        source: where it came from, without secrets.
        sha256: the digest that it must have.
        accept: whether models may vanish and prices move by any factor.
        dry_run: whether to change nothing, and to refuse nothing.

    Raises:
        ConfigurationError: the digest differs, it is not a table, or it is refused; what was in force stays.
    """
    return await asyncio.to_thread(_install, data, source, sha256, accept, dry_run)


def _install(data: bytes, source: str, sha256: str | None, accept: bool, dry_run: bool) -> RefreshReport:
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and sha256.strip().lower() != digest:
        raise ConfigurationError(f"{source} has the SHA-256 {digest}, not {sha256}", field="sha256")
    now = datetime.now(UTC)
    tables, skipped = parse_tables(data, now.date(), source)
    kept = read_refreshed()
    report, problems = compare_tables(kept, tables, source, skipped, now)
    if problems and not accept and not dry_run:
        raise ConfigurationError(
            f"{source} is refused: {'; '.join(problems)}. Look at the difference, then accept it (--accept)",
            field="accept",
        )
    if not dry_run:
        replaced = {table.provider for table in tables}
        others = tuple(table for table in kept.tables if table.provider not in replaced)
        path = refreshed_path()
        _write(previous_path(), kept)
        _write(path, Refreshed(tables=(*others, *tables)))
    return report


def previous_path() -> Path:
    """Return the path of what the last refresh replaced."""
    return refreshed_path().with_name("previous.json")


def roll_back() -> int:
    """Put in force what the last refresh replaced, and return the number of its models.

    Raises:
        ConfigurationError: there is nothing to return to.
    """
    previous = previous_path()
    if not previous.is_file():
        raise ConfigurationError("there is no refresh to undo", field="rollback")
    try:
        tables = msgspec.json.decode(previous.read_bytes(), type=Refreshed)
    except (OSError, msgspec.DecodeError):
        raise ConfigurationError(
            f"{previous} cannot be read; remove {refreshed_path()} to use the package's own"
        ) from None
    _write(refreshed_path(), tables)
    previous.unlink(missing_ok=True)
    return sum(len(table.models) for table in tables.tables)


def _write(path: Path, tables: Refreshed) -> None:
    with atomic_write(path) as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(msgspec.json.encode(tables))


def compare_tables(
    kept: Refreshed, tables: Sequence[ProviderTable], source: str, skipped: Mapping[str, int], now: datetime
) -> tuple[RefreshReport, list[str]]:
    """Return how tables differ from those in force, and why they are refused, if they are."""
    added: list[str] = []
    removed: list[str] = []
    changed: list[str] = []
    problems: list[str] = []
    for table in tables:
        old = _in_force(kept, table.provider)
        old_index, new_index = NameIndex("", old), NameIndex("", table.models)
        gone = [f"{table.provider}:{one.id}" for one in old if new_index.find(one.id) is None]
        added += [f"{table.provider}:{one.id}" for one in table.models if old_index.find(one.id) is None]
        removed += gone
        if len(gone) * VANISH > len(old):
            shown = ", ".join(gone[:_MAX_SHOWN])
            problems.append(f"{len(gone)} of {len(old)} models of {table.provider} would vanish ({shown}, …)")
        moves: list[str] = []
        for entry in table.models:
            before = old_index.find(entry.id)
            if before is not None:
                for line, too_far in _differences(before, entry, now.timestamp()):
                    changed.append(f"{table.provider}:{entry.id}: {line}")
                    moves += [changed[-1]] if too_far else []
        if moves:
            problems.append(f"prices move {MOVE}-fold or more ({'; '.join(moves[:_MAX_SHOWN])})")
    return RefreshReport(source, tuple(added), tuple(removed), tuple(changed), dict(skipped)), problems


def _in_force(kept: Refreshed, provider: str) -> tuple[ModelEntry, ...]:
    found = next((table for table in kept.tables if table.provider == provider), None) or read_embedded(provider)
    return () if found is None else found.models


def _differences(before: ModelEntry, after: ModelEntry, now: float) -> Iterator[tuple[str, bool]]:
    """Yield a line for each difference, and whether a price moves too far."""
    old, new = _rates(before, now), _rates(after, now)
    for unit in _CHECKED:
        one, other = old.get(unit), new.get(unit)
        if one != other and one is not None and other is not None:
            low, high = sorted((one, other))
            yield f"{unit} {one} → {other}", high >= EXACT.multiply(low, MOVE)
    for name in _LIMITS:
        if (was := getattr(before, name)) != (has := getattr(after, name)) and has is not None and was is not None:
            yield f"{name} {was:,} → {has:,}", False


def _rates(entry: ModelEntry, now: float) -> dict[str, Decimal]:
    if entry.prices is None:
        return {}
    force = schedule_of(entry.prices).in_force(now, (None, None, None, False), 0)
    return {unit: rate for unit, rate in force.rates.items() if unit not in force.guessed}
