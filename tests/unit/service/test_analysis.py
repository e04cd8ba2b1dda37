"""Text analysis by a client of a daemon is refused with what to use instead."""

from __future__ import annotations

import pytest

from ratatoskr import NoProvider
from ratatoskr.gateway.base import Gateway
from ratatoskr.service.client.analysis import RefusedAnalysis


async def test_each_method_is_refused() -> None:
    gateway = Gateway(RefusedAnalysis())  # type: ignore[arg-type]  # no other method is called
    calls = (
        gateway.infer_nli("a", "b", "m"),
        gateway.classify_zero_shot("a", ["b"], "m"),
        gateway.classify("a", "m"),
        gateway.classify_stance("a", "b", "m"),
        gateway.rerank("a", ["b"], "m"),
    )
    for call in calls:
        with pytest.raises(NoProvider, match="does not analyse texts") as caught:
            await call
        assert caught.value.model == "m"
