"""Answers, whole and streamed: the same message comes out of both."""

from __future__ import annotations

import pytest

from ratatoskr.types.event import CitationDelta, ContentDelta, Done, ProviderEvent, ReasoningDelta
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    AudioPart,
    Citation,
    ImagePart,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
)

ISSUER = "host/chat_completions/some-model"


def state(data: bytes) -> tuple[ProviderState, ...]:
    return (ProviderState(ISSUER, data),)


def test_text(wire):
    events, turn = wire.deltas({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"})
    assert events == [ContentDelta("Hel"), ContentDelta("lo"), Done("stop")]
    assert turn.parts() == wire.whole({"content": "Hello"}).parts() == (TextPart("Hello"),)
    assert (turn.model, turn.response_id, turn.native_finish_reason) == ("some-model-1", "r1", "stop")


@pytest.mark.parametrize("member", ["reasoning", "reasoning_content"])
def test_thinking_in_a_member_of_its_own(wire, member):
    events, turn = wire.deltas({member: "H", "content": ""}, {member: "m.", "content": None}, {"content": "Yes"})
    assert events == [
        ReasoningDelta("H"),
        ReasoningDelta("m."),
        ContentDelta("Yes", part=1),
        Done("stop"),
    ]
    expected = (ReasoningPart("Hm.", state=state(b'"%s"' % member.encode())), TextPart("Yes"))
    assert turn.parts() == expected
    assert wire.whole({"content": "Yes", member: "Hm."}).parts() == expected


def test_thinking_that_is_said_in_two_members_is_taken_once(wire):
    _, turn = wire.deltas({"reasoning": "Hm.", "reasoning_content": "Hm."}, {"content": "Yes"})
    assert [part.text for part in turn.parts()] == ["Hm.", "Yes"]


def test_reasoning_details_and_reasoning_are_the_same_text(wire):
    def piece(text, **more):
        return {"type": "reasoning.text", "text": text, "format": "f", "index": 0, **more}

    events, turn = wire.deltas(
        {"content": "", "reasoning": "H", "reasoning_details": [piece("H")]},
        {"content": "", "reasoning": "m.", "reasoning_details": [piece("m.")]},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]},
        {"content": "Yes"},
    )
    assert [e.text for e in events if isinstance(e, ReasoningDelta)] == ["H", "m."]
    whole = wire.whole({"content": "Yes", "reasoning": "Hm.", "reasoning_details": [piece("Hm.", signature="s")]})
    assert turn.parts() == whole.parts()
    data = b'{"type":"reasoning.text","text":"Hm.","format":"f","index":0,"signature":"s"}'
    assert turn.parts() == (ReasoningPart("Hm.", state=state(data)), TextPart("Yes"))


def test_details_of_one_index_and_two_types_are_two_items(wire):
    summary = {"type": "reasoning.summary", "summary": "a", "index": 0}
    sealed = {"type": "reasoning.encrypted", "data": "x=", "index": 0}
    _, turn = wire.deltas(
        {"reasoning": "a", "reasoning_details": [summary]},
        {"reasoning": None, "reasoning_details": [sealed]},
        {"reasoning": "a", "reasoning_details": [summary]},
        {"reasoning_details": [{**sealed, "data": "y="}]},
    )
    first, second = turn.parts()
    assert (first.text, first.state[0].data) == ("aa", b'{"type":"reasoning.summary","summary":"aa","index":0}')
    assert (second.text, second.state[0].data) == ("", b'{"type":"reasoning.encrypted","data":"x=y=","index":0}')


def test_items_with_ids_of_their_own_are_not_run_together(wire):
    items = [{"type": "reasoning.encrypted", "data": "x", "id": name, "index": 0} for name in ("a", "b")]
    _, turn = wire.deltas(*({"reasoning_details": [item]} for item in items))
    assert turn.parts() == wire.whole({"reasoning_details": items}).parts()
    assert len(turn.parts()) == 2


def test_a_signed_thought_without_text_is_kept(wire):
    item = {"type": "reasoning.text", "text": "", "signature": "s", "index": 0}
    _, turn = wire.deltas({"reasoning": "", "reasoning_details": [item]}, {"content": "Yes"})
    assert turn.parts()[0] == ReasoningPart(
        "", state=state(b'{"type":"reasoning.text","text":"","signature":"s","index":0}')
    )


def test_thinking_beside_details_without_text_is_not_lost(wire):
    item = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    turn = wire.whole({"reasoning": "Hm.", "reasoning_details": [item], "content": "Yes"})
    assert [part.text for part in turn.parts()] == ["", "Hm.", "Yes"]


def test_an_item_of_thinking_survives_a_surrogate_pair_cut_in_two(wire):
    half = [
        rb'{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"a\ud83d","index":0}]}}]}',
        rb'{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"\ude00b","index":0}]}}]}',
    ]
    _, turn = wire.stream(*half, wire.chunk({}, "stop"))
    assert turn.parts()[0].text == "a😀b"
    assert turn.parts()[0].state[0].data.decode() == '{"type":"reasoning.text","text":"a😀b","index":0}'


def test_content_in_chunks_is_text_and_thinking_in_turn(wire):
    def thinking(text):
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

    said = {"type": "text", "text": "Yes."}
    events, turn = wire.deltas(
        {"content": [thinking("H")]},
        {"content": [thinking("m.")]},
        {"content": "Ye"},
        {"content": [{"type": "text", "text": "s."}]},
        {"content": [thinking("Then")]},
        {"content": "No."},
    )
    assert [type(e).__name__ for e in events[:3]] == ["ReasoningDelta", "ReasoningDelta", "ContentDelta"]
    assert [part.text for part in turn.parts()] == ["Hm.", "Yes.", "Then", "No."]
    whole = wire.whole({"content": [thinking("Hm."), said, thinking("Then"), {"type": "text", "text": "No."}]})
    assert turn.parts() == whole.parts()


def test_a_chunk_of_content_without_a_word_is_kept(wire):
    chunks = [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [0]}, {"type": "text", "text": "b"}]
    events, turn = wire.deltas(*({"content": [chunk]} for chunk in chunks))
    data = b'{"type":"reference","reference_ids":[0]}'
    assert turn.parts() == (TextPart("a"), ProviderPart("content.reference", data, ISSUER), TextPart("b"))
    assert ProviderEvent("content.reference", data) in events
    assert wire.whole({"content": chunks}).parts() == turn.parts()


def test_a_refusal_is_text_and_a_finish_reason(wire):
    events, turn = wire.deltas({"content": None, "refusal": "I ca"}, {"refusal": "n't."})
    assert events[-1] == Done("refusal")
    assert turn.parts() == wire.whole({"content": None, "refusal": "I can't."}).parts() == (TextPart("I can't."),)
    assert turn.native_finish_reason == "stop"


def test_citations(wire):
    note = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 2}}
    data = b'{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}'
    citation = Citation("u", "t", None, 0, 2, data)
    events, turn = wire.deltas({"content": "Hi"}, {"annotations": [note]})
    assert CitationDelta(citation) in events
    assert turn.parts() == wire.whole({"content": "Hi", "annotations": [note]}).parts()
    assert turn.parts() == (TextPart("Hi", (citation,)),)


def test_addresses_beside_the_choices_are_citations_unless_the_text_has_them(wire):
    note = {"type": "url_citation", "url_citation": {"url": "https://a.test"}}
    top = {"citations": ["https://a.test", "https://b.test/é"]}
    _, turn = wire.stream(wire.chunk({"content": "Hi"}, **top), wire.chunk({"annotations": [note]}, "stop", **top))
    assert [c.url for c in turn.parts()[0].citations] == ["https://a.test", "https://b.test/é"]
    assert wire.whole({"content": "Hi", "annotations": [note]}, **top).parts() == turn.parts()


def test_sources_told_before_the_model_thinks_stand_with_its_words(wire):
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    events, turn = wire.deltas({"content": "", "annotations": [note]}, {"reasoning": "Hm"}, {"content": "Hi"})
    assert [event.type for event in events][:3] == ["reasoning_delta", "content_delta", "citation_delta"]
    assert turn.parts() == wire.whole({"reasoning": "Hm", "content": "Hi", "annotations": [note]}).parts()
    (silent,) = wire.deltas({"annotations": [note]})[1].parts()
    assert [citation.url for citation in silent.citations] == ["https://a.example"]


@pytest.mark.parametrize("kind", ["document_citation", "function_citation"])
def test_groqs_annotations_are_citations(wire, kind):
    note = {"type": kind, kind: {"document_id": "d1", "start_index": 0, "end_index": 2}}
    (citation,) = wire.whole({"content": "Hi", "annotations": [note]}).parts()[0].citations
    assert (citation.start, citation.end) == (0, 2)
    assert b'"document_id":"d1"' in citation.data


def test_sources_beside_the_choices_may_be_objects(wire):
    (text,) = wire.whole({"content": "Hi"}, citations=[{"url": "https://a.example", "title": "A"}]).parts()
    assert [(one.url, one.title) for one in text.citations] == [("https://a.example", "A")]


def test_google_marks_thinking_and_signs_words_beside_the_content(wire):
    signed = {"google": {"thought_signature": "c2ln"}}
    _, turn = wire.deltas(
        {"content": "Hm", "extra_content": {"google": {"thought": True}}},
        {"content": "Hi"},
        {"content": "", "extra_content": signed},
    )
    thought, text = turn.parts()
    assert thought == ReasoningPart("Hm", state=state(b'"content"'))
    assert text == TextPart("Hi", state=state(b'{"extra_content":{"google":{"thought_signature":"c2ln"}}}'))
    assert wire.whole({"content": "Hi", "extra_content": signed}).parts() == (text,)
    (back,) = wire.messages(Message.assistant(turn.parts()))
    assert back["extra_content"] == signed
    assert back["content"] == "Hi"
    (silent,) = wire.messages(Message.assistant(wire.whole({"content": None, "extra_content": signed}).parts()))
    assert silent == {"role": "assistant", "content": None, "extra_content": signed}
    assert wire.whole({"content": "Hi", "extra_content": None}).parts() == (TextPart("Hi"),)


def test_other_annotations_are_kept(wire):
    note = {"type": "file", "file": {"hash": "h"}}
    part = ProviderPart("annotations.file", b'{"type":"file","file":{"hash":"h"}}', ISSUER)
    assert wire.whole({"content": "Hi", "annotations": [note]}).parts() == (TextPart("Hi"), part)


def test_images(wire):
    def image(url):
        return {"type": "image_url", "image_url": {"url": url}, "index": 0}

    images = [image("data:image/jpeg;base64,AAEC"), image("https://x.test/a.png"), image("data:image/png;base64,!")]
    events, turn = wire.deltas({"content": "See"}, *({"images": [one]} for one in images))
    assert turn.parts()[1:3] == (
        ImagePart(data=b"\0\1\2", media_type="image/jpeg", state=state(b'"images"')),
        ImagePart(url="https://x.test/a.png", state=state(b'"images"')),
    )
    assert turn.parts()[3].type == "provider_part"
    assert turn.parts() == wire.whole({"content": "See", "images": images}).parts()
    assert sum(isinstance(e, ProviderEvent) for e in events) == 3


def test_speech(wire):
    events, turn = wire.deltas(
        {"audio": {"id": "a1"}},
        {"audio": {"transcript": "Hel"}},
        {"audio": {"data": "AAE="}},
        {"audio": {"transcript": "lo", "data": "AgM="}},
        {"audio": {"expires_at": 9}},
    )
    text, sound = turn.parts()
    assert text == TextPart("Hello", state=state(b'{"audio":{"id":"a1"}}'))
    assert sound == AudioPart(data=b"\0\1\2\3", media_type="audio/pcm", state=state(b'{"id":"a1"}'))
    assert [e.data for e in events if isinstance(e, ProviderEvent)][:2] == [b'{"data":"AAE="}', b'{"data":"AgM="}']
    whole = wire.whole({"content": None, "audio": {"id": "a1", "data": "AAECAw==", "transcript": "Hello"}})
    assert whole.parts() == turn.parts()
    wav = wire.whole({"audio": {"id": "a", "data": "UklGRg==", "transcript": ""}}).parts()[1]
    assert wav.media_type == "audio/wav"


def test_tools_that_groq_runs(wire):
    begun = {"index": 0, "type": "search", "arguments": '{"q":1}'}
    done = {**begun, "output": "found"}
    _, turn = wire.deltas({"executed_tools": [begun]}, {"executed_tools": [done]}, {"content": "Hi"})
    call, result, _ = turn.parts()
    assert call == ServerToolCall("0", "search", '{"q":1}', state=state(b'"executed_tools"'))
    assert isinstance(result, ServerToolResult)
    assert '"output":"found"' in result.content
    whole = wire.whole({"content": "Hi", "executed_tools": [done]})
    assert whole.parts() == turn.parts()


def test_what_a_tool_found_is_kept_where_it_tells_no_output(wire):
    ran = [{"type": "search", "arguments": "{}", "search_results": {"results": [n]}} for n in (1, 2)]
    parts = wire.whole({"content": "Hi", "executed_tools": ran}).parts()
    assert [part.type for part in parts] == [*["server_tool_call", "server_tool_result"] * 2, "text_part"]
    assert [part.tool_call_id for part in parts if isinstance(part, ServerToolResult)] == ["0", "1"]
    assert '"results":[2]' in parts[3].content


def test_log_probabilities(wire):
    def token(text, **more):
        return {"token": text, "logprob": -0.5, "bytes": [104], "top_logprobs": [], **more}

    top = [{"token": "x", "logprob": None, "bytes": None}]
    tokens = [token("h", top_logprobs=top), token("i", bytes="aA==")]
    chunks = [wire.chunk({"content": t["token"]}, choice={"logprobs": {"content": [t]}}) for t in tokens]
    empty = wire.chunk({"content": ""}, choice={"logprobs": {"content": [], "refusal": None}})
    _, turn = wire.stream(empty, *chunks, wire.chunk({}, "stop", choice={"logprobs": None}))
    expected = (
        TokenLogprob("h", -0.5, (104,), (TokenLogprob("x", -9999.0),)),
        TokenLogprob("i", -0.5, (104,)),
    )
    assert turn.parts() == (TextPart("hi", logprobs=expected),)
    assert wire.whole({"content": "hi"}, choice={"logprobs": {"content": tokens}}).parts() == turn.parts()


def test_log_probabilities_that_come_while_it_thinks_do_not_change_the_order(wire):
    chunk = wire.chunk({"reasoning": "H"}, choice={"logprobs": {"content": [{"token": "H", "logprob": 0}]}})
    _, turn = wire.stream(chunk, wire.chunk({"content": "Yes"}, "stop"))
    assert [part.type for part in turn.parts()] == ["reasoning_part", "text_part"]
    assert [t.token for t in turn.parts()[1].logprobs] == ["H"]


def test_log_probabilities_in_other_shapes_break_nothing(wire):
    old = {"tokens": ["a", "b"], "token_logprobs": [-1.0, None]}
    assert wire.whole({"content": "ab"}, choice={"logprobs": old}).parts()[0].logprobs == (
        TokenLogprob("a", -1.0),
        TokenLogprob("b", -9999.0),
    )
    assert wire.whole({"content": "ab"}, choice={"logprobs": -0.1}).parts() == (TextPart("ab"),)
    special = {"tokens": ["a", None], "token_logprobs": [-1.0, -2.0]}
    tokens = wire.whole({"content": "a"}, choice={"logprobs": special}).parts()[0].logprobs
    assert [(one.token, one.logprob) for one in tokens] == [("a", -1.0), ("", -2.0)]


def test_a_log_probability_beside_a_delta_is_that_of_its_token(wire):
    chunks = [wire.chunk({"content": text}, choice={"logprobs": -n}) for n, text in enumerate("abc")]
    _, turn = wire.stream(*chunks, wire.chunk({"content": ""}, "stop", choice={"logprobs": -9}))
    assert [(one.token, one.logprob) for one in turn.parts()[0].logprobs] == [("a", 0), ("b", -1), ("c", -2)]
