"""The upstream of the chat bench as a child process; `make bench WHAT=chat` builds it into the target folder."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "release", "ratatoskr-bench-upstream")


class Upstream:
    """Runs within a `with` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def counts(self) -> dict[str, int]:
        """Return the counts of `open` connections, all `connections` and `requests`, this request included."""
        with urllib.request.urlopen(f"{self.url}/counts") as reply:
            return dict(zip(("open", "connections", "requests"), map(int, reply.read().split()), strict=True))
