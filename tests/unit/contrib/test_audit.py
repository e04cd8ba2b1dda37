"""The check of advisories: a database that cannot be reached is never taken for a clean result."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).resolve().parents[3] / "contrib" / "audit.py"


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", AUDIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["audit"]


def prints(text: str, status: int = 0) -> tuple[str, ...]:
    return (
        sys.executable,
        "-c",
        f"import sys; sys.stdout.write({text!r}); sys.stderr.write('no route'); sys.exit({status})",
    )


CARGO_CLEAN = {"vulnerabilities": {"found": False, "count": 0, "list": []}}
CARGO_FOUND = {
    "vulnerabilities": {"list": [{"package": {"name": "ring", "version": "0.1"}, "advisory": {"id": "RUSTSEC-1"}}]}
}
PIP_CLEAN = {"dependencies": [{"name": "numpy", "version": "2", "vulns": []}]}
PIP_FOUND = {"dependencies": [{"name": "numpy", "version": "2", "vulns": [{"id": "PYSEC-1"}]}]}
PIP_SKIPPED = {
    "dependencies": [{"name": "numpy", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}]
}


@pytest.mark.parametrize(
    ("output", "reader", "code", "said"),
    [
        (json.dumps(CARGO_CLEAN), "read_cargo_audit", 0, "x.lock: no known advisory\n"),
        (json.dumps(CARGO_FOUND), "read_cargo_audit", 1, "x.lock: ADVISORY ring 0.1: RUSTSEC-1\n"),
        (json.dumps(PIP_CLEAN), "read_pip_audit", 0, "x.lock: no known advisory\n"),
        (json.dumps(PIP_FOUND), "read_pip_audit", 1, "x.lock: ADVISORY numpy 2: PYSEC-1\n"),
        (json.dumps(PIP_SKIPPED), "read_pip_audit", 3, "x.lock: NOT CHECKED: 1 packages, as numpy: not found\n"),
        ("", "read_pip_audit", 3, "x.lock: NOT CHECKED: no route\n"),
        ("{}", "read_cargo_audit", 3, "x.lock: NOT CHECKED: 'vulnerabilities'\n"),
    ],
)
def test_what_a_tool_prints_is_clean_an_advisory_or_unchecked(
    audit: Any, capsys: pytest.CaptureFixture[str], output: str, reader: str, code: int, said: str
) -> None:
    assert audit.run(audit.Check("x.lock", prints(output, 1), getattr(audit, reader))) == code
    assert capsys.readouterr().out == said


def test_a_missing_tool_is_unchecked_and_an_advisory_weighs_more(audit: Any) -> None:
    missing = audit.Check("Cargo.lock", ("/nowhere/cargo",), audit.read_cargo_audit)
    found = audit.Check("x.lock", prints(json.dumps(PIP_FOUND)), audit.read_pip_audit)
    clean = audit.Check("y.lock", prints(json.dumps(PIP_CLEAN)), audit.read_pip_audit)
    assert audit.main([clean, missing]) == 3
    assert audit.main([missing, found, clean]) == 1
    assert audit.main([clean]) == 0


def test_every_lock_file_is_checked(audit: Any) -> None:
    assert {check.name for check in audit.checks("uv")} == {
        "Cargo.lock",
        *(path.name for path in (AUDIT.parents[1] / "requirements").glob("*.lock")),
    }
