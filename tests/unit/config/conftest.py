"""What the environment has to hold besides keys."""

from __future__ import annotations

import pytest

from ratatoskr.providers.specs import SPECS


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of what differs between accounts."""
    for spec in SPECS.values():
        for _, variable in spec.placeholders:
            monkeypatch.setenv(variable, "acme")
