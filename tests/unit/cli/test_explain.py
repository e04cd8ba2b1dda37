"""`rat explain`: the plan of a call, without sending it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratatoskr import Explanation, Plan
from ratatoskr.cli.explain import _plan_rows
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, run
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


def test_a_plan_shows_an_open_breaker_and_a_cool_down() -> None:
    open_ = Plan("openai", "gpt-4.1", "named", breaker="open", ready_in=3.4)
    resting = Plan("anthropic", "claude-sonnet-5", "named", ready_in=240.0)
    assert ("state", "circuit breaker open: asked last, tried again in 3 s") in list(_plan_rows(open_))
    assert ("state", "refused lately: asked after the others for 240 s") in list(_plan_rows(resting))
    half_open = Plan("openai", "gpt-4.1", "named", breaker="half_open")
    assert ("state", "circuit breaker half-open: the next request tries it again") in list(_plan_rows(half_open))
    assert "state" not in dict(_plan_rows(Plan("openai", "gpt-4.1", "named")))


def test_breakers_are_those_of_the_configuration(
    upstream: ThreadedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    monkeypatch.setenv("RATATOSKR_CONFIG", str(config))
    config.write_text("[breaker]\nopen_for = 90\n")
    result = run(*HI, upstream=upstream)
    assert result.exit_code == 2
    assert "open_for, 90 s, must not be longer than max_open_for, 60 s" in result.stderr
    config.write_text("[breaker]\nopen_for = 9\n")
    assert run(*HI, upstream=upstream).exit_code == 0
