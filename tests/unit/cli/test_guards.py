"""Limits and the budget of `config.toml` in a shell: they hold across commands, and are shown."""

from __future__ import annotations

import json
import stat

from ratatoskr import Explanation, Health
from ratatoskr._files import state_folder
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run
from unit.cli.test_settings import configure

OPENAI = ("-m", "openai:gpt-4.1")


def test_a_limit_holds_across_commands(upstream: ThreadedUpstream) -> None:
    configure("[limits.openai]\nrequests = 1\n[limits.mistral]\nrequests = 1\n")
    assert run("chat", *OPENAI, "Hi", upstream=upstream).exit_code == 0
    refused = run("chat", *OPENAI, "--timeout", "5", "Hi", upstream=upstream)
    assert refused.exit_code == 5
    assert "the limit of 1 requests in 60 s is reached" in refused.stderr
    assert upstream.count == 1
    ledger = state_folder() / "ledger.sqlite"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600


def test_health_and_explain_show_what_is_used(upstream: ThreadedUpstream) -> None:
    configure('[limits.openai]\nrequests = 7\n[budget]\namount = "10.00"\nunpriced = "allow"\n')
    assert run("chat", *OPENAI, "Hi", upstream=upstream).exit_code == 0
    shown = run("health").stdout
    assert "openai *  1 of 7 requests in 60 s" in shown
    assert "of 10.00 USD a day" in shown
    health = Health.from_json(run("health", "--json").stdout)
    assert [one.used for one in health.limits] == [1]
    shown = run("explain", "openai:gpt-4.1").stdout
    assert "1 of 7 requests in 60 s" in shown
    assert "of 10.00 USD a day" in shown
    plans = Explanation.from_json(run("explain", "openai:gpt-4.1", "--json").stdout)
    assert (plans.plans[0].limits[0].used, plans.budgets[0].per) == (1, "day")


def test_without_limits_no_ledger_is_made(upstream: ThreadedUpstream) -> None:
    configure("[defaults]\nmodel = 'openai:gpt-4.1'\n")
    assert run("chat", "Hi", upstream=upstream).exit_code == 0
    assert not state_folder().joinpath("ledger.sqlite").exists()
    assert json.loads(run("health", "--json").stdout)["limits"] == []
