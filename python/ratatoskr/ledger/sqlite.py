"""`SqliteLedger`: accounts in a file that several processes share, and that outlives them."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ratatoskr._files import check_folder, make_folder, write_error
from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import ConfigurationError
from ratatoskr.ledger.protocol import LAG, Charge, Hold, Refusal, find_ready

__all__ = ["SqliteLedger"]

_APPLICATION_ID: Final = 0x52415431
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_WAIT: Final = 10.0
"""Seconds for which another process may keep the file locked."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, total INTEGER NOT NULL, ends REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, amount INTEGER NOT NULL, free REAL NOT NULL,
    pending INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_free ON entry (account, free);
"""

_logger = logging.getLogger("ratatoskr.ledger")


class SqliteLedger:
    """Accounts in an SQLite file with mode 0600.

    What a process has reserved and not settled when it is killed stays reserved until its window ends.

    Args:
        path: of the file, which is created if it does not exist.

    Raises:
        ConfigurationError: the file cannot be opened, other users can read or change it, or it is another file.
    """

    shared = True

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._swept = -math.inf
        with self._transaction():
            pass
        call_in_child(self._renew)

    def __repr__(self) -> str:
        return f"SqliteLedger({str(self.path)!r})"

    def _renew(self) -> None:
        """Open the file anew in a child: a connection must not be used in two processes."""
        abandon(self._connection)
        self._connection = None
        self._lock = threading.Lock()

    async def reserve(self, charges: Sequence[Charge], now: float) -> Hold | Refusal:
        """Reserve all amounts, or none if one of them does not fit.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                with self._transaction() as connection:
                    return self._reserve(connection, charges, now)
            except _Busy:
                if time.monotonic() > deadline:
                    raise ConfigurationError(f"{self.path} has been locked for {_WAIT:g} s") from None
            await asyncio.sleep(_pause())

    def _reserve(self, connection: sqlite3.Connection, charges: Sequence[Charge], now: float) -> Hold | Refusal:
        totals, keys = [], []
        if now - self._swept > 60:
            connection.execute("DELETE FROM entry WHERE account IN (SELECT name FROM account WHERE ends <= ?)", (now,))
            connection.execute("DELETE FROM account WHERE ends <= ?", (now,))
            self._swept = now
        for index, charge in enumerate(charges):
            total = _expire(connection, charge.account, now)
            if charge.limit is not None and charge.amount and total + charge.amount > charge.limit:
                return _refuse(connection, index, charge, total, now)
            totals.append(total)
        for charge in charges:
            connection.execute(
                "INSERT INTO account VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET total = total + ?2",
                (charge.account, charge.amount, charge.until),
            )
            added = connection.execute(
                "INSERT INTO entry (account, amount, free, pending) VALUES (?, ?, ?, 1)",
                (charge.account, charge.amount, now + charge.per * (1 + LAG)),
            )
            keys.append(added.lastrowid)
        after = tuple([total + charge.amount for total, charge in zip(totals, charges, strict=True)])
        return Hold(tuple(charges), tuple(keys), after)

    def settle(self, hold: Hold, amounts: Sequence[int], now: float) -> None:
        """Replace the reserved amounts by those that were used; if the file cannot be written, they stay reserved."""
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                with self._transaction() as connection:
                    for charge, key, amount in zip(hold.charges, hold.key, amounts, strict=True):
                        _settle_entry(connection, charge, key, amount, now)
            except _Busy:
                if time.monotonic() <= deadline:
                    time.sleep(_pause())
                    continue
                _logger.warning("the ledger is locked, a reservation stays", extra={"path": str(self.path)})
            except ConfigurationError as error:
                _logger.warning("the ledger failed, a reservation stays", extra={"problem": error.message})
            return

    async def total(self, account: str, now: float) -> int:
        """Return what an account holds."""
        try:
            with self._transaction() as connection:
                row = connection.execute("SELECT ends FROM account WHERE name = ?", (account,)).fetchone()
                return 0 if row is None or row[0] <= now else _expire(connection, account, now)
        except _Busy:
            await asyncio.sleep(_pause())
            return await self.total(account, now)

    def close(self) -> None:
        """Close the file; it is opened again by the next call."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                connection = self._connection
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED:
                    raise _Busy from None
                raise ConfigurationError(f"{self.path} cannot be used as a ledger: {error}") from None

    def _open(self) -> sqlite3.Connection:
        _prepare_file(self.path)
        connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            _check_program(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.executescript(_SCHEMA)
            connection.execute("PRAGMA busy_timeout = 0")  # waits are ours: they do not block the event loop
        except BaseException:
            connection.close()
            raise
        return connection


class _Busy(Exception):
    """Another process or thread has locked the file."""


def _pause() -> float:
    """Return the seconds until the file is tried again, random so that those who wait do not meet."""
    return random.uniform(0.0005, 0.005)  # noqa: S311 - no secret


def _prepare_file(path: Path) -> None:
    """Create the file with mode 0600 unless it exists, and check that other users can neither read nor change it."""
    try:
        make_folder(path.parent, 0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise write_error(path, error) from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user (number {status.st_uid})")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigurationError(f"{path} has mode {mode:04o}, so other users can access it; run `chmod 600` on it")
    if status.st_nlink != 1:
        raise ConfigurationError(f"{path} has {status.st_nlink} hard links; use a file that has one")
    check_folder(path.parent)


def _check_program(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `ConfigurationError` for a database that is not a ledger."""
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != _APPLICATION_ID and (found or tables):
        raise ConfigurationError(f"{path} is a database of another program")


def _expire(connection: sqlite3.Connection, account: str, now: float) -> int:
    """Remove what has become free of an account, and return what it holds."""
    freed = connection.execute(
        "DELETE FROM entry WHERE account = ? AND free <= ? RETURNING amount", (account, now)
    ).fetchall()
    if freed:
        connection.execute(
            "UPDATE account SET total = total - ? WHERE name = ?", (sum(row[0] for row in freed), account)
        )
    row = connection.execute("SELECT total FROM account WHERE name = ?", (account,)).fetchone()
    return 0 if row is None else int(row[0])


def _refuse(connection: sqlite3.Connection, index: int, charge: Charge, total: int, now: float) -> Refusal:
    rows = connection.execute(
        "SELECT free, amount, pending FROM entry WHERE account = ? ORDER BY free", (charge.account,)
    ).fetchall()
    both = [(free, amount) for free, amount, _ in rows if free < math.inf]
    settled = [(free, amount) for free, amount, pending in rows if free < math.inf and not pending]
    pending = sum(amount for _, amount, is_pending in rows if is_pending)
    ready, earliest = find_ready(total, charge, both, now), find_ready(total - pending, charge, settled, now)
    return Refusal(index, total, ready, earliest)


def _settle_entry(connection: sqlite3.Connection, charge: Charge, key: int, amount: int, now: float) -> None:
    row = connection.execute("SELECT amount FROM entry WHERE id = ? AND pending", (key,)).fetchone()
    if row is None:  # it has become free in the meantime
        return
    if charge.per < math.inf:
        connection.execute(
            "UPDATE entry SET amount = ?, free = min(free, ?), pending = 0 WHERE id = ?",
            (amount, now + charge.per, key),
        )
    else:
        connection.execute("DELETE FROM entry WHERE id = ?", (key,))
    connection.execute("UPDATE account SET total = total + ? WHERE name = ?", (amount - row[0], charge.account))
