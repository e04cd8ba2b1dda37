"""What `make demo` prints at its end."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from ratatoskr.cli.demo import next_step
from ratatoskr.cli.rat import rat
from ratatoskr.providers.specs import SPECS


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
