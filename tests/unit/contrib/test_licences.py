"""The licences and the bill of materials that the wheel ships are those of the crates that are linked."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SBOM = ROOT / "ratatoskr-llm.cdx.json"
ENVIRONMENT = dict(os.environ)  # as it is here, before a test's own home hides the toolchain that is in the user's


@pytest.fixture(scope="module")
def sbom() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "contrib" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sbom"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sbom"]


@pytest.fixture(scope="module")
def graph(sbom: Any) -> Any:
    """The linked crates; where there is a cargo, it must be able to list them."""
    if shutil.which("cargo", path=ENVIRONMENT.get("PATH")) is None:
        pytest.skip("cargo is not installed")
    try:
        return sbom.linked_crates(ENVIRONMENT)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"cargo cannot list the crates: {error.stderr[-300:]}")


def test_the_licences_are_those_of_the_linked_crates(graph: Any) -> None:
    text = (ROOT / "THIRD-PARTY-LICENSES.md").read_text("utf-8")
    listed = set(re.findall(r"^\| (\S+) \| (\d\S*) \|", text, re.MULTILINE))
    linked = {(crate.name, crate.version) for crate in graph}
    assert len(linked) > 100
    assert (sorted(linked - listed), sorted(listed - linked)) == ([], []), "run make licences"


def test_the_bill_of_materials_is_that_of_the_linked_crates(sbom: Any, graph: Any) -> None:
    assert SBOM.read_text("utf-8") == sbom.render(graph), "run make licences"
    document = sbom.document(graph)
    references = [component["bom-ref"] for component in document["components"]]
    assert len(references) == len(set(references)) == len(graph)
    assert [each["ref"] for each in document["dependencies"][1:]] == references
    assert all({"hashes", "purl"} <= each.keys() for each in document["components"] if "ratatoskr" not in each["name"])


def test_the_wheel_ships_the_files() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["license-files"] == ["LICENSE", "THIRD-PARTY-LICENSES.md"]
    assert project["tool"]["maturin"]["sbom"]["include"] == [SBOM.name]
