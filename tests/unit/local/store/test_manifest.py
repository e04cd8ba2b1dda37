"""The manifest of a pulled model: what makes it broken, and when it answers a pull."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ratatoskr.errors import (
    ConfigurationError,
    InvalidInput,
)
from ratatoskr.local import ModelStore
from ratatoskr.local.store.manifest import check_digests, folder_name, matches_request, read_manifest
from unit.local.hub_server import BGE, COMMIT, CUSTOM, WEIGHTS, Hub


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"name": 3, "digests": {}}',
        '{"name": "a/b", "digests": {"x": 1}}',
        f'{{"name": "{BGE}", "digests": {{}}, "source": "hub"}}',
        f'{{"name": "a/b", "digests": {{"x": "{"0" * 64}"}}, "source": "hub"}}',
        f'{{"name": "{BGE}", "digests": {{"x": "{"0" * 64}"}}}}',
    ],
)
def test_a_broken_manifest_is_told(served: Hub, store: ModelStore, content):
    place = store.pull(BGE)
    (place / "manifest.json").write_text(content)
    with pytest.raises(ConfigurationError):
        store.check(store.find(BGE))
    assert (store.list(), store.names()) == ([], [BGE])
    store.pull(BGE)
    assert all(store.verify(BGE).values()), "pulling again mends it"


def test_another_revision_is_fetched(served: Hub, store: ModelStore):
    store.pull(CUSTOM, allow_unpinned=True)
    count = len(served.requests)
    store.pull(CUSTOM, revision=COMMIT)
    assert len(served.requests) == count, "it is the commit that is here"
    store.pull(CUSTOM, revision="v2")
    assert any("/revision/v2" in path for path, _ in served.requests[count:])


def test_a_digest_given_later_is_held_against_what_is_here(served: Hub, store: ModelStore, folder: Path):
    store.pull(CUSTOM, allow_unpinned=True)
    count = len(served.requests)
    store.pull(CUSTOM, digests={WEIGHTS: hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()})
    assert len(served.requests) == count
    with pytest.raises(ConfigurationError, match="has the digest"):
        store.pull(CUSTOM, digests={WEIGHTS: "0" * 64})


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, None, 7])
def test_what_is_no_digest_is_refused_with_its_file(digest):
    assert check_digests({"a": "0" * 64}) == {"a": "0" * 64}
    with pytest.raises(InvalidInput, match="digest of b is not a SHA-256"):
        check_digests({"a": "0" * 64, "b": digest})


@pytest.mark.parametrize(
    ("revision", "digests", "matches"),
    [
        ("main", {}, True),
        ("c0ffee", {}, True),
        ("v1", {}, True),
        ("v2", {}, False),
        ("main", {"x": "1"}, True),
        ("main", {"x": "2"}, False),
        ("main", {"y": "1"}, False),
    ],
)
def test_a_stored_model_answers_a_pull_of_its_revision_and_digests(revision, digests, matches):
    manifest = {"revision": "c0ffee", "asked": "v1", "digests": {"x": "1"}}
    assert matches_request(manifest, digests, revision) is matches


def test_a_manifest_belongs_to_the_folder_that_is_named_after_its_model(tmp_path: Path):
    content = json.dumps({"name": "a/b", "digests": {"x": "0" * 64}, "source": "hub"})
    for name in ("a--b", "a--c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(content)
    assert read_manifest(tmp_path / folder_name("a/b"))["name"] == "a/b"
    with pytest.raises(ConfigurationError, match="is broken"):
        read_manifest(tmp_path / "a--c")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_manifest(tmp_path / "nowhere")
