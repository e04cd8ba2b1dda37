"""Recordings decode without loss: the public gateway returns what their JSON contains."""

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
from recorded.cases import Case, all_cases, exclusion_reason, parameters, stream_cases
from recorded.expected.answer import Answer, Failure
from recorded.player import PlayResult, find_differences, find_event_differences, join_deltas, open_player

SPLITS = 20
"""The number of ways in which each stream is split into chunks."""

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
BY_CODE: dict[str, type[RatatoskrError]] = {
    "API_KEY_INVALID": AuthenticationFailed,
    "model_not_found": ModelNotFound,
    "insufficient_quota": QuotaExhausted,
}
"""Codes that are more specific than the status."""

TOO_LONG = re.compile("max context length|prompt is too long|exceeds the maximum number of tokens")
"""Messages that are more specific than the status."""

BLOCKED = frozenset({"refusal", "SAFETY", "MODEL_ARMOR"})
"""Native finish reasons of an answer that was blocked, which is an error if it has no content."""


def check(case: Case, result: PlayResult) -> None:
    """Compare the result with the recording."""
    expected = case.expected
    if isinstance(expected, Failure):
        check_failure(case, expected, result.error)
    elif expected.finish in BLOCKED and not (expected.text or expected.calls):
        check_block(expected, result.error)
    else:
        assert result.error is None
        assert isinstance(
            result.response, ChatResponse if case.streamed or case.operation == "chat" else GenerateResponse
        )
        assert find_differences(expected, result.response) == {}
        if case.streamed:
            assert find_event_differences(result.events, result.response) == []
        else:
            assert result.response.raw is not None
            assert result.response.raw.body


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
    """Return the class of the error."""
    if TOO_LONG.search(failure.message):
        return ContextLengthExceeded
    if failure.message.endswith(" is not a valid model ID"):
        return ModelNotFound
    by_code = [BY_CODE[code] for code in failure.codes if code in BY_CODE]
    return by_code[0] if by_code else BY_STATUS[failure.status]


def check_block(expected: Answer, error: RatatoskrError | None) -> None:
    assert type(error) is ContentFiltered
    assert error.provider_code == expected.finish
    assert error.message


@pytest.mark.parametrize("case", parameters(all_cases()))
async def test_a_recording_decodes_without_loss(case: Case) -> None:
    """Text, thinking, calls, sources, server tools, tokens, finish reason, model and errors are as recorded."""
    async with open_player(case) as one:
        check(case, await one.play())


def snapshot(result: PlayResult) -> Any:
    """Return all of the result that must not depend on how the bytes were split."""
    response, error = result.response, result.error
    response_fields = response and (response.to_dict() | {"attempts": None})
    return (
        response_fields,
        join_deltas(result.events),
        error and (type(error), error.fields() | {"attempts": None}, error.message),
    )


@pytest.mark.parametrize("case", parameters(stream_cases()))
async def test_a_stream_does_not_depend_on_how_it_is_split(case: Case) -> None:
    """Split at random in twenty ways, a stream gives equal message, usage, end and events."""
    async with open_player(case) as one:
        complete = snapshot(await one.play())
        for seed in range(SPLITS):
            assert snapshot(await one.play(seed=seed, cuts=SPLITS + 2 * seed)) == complete, f"seed {seed}"
            assert len(one.replay.reply(one.recording).events) > SPLITS


@recordings.needed
def test_every_recording_is_covered_or_has_a_reason() -> None:
    """Every file of the folder is result, or excluded with a reason."""
    result = {case.id for case in all_cases()}
    for path in recordings.paths():
        reason = exclusion_reason(recordings.exchange(path))
        assert (path.stem in result) != (reason is not None), path.stem
    assert len(result) > 100
