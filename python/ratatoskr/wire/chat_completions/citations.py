"""Sources of the text: annotations of a message, and search results beside the choices."""

from __future__ import annotations

from typing import Any, cast

from ratatoskr.types.part import Citation
from ratatoskr.wire.json import decode, replace_surrogates

_CITATION_TYPES = frozenset({"url_citation", "document_citation", "function_citation"})
"""Types of annotations that are citations; the last two are Groq's."""

_ANY_JSON = cast("type[Any]", Any)


def parse_annotation(annotation: dict[str, Any], data: bytes) -> Citation | None:
    """Return an annotation, whose JSON is `data`, as a citation; `None` if it is something else."""
    kind = annotation.get("type")
    inner = annotation.get(kind, annotation) if isinstance(kind, str) and kind in _CITATION_TYPES else None
    if not isinstance(inner, dict):
        return None
    start, end = _int_or_none(inner.get("start_index")), _int_or_none(inner.get("end_index"))
    url, title, text = (_text_or_none(inner.get(name)) for name in ("url", "title", "content"))
    return Citation(url, title, text, start, end, data)


def parse_search_result(data: bytes) -> Citation | None:
    """Return an item of `citations` (xAI, Perplexity), a URL or an object with one; `None` if it has none."""
    value = decode(_ANY_JSON, data)
    url, title = (value.get("url"), value.get("title")) if isinstance(value, dict) else (value, None)
    return Citation(replace_surrogates(url), _text_or_none(title), data=data) if isinstance(url, str) else None


def _text_or_none(value: Any) -> str | None:
    return replace_surrogates(value) if isinstance(value, str) else None


def _int_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
