"""Programs written for the openai SDK, with dicts as messages, run by changing the lines of their client alone.

`openai_programs/sdk` holds them as they were, `openai_programs/gateway` as they are now.
"""

from __future__ import annotations

import difflib
import io
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import Ratatoskr
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts

PROGRAMS = Path(__file__).parent / "openai_programs"
NAMES = ("chat_loop", "schema", "streaming", "tools", "vision")
CLIENT_LINE = re.compile(r"\b(OpenAI|client|completion|chunks?)\b")
"""A line that makes the client, calls it, or reads what it returned."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, list[Any]]]:
    """Runs a program with a scripted provider as the environment's, and returns what it prints and what it sends."""

    def run(name: str, *arguments: str, turns: Any, stdin: str = "") -> tuple[str, list[Any]]:
        with ScriptedUpstream.in_thread(turns) as upstream:
            gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).build()
            monkeypatch.setattr(Ratatoskr, "from_env", lambda: gateway)
            monkeypatch.setattr(sys, "argv", [name, *arguments])
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
            runpy.run_path(str(PROGRAMS / "gateway" / f"{name}.py"), run_name="__main__")
            gateway.sync().close()
            return capsys.readouterr().out, list(upstream.requests)

    return run


def test_there_are_five() -> None:
    for folder in ("sdk", "gateway"):
        assert sorted(path.stem for path in (PROGRAMS / folder).glob("*.py")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_only_client_lines_differ(name: str) -> None:
    before, after = ((PROGRAMS / folder / f"{name}.py").read_text().splitlines() for folder in ("sdk", "gateway"))
    changes = list(difflib.ndiff(before, after))
    removed = [line[2:] for line in changes if line.startswith("- ")]
    added = [line[2:] for line in changes if line.startswith("+ ")]
    assert [line for line in removed if not CLIENT_LINE.search(line)] == []
    assert 4 <= len(added) == len(removed) <= 6
    assert not [line for line in after if re.search(r"openai|choices", line)]


def test_chat_loop(run: Any) -> None:
    turns = [ScriptedTurn(text, usage=TokenCounts(input=9, output=3)) for text in ("Ratatoskr.", "Up and down.")]
    out, requests = run("chat_loop", turns=turns, stdin="Who?\nWhere?\n")
    assert out == "Ratatoskr. (12 tokens)\nUp and down. (12 tokens)\n5 messages\n"
    sent = requests[1].raw.decode()
    assert sent.index("Answer in one sentence.") < sent.index("Who?") < sent.index("Ratatoskr.") < sent.index("Where?")


def test_tools(run: Any) -> None:
    calls = tuple(ScriptedToolCall("get_height", {"tree": tree}) for tree in ("ash", "yew"))
    out, requests = run("tools", turns=[ScriptedTurn(tool_calls=calls), "The ash."])
    assert out == "The ash.\n"
    assert "Return the height of a tree in metres." in requests[0].raw.decode()
    sent = requests[1].raw.decode()
    assert all(f'{{\\"tree\\": \\"{tree}\\", \\"metres\\": {n}}}' in sent for tree, n in (("ash", 40), ("yew", 20)))


def test_vision(run: Any, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(PNG)
    out, requests = run("vision", str(tmp_path / "picture.png"), turns="A squirrel.")
    assert out == "A squirrel.\n"
    assert "data:image/png;base64,iVBORw0KGgo" in requests[0].raw.decode()


def test_schema(run: Any) -> None:
    out, requests = run("schema", turns='{"name": "squirrel", "legs": 4}')
    assert out == "squirrel 4\n"
    assert '"additionalProperties":false' in requests[0].raw.decode().replace(" ", "")


def test_streaming(run: Any) -> None:
    out, requests = run("streaming", turns=ScriptedTurn("It carries words.", deltas=3))
    assert out == "It carries words.\n"
    assert '"stream":true' in requests[0].raw.decode().replace(" ", "")
