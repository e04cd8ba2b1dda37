"""Runs `rat` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import KEY

RAT = [sys.executable, "-m", "ratatoskr.cli.rat"]


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background may ignore interrupts
from ratatoskr.cli.rat import main
main()
"""


MODEL = "openai:gpt-4.1-x"  # in no table: that the real one retires would be told on standard error


class Shell:
    """Runs `rat` against an upstream."""

    def __init__(self, upstream: ThreadedUpstream) -> None:
        self.upstream = upstream
        self.environment = {**os.environ, "OPENAI_API_KEY": KEY, "RATATOSKR_MODEL": MODEL}
        self.environment.pop("ANTHROPIC_API_KEY", None)

    def where(self) -> list[str]:
        return ["--base-url", f"openai={self.upstream.base_url('openai')}"]

    def __call__(self, *arguments: str, stdin: str | bytes | None = "", **environment: str) -> Any:
        done = subprocess.run(
            [*RAT, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**self.environment, **environment},
            timeout=50,
        )
        assert KEY not in done.stdout.decode() + done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
        return done

    def chat(self, *arguments: str, **keywords: Any) -> Any:
        return self("chat", *self.where(), *arguments, **keywords)
