"""One call of `rat chat`: its input, its output as text and as JSON, and errors in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratatoskr import ChatResponse
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, TokenCounts, fault
from ratatoskr.testing.thread import ThreadedUpstream
from ratatoskr.types.codec import decoder_of
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.generate import GenerateResponse
from unit.cli.in_process import HI, run
from unit.cli.shell import Shell


def test_an_interrupted_stream_is_shown_with_the_error_after_it_and_not_saved(upstream: ThreadedUpstream) -> None:
    upstream.use(fault("cut_reset", events=3, turn=ScriptedTurn(("one ", "two ", "three"))))
    result = run(*HI, upstream=upstream)
    assert result.exit_code == 6
    assert result.stdout.startswith("one ")
    assert result.stdout.endswith("\n")
    assert result.stderr.startswith("rat: openai, gpt-4.1: the stream was interrupted")
    assert run("chat", "-c", "And?", upstream=upstream).exit_code == 2


def test_an_interrupted_stream_prints_only_complete_lines_of_json(upstream: ThreadedUpstream) -> None:
    upstream.use(fault("cut_reset", events=3, turn=ScriptedTurn(("one ", "two ", "three"))))
    result = run(*HI, "--json", upstream=upstream)
    assert result.exit_code == 6
    assert {json.loads(line)["type"] for line in result.stdout.splitlines()} == {"content_delta"}


def test_a_note_says_that_an_answer_is_incomplete(upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn("Up and", finish="length"), ScriptedTurn("Up", finish="content_filter")])
    result = run(*HI, upstream=upstream)
    assert (result.exit_code, result.stdout) == (0, "Up and\n")
    assert "token limit" in result.stderr
    result = run(*HI, upstream=upstream)
    assert (result.exit_code, result.stdout) == (7, "Up\n")
    assert "filter" in result.stderr


def test_a_complete_answer_as_json_can_be_parsed_as_a_response(upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn("Up."), "Down."])
    result = run(*HI, "--json", "--no-stream", upstream=upstream)
    assert ChatResponse.from_json(result.stdout).content == "Up."
    result = run("generate", "-m", "openai:gpt-4.1", "Hi", "--json", "--no-stream", upstream=upstream)
    assert GenerateResponse.from_json(result.stdout).text == "Down."


@pytest.mark.parametrize("command", ["chat", "generate"])
def test_each_line_of_json_is_an_event(upstream: ThreadedUpstream, command: str) -> None:
    upstream.use(ScriptedTurn("Grüße 🐿️\n\x1b\x9b", deltas=3))
    result = run(command, "-m", "openai:gpt-4.1", "--json", "Hi", upstream=upstream)
    events = [decoder_of(ChatEvent)(json.loads(line), "") for line in result.stdout.splitlines()]
    assert "".join(event.text for event in events if event.type == "content_delta") == "Grüße 🐿️\n\x1b\x9b"
    assert [event.type for event in events].count("done") == 1
    assert events[-1].type == "done"


def test_it_streams_an_answer_and_nothing_else_to_standard_output(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("Up and\ndown.", reasoning="Hm.", deltas=5)])
    done = rat.chat("Who runs?")
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "Up and\ndown.\n", "")


def test_standard_input_comes_before_the_prompt(rat: Shell) -> None:
    assert rat.chat("Review this.", stdin="a = 1\n").returncode == 0
    assert rat.upstream.last.json["messages"][-1]["content"] == "a = 1\n\nReview this."
    assert rat.chat(stdin="only this").returncode == 0
    assert rat.upstream.last.json["messages"][-1]["content"] == "only this"


def test_options_reach_the_provider(rat: Shell, tmp_path: Path) -> None:
    picture, tools, schema = tmp_path / "a.png", tmp_path / "tools.json", tmp_path / "schema.json"
    picture.write_bytes(b"\x89PNG\r\n")
    tool = {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}}
    tools.write_text(json.dumps([tool]))
    schema.write_text(json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}}))
    rat.upstream.use([ScriptedTurn(tool_calls=(ScriptedToolCall("weather", {"city": "Oslo"}),)), '{"a": 1}'])
    arguments = ("-s", "Be brief.", "-f", str(picture), "-t", "0.5", "--max-tokens", "9")
    done = rat.chat(*arguments, "--tools", str(tools), "--tool-choice", "weather", "What?")
    sent = rat.upstream.last.json
    assert done.returncode == 0
    assert "weather" in done.stdout.decode()
    assert "Oslo" in done.stdout.decode()
    assert (sent["temperature"], sent["messages"][0]["content"]) == (0.5, "Be brief.")
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert "iVBORw0K" in json.dumps(sent)
    done = rat.chat("--schema", str(schema), "Give JSON.")
    assert json.loads(done.stdout) == {"a": 1}
    assert rat.upstream.last.json["response_format"]["type"] == "json_schema"


def test_json_is_one_event_a_line_and_nothing_else(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("a b", deltas=2, usage=TokenCounts(input=3, output=2)), "complete"])
    done = rat.chat("--json", "Hi")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["type"] for e in events] == ["content_delta", "content_delta", "usage_event", "done"]
    response = json.loads(rat.chat("--json", "--no-stream", "Hi").stdout)
    assert response["type"] == "chat_response"
