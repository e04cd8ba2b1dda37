"""`Redaction`: the values that one call has replaced, and its texts with them replaced or restored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import RatatoskrError
from ratatoskr.middleware.prefix import SplitPattern
from ratatoskr.middleware.rewrite import TextRewriter, rewrite
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import Citation, FilePart, ReasoningPart, TextPart, ToolCall, ToolResult

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import EmbedRequest

__all__ = ["Redaction", "RedactionRules"]


@dataclass(frozen=True, slots=True)
class RedactionRules:
    """What is replaced.

    Attributes:
        names: of the placeholders, one a pattern.
        patterns: find values.
        placeholders: finds placeholders.
        restore: whether answers get the values back, and are not redacted.
    """

    names: tuple[str, ...]
    patterns: tuple[SplitPattern, ...]
    placeholders: tuple[SplitPattern, ...]
    restore: bool


class Redaction:
    """The redaction of one call.

    Args:
        rules: what is replaced.
    """

    def __init__(self, rules: RedactionRules) -> None:
        self._rules = rules
        self._placeholders: dict[str, str] = {}  # by value
        self._values: dict[str, str] = {}  # by placeholder
        self._sent = 0

    def _hide(self, pattern: int, value: str) -> str:
        placeholder = self._placeholders.get(value)
        if placeholder is None:
            name = self._rules.names[pattern]
            number = sum(known.startswith(f"[{name}_") for known in self._values) + 1
            placeholder = self._placeholders[value] = f"[{name}_{number}]"
            self._values[placeholder] = value
        return placeholder

    def _restore(self, _: int, placeholder: str) -> str:
        return self._values.get(placeholder, placeholder)

    def _restore_in_json(self, _: int, placeholder: str) -> str:
        return json.dumps(self._restore(0, placeholder), ensure_ascii=False)[1:-1]

    # requests

    def request(self, request: ChatRequest) -> ChatRequest:
        """Return a request with placeholders."""
        messages = tuple(replace(one, content=tuple(map(self._part, one.content))) for one in request.messages)
        options = request.options
        if options.user is not None:
            options = replace(options, user=self._text(options.user))
        if options.metadata is not None:
            options = replace(options, metadata={name: self._text(text) for name, text in options.metadata.items()})
        self._sent = len(self._values)
        return replace(request, messages=messages, options=options) if self._sent else request

    def embed_request(self, request: EmbedRequest, texts: Iterable[Any]) -> EmbedRequest:
        """Return a request to embed texts with placeholders."""
        prompt = None if request.prompt is None else self._text(request.prompt)
        return replace(request, texts=texts, prompt=prompt)

    def text(self, text: Any) -> Any:
        """Return a text with placeholders; what is no text is left to those who refuse it."""
        return self._text(text) if isinstance(text, str) else text

    def _text(self, text: str) -> str:
        return rewrite(self._rules.patterns, self._hide, text)

    def _part(self, part: Any) -> Any:
        match part:
            case TextPart() | ReasoningPart():
                return self._with_text(part, self._text(part.text))
            case ToolCall():
                return replace(part, arguments=self._text(part.arguments))
            case ToolResult():
                return replace(part, content=tuple(map(self._part, part.content)))
            case FilePart(data=bytes(data)) if (part.media_type or "").startswith("text/"):
                return replace(
                    part, data=self._text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
                )
        return part

    @staticmethod
    def _with_text(part: Any, text: str) -> Any:
        """Return a part with another text, without what counts or repeats its characters."""
        if text == part.text:
            return part
        if isinstance(part, ReasoningPart):
            return replace(part, text=text)
        citations = tuple(replace(one, start=None, end=None) for one in part.citations)
        return replace(part, text=text, logprobs=None, citations=citations)

    # answers

    def answer_text(self) -> TextRewriter:
        """Return what rewrites a text of the answer that comes in pieces."""
        if self._rules.restore:
            return TextRewriter(self._rules.placeholders, self._restore)
        return TextRewriter(self._rules.patterns, self._hide)

    def answer_arguments(self) -> TextRewriter:
        """Return what rewrites the arguments of a call, which are JSON."""
        if self._rules.restore:
            return TextRewriter(self._rules.placeholders, self._restore_in_json)
        return TextRewriter(self._rules.patterns, self._hide)

    def citation(self, citation: Citation) -> Citation:
        """Return a citation of the answer, rewritten; then without the provider's own form."""
        title, text = (one and _rewrite_whole(self.answer_text(), one) for one in (citation.title, citation.text))
        if (title, text) == (citation.title, citation.text):
            return citation
        return replace(citation, title=title, text=text, data=None)

    def call(self, call: ToolCall) -> ToolCall:
        """Return a call of the answer, rewritten."""
        arguments = _rewrite_whole(self.answer_arguments(), call.arguments)
        return call if arguments == call.arguments else replace(call, arguments=arguments)

    def response(self, response: ChatResponse[Any], *, is_whole: bool = True) -> ChatResponse[Any]:
        """Return an answer, rewritten; of one that is not whole, without an end that may be part of a value."""
        content = self._content(response.message.content, is_whole=is_whole)
        if content != response.message.content:
            raw = response.raw
            if raw is not None and not self._rules.restore:
                raw = replace(raw, body=None)
            response = replace(response, message=replace(response.message, content=content), raw=raw, _parsed=[])
        notices = self._notices()
        return replace(response, warnings=(*response.warnings, *notices)) if notices else response

    def _content(self, parts: Sequence[Any], *, is_whole: bool) -> tuple[Any, ...]:
        texts = self._join(parts, TextPart, is_whole=is_whole) | self._join(parts, ReasoningPart, is_whole=is_whole)
        return tuple(self._answer_part(part, texts.get(index, "")) for index, part in enumerate(parts))

    def _answer_part(self, part: Any, text: str) -> Any:
        match part:
            case ReasoningPart():
                return self._with_text(part, text)
            case TextPart():
                part = self._with_text(part, text)
                return replace(part, citations=tuple(map(self.citation, part.citations))) if part.citations else part
            case ToolCall():
                return self.call(part)
        return part

    def _join(
        self, parts: Sequence[Any], kind: type[TextPart] | type[ReasoningPart], *, is_whole: bool
    ) -> dict[int, str]:
        """Return the texts of a kind of part by index, rewritten as one text."""
        rewriter = self.answer_text()
        texts: dict[int, str] = {}
        pieces = [
            piece
            for index, part in enumerate(parts)
            if isinstance(part, kind)
            for piece in rewriter.feed(index, part.text)
        ]
        for index, text in (*pieces, *(rewriter.flush() if is_whole else ())):
            texts[index] = texts.get(index, "") + text
        return texts

    def error(self, error: RatatoskrError) -> None:
        """Rewrite what an error holds of an answer."""
        for one in (error, *getattr(error, "exceptions", ())):
            partial = getattr(one, "partial", None)
            if partial is not None:
                one.partial = self.response(partial, is_whole=False)

    def _notices(self) -> list[Notice]:
        received = len(self._values) - self._sent
        counts = (("request", "messages", self._sent), ("answer", None, received))
        return [
            Notice("redacted", f"values replaced by placeholders in the {where}: {count}", field)
            for where, field, count in counts
            if count
        ]


def _rewrite_whole(rewriter: TextRewriter, text: str) -> str:
    return "".join(piece for _, piece in (*rewriter.feed(0, text), *rewriter.flush()))
