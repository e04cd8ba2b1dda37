"""What the snippets of the documentation find: a provider in place of the real ones, a hub with a model, some files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.routes import BASES
from ratatoskr.testing.thread import ThreadedUpstream
from source_tree import ROOT
from unit.local.classifiers import Classifier
from unit.local.hub_server import BGE, hub
from unit.local.stand_ins import make

ONE_LABEL = {"id2label": {"0": "LABEL_0"}}
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedUpstream]:
    """Stand in for every provider and give each a key in the environment."""
    with ScriptedUpstream.in_thread() as upstream:
        for name, spec in SPECS.items():
            if name in BASES:
                monkeypatch.setitem(SPECS, name, replace(spec, base_url=upstream.base_url(name)))
                if spec.needs_key:
                    monkeypatch.setenv(spec.key_variables[0], "sk-documentation")
        yield upstream


@pytest.fixture(scope="session")
def embedder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("documentation") / "model", "bert_cls_384")


@pytest.fixture
def embedder(
    embedder_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Stand in for the hub, with models of random weights under the names of real ones."""
    analysts = tmp_path_factory.mktemp("analysts")
    models = {
        BGE: embedder_folder,
        "cross-encoder/nli-deberta-v3-small": Classifier(1, 3).write(analysts / "nli"),
        "cross-encoder/ms-marco-MiniLM-L6-v2": Classifier(2, 1).write(analysts / "reranker", config=ONE_LABEL),
    }
    with hub(models) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that commands and snippets name."""
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))
    Path("notes.txt").write_text("Parcels leave within two days.\nWe refund the price.\n")
    Path("texts.txt").write_text("a text\nanother\n")
    Path("reviews.csv").write_text("id,text\n1,good\n2,bad\n")
    sentiment = {"id2label": {"0": "negative", "1": "positive"}}
    Classifier(3, 2).write(Path("sentiment"), config=sentiment)
    Path("plan.md").write_text("# Plan\n")
    usage = {"input_tokens": 1_000, "output_tokens": 100}
    Path("answer.json").write_text(json.dumps({"provider": "openai", "model": "gpt-4.1", "usage": usage}))
    return tmp_path


@pytest.fixture(scope="session")
def tables() -> ModuleType:
    """The hook that makes the tables of the documentation."""
    sys.path.insert(0, str(ROOT / "contrib"))
    try:
        import docs_tables
    finally:
        sys.path.remove(str(ROOT / "contrib"))
    return docs_tables
