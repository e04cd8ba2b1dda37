"""Collects the sources of an answer, and adds them to its text parts as citations.

Gemini counts positions in bytes of UTF-8, in streams over all text so far; a citation counts characters of one part.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import Citation, TextPart
from ratatoskr.wire.gemini.shapes import (
    Candidate,
    CitationMetadata,
    CitationSource,
    GroundingChunk,
    GroundingMetadata,
    GroundingSource,
    GroundingSupport,
    SearchMetadata,
    Segment,
    UrlContextMetadata,
    UrlMetadata,
    bytes_or_none,
)
from ratatoskr.wire.gemini.usage import LazyUsageTurnBuilder
from ratatoskr.wire.json import decode, replace_surrogates

_MAX_COPIES = 64
"""The most sources of one segment whose citations all have a copy of the segment."""

_MAX_SEARCHES = 1000
"""The most segments that are looked for in the whole text, because their indices are wrong."""

_MARK_DISTANCE = 1024
_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""


@dataclass(slots=True)
class CitationCollector:
    """The metadata of a candidate, collected until the whole text is there."""

    grounding: dict[bytes, None] = field(default_factory=dict)
    citation: dict[bytes, None] = field(default_factory=dict)
    url_context: dict[bytes, None] = field(default_factory=dict)

    def collect(self, candidate: Candidate) -> list[tuple[str, bytes]]:
        """Keep the metadata of one response; later responses may repeat or extend it.

        Returns:
            What is new, by field name: it holds more than citations can, such as searches and the widget to display.
        """
        new = []
        for name, raw, kept in (
            ("groundingMetadata", candidate.grounding_metadata, self.grounding),
            ("citationMetadata", candidate.citation_metadata, self.citation),
            ("urlContextMetadata", candidate.url_context_metadata, self.url_context),
        ):
            if (data := bytes_or_none(raw)) is not None and data not in kept:
                kept[data] = None
                new.append((name, data))
        return new

    def add_citations(self, turn: LazyUsageTurnBuilder) -> None:
        """Add all citations to a turn that is otherwise complete, and whose keys are positions, and count searches."""
        if not (self.grounding or self.citation or self.url_context):
            return
        turn.web_searches = self._count_searches()
        texts = [(key, part.text) for key, part in enumerate(turn.parts()) if isinstance(part, TextPart)]
        if not texts:
            return
        answer = _AnswerText(texts)
        seen: set[tuple[int, bytes | None]] = set()
        citations: list[tuple[int, Citation]] = []
        for name, read in (
            ("groundingMetadata", self._read_grounding),
            ("citationMetadata", self._read_citations),
            ("urlContextMetadata", self._read_urls),
        ):
            try:
                citations += read(answer)
            except MalformedResponse as error:
                turn.notices.append(Notice("member_ignored", f"{name}: {error}", f"candidates.{name}"))
        for key, citation in citations:
            if (key, citation.data) not in seen:
                seen.add((key, citation.data))
                turn.citation(key, citation)

    def _count_searches(self) -> int | None:
        """Return the number of different queries; `None` where no metadata has any."""
        queries: set[str] | None = None
        for data in self.grounding:
            with suppress(MalformedResponse):
                sent = decode(SearchMetadata, data).web_search_queries
                queries = queries if sent is None else (queries or set()) | {query for query in sent if query}
        return None if queries is None else len(queries)

    def _read_grounding(self, answer: _AnswerText) -> list[tuple[int, Citation]]:
        """Return a citation for each source of each segment, then for the sources that no segment names."""
        citations: list[tuple[int, Citation]] = []
        chunks: list[bytes] = []
        used: set[int] = set()
        for data in self.grounding:
            grounding = decode(GroundingMetadata, data)
            if grounding.grounding_chunks:
                before, chunks = chunks, [bytes(raw) for raw in grounding.grounding_chunks]
                if chunks[: len(before)] != before:
                    named = {before[index] for index in used}
                    used = {index for index, chunk in enumerate(chunks) if chunk in named}
            for raw in grounding.grounding_supports or ():
                support = decode(GroundingSupport, bytes(raw))
                location = answer.locate(support.segment)
                indices = dict.fromkeys(support.grounding_chunk_indices or ())
                for index in indices:
                    if 0 <= index < len(chunks):
                        used.add(index)
                        chunk = b'"groundingChunk":%b}' % chunks[index]
                        head = b'{"groundingSupport":%b,' % bytes(raw) if len(indices) <= _MAX_COPIES else b"{"
                        citations.append(location.to_citation(_read_source(chunks[index]), head + chunk))
        for index, chunk in enumerate(chunks):
            if index not in used:
                data = b'{"groundingChunk":%b}' % chunk
                citations.append(answer.last_part().to_citation(_read_source(chunk), data))
        return citations

    def _read_citations(self, answer: _AnswerText) -> list[tuple[int, Citation]]:
        citations: list[tuple[int, Citation]] = []
        for data in self.citation:
            metadata = decode(CitationMetadata, data)
            for raw in metadata.citation_sources or metadata.citations or ():
                cited = decode(CitationSource, bytes(raw))
                location = answer.locate(Segment(start_index=cited.start_index, end_index=cited.end_index))
                source = GroundingSource(uri=cited.uri, title=cited.title)
                citations.append(location.to_citation(source, b'{"citationSource":%b}' % bytes(raw)))
        return citations

    def _read_urls(self, answer: _AnswerText) -> list[tuple[int, Citation]]:
        citations: list[tuple[int, Citation]] = []
        for data in self.url_context:
            for raw in decode(UrlContextMetadata, data).url_metadata or ():
                source = GroundingSource(uri=decode(UrlMetadata, bytes(raw)).retrieved_url)
                citations.append(answer.last_part().to_citation(source, b'{"urlMetadata":%b}' % bytes(raw)))
        return citations


def _read_source(data: bytes) -> GroundingSource:
    chunk = decode(GroundingChunk, data)
    return chunk.web or chunk.retrieved_context or chunk.maps or chunk.image or GroundingSource()


@dataclass(frozen=True, slots=True)
class _Location:
    """A range of characters of one text part; without positions the part as a whole."""

    key: int
    start: int | None = None
    end: int | None = None
    text: str | None = None

    def to_citation(self, source: GroundingSource, data: bytes) -> tuple[int, Citation]:
        url = source.uri or source.source_uri
        quoted = source.text or self.text
        return self.key, Citation(
            None if url is None else replace_surrogates(url),
            None if source.title is None else replace_surrogates(source.title),
            None if quoted is None else replace_surrogates(quoted),
            self.start,
            self.end,
            data,
        )


class _TextPart:
    """A text part, in which a position in bytes is converted without a look at all bytes before it.

    Attributes:
        key: its key in the turn.
        text: its text.
        size: its length in bytes.
        offset: its position in the text of all parts, in bytes.
    """

    def __init__(self, key: int, text: str, offset: int) -> None:
        self.key = key
        self.text = text
        self.offset = offset
        self._data = b"" if text.isascii() else text.encode()
        self.size = len(self._data) or len(text)
        self._marks = [0]
        for at in range(0, len(self._data), _MARK_DISTANCE):
            self._marks.append(self._marks[-1] + self._count(at, at + _MARK_DISTANCE))

    def _count(self, start: int, end: int) -> int:
        return len(self._data[start:end].translate(None, _CONTINUATION))

    def _characters(self, position: int) -> int:
        """Return the number of whole characters before a position in bytes."""
        if not self._data:
            return position
        mark = position // _MARK_DISTANCE
        count = self._marks[mark] + self._count(mark * _MARK_DISTANCE, position)
        inside = position < self.size and self._data[position] in _CONTINUATION
        return count - inside

    def locate(self, start: int, end: int) -> _Location | None:
        """Return the location of these bytes; `None` if the part does not have them."""
        if not 0 <= start < end <= self.size:
            return None
        first, last = self._characters(start), self._characters(end)
        return _Location(self.key, first, last, self.text[first:last])


class _AnswerText:
    """The text parts of an answer, in which segments are located."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        self._parts: list[_TextPart] = []
        length = 0
        for key, text in texts:
            if text:
                self._parts.append(_TextPart(key, text, length))
                length += self._parts[-1].size
        self._last = _Location(self._parts[-1].key if self._parts else texts[-1][0])
        self._searches = 0

    def last_part(self) -> _Location:
        """Return the last part with text, as a whole."""
        return self._last

    def locate(self, segment: Segment | None) -> _Location:
        """Return the location of a segment; if its indices and its text contradict each other, the text counts."""
        if segment is None or (segment.end_index is None and not segment.text):
            return self._last
        wanted = None if segment.text is None else replace_surrogates(segment.text)
        by_bytes = self._locate_by_bytes(segment.start_index, segment.end_index, wanted)
        if by_bytes is not None and (wanted is None or by_bytes.text == wanted):
            return by_bytes
        return self._locate_by_text(wanted) or _Location(self._last.key, text=wanted)

    def _locate_by_bytes(self, start: int, end: int | None, wanted: str | None) -> _Location | None:
        """Try the indices as positions in all text, then as positions in one of the first parts."""
        if end is None or start < 0:
            return None
        at = bisect_right(self._parts, start, key=lambda part: part.offset) - 1
        found = None
        if at >= 0:
            found = self._parts[at].locate(start - self._parts[at].offset, end - self._parts[at].offset)
        for part in self._parts[:_MAX_COPIES]:
            if found is not None and wanted in (None, found.text):
                return found
            found = part.locate(start, end) or found
        return found

    def _locate_by_text(self, wanted: str | None) -> _Location | None:
        self._searches += 1
        if not wanted or self._searches > _MAX_SEARCHES:
            return None
        for part in self._parts:
            if (start := part.text.find(wanted)) >= 0:
                return _Location(part.key, start, start + len(wanted), wanted)
        return None
