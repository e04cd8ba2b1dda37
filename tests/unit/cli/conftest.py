"""A scripted provider for `rat`, without any other; ways to run it; a small embedding model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import Ratatoskr
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import KEY, LINES
from unit.cli.pty_session import TerminalRat
from unit.cli.shell import Shell


@pytest.fixture(autouse=True)
def no_ollama(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda spec: False)  # this machine may run Ollama


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedUpstream]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


@pytest.fixture
def terminal_rat(upstream: ThreadedUpstream) -> TerminalRat:
    return TerminalRat(upstream)


@pytest.fixture
def embed_model(model_folder: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make a small model the default of `rat embed`."""
    monkeypatch.setenv("RATATOSKR_EMBED_MODEL", str(model_folder))
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(graphs))
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("\n".join(LINES) + "\n")


@pytest.fixture
def vectors(model_folder: Path, graphs: Path) -> np.ndarray[Any, Any]:
    with Ratatoskr.builder().local_embeddings(model_folder).cache_dir(graphs).build().sync() as gateway:
        return np.asarray(gateway.embed_batch(LINES, str(model_folder)))


@pytest.fixture
def rat(upstream: ThreadedUpstream) -> Shell:
    return Shell(upstream)
