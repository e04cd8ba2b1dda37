"""Models, presets and costs over every way to a gateway: in this process, and by a client of a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from conformance.faces import FACES, AsyncFace, gateway_to
from ratatoskr import EmbeddedGateway, InvalidInput, ModelNotFound, NoProvider, Usage
from ratatoskr.errors import ConfigurationError, PresetNotFound
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.types.usage import UsageDetails


@pytest.fixture
async def gateway() -> AsyncIterator[EmbeddedGateway]:
    async with ScriptedUpstream() as upstream, gateway_to(upstream) as made:
        yield made


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest, gateway: EmbeddedGateway) -> AsyncIterator[AsyncFace]:
    made = FACES[request.param](gateway)
    yield made
    await made.gateway.aclose()


@pytest.mark.parametrize("model", ["anthropic:claude-opus-5-5", "openai:no-such-model", "house:any-model", "gpt-4.1"])
async def test_metadata(face: AsyncFace, gateway: EmbeddedGateway, model: str) -> None:
    found = await face.call("model_metadata", model)
    assert found == await gateway.model_metadata(model)
    assert found.parameters.keys() >= {"temperature", "max_tokens"}


async def test_metadata_of_what_is_unknown(face: AsyncFace) -> None:
    with pytest.raises(ModelNotFound):
        await face.call("fetch_model_metadata", "openai:no-such-model")
    for wrong in ("", None, 5):
        with pytest.raises(InvalidInput):
            await face.call("model_metadata", wrong)
    listed = (await face.call("list_models", "openai"))[0]
    fetched = await face.call("fetch_model_metadata", f"openai:{listed.name}")
    assert fetched.status != "unknown"
    assert any("the list of models of openai" in source for source in fetched.sources)


async def test_presets(face: AsyncFace, gateway: EmbeddedGateway) -> None:
    presets = await face.call("list_presets")
    assert presets == await gateway.list_presets()
    assert {"ratatoskr:mid/coding", "ratatoskr:free/embedding"} <= {preset.name for preset in presets}
    for name in ("ratatoskr:mid/coding", "mid/coding", " MID/coding "):
        assert await face.call("resolve_preset", name) == await gateway.resolve_preset(name)
    with pytest.raises(PresetNotFound, match="nearest are"):
        await face.call("resolve_preset", "mid/codign")
    for wrong in ("mid", "", "a/b/c", None):
        with pytest.raises(InvalidInput):
            await face.call("resolve_preset", wrong)
    with pytest.raises(NoProvider):
        await face.call("resolve_preset", "mid/embedding")


async def test_costs(face: AsyncFace, gateway: EmbeddedGateway) -> None:
    used = Usage(1_000_000, 500, 1000, source="provider", details=UsageDetails(service_tier="batch"))
    cost = await face.call("cost", used, "anthropic:claude-opus-5-5", 1.8e9)
    assert cost == await gateway.cost(used, "anthropic:claude-opus-5-5", 1.8e9)
    assert isinstance(cost.amount, Decimal)
    assert cost.items
    assert await face.call("cost", Usage(10**30, 1), "anthropic:claude-opus-5-5") is not None
    assert await face.call("cost", Usage(1, 1), "house:any-model") is None
    arguments: Any
    for arguments in ((1, "openai:gpt-4.1"), (Usage(), ""), (Usage(), "openai:gpt-4.1", "now")):
        with pytest.raises(InvalidInput):
            await face.call("cost", *arguments)


async def test_an_administrator_refreshes_the_catalogue(face: AsyncFace, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    table.write_text("[]")
    with pytest.raises(ConfigurationError):
        await face.call("refresh_models", str(table))
    with pytest.raises(ConfigurationError):
        await face.call("refresh_models", str(tmp_path / "missing.json"), dry_run=True)
