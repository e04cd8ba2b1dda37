"""What came of one case, in a word; and what must hold of every error whatever it is."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from tests.conformance.faces import KEY

from ratatoskr import ContentDelta, Done, EmbeddedGateway, RatatoskrError, StreamInterrupted, Timeout, Timeouts

PROMPT = "Who runs there?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case that is over.

    Attributes:
        name: `right`, or the error's class as the table words it.
        text: of the answer, or of what came before the error.
        error: what was raised.
        streamed: the text as the events told it.
    """

    name: str
    text: str
    error: RatatoskrError | None = None
    streamed: str | None = None


def name_of(error: BaseException | None) -> str:
    """Return the class, the phase of a deadline and the cause of an interruption."""
    match error:
        case Timeout():
            return f"Timeout:{error.phase}"
        case StreamInterrupted():
            return f"StreamInterrupted<{name_of(error.cause)}>"
    return type(error).__name__


async def outcome_of(gateway: EmbeddedGateway, model: str, way: str, times: Timeouts) -> Outcome:
    """Make one call, or read one stream, to its end."""
    told: list[str] = []
    try:
        if way == "call":
            response = await gateway.chat(PROMPT, model, timeouts=times)
            return Outcome("right", response.content)
        done = 0
        async with gateway.chat_stream(PROMPT, model, timeouts=times) as stream:
            async for event in stream:
                assert not done, "an event came after Done"
                done += isinstance(event, Done)
                if isinstance(event, ContentDelta):
                    told.append(event.text)
        assert done == 1
        return Outcome("right", stream.response.content, streamed="".join(told))
    except RatatoskrError as error:
        check(error, "".join(told))
        return Outcome(name_of(error), "".join(told), error)


def check(error: RatatoskrError, told: str) -> None:
    """Hold an error against what holds of all: no key anywhere, what was delivered is in it, it can be sent on."""
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
        assert error.partial.content == told
    else:
        assert not told, "something had been delivered, and the error does not say so"
    assert error.provider, f"nobody is named in {error!r}"
    assert error.model, f"no model is named in {error!r}"
    assert len(error.attempts) == 1
    again = pickle.loads(pickle.dumps(error))  # made in the line itself
    assert name_of(again) == name_of(error)
