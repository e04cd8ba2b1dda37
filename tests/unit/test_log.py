"""Log records: the story of a call in a few lines, with no key and no content in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ratatoskr import AllAttemptsFailed, Ratatoskr, RatatoskrError
from ratatoskr._log import BODIES, print_logs, print_logs_as_asked
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from unit.registry.test_chain import HandClock

KEY, PROMPT, ANSWER = "sk-canary-4711aa", "canary-prompt", "canary-answer"
MODELS = ["openai:gpt-4.1", "anthropic:claude-sonnet-5"]


@pytest.fixture(autouse=True)
def _unprinted() -> Iterator[None]:
    root = logging.getLogger("ratatoskr")
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    BODIES.enabled = False


async def call(script: Any, *, stream: bool = False, models: Any = MODELS) -> None:
    async with ScriptedUpstream(script) as upstream:
        builder = Ratatoskr.builder().clock(HandClock()).retries(2)
        builder.openai(KEY, base_url=upstream.base_url("openai") + "?api-version=canary")
        builder.anthropic(KEY, base_url=upstream.base_url("anthropic"))
        async with builder.build() as gateway:
            if stream:
                async with gateway.chat_stream(PROMPT, models) as events:
                    await events.collect()
            else:
                await gateway.chat(PROMPT, models)


FAILING = {"openai": fault("unavailable", times=None), "anthropic": ScriptedTurn(ANSWER)}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failing_retried_and_fallen_back_call_is_told_in_a_few_lines(
    caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    caplog.set_level(logging.INFO, "ratatoskr")
    await call(FAILING, stream=stream)
    told = [(r.levelname, r.message, vars(r)["attempt"], vars(r)["status"]) for r in caplog.records]
    assert told == [
        ("INFO", "failed, trying again", 1, 503),
        ("INFO", "failed, trying again", 2, 503),
        ("WARNING", "failed, trying the next candidate", 3, 503),
    ]
    assert vars(caplog.records[0])["wait"] > 0
    assert vars(caplog.records[-1])["next"] == "anthropic:claude-sonnet-5"


async def test_a_failed_call_ends_with_its_own_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ratatoskr")
    with pytest.raises(AllAttemptsFailed):
        await call(fault("unavailable", times=None))
    assert [record.message for record in caplog.records] == [
        "failed, trying again",
        "failed, trying again",
        "failed, trying the next candidate",
        "failed, trying again",
        "failed, trying again",
        "failed",
    ]


async def test_every_attempt_is_logged_with_its_host_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ratatoskr")
    await call(ScriptedTurn(ANSWER))
    [http, chain] = caplog.records
    assert (http.name, http.message) == ("ratatoskr.http", "response headers")
    assert vars(http)["host"].startswith("127.0.0.1:")
    assert vars(http)["status"] == 200
    assert (chain.name, chain.message) == ("ratatoskr.chain", "answered")


@pytest.mark.parametrize("stream", [False, True])
async def test_no_record_holds_a_key_a_query_or_content(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    print_logs("debug")
    await call(FAILING, stream=stream)
    echo = fault("bad_key", times=None)
    with pytest.raises(RatatoskrError):
        await call(echo, stream=stream)
    written = capsys.readouterr().err + "".join(str(vars(record)) for record in caplog.records)
    assert "trying again" in written
    for canary in (KEY, PROMPT, ANSWER, "api-version"):
        assert canary not in written


@pytest.mark.parametrize("stream", [False, True])
async def test_bodies_are_printed_only_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setenv("RATATOSKR_LOG", "bodies")
    await call(FAILING, stream=stream)
    written = capsys.readouterr().err
    assert PROMPT in written
    assert "ratatoskr.bodies: response provider=anthropic status=200 body=" in written
    assert KEY not in written
    assert "api-version" not in written


def test_a_level_that_does_not_exist_is_reported(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATATOSKR_LOG", "loud")
    print_logs_as_asked()
    assert caplog.messages == ["RATATOSKR_LOG is not one of debug, info, warning, bodies"]


def test_a_line_is_one_line_whatever_its_values_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_logs("info")
    print_logs("info")
    logging.getLogger("ratatoskr.x").info("told", extra={"code": "a\nb\x1b[31m", "seconds": 0.12345, "none": None})
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO ratatoskr.x: told code=a\\nb\\u001b[31m seconds=0.123")


def test_nothing_is_printed_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("ratatoskr.chain").warning("failed")
    assert capsys.readouterr().err == ""
