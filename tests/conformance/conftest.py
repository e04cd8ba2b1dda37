"""Ends the daemons that a test has started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.daemon import started


@pytest.fixture(autouse=True)
def ended_daemons() -> Iterator[None]:
    yield
    while started:
        started.pop().stop()
