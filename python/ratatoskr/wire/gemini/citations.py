"""Collects the sources of an answer, and adds them to its text parts as citations.

Gemini counts positions in bytes of UTF-8, in streams over all text so far; a citation counts characters of one part.
"""

from __future__ import annotations

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
    Segment,
    UrlContextMetadata,
    UrlMetadata,
    bytes_or_none,
)
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.turn import TurnBuilder


@dataclass(slots=True)
class CitationCollector:
    """The metadata of a candidate, collected until the whole text is there."""

    grounding: list[bytes] = field(default_factory=list)
    citation: list[bytes] = field(default_factory=list)
    url_context: list[bytes] = field(default_factory=list)

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
                kept.append(data)
                new.append((name, data))
        return new

    def add_citations(self, turn: TurnBuilder) -> None:
        """Add all citations to a turn that is otherwise complete, and whose keys are positions."""
        if not (self.grounding or self.citation or self.url_context):
            return
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
                for index in support.grounding_chunk_indices or ():
                    if 0 <= index < len(chunks):
                        used.add(index)
                        both = b'{"groundingSupport":%b,"groundingChunk":%b}' % (bytes(raw), chunks[index])
                        citations.append(location.to_citation(_read_source(chunks[index]), both))
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


class _AnswerText:
    """The text parts of an answer, in which segments are located."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        self._parts: list[tuple[int, str, int]] = []
        length = 0
        for key, text in texts:
            self._parts.append((key, text, length))
            length += len(text.encode())

    def last_part(self) -> _Location:
        """Return the last part with text, as a whole."""
        return _Location(next((key for key, text, _ in reversed(self._parts) if text), self._parts[-1][0]))

    def locate(self, segment: Segment | None) -> _Location:
        """Return the location of a segment; if its indices and its text contradict each other, the text counts."""
        if segment is None or (segment.end_index is None and not segment.text):
            return self.last_part()
        by_bytes = self._locate_by_bytes(segment)
        wanted = None if segment.text is None else replace_surrogates(segment.text)
        if by_bytes is not None and (wanted is None or by_bytes.text == wanted):
            return by_bytes
        return self._locate_by_text(wanted) or _Location(self.last_part().key, text=wanted)

    def _locate_by_bytes(self, segment: Segment) -> _Location | None:
        """Try the indices as positions in all text, then as positions in one of the parts."""
        if segment.end_index is None or not 0 <= segment.start_index < segment.end_index:
            return None
        first: _Location | None = None
        for in_all_text in (True, False):
            for key, text, before in self._parts:
                offset = before if in_all_text else 0
                data = text.encode()
                start, end = segment.start_index - offset, segment.end_index - offset
                if not 0 <= start < end <= len(data):
                    continue
                location = _Location(
                    key,
                    len(data[:start].decode("utf-8", "ignore")),
                    len(data[:end].decode("utf-8", "ignore")),
                    data[start:end].decode("utf-8", "ignore"),
                )
                if segment.text is None or location.text == replace_surrogates(segment.text):
                    return location
                first = first or location
        return first

    def _locate_by_text(self, wanted: str | None) -> _Location | None:
        for key, text, _ in self._parts:
            if wanted and (start := text.find(wanted)) >= 0:
                return _Location(key, start, start + len(wanted), wanted)
        return None
