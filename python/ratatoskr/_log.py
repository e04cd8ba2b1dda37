"""Logging: the loggers below `ratatoskr`, and `RATATOSKR_LOG`, which prints them on standard error.

Messages are constant; what differs is in `extra`. No record holds a key, the query of a URL, a prompt or an answer,
except those of `ratatoskr.bodies`, which exist only where `RATATOSKR_LOG=bodies` asks for them.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from ratatoskr.types.visible import escape_hidden

__all__ = ["BODIES", "print_logs", "print_logs_as_asked"]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "bodies": logging.DEBUG}
_MAX_VALUE = 100_000
"""The most characters of one value that are printed."""

_root = logging.getLogger("ratatoskr")
_root.addHandler(logging.NullHandler())


class Bodies:
    """Logs what is sent and what comes back.

    Attributes:
        enabled: whether it was asked for; a level of the standard library's logging is not enough.
    """

    def __init__(self) -> None:
        self.enabled = False
        self._logger = logging.getLogger("ratatoskr.bodies")

    def log(self, message: str, **fields: Any) -> None:
        """Log a body, from which the caller has removed the credentials."""
        self._logger.debug(message, extra=fields)


BODIES = Bodies()


def print_logs(level: str) -> None:
    """Print log records from a level of `LEVELS` upwards on standard error; a second call changes the level."""
    BODIES.enabled = level == "bodies"
    _root.setLevel(LEVELS[level])
    if not any(isinstance(handler, _Printer) for handler in _root.handlers):
        _root.addHandler(_Printer())


def print_logs_as_asked() -> None:
    """Print logs if `RATATOSKR_LOG` asks for it; another value than those of `LEVELS` is reported as a warning."""
    level = os.environ.get("RATATOSKR_LOG", "").strip().lower()
    if level in LEVELS:
        print_logs(level)
    elif level:
        _root.warning("RATATOSKR_LOG is not one of %s", ", ".join(LEVELS))


class _Printer(logging.Handler):
    """Prints a line a record: time, level, logger, message, and the fields of `extra`."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record on what is standard error now; a closed one is ignored."""
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except (OSError, ValueError):
            self.handleError(record)


_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; values of `extra` that are `None` are left out."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN and value is not None}
        shown = " ".join(f"{name}={_show(value)}" for name, value in fields.items())
        return f"{super().format(record)} {shown}".rstrip()


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return escape_hidden(str(value), _MAX_VALUE)
