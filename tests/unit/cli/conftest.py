"""A provider for `rat`, and a machine without any other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import KEY


@pytest.fixture(autouse=True)
def nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.config.builder.is_listening", lambda spec: False)  # Ollama may run on this machine


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedUpstream]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream
