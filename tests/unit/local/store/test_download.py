"""One file over HTTPS: only what is complete and right arrives, and nothing goes where it should not."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from ratatoskr.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    ModelNotFound,
    RateLimited,
    RedirectRefused,
    Timeout,
)
from ratatoskr.local import ModelStore, PullProgress
from ratatoskr.local.store import download
from unit.local.hub_server import BGE, COMMIT, WEIGHTS, Hub, nothing_in


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


def test_the_hubs_own_redirects_are_followed(served: Hub, store: ModelStore):
    served.faults[WEIGHTS] = "moved"
    store.pull(BGE)
    assert any(path.startswith("/moved/") for path, _ in served.requests)


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_nothing_is_fetched_without_tls_but_from_loopback(tmp_path: Path, url):
    with pytest.raises(RedirectRefused):
        download.download(download.Download(url, tmp_path / "here", "x"))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("401", AuthenticationFailed, "it needs a token in HF_TOKEN, and the terms of a gated model"),
        ("403", AuthenticationFailed, "the token may not read it, and the terms of a gated model"),
        ("429", RateLimited, "answered with status 429"),
        ("410", ModelNotFound, "answered with status 410"),
        ("500", ConnectionFailed, "answered with status 500"),
    ],
)
def test_a_status_is_the_error_that_it_means(served: Hub, store: ModelStore, monkeypatch, status, error, words):
    if status == "403":
        monkeypatch.setenv("HF_TOKEN", "hf_canary")
    served.faults[WEIGHTS] = status
    with pytest.raises(error, match=words) as told:
        store.pull(BGE)
    assert (told.value.status, told.value.retry_after) == (int(status), 17)
    assert len(served.asked_for(WEIGHTS)) == (5 if error is ConnectionFailed else 1), "refusals are not tried again"
    assert "canary" not in str(told.value)
    assert nothing_in(store)
