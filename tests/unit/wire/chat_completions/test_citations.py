"""Annotations and search results become citations."""

from __future__ import annotations

import pytest

from ratatoskr.types.event import CitationDelta
from ratatoskr.types.part import (
    Citation,
    ProviderPart,
    TextPart,
)
from unit.wire.chat_completions.states import ISSUER


def test_citations(wire):
    note = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 2}}
    data = b'{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}'
    citation = Citation("u", "t", None, 0, 2, data)
    events, turn = wire.deltas({"content": "Hi"}, {"annotations": [note]})
    assert CitationDelta(citation) in events
    assert turn.parts() == wire.decode({"content": "Hi", "annotations": [note]}).parts()
    assert turn.parts() == (TextPart("Hi", (citation,)),)


def test_search_results_are_citations_unless_the_text_cites_them(wire):
    note = {"type": "url_citation", "url_citation": {"url": "https://a.test"}}
    top = {"citations": ["https://a.test", "https://b.test/é"]}
    _, turn = wire.stream(wire.chunk({"content": "Hi"}, **top), wire.chunk({"annotations": [note]}, "stop", **top))
    assert [c.url for c in turn.parts()[0].citations] == ["https://a.test", "https://b.test/é"]
    assert wire.decode({"content": "Hi", "annotations": [note]}, **top).parts() == turn.parts()


def test_annotations_before_the_thinking_belong_to_the_text(wire):
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    events, turn = wire.deltas({"content": "", "annotations": [note]}, {"reasoning": "Hm"}, {"content": "Hi"})
    assert [event.type for event in events][:3] == ["reasoning_delta", "content_delta", "citation_delta"]
    assert turn.parts() == wire.decode({"reasoning": "Hm", "content": "Hi", "annotations": [note]}).parts()
    (silent,) = wire.deltas({"annotations": [note]})[1].parts()
    assert [citation.url for citation in silent.citations] == ["https://a.example"]


@pytest.mark.parametrize("kind", ["document_citation", "function_citation"])
def test_groqs_annotations_are_citations(wire, kind):
    note = {"type": kind, kind: {"document_id": "d1", "start_index": 0, "end_index": 2}}
    (citation,) = wire.decode({"content": "Hi", "annotations": [note]}).parts()[0].citations
    assert (citation.start, citation.end) == (0, 2)
    assert b'"document_id":"d1"' in citation.data


def test_search_results_may_be_objects(wire):
    (text,) = wire.decode({"content": "Hi"}, citations=[{"url": "https://a.example", "title": "A"}]).parts()
    assert [(one.url, one.title) for one in text.citations] == [("https://a.example", "A")]


def test_other_annotations_are_kept(wire):
    note = {"type": "file", "file": {"hash": "h"}}
    part = ProviderPart("annotations.file", b'{"type":"file","file":{"hash":"h"}}', ISSUER)
    assert wire.decode({"content": "Hi", "annotations": [note]}).parts() == (TextPart("Hi"), part)
