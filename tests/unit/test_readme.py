"""Every Python snippet of the README runs as it stands, against a scripted provider in place of the real ones."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ratatoskr
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.routes import BASES
from ratatoskr.testing.thread import ThreadedUpstream
from unit.local.hub_server import hub
from unit.local.stand_ins import make

README = Path(__file__).parents[2] / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedUpstream]:
    """Stand in for every provider and give each a key in the environment."""
    with ScriptedUpstream.in_thread() as upstream:
        for name, spec in SPECS.items():
            if name in BASES:
                monkeypatch.setitem(SPECS, name, replace(spec, base_url=upstream.base_url(name)))
        for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"):
            monkeypatch.setenv(variable, "sk-readme")
        yield upstream


@pytest.fixture
def embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand in for the hub, with a model of random weights under a real one's name."""
    folder = make(tmp_path / "model", "bert_cls_384")
    with hub({"BAAI/bge-small-en-v1.5": folder}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield


@pytest.mark.usefixtures("embedder")
async def test_the_tour_runs_from_its_first_snippet_to_its_last(
    upstream: ThreadedUpstream, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    for snippet in SNIPPETS:
        code = compile(snippet, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        made = eval(code, names)
        if inspect.iscoroutine(made):
            await made
    assert len(SNIPPETS) >= 12
    printed = capsys.readouterr().out
    assert "Up and down the tree" in printed
    assert "top_k" in printed
    assert names["animal"].legs is not None
    assert names["scores"].shape == (3,)
    assert upstream.count >= 10


def test_every_public_class_of_error_is_in_the_table() -> None:
    from ratatoskr import errors

    text = README.read_text()
    public = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    for name in public & {*ratatoskr.__all__} - {"PresetNotFound"}:
        assert f"`{name}`" in text, name


def test_the_table_of_providers_equals_the_rows() -> None:
    rows = ["| prefix | provider | key | example |", "|---|---|---|---|"]
    for spec in SPECS.values():
        key = " or ".join(f"`{variable}`" for variable in spec.key_variables)
        if spec.configured_by == "address":
            key = f"none needed; `{spec.base_url_variable}` is its address"
        elif not spec.needs_key:
            key += ", optional"
        rows.append(f"| `{spec.name}` | {spec.title} | {key} | `{spec.name}:{spec.example_model}` |")
    assert "\n\n" + "\n".join(rows) + "\n\n" in README.read_text()


def test_the_commands_for_a_fresh_machine_exist() -> None:
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
