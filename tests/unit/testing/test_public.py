"""The names of `ratatoskr.testing`: listed, loaded on use, and light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ratatoskr.testing


def test_names_are_sorted_and_all_can_be_had():
    assert sorted(ratatoskr.testing.__all__) == sorted(ratatoskr.testing._MODULES)
    for name in ratatoskr.testing.__all__:
        assert getattr(ratatoskr.testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ratatoskr.testing.nothing


def test_importing_it_loads_nothing_and_the_upstream_needs_no_other_room():
    code = """
import sys, ratatoskr.testing
assert not [name for name in sys.modules if name.startswith("ratatoskr.testing.")]
ratatoskr.testing.ScriptedUpstream
heavy = {"httpx", "pydantic", "numpy", "click", "rich"} & set(sys.modules)
rooms = {name.split(".")[1] for name in sys.modules if name.startswith("ratatoskr.")}
assert not heavy, heavy
assert rooms <= {"testing", "errors", "version"}, rooms
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
