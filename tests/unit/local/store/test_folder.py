"""A model's folder is read as sentence-transformers reads it, and refused by name if it cannot be used."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ratatoskr.errors import (
    ConfigurationError,
)
from ratatoskr.local import LocalEmbedder, ModelStore


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path, folder: Path):
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "config.json").unlink()
    os.mkfifo(copy / "config.json")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        ModelStore(tmp_path).find(copy)


@pytest.mark.parametrize(
    ("name", "pooling", "normalise", "longest"),
    [("bge-small-en-v1.5", "cls", True, 512), ("all-MiniLM-L12-v2", "mean", True, 128), ("other", "mean", False, 500)],
)
def test_what_a_bare_copy_leaves_open_the_catalogue_says(
    tmp_path: Path, folder: Path, name, pooling, normalise, longest
):
    copy = shutil.copytree(folder, tmp_path / name)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 512}))
    (copy / "tokenizer_config.json").write_text('{"model_max_length": 500}')
    for file in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (copy / file).unlink()
    found = ModelStore(tmp_path).find(copy)
    assert (found.pooling, found.normalise, found.max_length) == (pooling, normalise, longest)


def test_modules_that_are_not_known_are_refused(tmp_path: Path, folder: Path):
    copy = shutil.copytree(folder, tmp_path / "model")
    modules = json.loads((copy / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.Dense"
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ConfigurationError, match="Dense"):
        ModelStore(tmp_path).find(copy)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pad_token_id", "x"),
        ("pad_token_id", [1]),
        ("pad_token_id", float("inf")),
        ("pad_token_id", -1),
        ("layer_norm_eps", None),
        ("layer_norm_eps", "small"),
        ("layer_norm_eps", float("nan")),
        ("hidden_act", ["gelu"]),
        ("hidden_size", 3.5),
        ("model_type", {}),
    ],
)
def test_a_config_whose_values_are_of_other_kinds_is_refused_by_name(tmp_path: Path, folder: Path, key, value):
    copy = shutil.copytree(folder, tmp_path / "model")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(ConfigurationError, match=str(copy)):
        ModelStore(tmp_path).find(copy)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
async def test_a_pointer_of_git_lfs_is_called_by_its_name(tmp_path: Path, folder: Path, name):
    copy = shutil.copytree(folder, tmp_path / "model")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 90868376\n"
    (copy / name).write_text(pointer)
    with pytest.raises(ConfigurationError, match=f"{name} is a pointer of Git LFS.*git lfs pull"):
        await LocalEmbedder(copy, store=ModelStore(tmp_path / "store")).embed("time")
