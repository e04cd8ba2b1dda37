"""Every test of the suite is asked of every way to a gateway, but for those that look inside one of this process."""

from __future__ import annotations

import ast
from pathlib import Path

from conformance.faces import FACES, IN_PROCESS

ASKED_IN_PROCESS_ALONE = {
    "test_a_deadline_ends_the_call_and_the_work",  # looks at the threads of the engine
    "test_closing_while_the_model_loads_leaves_nothing_in_memory",  # holds back the loading of a model
}
INTERNAL = {
    "test_histories.py",
    "test_providers.py",
    "test_remote_analysis.py",
    "test_remote_embed.py",
    "test_remote_embed_parts.py",
    "test_ways.py",
}
"""Files about what is sent to a provider, whichever way a request has come."""


def test_only_these_are_asked_in_process_alone() -> None:
    alone: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        source = path.read_text("utf-8")
        assert path.name in INTERNAL or "FACES" in source, path.name
        tests = [
            node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        ]
        alone |= {test.name for test in tests if "inside" in {argument.arg for argument in test.args.args}}
    assert alone == ASKED_IN_PROCESS_ALONE


def test_the_ways_are_in_process_and_over_each_kind_of_connection() -> None:
    assert set(IN_PROCESS) == {"async", "sync"}
    ways = {"", "tcp-", "unix-", "mtls-"}
    assert set(FACES) == {f"{way}{face}" for way in ways for face in IN_PROCESS}
