"""The token of a login and the cache of huggingface_hub are used, and what is cached is checked like a download."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from ratatoskr._files import compute_digest, compute_git_blob_id
from ratatoskr.errors import ConfigurationError, ConnectionFailed, InvalidInput
from ratatoskr.local import LocalEmbedder, ModelStore
from ratatoskr.local.store.huggingface import HubCache, HubFile, find_token
from unit.local.hub_server import BGE, COMMIT, CUSTOM, WEIGHTS, Hub, nothing_in


def fill(cache: Path, folder: Path, name: str = CUSTOM, *, commit: str = COMMIT, linked: bool = True) -> Path:
    """Write a cache as huggingface_hub does, and return the folder of the snapshot."""
    place = cache / f"models--{name.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    (place / "blobs").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        target = snapshot / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not linked:
            shutil.copy(path, target)
            continue
        blob = place / "blobs" / (compute_digest(path) if path.name == WEIGHTS else compute_git_blob_id(path))
        shutil.copy(path, blob)
        target.symlink_to(os.path.relpath(blob, target.parent))
    return snapshot


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, which need not exist."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize("linked", [True, False])
def test_files_that_are_cached_are_not_downloaded(served: Hub, store: ModelStore, folder: Path, cache: Path, linked):
    fill(cache, folder, BGE, linked=linked)
    place = store.pull(BGE)
    assert [path for path, _ in served.requests] == [f"/api/models/{BGE}/revision/main"]
    assert all(store.verify(BGE).values())
    assert not any(path.is_symlink() for path in place.rglob("*")), "the store has copies of its own"


def test_a_file_of_another_commit_is_taken_if_it_is_the_same(served: Hub, store: ModelStore, folder: Path, cache: Path):
    snapshot = fill(cache, folder, BGE, commit="f" * 40)
    (snapshot / "config.json").resolve().write_text("{}")  # of another size than the hub's
    store.pull(BGE)
    assert [path.rpartition("/")[2] for path, _ in served.requests] == ["main", "config.json"]
    assert all(store.verify(BGE).values())


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_a_cached_file_that_is_not_what_the_hub_lists_is_downloaded(
    served: Hub, store: ModelStore, folder: Path, cache: Path, name
):
    blob = (fill(cache, folder, BGE) / name).resolve()
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    store.pull(BGE)
    assert [path.rpartition("/")[2] for path, _ in served.requests] == ["main", name]
    assert compute_digest(store.path(BGE) / name) == compute_digest(folder / name)


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_ENDPOINT"])
@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_without_the_hub_a_cached_model_is_pulled(
    store: ModelStore, folder: Path, cache: Path, monkeypatch, variable, revision
):
    fill(cache, folder)
    monkeypatch.setenv(variable, "1" if variable == "HF_HUB_OFFLINE" else "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="no digest of the weights"):
        store.pull(CUSTOM, revision=revision)
    with pytest.raises(ConfigurationError, match="is not the expected file"):
        store.pull(CUSTOM, revision=revision, digests={WEIGHTS: "0" * 64})
    assert nothing_in(store)
    store.pull(CUSTOM, revision=revision, digests={WEIGHTS: compute_digest(folder / WEIGHTS)})
    assert all(store.verify(CUSTOM).values())
    (stored,) = store.list()
    assert stored.revision == COMMIT


def test_without_the_hub_what_is_not_cached_is_not_there(store: ModelStore, folder: Path, cache: Path, monkeypatch):
    fill(cache, folder)
    (cache.parent / "outside").write_text(COMMIT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, revision in (
        (BGE, "main"),
        (CUSTOM, "v2"),
        (CUSTOM, "f" * 40),
        (CUSTOM, "../../../outside"),
        (CUSTOM, "../snapshots"),
    ):
        with pytest.raises(ConfigurationError, match="neither in the store nor in huggingface_hub's cache"):
            store.pull(name, revision=revision, allow_unpinned=True, source="hub")
    (cache / "models--somebody--custom" / "refs" / "main").write_text("../..")
    with pytest.raises(ConfigurationError, match="neither in the store"):
        store.pull(CUSTOM, allow_unpinned=True)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed):
        store.pull(CUSTOM, allow_unpinned=True)


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_a_blob_that_changed_is_refused_offline(store: ModelStore, folder: Path, cache: Path, monkeypatch, name):
    blob = (fill(cache, folder) / name).resolve()
    blob.write_bytes(blob.read_bytes() + b" ")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match=f"{name} in .* is not the expected file"):
        store.pull(CUSTOM, allow_unpinned=True)
    assert nothing_in(store)


def test_links_of_the_cache_may_not_lead_out_of_it(folder: Path, tmp_path: Path, cache: Path):
    snapshot = fill(cache, folder)
    assert HubCache(CUSTOM).find(COMMIT, WEIGHTS, HubFile()) == (snapshot / WEIGHTS).resolve()
    for target in (tmp_path / "secret", "/dev/zero", "nothing"):
        (tmp_path / "secret").write_text("x")
        (snapshot / WEIGHTS).unlink()
        (snapshot / WEIGHTS).symlink_to(target)
        assert HubCache(CUSTOM).find(COMMIT, WEIGHTS, HubFile()) is None
        assert WEIGHTS not in HubCache(CUSTOM).list(COMMIT)
    listed = HubCache(CUSTOM).list(COMMIT)["config.json"]
    data = (folder / "config.json").read_bytes()
    assert listed == HubFile(len(data), None, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HF_HUB_CACHE": "{}/a"}, "a"),
        ({"HUGGINGFACE_HUB_CACHE": "{}/b"}, "b"),
        ({"HF_HOME": "{}/c"}, "c/hub"),
        ({"XDG_CACHE_HOME": "{}/d"}, "d/huggingface/hub"),
        ({"HF_HUB_CACHE": "{}/a", "HF_HOME": "{}/c"}, "a"),
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(folder: Path, tmp_path: Path, monkeypatch, variables, place):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    fill(tmp_path / place, folder)
    assert HubCache(CUSTOM).find_commit("main") == COMMIT


async def test_a_snapshot_is_a_model_folder_like_any_other(folder: Path, tmp_path: Path, store: ModelStore):
    """Its files are links to `../../blobs`, and a folder of it may be a link too."""
    snapshot = fill(tmp_path / "hub", folder)
    shutil.copytree(snapshot / "1_Pooling", tmp_path / "elsewhere")
    shutil.rmtree(snapshot / "1_Pooling")
    (snapshot / "1_Pooling").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked").symlink_to(snapshot)
    vectors = []
    for place in (folder, snapshot, tmp_path / "linked"):
        embedder = LocalEmbedder(place, store=store)
        vectors.append((await embedder.embed("time")).vector.tolist())
        await embedder.aclose()
    assert vectors[0] == vectors[1] == vectors[2]


# The token


@pytest.mark.parametrize(
    ("variables", "files", "token"),
    [
        ({}, {}, None),
        ({"HF_TOKEN": " hf_env\n"}, {}, "hf_env"),
        ({"HUGGING_FACE_HUB_TOKEN": "hf_old"}, {}, "hf_old"),
        ({"HF_TOKEN_PATH": "{}/mine"}, {"mine": "hf_path\n", "home/token": "hf_home"}, "hf_path"),
        ({"HF_HOME": "{}/home"}, {"home/token": "hf_home\n"}, "hf_home"),
        ({"XDG_CACHE_HOME": "{}/cache"}, {"cache/huggingface/token": "hf_cache"}, "hf_cache"),
        ({"XDG_CACHE_HOME": "", "HOME": "{}"}, {".cache/huggingface/token": "hf_default"}, "hf_default"),
        ({"HF_TOKEN": "hf_env", "HF_HOME": "{}/home"}, {"home/token": "hf_home"}, "hf_env"),
        ({"HF_TOKEN": "", "HF_HOME": "{}/home"}, {"home/token": "hf_home"}, "hf_home"),
        ({"HF_HOME": "{}/home"}, {"home/token": "\n"}, None),
    ],
)
def test_the_token_is_the_variables_or_that_of_the_login(tmp_path: Path, monkeypatch, variables, files, token):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert find_token() == token


def test_the_token_of_the_login_is_sent_to_the_hub(served: Hub, store: ModelStore, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    (tmp_path / "token").write_text("hf_canary\n")
    store.pull(BGE)
    assert {headers.get("authorization") for _, headers in served.requests} == {"Bearer hf_canary"}


@pytest.mark.parametrize("content", ["two words", "two\nlines", "hf_\u00e4"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(served: Hub, store, tmp_path, monkeypatch, content):
    (tmp_path / "token").write_text(content)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(ConfigurationError, match="is not a valid token") as caught:
        store.pull(BGE, source="hub")
    assert content not in str(caught.value)
    (tmp_path / "token").unlink()
    os.mkfifo(tmp_path / "token")
    with pytest.raises(ConfigurationError, match="is not a regular file"):
        store.pull(BGE, source="hub")
    assert served.requests == []


def test_a_name_that_no_hub_has_is_refused_offline_too(store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InvalidInput, match="not a valid repository name"):
        store.pull("a/b.git", allow_unpinned=True)
