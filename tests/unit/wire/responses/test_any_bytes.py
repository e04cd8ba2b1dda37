"""No bytes break the decoders: they give events, a told error or a malformed response."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types import ContentDelta, Done
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.responses import StreamDecoder, decode_error, decode_response
from unit.wire.responses import conftest as story

TARGET = Target("openai", "gpt-5.5", "responses")
EVENTS = story.told(story.OUTPUT)
KEYS = st.sampled_from(sorted({key for event in EVENTS for key in event} | set(story.CALL) | set(story.MESSAGE)))
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4) | st.just("\ud83d")
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
TYPES = st.sampled_from([event["type"] for event in EVENTS] + ["error", "response.failed", "response.novelty"])


def fed(decoder, name, data):
    try:
        return decoder.feed(name, data)
    except (FailureReported, MalformedResponse):
        return []


@given(
    st.lists(st.tuples(TYPES | st.just(""), st.dictionaries(KEYS, VALUES, max_size=5), TYPES | st.none()), max_size=8)
)
@settings(max_examples=150, deadline=None)
def test_random_events_never_break_the_stream(events):
    decoder, found = StreamDecoder(TARGET), []
    for name, event, kind in events:
        found += fed(decoder, name, json.dumps({**event, **({"type": kind} if kind else {})}).encode())
    decoder.turn.parts()
    assert sum(isinstance(event, Done) for event in found) == int(decoder.turn.done)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_mutated_events_never_break_the_stream(data):
    events = data.draw(st.permutations(EVENTS)) if data.draw(st.booleans()) else list(EVENTS)
    decoder, found = StreamDecoder(TARGET), []
    for event in events:
        changed = dict(event)
        if data.draw(st.integers(0, 5)) == 0:
            holder = data.draw(st.sampled_from(["self", "item", "response"]))
            target = changed if holder == "self" or not isinstance(changed.get(holder), dict) else dict(changed[holder])
            target[data.draw(st.sampled_from(sorted(target)))] = data.draw(VALUES)
            changed = changed if target is changed or holder == "self" else {**changed, holder: target}
        found += fed(decoder, data.draw(st.sampled_from(["", event["type"]])), json.dumps(changed).encode())
    for index, part in enumerate(decoder.turn.parts()):
        if decoder.turn.done and part.type == "text_part":
            said = [e.text for e in found if isinstance(e, ContentDelta) and e.part == index]
            assert "".join(said) == part.text


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_break_a_decoder(body):
    fed(StreamDecoder(TARGET), "response.completed", body)
    assert isinstance(decode_error(body), ReportedFailure)
    with contextlib.suppress(FailureReported, MalformedResponse):
        decode_response(body, TARGET)


@given(st.integers(0, 4000), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_broken_bodies_never_break_the_decoder(at, put):
    body = story.spell(story.whole(story.OUTPUT))
    broken = body[: at % len(body)] + put + body[at % len(body) + len(put) :]
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert decode_response(broken, TARGET).done
