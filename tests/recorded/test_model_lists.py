"""Recorded lists of models: what is asked for, and how a refusal is read."""

from __future__ import annotations

from pathlib import Path

import pytest

import recordings
from ratatoskr import AuthenticationFailed, Ratatoskr
from ratatoskr.testing import Replay, ScriptedUpstream
from recorded.cases import exclusion_reason


def list_paths() -> list[Path]:
    """Return the recordings of lists of models."""
    return [
        path
        for path in recordings.paths()
        if "test_model_lists.py" in (exclusion_reason(recordings.exchange(path)) or "")
    ]


@pytest.mark.parametrize(
    "path", list_paths() or [pytest.param(None, marks=recordings.needed)], ids=lambda p: p and p.stem
)
async def test_a_refused_list_of_models_says_what_the_provider_said(path: Path) -> None:
    recording = recordings.exchange(path)
    provider = recording["provider"]
    async with ScriptedUpstream(Replay([recording])) as upstream:
        builder = Ratatoskr.builder().retries(0).provider(provider, "key", base_url=upstream.base_url(provider))
        async with builder.build() as gateway:
            with pytest.raises(AuthenticationFailed) as caught:
                await gateway.list_models(provider)
    assert caught.value.provider == provider
    assert recording["response"]["body"]["error"]["message"] in caught.value.message
    assert upstream.last.path.split("?")[0] == recording["request"]["url_path_and_query"].split("?")[0]


@recordings.needed
def test_the_recordings_of_lists_are_found() -> None:
    assert len(list_paths()) == 2
