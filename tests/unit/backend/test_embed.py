"""Embedding by the public gateway where something is wrong with the model, the memory, or the set-up."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.faces import local_gateway
from ratatoskr import (
    ConfigurationError,
    Device,
    EmbeddedGateway,
    Embeddings,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    NoProvider,
    Ratatoskr,
)
from ratatoskr.backend.direct import DirectBackend
from ratatoskr.local.provider import local_providers
from ratatoskr.routing import resolve_embedding
from ratatoskr.testing import ScriptedGateway

SHORT = "the state of the world"

# the set-up


def test_a_gateway_of_local_models_alone_is_valid_and_loads_nothing(model_folder: Path, tmp_path: Path) -> None:
    gateway = Ratatoskr.builder().local_embeddings(model_folder).cache_dir(tmp_path / "none").build()
    assert not (tmp_path / "none").exists()
    gateway.sync().close()


def test_the_slash_after_the_path_of_a_folder_makes_no_difference(model_folder: Path) -> None:
    for given in (f"{model_folder}/", str(model_folder)):
        with Ratatoskr.builder().local_embeddings(given).build().sync() as gateway:
            for name in (f"{model_folder}/", str(model_folder), f"local:{model_folder.name}/"):
                assert gateway.model_status(name).status == "available"


def test_several_models_are_configured_side_by_side(model_folder: Path, copied: Path) -> None:
    builder = Ratatoskr.builder().local_embeddings(model_folder).local_embeddings(copied, "int8")
    with builder.local_embeddings("BgeSmallEn").build().sync() as gateway:
        told = {known.model: known.precision for known in gateway.health().local}
        assert told == {str(model_folder): "fp32", str(copied): "int8", "BAAI/bge-small-en-v1.5": "fp32"}


@pytest.mark.parametrize(
    "names",
    [
        ("AllMiniLmL6V2", "AllMiniLmL6V2"),
        ("AllMiniLmL6V2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("all-minilm-l6-v2", "ALLMINILML6V2"),
    ],
)
def test_a_model_that_is_named_twice_is_refused_by_whatever_names(names: tuple[str, str]) -> None:
    builder = Ratatoskr.builder().local_embeddings(names[0]).local_embeddings(names[1], "int8")
    with pytest.raises(ConfigurationError, match="all-MiniLM-L6-v2 is configured twice"):
        builder.build()


def test_a_folder_is_one_model_however_it_is_named(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model_folder.parent)
    with pytest.raises(ConfigurationError, match="configured twice"):
        Ratatoskr.builder().local_embeddings(f"./{model_folder.name}").local_embeddings(model_folder).build()


@pytest.mark.parametrize(
    ("method", "value", "words"),
    [
        ("device", "cpu", "Device.cpu"),
        ("device", None, "Device.cpu"),
        ("cache_dir", "", "path of a folder"),
        ("cache_dir", 7, "path of a folder"),
        ("ram_budget", 0, "whole number"),
        ("ram_budget", -1, "whole number"),
        ("ram_budget", True, "whole number"),
        ("ram_budget", "1 GB", "whole number"),
        ("threads", 0, "whole number"),
        ("threads", -1, "whole number"),
        ("threads", True, "whole number"),
        ("threads", 1.5, "whole number"),
        ("threads", "2", "whole number"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(method: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        getattr(Ratatoskr.builder(), method)(value)
    assert caught.value.field == method


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fp32, int8, bf16 or auto"):
        Ratatoskr.builder().local_embeddings("AllMiniLmL6V2", "fp16")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("name", ["NoSuchModel", "", " ", None, 7, "a b/c"])
def test_a_name_that_is_no_models_is_refused_when_the_gateway_is_built(name: Any) -> None:
    builder = Ratatoskr.builder().local_embeddings(name)
    with pytest.raises(ConfigurationError, match=r"AllMiniLmL12V2|named by a str"):
        builder.build()


def test_the_threads_are_those_that_were_asked_for(model_folder: Path, graphs: Path) -> None:
    models = [(model_folder, "fp32")]
    for device, threads, expected in ((Device.cpu(workers=3), None, 3), (Device.cpu(workers=3), 1, 1), (None, 2, 2)):
        (provider,) = local_providers(models, device=device, threads=threads, cache_dir=graphs).embedders
        assert provider._models.workers.count == provider._models.device.workers == expected
    builder = Ratatoskr.builder().local_embeddings(model_folder).cache_dir(graphs).threads(1)
    before = {thread.ident for thread in threading.enumerate()}
    with builder.build().sync() as gateway:
        gateway.embed_batch([SHORT] * 100, str(model_folder))
        started = [thread.name for thread in threading.enumerate() if thread.ident not in before]
    assert [name for name in started if name.startswith("ratatoskr-local")] == ["ratatoskr-local-0"]


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for device, extra in ((Device.cpu(), "local"), (Device.cuda(), "cuda")):
        builder = Ratatoskr.builder().local_embeddings("AllMiniLmL6V2").device(device)
        with pytest.raises(ConfigurationError, match=rf"pip install 'ratatoskr-llm\[{extra}\]'"):
            builder.build()


def test_a_gpu_that_is_not_there_is_told_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Ratatoskr.builder().local_embeddings("AllMiniLmL6V2").device(Device.cuda(0))
    with pytest.raises(ConfigurationError, match=r"cuda:0 needs CUDAExecutionProvider, and .* has .*CPUExecution"):
        builder.build()
    builder = Ratatoskr.builder().local_embeddings("AllMiniLmL6V2", "int8").device(Device.cuda(0))
    monkeypatch.setattr(Device, "check", lambda self, available: None)
    with pytest.raises(ConfigurationError, match="int8 runs on the CPU alone"):
        builder.build()


def test_two_folders_of_one_name_are_found_by_their_paths(model_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / model_folder.name
    other.mkdir()
    with Ratatoskr.builder().local_embeddings(model_folder).local_embeddings(other).build().sync() as gateway:
        assert gateway.model_status(str(model_folder)).status == "available"
        with pytest.raises(NoProvider, match="configured are"):
            gateway.embed(SHORT, model_folder.name)


def test_without_any_embedding_model_it_is_said_how_to_configure_one() -> None:
    with Ratatoskr.builder().openai("sk-x").build().sync() as gateway:
        assert "embed" not in gateway.capabilities()
        with pytest.raises(NoProvider, match=r"none is configured; see builder\(\).local_embeddings"):
            gateway.embed(SHORT, "AllMiniLmL6V2")


# who is asked


def test_names_are_resolved_without_asking_anybody() -> None:
    mini, names = "org/Mini", {"mini": "org/Mini", "org/mini": "org/Mini"}
    here, there = {"local": names}, {"local": names, "far": {"remote-mini": mini, "org/mini": mini, "own": "org/Own"}}
    for name in ("mini", "MINI", " org/Mini ", "local:mini", "Local:org/mini", "org/mini/"):
        (found,) = resolve_embedding(name, here)
        assert (found.provider, found.model, found.only_if_unavailable) == ("local", mini, False)
    first, second = resolve_embedding("remote-mini", there)
    assert (first.provider, second.provider) == ("local", "far")
    assert (first.only_if_unavailable, second.only_if_unavailable) == (False, True)
    assert [one.provider for one in resolve_embedding("far:mini", {**there, "far": {"mini": mini}})] == ["far"]
    assert [one.provider for one in resolve_embedding("own", there)] == ["far"]
    for name in ("far:mini", "other", "openai:mini", "mini:latest", "/"):
        with pytest.raises(NoProvider, match="org/Mini"):
            resolve_embedding(name, there)


async def test_a_model_that_is_not_in_the_store_says_how_to_come_by_it(tmp_path: Path) -> None:
    gateway = Ratatoskr.builder().local_embeddings("BgeSmallEn").cache_dir(tmp_path).build()
    async with gateway:
        status = await gateway.model_status("bge-small-en-v1.5")
        assert status.status == "unavailable"
        assert "rat models pull BgeSmallEn" in (status.reason or "")
        for call in (gateway.embed("x", "BgeSmallEn"), gateway.preload("BgeSmallEn")):
            with pytest.raises(ModelNotAvailable, match="rat models pull BgeSmallEn") as caught:
                await call
            assert caught.value.reason == "not_local"
        (known,) = (await gateway.health()).local
        assert known.status == "unavailable"
        (info,) = await gateway.list_models()
        assert (info.context_window, info.dimensions) == (512, 384)


async def test_a_model_over_the_memory_budget_is_not_available(model_folder: Path, graphs: Path) -> None:
    async with local_gateway(model_folder, graphs, ram_budget=1_000_000) as gateway:
        status = await gateway.model_status(model_folder.name)
        assert status.status == "unavailable"
        with pytest.raises(ModelNotAvailable, match="of a budget of 1000000 bytes") as caught:
            await gateway.embed(SHORT, model_folder.name)
        assert caught.value.reason == "ram_budget"
        assert [attempt.decision for attempt in caught.value.attempts] == ["stop"]


async def test_files_that_cannot_be_used_are_an_error_that_stays_with_the_model(copied: Path, graphs: Path) -> None:
    (copied / "model.safetensors").write_bytes(b"not weights")
    async with local_gateway(copied, graphs) as gateway:
        with pytest.raises(ConfigurationError) as caught:
            await gateway.embed(SHORT, copied.name)
        status = await gateway.model_status(copied.name)
        assert (status.status, bool(status.reason)) == ("unavailable", True)
        assert caught.value.attempts[-1].decision == "stop"


async def test_a_vector_that_is_not_finite_is_malformed(copied: Path, graphs: Path) -> None:
    weights = bytearray((copied / "model.safetensors").read_bytes())
    weights[-400:] = np.full(100, np.nan, "<f4").tobytes()
    (copied / "model.safetensors").write_bytes(weights)
    async with local_gateway(copied, graphs) as gateway:
        with pytest.raises(MalformedResponse):
            await gateway.embed(SHORT, copied.name)


async def test_a_tokenizer_of_another_model_is_told_before_any_text_is_embedded(copied: Path, graphs: Path) -> None:
    tokenizer = json.loads((copied / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["zz"] = 5000
    (copied / "tokenizer.json").write_text(json.dumps(tokenizer))
    async with local_gateway(copied, graphs) as gateway:
        with pytest.raises(ConfigurationError, match="does not belong to this model: its id 5000"):
            await gateway.embed(SHORT, copied.name)


async def test_the_same_model_elsewhere_is_asked_only_where_it_is_not_available(
    model_folder: Path, graphs: Path
) -> None:
    class Elsewhere:
        name = "elsewhere"

        def __init__(self, model: str) -> None:
            self.names = {model.casefold(): model}
            self.asked: list[list[str]] = []

        async def embed_batch(self, request: Any, call: Any) -> Embeddings:
            self.asked.append(list(request.texts))
            return Embeddings(np.ones((len(self.asked[-1]), 96), np.float32), call.model, provider=self.name)

        async def embed_windows(self, request: Any, call: Any) -> AsyncIterator[Embeddings]:
            yield await self.embed_batch(request, call)

        async def models(self) -> list[Any]:
            return []

    def gateway_with(other: Elsewhere, **settings: Any) -> EmbeddedGateway:
        inner = local_gateway(model_folder, graphs, **settings)
        backend: Any = inner.backend
        local = backend.embeddings.registry["local"]
        return EmbeddedGateway(DirectBackend({}, backend._transport, backend.settings, embedders=[local, other]))

    same, different = Elsewhere(str(model_folder)), Elsewhere("another/model")
    async with gateway_with(same, ram_budget=1_000_000) as gateway:
        made = await gateway.embed_batch([SHORT], model_folder.name)
        assert (made.provider, same.asked) == ("elsewhere", [[SHORT]])
        assert [(one.provider, one.decision) for one in made.attempts] == [("local", "next"), ("elsewhere", "answered")]
        assert [one.vector[0] async for one in gateway.embed_iter(iter([SHORT, "x"]), model_folder.name)] == [1, 1]
        assert same.asked[1] == [SHORT, "x"]
        with pytest.raises(ModelNotAvailable):
            await gateway.embed(SHORT, f"local:{model_folder.name}")
    async with gateway_with(different, ram_budget=1_000_000) as gateway:
        with pytest.raises(ModelNotAvailable):
            await gateway.embed(SHORT, model_folder.name)
        assert different.asked == []
    async with gateway_with(same) as gateway:
        with pytest.raises(InvalidInput):
            await gateway.embed_batch([None], model_folder.name)  # type: ignore[list-item]  # that is the point
        assert (await gateway.embed(SHORT, model_folder.name)).provider == "local"
        assert len(same.asked) == 2


async def test_the_device_is_the_callers(model_folder: Path, graphs: Path) -> None:
    async with local_gateway(model_folder, graphs, device=Device.cpu(workers=1)) as gateway:
        assert (await gateway.embed_batch([SHORT] * 20, model_folder.name)).dimensions == 96


async def test_a_plan_of_an_embedding_model_tells_who_would_embed_and_what_is_in_the_way(model_folder: Path) -> None:
    builder = Ratatoskr.builder().local_embeddings(model_folder).local_embeddings("BgeSmallEn").openai("sk-x")
    async with builder.build() as gateway:
        found = await gateway.explain(model_folder.name, timeout=7)
        (plan,) = found.plans
        assert (plan.provider, plan.model, plan.refused) == ("local", str(model_folder), None)
        assert found.deadlines["total"] == 7
        (plan,) = (await gateway.explain("BgeSmallEn")).plans
        assert "rat models pull BgeSmallEn" in (plan.refused or "")
        assert (await gateway.explain("gpt-4.1")).plans[0].provider == "openai"
        with pytest.raises(InvalidInput, match="does not chat"):
            await gateway.explain(["gpt-4.1", "BgeSmallEn"])


# the scripted one


async def test_a_script_says_what_texts_are_embedded_as() -> None:
    gateway = ScriptedGateway(vectors={"east": [1, 0], "north": [0, 1]})
    made = await gateway.embed_batch(["north", "east"], "any")
    assert made.vectors.tolist() == [[0, 1], [1, 0]]
    assert (await gateway.embed("west", "any")).dimensions == 2
    assert (await ScriptedGateway(vectors=lambda text: [len(text)]).embed("four", "any")).vectors.tolist() == [4]
    with pytest.raises(ModelNotAvailable, match="gone"):
        await ScriptedGateway(vectors=ModelNotAvailable("gone")).embed("x", "any")
    with pytest.raises(AssertionError, match=r"different lengths: \[1, 2\]"):
        await ScriptedGateway(vectors={"a": [1], "b": [1, 2]}).embed_batch(["a", "b"], "any")


async def test_without_a_script_a_text_has_one_vector_for_ever_and_others_have_others() -> None:
    first, second = ScriptedGateway(), ScriptedGateway(dimensions=20)
    vector = (await first.embed("a text", "any")).vector
    assert vector.tolist() == (await ScriptedGateway().embed_batch(["x", "a text"], "other")).vectors[1].tolist()
    np.testing.assert_allclose(vector, [-0.3884, -0.314, -0.0706, 0.2065, -0.0676, 0.5316, -0.498, -0.4097], atol=5e-4)
    assert abs(float(vector @ (await first.embed("another", "any")).vector)) < 0.9
    assert (await second.embed("a text", "any")).dimensions == 20


async def test_a_script_keeps_what_it_was_asked() -> None:
    gateway = ScriptedGateway("Hello")
    await gateway.embed_batch(["a", "b"], "some-model", input_type="query")
    assert [one.vector.shape async for one in gateway.embed_iter(iter("abc"), "other", truncate=False)] == [(8,)] * 3
    batch, iterated = gateway.embed_requests
    assert (batch.texts, batch.model, batch.input_type) == (["a", "b"], "some-model", "query")
    assert (iterated.texts, iterated.model, iterated.truncate) == (["a", "b", "c"], "other", False)
    assert (await gateway.chat("Hi")).content == "Hello"
    assert len(gateway.requests) == 1
