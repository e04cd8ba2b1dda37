"""Annotations of a text as citations."""

from __future__ import annotations

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import Citation
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.responses.shapes import Annotation


def parse_annotation(raw: Raw) -> Citation:
    """Return an annotation as a citation; one of an unknown shape has only its JSON."""
    data = bytes(raw)
    try:
        annotation = decode(Annotation, data)
    except MalformedResponse:
        return Citation(data=data)
    texts = (annotation.url, annotation.title or annotation.filename, annotation.content)
    url, title, text = (None if one is None else replace_surrogates(one) for one in texts)
    return Citation(url, title, text, annotation.start_index, annotation.end_index, data)
