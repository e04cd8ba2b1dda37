"""Runs `rat` in this process, and reads what it prints."""

from __future__ import annotations

from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from ratatoskr.cli.rat import rat
from ratatoskr.testing.thread import ThreadedUpstream

KEY = "sk-canary-0815"


HI = ("chat", "-m", "openai:gpt-4.1", "Hi")


def run(*arguments: str, upstream: ThreadedUpstream | None = None, stdin: str = "", **options: Any) -> Result:
    """Run a command, its providers at the upstream, and look at what holds for all: no key, no traceback."""
    command, *rest = arguments
    addresses = [] if upstream is None else [f"--base-url={p}={upstream.base_url(p)}" for p in ("openai", "anthropic")]
    result = CliRunner().invoke(rat, [command, *addresses, *rest], input=stdin, **options)
    assert KEY not in result.output
    assert "Traceback" not in result.output
    return result


LINES = ["the state of the world", "", "time", "embedding", "in the world"]


def embed(*arguments: str, stdin: Any = "", **options: Any) -> Result:
    return run("embed", *arguments, stdin=stdin, **options)


def numbers(result: Result) -> np.ndarray[Any, Any]:
    assert result.exit_code == 0, result.stderr
    return np.array([[float(word) for word in line.split()] for line in result.stdout.splitlines()], np.float32)
