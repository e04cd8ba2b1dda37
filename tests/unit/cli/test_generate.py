"""`rat generate`: its prompt, its output and its exit codes."""

from __future__ import annotations

from ratatoskr.testing import ScriptedTurn
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run

GENERATE = ("generate", "-m", "openai:gpt-4.1")


def test_standard_input_comes_before_the_prompt(upstream: ThreadedUpstream) -> None:
    upstream.use("and down.")
    result = run(*GENERATE, "Up", upstream=upstream, stdin="The squirrel:\n")
    assert (result.exit_code, result.stdout) == (0, "and down.\n")
    assert upstream.last.json["messages"] == [{"role": "user", "content": "The squirrel:\n\nUp"}]


def test_without_a_prompt_nothing_is_sent(upstream: ThreadedUpstream) -> None:
    result = run(*GENERATE, upstream=upstream, stdin="\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no prompt: give a PROMPT, or text on standard input" in result.stderr
    assert upstream.count == 0


def test_a_filtered_answer_exits_with_7(upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn("Up", finish="content_filter")] * 2)
    for options in ((), ("--no-stream",)):
        result = run(*GENERATE, "Hi", *options, upstream=upstream)
        assert (result.exit_code, result.stdout) == (7, "Up\n")
        assert "filter" in result.stderr


def test_parameters_reach_the_provider_and_nothing_is_saved(upstream: ThreadedUpstream) -> None:
    assert run(*GENERATE, "Hi", "-t", "0.5", "--json", upstream=upstream).exit_code == 0
    assert upstream.last.json["temperature"] == 0.5
    assert "no conversation to continue" in run("chat", "-c", "And?", upstream=upstream).stderr
