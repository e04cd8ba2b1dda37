"""The distribution's name, which is not that of the import, is the same everywhere."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ratatoskr
from ratatoskr._extras import DISTRIBUTION, install_command

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BARE_NAME = re.compile(
    r"\bratatoskr\["
    r"|(?:pip|uv|pipx)(?: \w+)*? install [^\n]*(?<![\w/.])ratatoskr(?![\w.-])"
    r"|\bversion\([\"']ratatoskr[\"']\)"
)
"""A command, an extra or a question for a version that would mean the unrelated package of the import's name."""


def test_the_name_is_that_of_the_metadata() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "ratatoskr-llm"
    assert version(DISTRIBUTION) == PROJECT["version"] == ratatoskr.__version__
    assert install_command("local") == "pip install 'ratatoskr-llm[local]'"


def test_nothing_names_the_package_of_the_same_import() -> None:
    files = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml")]
    for folder in ("python", "benches", "contrib", "docs"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".toml", ".fish")]
    found = {
        str(path.relative_to(ROOT)): match[0]
        for path in files
        if path.is_file() and not any(part.startswith(".venv") for part in path.parts)
        if (match := BARE_NAME.search(path.read_text("utf-8")))
    }
    assert found == {}


def test_the_pattern_finds_what_it_should() -> None:
    for wrong in (
        "`ratatoskr[cuda]`",
        "pip install ratatoskr",
        "pip install 'ratatoskr[local]'",
        "uv pip install ratatoskr",
    ):
        assert BARE_NAME.search(wrong), wrong
    for right in ("pip install 'ratatoskr-llm[local]'", "pip install dist/ratatoskr_llm-*.whl", "import ratatoskr"):
        assert not BARE_NAME.search(right), right


def test_the_metadata_is_whole() -> None:
    assert {"description", "readme", "license", "keywords", "classifiers", "requires-python"} <= PROJECT.keys()
    assert len(PROJECT["description"]) <= 512  # the limit of the package index
    assert "example.com" not in (ROOT / "pyproject.toml").read_text("utf-8")
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {lowest}" in PROJECT["classifiers"]
    assert sorted(PROJECT["classifiers"]) == sorted(set(PROJECT["classifiers"]))
    assert not [line for line in PROJECT["classifiers"] if line.startswith("License ::")]  # the expression says it
