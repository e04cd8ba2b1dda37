"""What `make demo` shows without a key and without a network, and the commands that it prints."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path

import click
import pytest

from ratatoskr.cli import demo
from ratatoskr.cli.demo import CLASSIFIER, describe_cost, inference_step, next_step
from ratatoskr.cli.rat import rat
from ratatoskr.local.store.catalog import CATALOG
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.usage import Cost


@pytest.mark.parametrize("model", [None, "ollama:qwen3:4b"])
def test_the_demo_ends_with_a_command_that_can_be_pasted(model: str | None) -> None:
    *before, line = next_step(model).splitlines()
    assert line.startswith("$ ")
    path, command, *arguments = shlex.split(line[2:])
    assert Path(path).name == "rat"
    found = rat.get_command(click.Context(rat), command)
    assert found is not None
    context = found.make_context(command, arguments)
    name, _, _ = context.params["models"][0].partition(":")
    exported = [text for text in before if text.startswith("$ export ")]
    if model is None:
        assert SPECS[name].needs_key
        assert f"$ export {SPECS[name].key_variables[0]}=" in exported[0]
    else:
        assert context.params["models"] == (model,)
        assert exported == []


async def test_the_demo_shows_a_cost_an_open_breaker_and_the_end_of_a_budget(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "open_real_model", no_real_model)
    assert await demo.main() == (0, None)
    printed = capsys.readouterr().out
    assert re.search(
        r"^usage: 18 tokens in, 24 out .*\ncost: 0\.0000456 USD \(input 0\.\d+, output 0\.\d+, ", printed, re.MULTILINE
    )
    calls = re.findall(r"^call (\d): (.*)$", printed, re.MULTILINE)
    failed = "openai service_unavailable, then anthropic ok"
    assert calls[:5] == [("1", failed), ("2", failed), ("3", failed), ("4", "anthropic ok"), ("5", "anthropic ok")]
    assert re.search(r"^openai: gpt-4\.1-mini is open; tried again in [3-6] s$", printed, re.MULTILINE)
    assert calls[5] == ("1", "gpt-4.1, 0.0076 of 0.01 USD a day spent")
    assert calls[6][1].startswith("budget_exceeded: the budget of 0.01 USD a day has 0.0024 USD left")
    assert len(calls) == 7


async def no_real_model(_stack: object) -> None:
    """Stand in for `open_real_model` where no provider has a key."""


def test_a_cost_is_a_line() -> None:
    assert describe_cost(None) == "unknown: the tables have no price of this model"
    assert describe_cost(Cost(Decimal("0.0120"), source="provider")) == "0.012 USD (the provider's bill)"


def test_the_demo_counts_tokens(capfd: pytest.CaptureFixture[str]) -> None:
    demo.count_tokens()
    printed, notes = capfd.readouterr()
    assert "\n8\n" in printed
    assert '" grows"' in printed
    assert "between 7 and 13 tokens" in notes


def test_the_demo_prints_what_inference_needs_and_claims_no_result() -> None:
    commands = [shlex.split(line[2:]) for line in inference_step().splitlines() if line.startswith("$ ")]
    assert commands[0] == ["rat", "models", "pull", CLASSIFIER]
    assert {words[1] for words in commands[1:]} == {"classify", "nli"}
    for words in commands[1:]:
        found = rat.get_command(click.Context(rat), words[1])
        assert found is not None
        assert found.make_context(words[1], words[2:]).params["model"] == CLASSIFIER
    assert next(card for card in CATALOG if card.name == CLASSIFIER).task == "nli"
