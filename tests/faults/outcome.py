"""The outcome of a case, and what must hold of every error."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from tests.conformance.faces import KEY

from ratatoskr import ContentDelta, Done, EmbeddedGateway, RatatoskrError, StreamInterrupted, Timeout, Timeouts

PROMPT = "Who runs there?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a case.

    Attributes:
        name: `right`, or the class of the error as the table names it.
        text: The text of the answer, or the text before the error.
        error: The exception.
        streamed: The text of the events.
    """

    name: str
    text: str
    error: RatatoskrError | None = None
    streamed: str | None = None


def name_of(error: BaseException | None) -> str:
    """Return the name of the class, with the phase of a timeout and the cause of an interruption."""
    match error:
        case Timeout():
            return f"Timeout:{error.phase}"
        case StreamInterrupted():
            return f"StreamInterrupted<{name_of(error.cause)}>"
    return type(error).__name__


async def outcome_of(gateway: EmbeddedGateway, model: str, mode: str, times: Timeouts) -> Outcome:
    """Make a call, or read a stream, to its end."""
    delivered: list[str] = []
    try:
        if mode == "call":
            response = await gateway.chat(PROMPT, model, timeout=times)
            return Outcome("right", response.content)
        done = 0
        async with gateway.chat_stream(PROMPT, model, timeout=times) as stream:
            async for event in stream:
                assert not done, "an event came after Done"
                done += isinstance(event, Done)
                if isinstance(event, ContentDelta):
                    delivered.append(event.text)
        assert done == 1
        return Outcome("right", stream.response.content, streamed="".join(delivered))
    except RatatoskrError as error:
        check_error(error, "".join(delivered))
        return Outcome(name_of(error), "".join(delivered), error)


def check_error(error: RatatoskrError, delivered: str) -> None:
    """Check what must hold of every error: it contains no key, it has what was delivered, and it can be pickled."""
    trace = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for place, text in (
        ("str", str(error)),
        ("repr", repr(error)),
        ("traceback", trace),
        ("fields", str(error.fields())),
    ):
        assert KEY not in text, f"a key is in the {place} of {name_of(error)}"
    if isinstance(error, StreamInterrupted):
        assert error.partial is not None
        assert error.partial.content == delivered
    else:
        assert not delivered, "text was delivered, but the error does not contain it"
    assert error.provider, f"no provider is named in {error!r}"
    assert error.model, f"no model is named in {error!r}"
    assert len(error.attempts) == 1
    again = pickle.loads(pickle.dumps(error))  # pickled in this line
    assert name_of(again) == name_of(error)
