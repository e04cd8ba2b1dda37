"""Models from a hub: which files, from which address, and what is sent there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    ModelNotFound,
)
from ratatoskr.local import LocalEmbedder, ModelStore
from unit.local.hub_server import BGE, CUSTOM, Hub, nothing_in
from unit.local.saved import (
    SAVED,
    SHAPES,
    Change,
    dense,
    model,
    modules,
    own,
    replace,
    save,
    tokenizer,
    tokenizer_config,
    update,
)
from unit.local.stand_ins import make


def test_the_token_is_sent_to_the_hub(served: Hub, store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    store.pull(BGE)
    asked = [headers.get("authorization") for path, headers in served.requests if BGE in path]
    assert len(asked) > 5
    assert set(asked) == {"Bearer hf_canary"}


def test_offline_nothing_is_asked(served: Hub, store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        store.pull(BGE)
    assert served.requests == []


@pytest.mark.parametrize(
    "endpoint", ["nonsense", "ftp://127.0.0.1", "http://192.0.2.1", "http://[", "https://h:99999", "https://me:pw@h"]
)
def test_an_endpoint_that_is_none_or_not_private_is_refused_before_anything_is_sent(
    store: ModelStore, monkeypatch, endpoint
):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    with pytest.raises(ConfigurationError, match="HF_ENDPOINT must be https") as told:
        store.pull(BGE)
    assert "pw" not in str(told.value)


def test_a_model_that_the_hub_does_not_know(served: Hub, store: ModelStore):
    with pytest.raises(ModelNotFound, match="no BAAI/bge-base-en"):
        store.pull("BgeBaseEn")


def test_a_hub_that_cannot_be_reached(store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed):
        store.pull(BGE)


@pytest.mark.parametrize("name", ["a/b.", "a/b-", "a/b.git"])
def test_names_that_no_hub_has(served: Hub, store: ModelStore, name):
    with pytest.raises(InvalidInput, match="not a valid repository name"):
        store.pull(name, allow_unpinned=True)


@pytest.mark.parametrize("name", ["modle.safetensors", "onnx/model.onnx"])
def test_a_digest_of_a_file_that_is_not_there_is_no_digest(served: Hub, store: ModelStore, name):
    with pytest.raises(ConfigurationError, match=f"{name} is not among its files"):
        store.pull(CUSTOM, digests={name: "0" * 64}, allow_unpinned=True)
    assert nothing_in(store)


def serve(hub_server: Hub, folder: Path, *changes: Change) -> None:
    """Serve a small model with changes as `CUSTOM`."""
    make(folder, "model", SHAPES["bert"])
    for change in changes:
        change(folder)
    hub_server.repositories[CUSTOM] = folder


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((modules("CNN"),), "CNN"),
        ((update("config.json", model_type="albert"),), "'albert' is not supported"),
        ((update("config.json", position_embedding_type="relative_key"),), "position_embedding_type"),
        ((own(query_length=32),), "query_length = 32"),
        ((tokenizer_config(truncation_side="left"),), "truncation_side"),
        ((tokenizer(truncation={"direction": "Left", "max_length": 9}),), "truncation on the left"),
        ((model(model_type="SparseEncoder"),), "'SparseEncoder'"),
        ((model(prompts={"query": 1}),), "prompts"),
        ((dense(activation_function="custom.Act"),), "'custom.Act'"),
        ((dense(), lambda folder: (folder / "2_Dense/model.safetensors").unlink()), "other formats of weights"),
        ((replace("adapter_config.json", {}),), "adapter"),
    ],
)
def test_a_model_that_is_not_supported_is_refused_before_its_weights_are_fetched(
    served: Hub, store: ModelStore, tmp_path: Path, changes, told
):
    serve(served, tmp_path / "upstream model", *changes)
    with pytest.raises(ConfigurationError, match=told):
        store.pull(CUSTOM, allow_unpinned=True)
    assert served.asked_for(".safetensors") == []
    assert nothing_in(store)


@pytest.mark.parametrize("name", SAVED)
def test_a_pull_fetches_every_file_that_vectors_depend_on(served: Hub, store: ModelStore, tmp_path: Path, name):
    folder = save(tmp_path / "upstream model", name)
    (folder / "README.md").write_text("not fetched")
    served.repositories[CUSTOM] = folder
    store.pull(CUSTOM, allow_unpinned=True)
    pulled, here = store.find(CUSTOM), store.find(folder)
    assert [pulled.relative(path) for path in pulled.list_files()] == [
        here.relative(path) for path in here.list_files()
    ]
    assert store.check(pulled) == store.check(here)
    assert pulled.read_tokenizer() == here.read_tokenizer()
    assert (pulled.prompts, pulled.poolings, pulled.max_length) == (here.prompts, here.poolings, here.max_length)
    assert served.asked_for("README.md") == []


async def test_a_model_in_a_folder_of_its_own_is_pulled_embeds_and_is_removed(served: Hub, store: ModelStore, tmp_path):
    served.repositories[CUSTOM] = save(tmp_path / "upstream model", "own_folder")
    store.pull(CUSTOM, allow_unpinned=True)
    pulled = LocalEmbedder(CUSTOM, store=store)
    here = LocalEmbedder(served.repositories[CUSTOM], store=store)
    assert np.array_equal((await pulled.embed("time")).vector, (await here.embed("time")).vector)
    await pulled.aclose()
    await here.aclose()
    assert store.verify(CUSTOM)["0_Transformer/model.safetensors"]
    assert len(list(store.graphs.iterdir())) == 1
    assert store.remove(CUSTOM)
    assert list(store.graphs.iterdir()) == []
