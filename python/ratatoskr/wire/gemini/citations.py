"""Sources of an answer: which stretch of which text part they stand for.

Google counts in bytes of UTF-8, and in streams over all text that has come; here positions are characters of one part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ratatoskr.types.part import Citation, TextPart
from ratatoskr.wire.gemini.shapes import (
    Bytes,
    CitedSource,
    Grounding,
    GroundingChunk,
    Recitation,
    Segment,
    Source,
    Support,
    UrlContext,
    UrlRead,
    given,
)
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.turn import TurnBuilder


@dataclass(slots=True)
class Sources:
    """The metadata of a candidate, gathered until the whole text is there."""

    grounding: list[bytes] = field(default_factory=list)
    recitations: list[bytes] = field(default_factory=list)
    addresses: list[bytes] = field(default_factory=list)

    def add(self, grounding: Bytes, recitation: Bytes, addresses: Bytes) -> list[tuple[str, bytes]]:
        """Take what one chunk says; later chunks may say it again, or more of it.

        Returns:
            What is new, by its name: it holds more than citations do, as the searches and the widget to show for them.
        """
        new = []
        for name, raw, kept in (
            ("groundingMetadata", grounding, self.grounding),
            ("citationMetadata", recitation, self.recitations),
            ("urlContextMetadata", addresses, self.addresses),
        ):
            if (data := given(raw)) is not None and data not in kept:
                kept.append(data)
                new.append((name, data))
        return new

    def cite(self, turn: TurnBuilder) -> None:
        """Hang the citations on the text parts of a turn that is otherwise whole; its keys are places in the turn."""
        if not (self.grounding or self.recitations or self.addresses):
            return
        texts = [(key, part.text) for key, part in enumerate(turn.parts()) if isinstance(part, TextPart)]
        if not texts:
            return
        said = _Said(texts)
        seen: set[tuple[int, bytes | None]] = set()
        for key, citation in (*self._grounded(said), *self._recited(said), *self._read(said)):
            if (key, citation.data) not in seen:
                seen.add((key, citation.data))
                turn.citation(key, citation)

    def _grounded(self, said: _Said) -> list[tuple[int, Citation]]:
        found: list[tuple[int, Citation]] = []
        chunks: list[bytes] = []
        used: set[int] = set()
        for data in self.grounding:
            grounding = decode(Grounding, data)
            if grounding.grounding_chunks:
                before, chunks = chunks, [bytes(raw) for raw in grounding.grounding_chunks]
                if chunks[: len(before)] != before:
                    named = {before[index] for index in used}
                    used = {index for index, chunk in enumerate(chunks) if chunk in named}
            for raw in grounding.grounding_supports or ():
                support = decode(Support, bytes(raw))
                place = said.place(support.segment)
                for index in support.grounding_chunk_indices or ():
                    if 0 <= index < len(chunks):
                        used.add(index)
                        whole_data = b'{"groundingSupport":%b,"groundingChunk":%b}' % (bytes(raw), chunks[index])
                        found.append(place.citation(_source(chunks[index]), whole_data))
        unused = [chunk for index, chunk in enumerate(chunks) if index not in used]
        alone = [said.nowhere().citation(_source(chunk), b'{"groundingChunk":%b}' % chunk) for chunk in unused]
        return found + alone

    def _recited(self, said: _Said) -> list[tuple[int, Citation]]:
        found: list[tuple[int, Citation]] = []
        for data in self.recitations:
            recitation = decode(Recitation, data)
            for raw in recitation.citation_sources or recitation.citations or ():
                cited = decode(CitedSource, bytes(raw))
                place = said.place(Segment(start_index=cited.start_index, end_index=cited.end_index))
                source = Source(uri=cited.uri, title=cited.title)
                found.append(place.citation(source, b'{"citationSource":%b}' % bytes(raw)))
        return found

    def _read(self, said: _Said) -> list[tuple[int, Citation]]:
        return [
            said.nowhere().citation(
                Source(uri=decode(UrlRead, bytes(raw)).retrieved_url), b'{"urlMetadata":%b}' % bytes(raw)
            )
            for data in self.addresses
            for raw in decode(UrlContext, data).url_metadata or ()
        ]


def _source(chunk: bytes) -> Source:
    read = decode(GroundingChunk, chunk)
    return read.web or read.retrieved_context or read.maps or read.image or Source()


@dataclass(frozen=True, slots=True)
class _Place:
    """Characters of one text part; without positions the part as a whole."""

    key: int
    start: int | None = None
    end: int | None = None
    text: str | None = None

    def citation(self, source: Source, data: bytes) -> tuple[int, Citation]:
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


class _Said:
    """The text of an answer, to be found by bytes."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        self._parts: list[tuple[int, str, int]] = []
        length = 0
        for key, text in texts:
            self._parts.append((key, text, length))
            length += len(text.encode())

    def nowhere(self) -> _Place:
        """Return the last part, without a stretch of it."""
        return _Place(self._last())

    def _last(self) -> int:
        return next((key for key, text, _ in reversed(self._parts) if text), self._parts[-1][0])

    def place(self, segment: Segment | None) -> _Place:
        """Return where a segment is. Its own text is believed before its numbers."""
        if segment is None or (segment.end_index is None and not segment.text):
            return self.nowhere()
        counted = self._by_bytes(segment)
        wanted = None if segment.text is None else replace_surrogates(segment.text)
        if counted is not None and (wanted is None or counted.text == wanted):
            return counted
        return self._by_text(wanted) or _Place(self._last(), text=wanted)

    def _by_bytes(self, segment: Segment) -> _Place | None:
        """Look at the numbers as positions in all text, then as positions in one of the parts."""
        if segment.end_index is None or not 0 <= segment.start_index < segment.end_index:
            return None
        first: _Place | None = None
        for whole_text in (True, False):
            for key, text, before in self._parts:
                shift = before if whole_text else 0
                data = text.encode()
                start, end = segment.start_index - shift, segment.end_index - shift
                if not 0 <= start < end <= len(data):
                    continue
                found = _Place(
                    key,
                    len(data[:start].decode("utf-8", "ignore")),
                    len(data[:end].decode("utf-8", "ignore")),
                    data[start:end].decode("utf-8", "ignore"),
                )
                if segment.text is None or found.text == replace_surrogates(segment.text):
                    return found
                first = first or found
        return first

    def _by_text(self, wanted: str | None) -> _Place | None:
        for key, text, _ in self._parts:
            if wanted and (start := text.find(wanted)) >= 0:
                return _Place(key, start, start + len(wanted), wanted)
        return None
