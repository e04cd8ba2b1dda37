"""Whole responses."""

from __future__ import annotations

from ratatoskr.errors import MalformedResponse
from ratatoskr.providers.chat_completions_wire.answer import Answer
from ratatoskr.providers.chat_completions_wire.failure import decode_error
from ratatoskr.providers.chat_completions_wire.shapes import Answered
from ratatoskr.providers.wire.dialect import Target
from ratatoskr.providers.wire.json import decode
from ratatoskr.providers.wire.turn import Turn
from ratatoskr.types.failure import Told


def decode_response(body: bytes, target: Target) -> Turn:
    """Return the turn that a whole response holds.

    Raises:
        Told: the body, or a finish reason in it, tells of a failure.
        MalformedResponse: it is not of the dialect, or holds no choice.
    """
    answered = decode(Answered, body)
    if answered.error or answered.object == "error":
        raise Told(decode_error(body))
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
