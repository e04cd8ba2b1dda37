"""The input of most jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.jobs.files import write
from unit.jobs.judges import write_models
from unit.jobs.small_jobs import ROWS


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", "jsonl", ROWS)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges")
    write_models(folder)
    return folder
