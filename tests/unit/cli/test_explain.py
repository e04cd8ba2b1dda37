"""`rat explain`: the plan of a call, without sending it."""

from __future__ import annotations

import re

from ratatoskr import Explanation
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run
from unit.cli.pty_session import TERMINAL_MODEL, AtTerminal, TerminalRat


def test_forty_columns_are_enough_for_a_plan(terminal_rat: TerminalRat) -> None:
    with AtTerminal(
        ("explain", TERMINAL_MODEL, "--reasoning", "high"), terminal_rat.environment, columns=40
    ) as terminal:
        code, shown = terminal.end()
    assert code == 0
    lines = [re.sub(r"\x1b\[[012]m", "", line) for line in shown.splitlines()]
    assert [line for line in lines if len(line) > 40 and "https://" not in line] == []
    assert "high" in shown


def test_a_plan_shows_provider_reason_url_and_parameters_and_sends_nothing(upstream: ThreadedUpstream) -> None:
    result = run("explain", "claude-sonnet-5", "openai:gpt-4.1", "--reasoning", "high", upstream=upstream)
    assert result.exit_code == 0
    assert result.stdout.startswith("1. anthropic: claude-sonnet-5\n  why")
    assert "natural provider" in result.stdout
    assert upstream.base_url("anthropic") in result.stdout
    assert "2. openai: gpt-4.1\n" in result.stdout
    assert "refused" in result.stdout
    assert "parameter policy" not in result.stdout
    assert upstream.count == 0
    result = run("explain", "claude-sonnet-5", "--json", upstream=upstream)
    assert Explanation.from_json(result.stdout).plans[0].provider == "anthropic"
