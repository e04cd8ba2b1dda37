"""Compare the locked dependencies with the public advisory databases: `make audit`.

Rust crates are checked by cargo-audit with the RustSec database, Python packages by pip-audit with that of the package
index. Exits with 1 if an advisory concerns a locked version, and with 3 if a tool or a database could not be reached:
"not checked" is never taken for "clean".
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLEAN, VULNERABLE, UNCHECKED = 0, 1, 3


@dataclass(frozen=True)
class Report:
    """The result of one tool.

    Attributes:
        advisories: a line for each advisory.
        unchecked: a line for each package that could not be checked.
    """

    advisories: list[str]
    unchecked: list[str]


@dataclass(frozen=True)
class Check:
    """One tool and one file of locked versions.

    Attributes:
        name: the file.
        command: prints JSON.
        read: makes a report of that.
    """

    name: str
    command: Sequence[str]
    read: Callable[[Any], Report]


def read_cargo_audit(document: Any) -> Report:
    """Return the report in the output of `cargo audit --json`."""
    found = document["vulnerabilities"]["list"]
    return Report(
        [f"{one['package']['name']} {one['package']['version']}: {one['advisory']['id']}" for one in found], []
    )


def read_pip_audit(document: Any) -> Report:
    """Return the report in the output of `pip-audit --format json`."""
    packages = document["dependencies"]
    return Report(
        [f"{one['name']} {one['version']}: {bug['id']}" for one in packages for bug in one.get("vulns", ())],
        [f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one],
    )


def checks(uv: str) -> list[Check]:
    """Return the checks of this repository."""
    tools = ROOT / "requirements" / "audit.lock"
    run_tool = (uv, "run", "--no-project", "--isolated", "--quiet", "--with-requirements", str(tools), "pip-audit")
    options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", "--requirement")
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    rust = Check("Cargo.lock", ("cargo", "audit", "--json", "--file", str(ROOT / "Cargo.lock")), read_cargo_audit)
    return [rust, *(Check(lock.name, (*run_tool, *options, str(lock)), read_pip_audit) for lock in locks)]


def run(check: Check) -> int:
    """Run one check, print its result, and return `CLEAN`, `VULNERABLE` or `UNCHECKED`."""
    try:
        done = subprocess.run(  # noqa: S603  # a command of the table above
            check.command, capture_output=True, text=True, check=False, timeout=600
        )
        report = check.read(json.loads(done.stdout))
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        why = done.stderr.strip().splitlines() if isinstance(error, ValueError) else []
        print(f"{check.name}: NOT CHECKED: {why[-1] if why else error}")
        return UNCHECKED
    for line in report.advisories:
        print(f"{check.name}: ADVISORY {line}")
    if report.unchecked:
        print(f"{check.name}: NOT CHECKED: {len(report.unchecked)} packages, as {report.unchecked[0]}")
    if report.advisories:
        return VULNERABLE
    if not report.unchecked:
        print(f"{check.name}: no known advisory")
    return UNCHECKED if report.unchecked else CLEAN


def main(made: Sequence[Check]) -> int:
    """Run all checks; an advisory weighs more than a check that could not be made."""
    results = [run(check) for check in made]
    return VULNERABLE if VULNERABLE in results else max(results)


if __name__ == "__main__":
    sys.exit(main(checks(sys.argv[1])))
