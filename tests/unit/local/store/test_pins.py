"""Digests of the first pull hold for later ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ratatoskr.errors import (
    ConfigurationError,
)
from ratatoskr.local import ModelStore
from ratatoskr.local.store.pins import read_pins, write_pins
from unit.local.hub_server import BGE, CUSTOM, WEIGHTS, Hub


def test_what_a_hub_gave_first_holds_ever_after(served: Hub, store: ModelStore):
    store.pull(BGE)
    assert store.remove("BgeSmallEn")
    assert store.list() == []
    weights = served.repositories[BGE] / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ConfigurationError, match="has the digest"):
        store.pull(BGE)


def test_a_file_that_the_hub_gave_first_may_not_go(served: Hub, store: ModelStore):
    store.pull(BGE)
    assert store.remove(BGE)
    (served.repositories[BGE] / "modules.json").unlink()
    with pytest.raises(ConfigurationError, match=r"modules\.json is not among its files"):
        store.pull(BGE)


def test_what_came_once_is_not_forgotten_when_it_cannot_be_read(served: Hub, store: ModelStore):
    store.pull(BGE)
    assert store.remove(BGE)
    (pins,) = store.pins.iterdir()
    pins.write_text("{")
    with pytest.raises(ConfigurationError, match="is broken"):
        store.pull(BGE)
    assert pins.read_text() == "{"


def test_what_the_caller_says_of_a_file_takes_the_place_of_what_came_once(served: Hub, store: ModelStore):
    store.pull(CUSTOM, allow_unpinned=True)
    weights = served.repositories[CUSTOM] / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    new = hashlib.sha256(weights.read_bytes()).hexdigest()
    store.pull(CUSTOM, digests={WEIGHTS: new})
    assert store.remove(CUSTOM)
    store.pull(CUSTOM)
    assert all(store.verify(CUSTOM).values())


def test_pins_are_read_as_they_were_written_and_a_model_without_any_has_none(tmp_path: Path):
    digests = {"model.safetensors": "0" * 64, "config.json": "f" * 64}
    write_pins(tmp_path / "pins", "a/b", digests)
    assert read_pins(tmp_path / "pins", "a/b") == digests
    assert read_pins(tmp_path / "pins", "a/c") == {}
    write_pins(tmp_path / "pins", "a/b", {})
    assert read_pins(tmp_path / "pins", "a/b") == {}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": "short"}', '{"x": null}'])
def test_broken_pins_are_an_error_and_not_taken_for_none(tmp_path: Path, content):
    (tmp_path / "a--b.json").write_text(content)
    with pytest.raises(ConfigurationError, match="is broken"):
        read_pins(tmp_path, "a/b")
