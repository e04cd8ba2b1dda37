"""The licences of third parties that the wheel ships are those of the crates that are linked."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def linked_crates() -> set[str]:
    """Return name and version of every crate that the extension links on Linux, our own aside."""
    try:
        done = subprocess.run(
            [
                "cargo",
                "tree",
                "--locked",
                "--offline",
                "--package",
                "ratatoskr-py",
                "--edges",
                "normal",
                "--prefix",
                "none",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("cargo is not installed")
    if done.returncode:
        pytest.skip(f"cargo cannot list the crates: {done.stderr[-200:]}")
    lines = (line.split() for line in done.stdout.splitlines() if line)
    return {f"{words[0]} {words[1].removeprefix('v')}" for words in lines if not words[0].startswith("ratatoskr")}


def test_every_linked_crate_has_its_licence_in_the_file() -> None:
    text = (ROOT / "THIRD-PARTY-LICENSES.md").read_text("utf-8")
    listed = {f"{name} {version}" for name, version in re.findall(r"^\| (\S+) \| (\S+) \|", text, re.MULTILINE)}
    missing = linked_crates() - listed
    assert not missing, f"run make licences: {sorted(missing)}"


def test_the_wheel_ships_both_files() -> None:
    import tomllib

    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert json.dumps(project["project"]["license-files"]) == '["LICENSE", "THIRD-PARTY-LICENSES.md"]'
