"""Models from a hub: which files, from which address, and what is sent there."""

from __future__ import annotations

import pytest

from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    ModelNotFound,
)
from ratatoskr.local import ModelStore
from unit.local.hub_server import BGE, CUSTOM, Hub, nothing_in


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
