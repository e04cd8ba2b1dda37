"""Sources of an answer, as citations of its text."""

from __future__ import annotations

import json

from ratatoskr.types.event import CitationDelta, ProviderEvent
from ratatoskr.types.part import TextPart, ToolCall
from unit.wire.gemini.samples import chunk, decode_parts, decode_stream


def test_sources_become_citations_with_positions_in_characters():
    grounding = {
        "searchEntryPoint": {"renderedContent": "<b>"},
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"uri": "https://b", "text": "passage"}},
            {"web": {"uri": "https://unused"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 5, "text": "Grüß"[:4]}, "groundingChunkIndices": [0, 1, 9]},
            {"segment": {"startIndex": 7, "endIndex": 11, "text": "dich"}, "groundingChunkIndices": [0]},
        ],
    }
    grounding["groundingSupports"][0]["segment"] = {"endIndex": 6, "text": "Grüß"}  # type: ignore[index]
    last = chunk({"text": " dich."}, finish="STOP", candidate={"groundingMetadata": grounding})
    events, turn = decode_stream(chunk({"text": "hm", "thought": True}), chunk({"text": "Grüß"}), last)
    _, part = turn.parts()
    assert isinstance(part, TextPart)
    assert [(c.url, c.title, c.start, c.end, c.text) for c in part.citations] == [
        ("https://a", "A", 0, 4, "Grüß"),
        ("https://b", None, 0, 4, "passage"),
        ("https://a", "A", 5, 9, "dich"),
        ("https://unused", None, None, None, None),
    ]
    assert json.loads(part.citations[0].data or b"") == {
        "groundingSupport": grounding["groundingSupports"][0],
        "groundingChunk": grounding["groundingChunks"][0],
    }
    assert [event.part for event in events if isinstance(event, CitationDelta)] == [1, 1, 1, 1]
    again = decode_parts(
        {"text": "hm", "thought": True}, {"text": "Grüß dich."}, candidate={"groundingMetadata": grounding}
    )
    assert again.parts() == turn.parts()


def test_a_source_is_cited_once_and_wrong_positions_are_corrected_by_the_text():
    chunks = [{"web": {"uri": "https://a"}}]
    support = {"segment": {"startIndex": 3, "endIndex": 5, "text": "lo"}, "groundingChunkIndices": [0]}
    far = {"segment": {"startIndex": 90, "endIndex": 99, "text": "Hel"}, "groundingChunkIndices": [0]}
    lost = {"segment": {"startIndex": 90, "endIndex": 99, "text": "nowhere"}, "groundingChunkIndices": [0]}
    one = {"groundingMetadata": {"groundingChunks": chunks, "groundingSupports": [support]}}
    two = {"groundingMetadata": {"groundingSupports": [support, far, lost]}}
    _, turn = decode_stream(chunk({"text": "Hel"}, candidate=one), chunk({"text": "lo"}, finish="STOP", candidate=two))
    (part,) = turn.parts()
    assert isinstance(part, TextPart)
    assert [(c.start, c.end, c.text) for c in part.citations] == [(3, 5, "lo"), (0, 3, "Hel"), (None, None, "nowhere")]


def test_a_source_that_no_segment_names_is_cited_even_if_an_equal_one_is_named():
    chunks = [{"retrievedContext": {"text": "same"}}, {"retrievedContext": {"text": "same"}}]
    support = {"segment": {"endIndex": 3, "text": "Hel"}, "groundingChunkIndices": [1]}
    metadata = {"groundingMetadata": {"groundingChunks": chunks, "groundingSupports": [support]}}
    again = {"groundingMetadata": {**metadata["groundingMetadata"], "retrievalQueries": ["q"]}}
    _, turn = decode_stream(
        chunk({"text": "Hel"}, candidate=metadata), chunk({"text": "lo"}, finish="STOP", candidate=again)
    )
    (part,) = turn.parts()
    assert isinstance(part, TextPart)
    assert [(c.start, c.end) for c in part.citations] == [(0, 3), (None, None)]


def test_recited_sources_and_read_urls_are_citations_too():
    more = {
        "citationMetadata": {
            "citationSources": [{"startIndex": 1, "endIndex": 3, "uri": "https://r", "license": "mit"}]
        },
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://u", "urlRetrievalStatus": "OK"}]},
    }
    (part,) = decode_parts({"text": "Hello"}, candidate=more).parts()
    assert isinstance(part, TextPart)
    assert [(c.url, c.start, c.end) for c in part.citations] == [("https://r", 1, 3), ("https://u", None, None)]


def test_sources_without_a_text_are_not_a_part():
    more = {"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a"}}]}}
    (call,) = decode_parts({"functionCall": {"name": "f"}}, candidate=more).parts()
    assert isinstance(call, ToolCall)


def test_metadata_beyond_citations_is_an_event_once():
    """Searches, and the widget that Google wants shown for them, have no other way out of a stream."""
    metadata = {"webSearchQueries": ["norns"], "searchEntryPoint": {"renderedContent": "<b>"}}
    first = chunk({"text": "a"}, candidate={"groundingMetadata": metadata})
    again = chunk({"text": "b"}, finish="STOP", candidate={"groundingMetadata": metadata})
    events, _ = decode_stream(first, again)
    told = [event for event in events if isinstance(event, ProviderEvent)]
    assert [(event.kind, json.loads(event.data)) for event in told] == [("groundingMetadata", metadata)]
