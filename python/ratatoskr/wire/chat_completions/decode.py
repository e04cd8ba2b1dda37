"""Whole responses."""

from __future__ import annotations

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.chat_completions.answer import Answer
from ratatoskr.wire.chat_completions.failure import decode_error
from ratatoskr.wire.chat_completions.shapes import Answered
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode
from ratatoskr.wire.turn import TurnBuilder


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn that a whole response holds.

    Raises:
        FailureReported: the body, or a finish reason in it, tells of a failure.
        MalformedResponse: it is not of the dialect, or holds no choice.
    """
    answered = decode(Answered, body)
    if answered.error or answered.object == "error":
        raise FailureReported(decode_error(body))
    if not answered.choices:
        raise MalformedResponse("the response holds no choices")
    answer = Answer(target, streamed=False)
    answer.head(answered)
    first = next((choice for choice in answered.choices if not choice.index), answered.choices[0])
    if first.message is None and not first.error and not first.finish_reason:
        raise MalformedResponse("the response's choice holds no message")
    for choice in answered.choices:
        if choice is first:
            choice.index = 0
        answer.choice(choice, choice.message)
    answer.tail(answered)
    answer.complete()
    return answer.turn
