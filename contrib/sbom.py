"""Write the bill of materials of the extension, `ratatoskr-llm.cdx.json`: `make licences`.

It lists the crates that the wheel contains, in the form of CycloneDX 1.5, from what cargo resolves out of Cargo.lock.
It holds no time and no serial number, so that the same sources make the same wheel.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SBOM = ROOT / "ratatoskr-llm.cdx.json"
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")


@dataclass(frozen=True, order=True)
class Crate:
    """A crate that is linked into the extension."""

    name: str
    version: str
    licence: str

    @property
    def reference(self) -> str:
        """The package URL."""
        return f"pkg:cargo/{self.name}@{self.version}"


def linked_crates(environment: Mapping[str, str] | None = None) -> dict[Crate, set[Crate]]:
    """Return every crate that the extension links, its own included, with the crates that it depends on.

    Raises:
        subprocess.CalledProcessError: cargo cannot list them.
    """
    graph: dict[Crate, set[Crate]] = {}
    for target in TARGETS:
        above: list[Crate] = []
        for depth, crate in _tree(target, environment):
            graph.setdefault(crate, set())
            del above[depth:]
            if above:
                graph[above[-1]].add(crate)
            above.append(crate)
    return graph


def _tree(target: str, environment: Mapping[str, str] | None) -> Iterator[tuple[int, Crate]]:
    command = ["cargo", "tree", "--locked", "--offline", "--package", "ratatoskr-py", "--edges", "normal"]
    command += ["--prefix", "depth", "--format", "|{p}|{l}", "--target", target]
    done = subprocess.run(  # noqa: S603  # the command is the one above
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    for line in done.stdout.splitlines():
        depth, package, licence = line.split("|")
        name, version, *_ = package.split()
        licence = " ".join(licence.removesuffix(" (*)").replace("/", " OR ").split())
        yield int(depth), Crate(name, version.removeprefix("v"), licence)


def document(graph: Mapping[Crate, set[Crate]]) -> dict[str, Any]:
    """Return the bill of materials as JSON values."""
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wheel = f"pkg:pypi/{project['name']}@{project['version']}"
    roots = [crate for crate in graph if crate.name == "ratatoskr-py"]
    dependencies = [(wheel, roots), *((crate.reference, graph[crate]) for crate in sorted(graph))]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": wheel,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
                "purl": wheel,
            }
        },
        "components": [_component(crate, checksums[crate.name, crate.version]) for crate in sorted(graph)],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(crate.reference for crate in crates)}
            for reference, crates in dependencies
        ],
    }


def _component(crate: Crate, checksum: str | None) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "library", "bom-ref": crate.reference, "name": crate.name}
    component |= {"version": crate.version, "licenses": [{"expression": crate.licence}]}
    if checksum is None:
        return component  # a crate of this project, which no registry holds
    return component | {"hashes": [{"alg": "SHA-256", "content": checksum}], "purl": crate.reference}


def render(graph: Mapping[Crate, set[Crate]]) -> str:
    """Return the text of the file."""
    return json.dumps(document(graph), indent=1) + "\n"


if __name__ == "__main__":
    SBOM.write_text(render(linked_crates()), "utf-8")
