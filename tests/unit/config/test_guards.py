"""Limits, budgets and their ledger in `config.toml`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ratatoskr import Budget, ConfigurationError, Ratatoskr
from ratatoskr.config.apply import apply_guards
from ratatoskr.config.file import parse_config
from ratatoskr.config.recipe import Recipe
from ratatoskr.ledger.memory import MemoryLedger
from ratatoskr.types.limit import Limit

WHOLE = """
[limits.openai]
in_flight = 16
stream_bytes = 1000000
requests = 500
tokens = 200000

[limits.small-ones]
provider = "openai"
model = "gpt-*-mini"
input_tokens = 1000
output_tokens = 2000
per = 0.5
each_key = true

[budget]
amount = "10.00"
per = "month"
tz = "Europe/Berlin"
unpriced = "allow"
on = "warn"
name = "team"

[ledger]
path = "LEDGER"
"""


def recipe_of(text: str, default: Path | None = None) -> Recipe:
    builder = Ratatoskr.builder().openai("key")
    apply_guards(builder, parse_config(text, Path("config.toml")), default)
    return builder.recipe()


def test_every_key_reaches_the_builder(tmp_path: Path) -> None:
    recipe = recipe_of(WHOLE.replace("LEDGER", str(tmp_path / "ledger.sqlite")))
    assert recipe.limits == (
        Limit("openai", requests=500, tokens=200_000),
        Limit("openai", "gpt-*-mini", input_tokens=1000, output_tokens=2000, per=0.5, each_key=True),
    )
    assert (recipe.in_flight, recipe.stream_bytes) == ((("openai", 16),), (("openai", 1_000_000),))
    budget = Budget("10.00", per="month", tz="Europe/Berlin", unpriced="allow", on="warn", name="team")
    assert recipe.budgets == (budget,)
    assert recipe.ledger == tmp_path / "ledger.sqlite"


def test_a_length_of_time_is_given_in_seconds_and_an_amount_may_be_a_whole_number() -> None:
    (budget,) = recipe_of("[budget]\namount = 5\nper = 3600").budgets
    assert (budget.amount, budget.per) == (Decimal(5), timedelta(hours=1))


def test_the_path_of_a_ledger_may_begin_with_a_tilde_and_is_used_only_where_something_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert recipe_of('[budget]\namount = 1\n[ledger]\npath = "~/l"').ledger == tmp_path / "l"
    assert recipe_of('[ledger]\npath = "~/l"').ledger is None
    assert recipe_of("[limits.openai]\nrequests = 1", tmp_path / "d").ledger == tmp_path / "d"
    assert recipe_of("", tmp_path / "d").ledger is None


def test_limits_of_a_provider_without_a_key_are_left_out_and_an_unknown_one_is_not() -> None:
    assert recipe_of("[limits.mistral]\nrequests = 1") == recipe_of("")
    recipe = recipe_of("[limits.opemai]\nrequests = 1")
    with pytest.raises(ConfigurationError, match="opemai, which is not configured"):
        recipe.check()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budget]\namount = 10.0", ":2:.*budget.amount.*10.0; a float is not exact"),
        ("[budget]\namount = 0", ":2:.*budget.amount.*above 0"),
        ('[budget]\namount = "-3"', ":2:.*budget.amount.*above 0"),
        ('[budget]\namount = "ten"', ":2:.*budget.amount.*such as"),
        ("[budget]\nper = 'day'", "budget.amount must be given"),
        ("[budget]\namount = 1\nper = 'week'", ":3:.*budget.per.*day, month, total"),
        ("[budget]\namount = 1\nper = 0", ":3:.*budget.per"),
        ("[budget]\namount = 1\ntz = 'Mars'", ":3:.*budget.tz.*Europe/Berlin"),
        ("[budget]\namount = 1\nunpriced = 'ask'", ":3:.*budget.unpriced.*refuse or allow"),
        ("[budget]\namount = 1\non = 'log'", ":3:.*budget.on.*error or warn"),
        ("[budget]\namount = 1\nscope = 'user'", ":3:.*budget.scope is unknown"),
        ("[limits.openai]\nrequests = 0", ":2:.*limits.openai.requests"),
        ("[limits.openai]\ntokens = 1.5", ":2:.*limits.openai.tokens.*whole number"),
        ("[limits.openai]\nrequests = 5\nper = 0", ":3:.*limits.openai.per.*above 0"),
        ("[limits.openai]\nrequests = 5\nper = inf", ":3:.*limits.openai.per"),
        ("[limits.openai]\nrequests = 5\neach_key = 1", ":3:.*limits.openai.each_key must be true or false"),
        ("[limits.openai]\nrequest = 5", ":2:.*limits.openai.request is unknown; did you mean 'requests'"),
        ("limits = 5", "limits must be a table"),
        ("[ledger]\npath = ''", ":2:.*ledger.path"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse_config(text, Path("config.toml"))


def test_a_limits_table_without_a_limit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a limit needs one of requests"):
        recipe_of("[limits.openai]\nper = 5")


def test_two_budgets_that_would_count_together_are_refused_unless_named() -> None:
    builder = Ratatoskr.builder().budget(Budget("1")).budget(Budget("1", per="month")).budget(Budget("2", name="b"))
    assert len(builder.recipe().budgets) == 3
    with pytest.raises(ConfigurationError, match="name="):
        builder.budget(Budget("5"))


@pytest.mark.parametrize("budget", ["10.00", 10, None, Budget])
def test_what_is_no_budget_is_refused(budget: object) -> None:
    with pytest.raises(ConfigurationError, match=r'Budget\("10.00"\)'):
        Ratatoskr.builder().budget(budget)  # type: ignore[arg-type]


@pytest.mark.parametrize("ledger", ["", 5, None, MemoryLedger, object()])
def test_what_is_no_ledger_is_refused(ledger: object) -> None:
    with pytest.raises(ConfigurationError, match="ledger"):
        Ratatoskr.builder().ledger(ledger)  # type: ignore[arg-type]
