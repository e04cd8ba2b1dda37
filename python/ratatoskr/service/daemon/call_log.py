"""The log: one line a call and one an event, as JSON or as text."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ratatoskr.errors import AllAttemptsFailed
from ratatoskr.service.server.call import Call
from ratatoskr.types.visible import escape_hidden

__all__ = ["CallLog"]

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MAX_TEXT: Final = 500
_LATEST: Final = 0.02
"""Seconds that the line of a call that went well may wait for others: each write lets another thread go first."""
_OWN: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class CallLog(logging.Handler):
    """Writes lines to standard error; a handler of the loggers below `ratatoskr`, too.

    No line holds a prompt, an answer, an argument or a key, nor a control character from outside.

    Args:
        format: `json`, `text`, or `auto` for text on a terminal.
        level: the least that is told.
        write: in place of standard error.
    """

    def __init__(
        self, format: str = "auto", level: str = "info", *, write: Callable[[bytes], object] | None = None
    ) -> None:
        super().__init__()
        self._write_octets = write or _write_to_stderr
        self._is_buffered = write is None
        self._lines: deque[bytes] = deque()
        self.configure(format, level)

    def configure(self, format: str, level: str) -> None:
        """Change format and level."""
        self._as_text = format == "text" or (format == "auto" and sys.stderr.isatty())
        self._least = _LEVELS[level]
        logger = logging.getLogger("ratatoskr")
        if self in logger.handlers:
            logger.setLevel(self._least)

    def event(self, message: str, level: str = "info", **fields: Any) -> None:
        """Log an event of the daemon."""
        if _LEVELS[level] >= self._least:
            self._write({"time": _now(), "level": level, "message": message, **fields})

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record of a logger."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN and value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = _describe(record.exc_info[1])
        level = next((name for name, number in reversed(_LEVELS.items()) if record.levelno >= number), "debug")
        self.event(f"{record.name}: {record.getMessage()}", level, **fields)

    def call(self, call: Call) -> None:
        """Log the end of a call."""
        error = call.error
        level = "info" if error is None else "warning"
        if _LEVELS[level] < self._least:
            return
        primary = error.primary if isinstance(error, AllAttemptsFailed) else error
        answer = call.answer
        usage = getattr(answer, "usage", None)
        attempts = getattr(answer, "attempts", None) or getattr(error, "attempts", None)
        line = {
            "time": _now(),
            "level": level,
            "id": call.id,
            "client": _line(call.caller.name),
            "method": call.method.name if call.method is not None else _line(call.path),
            "model": _safe(call.models) or None,
            "provider": _line(getattr(answer, "provider", None) or getattr(primary, "provider", None)),
            "answered_by": _line(getattr(answer, "model", None)),
            "code": "ok" if error is None else error.code,
            "error": primary.code if primary is not error and primary is not None else None,
            "input_tokens": getattr(usage, "input_tokens", None),
            "output_tokens": getattr(usage, "output_tokens", None),
            "first_event_ms": _ms(call.first_event),
            "ms": _ms(time.monotonic() - call.began),
            "attempts": len(attempts) if attempts else None,
        }
        self._write_shown({name: value for name, value in line.items() if value is not None}, may_wait=error is None)

    def _write(self, fields: Mapping[str, Any]) -> None:
        self._write_shown({name: _safe(value) for name, value in fields.items() if value is not None and value != ""})

    def _write_shown(self, shown: dict[str, Any], *, may_wait: bool = False) -> None:
        """Write fields whose texts are of one line."""
        if self._as_text:
            first = " ".join(str(shown.pop(name)) for name in ("time", "level", "message") if name in shown)
            rest = " ".join(f"{name}={_join(value)}" for name, value in shown.items())
            octets = f"{first} {rest}".rstrip().encode("utf-8", "replace")
        else:
            octets = msgspec.json.encode(shown)
        self._lines.append(octets + b"\n")
        if not (may_wait and self._is_buffered):
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_LATEST, self.flush)

    def flush(self) -> None:
        """Write the lines that wait."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]  # other threads may add some meanwhile
        if lines:
            self._write_octets(b"".join(lines))


def _write_to_stderr(octets: bytes) -> None:
    with contextlib.suppress(OSError):  # it is closed; calls go on
        os.write(2, octets)


def _now() -> str:
    seconds, rest = divmod(time.time(), 1)
    return f"{_second(seconds)}.{int(rest * 1000):03d}Z"


@functools.lru_cache(maxsize=1)
def _second(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _line(text: str | None) -> str | None:
    """Return a text as one short line; `None` where there is none."""
    return escape_hidden(text, _MAX_TEXT) if text else None


def _safe(value: Any) -> Any:
    """Return a value whose texts are of one line and short."""
    if isinstance(value, str):
        return escape_hidden(value, _MAX_TEXT)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {escape_hidden(str(name), 100): _safe(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value[:100]]
    return escape_hidden(str(value), _MAX_TEXT)


def _join(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _describe(error: BaseException) -> str:
    """Return the class of an unexpected exception and where it was raised; its text may repeat a prompt."""
    traceback, where = error.__traceback__, ""
    while traceback is not None:
        where = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return f"{type(error).__name__} at {where}"
