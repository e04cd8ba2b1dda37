"""Recordings decode without loss: what comes through the public gateway is what their JSON says."""

from __future__ import annotations

import re
from typing import Any

import pytest

import recordings
from ratatoskr import (
    AuthenticationFailed,
    ChatResponse,
    ContentFiltered,
    ContextLengthExceeded,
    GenerateResponse,
    InvalidInput,
    ModelNotFound,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
)
from recorded.cases import Case, all_cases, parameters, reason_of, streams
from recorded.expected.answer import Answer, Failure
from recorded.playing import Played, differences, joined, player, told_differently

RECUTS = 20
"""How often each stream is cut anew."""

BY_STATUS: dict[int | None, type[RatatoskrError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    404: ModelNotFound,
    422: InvalidInput,
    429: RateLimited,
    **dict.fromkeys((408, 500, 502, 503, 504, 529), ServiceUnavailable),
}
BY_WORD: dict[str, type[RatatoskrError]] = {
    "API_KEY_INVALID": AuthenticationFailed,
    "model_not_found": ModelNotFound,
    "insufficient_quota": QuotaExhausted,
}
"""Codes that tell more than the status."""

TOO_LONG = re.compile("max context length|prompt is too long|exceeds the maximum number of tokens")
"""Words that tell more than the status."""

BLOCKED = frozenset({"refusal", "SAFETY", "MODEL_ARMOR"})
"""The providers' words for an answer that was refused; nothing is left of it where nothing had been said."""


def check(case: Case, played: Played) -> None:
    """Compare what came with what the recording says."""
    expected = case.expected
    if isinstance(expected, Failure):
        check_failure(case, expected, played.error)
    elif expected.finish in BLOCKED and not (expected.text or expected.calls):
        check_block(expected, played.error)
    else:
        assert played.error is None
        assert isinstance(played.response, ChatResponse if case.streamed or case.asks == "chat" else GenerateResponse)
        assert differences(expected, played.response) == {}
        if case.streamed:
            assert told_differently(played.events, played.response) == []
        else:
            assert played.response.raw is not None
            assert played.response.raw.body


def check_failure(case: Case, expected: Failure, error: RatatoskrError | None) -> None:
    assert error is not None
    assert type(error) is class_of(expected)
    assert error.message == expected.message
    assert error.status == expected.status
    assert error.retry_after == expected.wait
    assert error.model == case.model
    assert error.partial is None
    assert len(error.attempts) == 1
    if expected.codes:
        assert error.provider_code in expected.codes
    else:
        assert error.provider_code is None


def class_of(failure: Failure) -> type[RatatoskrError]:
    """Return the class that stands for what was told."""
    if TOO_LONG.search(failure.message):
        return ContextLengthExceeded
    finer = [BY_WORD[word] for word in failure.codes if word in BY_WORD]
    return finer[0] if finer else BY_STATUS[failure.status]


def check_block(expected: Answer, error: RatatoskrError | None) -> None:
    assert type(error) is ContentFiltered
    assert error.provider_code == expected.finish
    assert error.message


@pytest.mark.parametrize("case", parameters(all_cases()))
async def test_a_recording_decodes_without_loss(case: Case) -> None:
    """Text, thinking, calls, sources, server tools, tokens, finish reason, model and errors are those recorded."""
    async with player(case) as one:
        check(case, await one.play())


def essence(played: Played) -> Any:
    """Return everything of what came that may not depend on how the bytes were cut."""
    response, error = played.response, played.error
    kept = response and (response.to_dict() | {"attempts": None})
    return kept, joined(played.events), error and (type(error), error.fields() | {"attempts": None}, error.message)


@pytest.mark.parametrize("case", parameters(streams()))
async def test_a_stream_does_not_depend_on_how_it_was_cut(case: Case) -> None:
    """Cut anew at random twenty times, a stream gives equal message, usage, end and events."""
    async with player(case) as one:
        whole = essence(await one.play())
        for seed in range(RECUTS):
            assert essence(await one.play(seed=seed, cuts=RECUTS + 2 * seed)) == whole, f"seed {seed}"
            assert len(one.replay.reply(one.recording).events) > RECUTS


@recordings.needed
def test_every_recording_is_covered_or_has_a_reason() -> None:
    """No file of the folder is passed over in silence."""
    played = {case.id for case in all_cases()}
    for path in recordings.paths():
        reason = reason_of(recordings.exchange(path))
        assert (path.stem in played) != (reason is not None), path.stem
    assert len(played) > 100
