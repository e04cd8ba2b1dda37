"""`rat "a prompt"`, the usage of an answer, and its first code block."""

from __future__ import annotations

import pytest

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts
from unit.cli.in_process import run

MODEL = ("-m", "openai:gpt-4.1")
USAGE = "2,200 input (1,000 cached) + 54 output (20 reasoning) tokens; 0.003332 USD\n"
CODE = "Try:\n\n```python\nprint('hi')\n```\n\nor\n\n~~~\nno\n~~~\n"


@pytest.mark.parametrize(
    "arguments", [("Who runs?", *MODEL), (*MODEL, "Who runs?"), ("-v", *MODEL, "Who runs?"), ("hello", *MODEL)]
)
def test_a_prompt_or_an_option_without_a_command_is_a_chat(arguments: tuple[str, ...]) -> None:
    with ScriptedUpstream.in_thread("The squirrel.") as upstream:
        result = run(*arguments, f"--base-url=openai={upstream.base_url('openai')}", env={"OPENAI_API_KEY": "sk-x"})
        assert result.exit_code == 0, result.stderr
        assert result.stdout == "The squirrel.\n"


@pytest.mark.parametrize("word", ["chta", "modles", "sesions", "embedfile"])
def test_a_misspelt_command_is_no_prompt(word: str) -> None:
    result = run(word)
    assert result.exit_code == 2
    assert f"No such command '{word}'; did you mean " in result.stderr


@pytest.mark.parametrize("command", ["chat", "generate"])
def test_usage_is_printed_to_standard_error(command: str) -> None:
    turn = ScriptedTurn("Yes.", usage=TokenCounts(input=1200, output=34, cache_read=1000, reasoning=20))
    with ScriptedUpstream.in_thread(turn) as upstream:
        address = f"--base-url=openai={upstream.base_url('openai')}"
        result = run(command, *MODEL, address, "-u", "Well?", env={"OPENAI_API_KEY": "sk-x"})
    assert result.stdout == "Yes.\n"
    assert result.stderr == USAGE


@pytest.mark.parametrize(("answer", "printed"), [(CODE, "print('hi')\n"), ("No code.", "No code.\n")])
def test_the_first_code_block_is_printed_alone(answer: str, printed: str) -> None:
    with ScriptedUpstream.in_thread(answer) as upstream:
        address = f"--base-url=openai={upstream.base_url('openai')}"
        result = run("chat", *MODEL, address, "-x", "Code?", env={"OPENAI_API_KEY": "sk-x"})
    assert result.exit_code == 0
    assert result.stdout == printed


def test_a_code_block_excludes_json_and_a_conversation() -> None:
    for other in ("--json", "-i"):
        result = run("chat", *MODEL, "-x", other, "Code?")
        assert result.exit_code == 2
        assert "-x excludes --json and -i" in result.stderr
