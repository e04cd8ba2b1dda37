"""`rat embed`, `embed-file`, `search`, `classify`, `nli`, `stance` and `rerank` with models of providers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ratatoskr.testing import ScriptedUpstream, fault
from ratatoskr.testing.tasks import hash_vector
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run

SMALL = "openai:text-embedding-3-small"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ThreadedUpstream]:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "COHERE_API_KEY"):
        monkeypatch.setenv(name, "sk-canary-5c1f")
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


def where(upstream: ThreadedUpstream, provider: str = "openai", path: str = "openai") -> list[str]:
    return ["--base-url", f"{provider}={upstream.base_url(path)}"]


@pytest.mark.parametrize("model", [SMALL, "text-embedding-3-small"])
def test_embed_asks_the_provider_that_the_name_tells(upstream: ThreadedUpstream, model: str) -> None:
    result = run("embed", *where(upstream), "-m", model, "--json", "--dimensions", "4", "a squirrel")
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    np.testing.assert_allclose(data["embedding"], hash_vector("a squirrel", 4), atol=1e-6)


def test_embed_searches_lines(upstream: ThreadedUpstream, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("one\ntwo\nthree\n")
    result = run("embed", *where(upstream), "-m", SMALL, "--lines", "notes.txt", "--search", "two", "--top", "1")
    assert result.exit_code == 0, result.stderr
    assert "two" in result.stdout


def test_a_file_is_embedded_continued_and_searched(upstream: ThreadedUpstream, tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"text {number}"}) for number in range(700)]
    (tmp_path / "in.jsonl").write_text("\n".join(rows) + "\n")
    common = ("embed-file", *where(upstream), "-m", SMALL, "--dimensions", "6", "--window", "200")

    def answer(request: object) -> object:
        return fault("status_400", message="no") if b"text 500" in request.raw else "default"  # type: ignore[attr-defined]

    with ScriptedUpstream.in_thread([answer] * 20) as broken:
        at_broken = ["--base-url", f"openai={broken.base_url('openai')}"]
        failed = run("embed-file", *at_broken, *common[3:], "in.jsonl", "out.parquet")
    assert failed.exit_code != 0
    assert (tmp_path / "out.parquet.job").is_dir()
    done = run(*common, "in.jsonl", "out.parquet", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["dimensions"], summary["model"]) == (700, 6, "text-embedding-3-small")
    assert summary["resumed"] > 0
    found = run("search", *where(upstream), "out.parquet", "text 321", "--top", "1", "--json")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout) == {"index": 321, "score": 1.0, "text": "text 321"}


def test_texts_are_classified_judged_and_ranked(upstream: ThreadedUpstream) -> None:
    hub = where(upstream, "huggingface", "huggingface")
    model = ("-m", "huggingface:facebook/bart-large-mnli")
    result = run("classify", *hub, *model, "a refund, please", "--labels", "tree,refund", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["method"] == "zero_shot"
    result = run("classify", *hub, "-m", "huggingface:some/sentiment", "negative", "--json")
    assert next(iter(json.loads(result.stdout)["scores"])) == "NEGATIVE"
    (judged,) = map(json.loads, run("nli", *hub, *model, "--json", "neutral", "b").stdout.splitlines())
    assert (judged["label"], judged["method"], judged["provider"]) == ("neutral", "sentence_pair", "huggingface")
    result = run("stance", *hub, *model, "--target", "the road", "I like it", "--json")
    assert json.loads(result.stdout)["method"] == "zero_shot"
    ranked = run(
        "rerank", *where(upstream, "cohere", "compatible"), "-m", "cohere:rerank-v3.5", "a tree", "x", "a tree"
    )
    assert ranked.exit_code == 0, ranked.stderr
    assert "a tree" in ranked.stdout.splitlines()[0]
