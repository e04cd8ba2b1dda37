"""A program at a pseudo-terminal of its own, with a size, that can be typed at."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ratatoskr.testing.thread import ThreadedUpstream

# Makes the terminal the controlling one, so that Ctrl-C is a signal, which a runner in the background may ignore.
_BEGIN = """
import fcntl, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
from ratatoskr.cli.rat import main
main()
"""


class AtTerminal:
    """`rat` with some arguments at a terminal.

    Attributes:
        seen: everything that the terminal showed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        out: int | None = None,
        err: int | None = None,
    ) -> None:
        self.seen = ""
        self._raw = b""
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, *arguments],
                env={"TERM": "xterm", **environment},
                stdin=side,
                stdout=side if out is None else out,
                stderr=side if err is None else err,
                start_new_session=True,
            )
        finally:
            os.close(side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        os.close(self._main)

    def until(self, pattern: str, *, pressing: str = "", patience: float = 20.0) -> str:
        """Read until the terminal has shown the pattern; what was shown up to there is forgotten by the next call.

        Args:
            pattern: a regular expression.
            pressing: a key to press until then, more than once if need be: a signal that comes in the instant before
                readline begins to wait is seen by it only at the next one.
            patience: seconds.
        """
        give_up, again = time.monotonic() + patience, 0.0
        while (found := re.search(pattern, self.seen, re.DOTALL)) is None:
            if pressing and time.monotonic() >= again:
                self.type(pressing)
                again = time.monotonic() + 1.0
            more = self._read(min(give_up, again) if pressing else give_up)
            assert more or (pressing and time.monotonic() < give_up), f"{pattern!r} not shown, but {self.seen!r}"
        shown, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return shown

    def type(self, text: str) -> None:
        """Press keys. Ctrl-D is read as such only where a prompt waits for it."""
        os.write(self._main, text.encode())

    def end(self, patience: float = 20.0) -> tuple[int, str]:
        """Wait for the end and return the exit code and what was shown since the last `until`."""
        give_up = time.monotonic() + patience
        while self._read(give_up):
            pass
        return self._child.wait(patience), self.seen

    def _read(self, give_up: float) -> bool:
        """Read more; return whether there was anything."""
        ready, _, _ = select.select([self._main], [], [], max(0.0, give_up - time.monotonic()))
        try:
            data = os.read(self._main, 65536) if ready else b""
        except OSError:  # Linux: the other side has closed
            data = b""
        self._raw += data
        text = self._raw.decode("utf-8", "ignore")
        self._raw = self._raw[len(text.encode()) :]
        self.seen += text
        return bool(data)


TERMINAL_MODEL = "anthropic:claude-sonnet-5"


class TerminalRat:
    """Starts `rat` at a terminal, set up for the upstream."""

    def __init__(self, upstream: ThreadedUpstream) -> None:
        self.environment = {**os.environ, "ANTHROPIC_API_KEY": "key", "RATATOSKR_MODEL": TERMINAL_MODEL}
        self._where = ("--base-url", f"anthropic={upstream.base_url('anthropic')}")

    def chat(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> AtTerminal:
        return AtTerminal(("chat", *self._where, *arguments), {**self.environment, **(env or {})}, **options)


def saved_files() -> list[Path]:
    return sorted(Path(os.environ["XDG_STATE_HOME"]).glob("ratatoskr/chats/*.json"))
