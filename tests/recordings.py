"""Finds the recordings of real traffic that the tests compare with; nothing else knows where they lie.

They are data of others and are not part of the package: where they are absent, the tests that need them are skipped.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "recordings"

FOLDER = Path(os.environ.get("RATATOSKR_RECORDINGS") or _BESIDE)

needed = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recordings at {FOLDER}; RATATOSKR_RECORDINGS names another folder"
)
"""Skips a test where there are no recordings."""


@cache
def _text(path: Path) -> str:
    return path.read_text("utf-8")


def table(name: str) -> dict[str, Any]:
    """Return one of the tables beside the exchanges, for example `sse_wpt`; empty where there are no recordings."""
    path = FOLDER / f"{name}.json"
    return json.loads(_text(path)) if path.is_file() else {"cases": []}


def paths(*providers: str) -> list[Path]:
    """Return the files of these providers' exchanges (of all without a name), sorted; none without recordings."""
    folders = providers or sorted(entry.name for entry in FOLDER.iterdir() if entry.is_dir()) if FOLDER.is_dir() else ()
    return [path for provider in folders for path in sorted((FOLDER / provider).glob("*.json"))]


def exchange(path: Path) -> dict[str, Any]:
    """Return one recorded exchange; each call gives a fresh value."""
    return json.loads(_text(path))
