"""Text analysis and tokens by a client of a daemon, of any number of texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ratatoskr.errors import InvalidInput, MalformedResponse, NoProvider
from ratatoskr.service.client.pieces import ask_several
from ratatoskr.service.convert.capability import ANALYSES, COUNT_TOKENS, ONE_TEXT, TOKENIZE, TOKENIZE_ONE, Rpc
from ratatoskr.service.convert.request import check_texts
from ratatoskr.types.frozen import replace

if TYPE_CHECKING:
    from ratatoskr.service.client.pieces import Pieces
    from ratatoskr.types.chat import ChatRequest
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults
    from ratatoskr.types.timeouts import Timeouts
    from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

__all__ = ["RemoteAnalysis"]


class RemoteAnalysis:
    """The methods of a `RemoteBackend` for text analysis and tokens.

    Items beyond the daemon's limits travel in several calls, some of them at once.
    """

    if TYPE_CHECKING:
        _pieces: Pieces
        _unserved: set[str]

        async def _ask(self, capability: Rpc, request: Any) -> Any: ...
        def _in_force(self, request: Any) -> Timeouts: ...
        def _to_send(self, request: ChatRequest) -> ChatRequest: ...

    async def nli(self, request: NliRequest) -> NliResults:
        """Return judgements."""
        return cast("NliResults", await self._analyse("nli", request, "pairs"))

    async def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Return labels out of the caller's."""
        return cast("Classifications", await self._analyse("zero_shot", request, "texts"))

    async def classify(self, request: ClassifyRequest) -> Classifications:
        """Return labels out of the model's own."""
        return cast("Classifications", await self._analyse("classify", request, "texts"))

    async def stance(self, request: StanceRequest) -> StanceResults:
        """Return stances."""
        return cast("StanceResults", await self._analyse("stance", request, "texts"))

    async def _analyse(self, name: str, request: Any, field: str) -> Any:
        """Return a result for each item of a request."""
        request = replace(request, timeouts=self._in_force(request))

        async def ask(items: Sequence[Any]) -> Any:
            piece = request if len(items) == len(getattr(request, field)) else replace(request, **{field: items})
            answer = await self._ask_any(ANALYSES[name], ONE_TEXT.get(name), piece, field, _join)
            if len(answer) != len(items):
                raise MalformedResponse(f"the daemon sent {len(answer)} results for {len(items)} {field}")
            return answer

        return _join(await self._pieces.ask(getattr(request, field), ask))

    async def _ask_any(self, many: Rpc, one: Rpc | None, request: Any, field: str, join: Callable[..., Any]) -> Any:
        """Return the answer to some items: in one call, or in a call for each where an older daemon has only that.

        Args:
            many: the method for several items.
            one: that for one, which every daemon serves; `None` where there is none.
            request: what is asked.
            field: the field that has the items.
            join: makes one answer of several.
        """
        items = getattr(request, field)
        if one is None or not items:
            return await self._ask(many, request)
        if len(items) == 1:
            return await self._ask(one, request)
        if many.method.path not in self._unserved:
            try:
                return await self._ask(many, request)
            except NoProvider:
                if many.method.path not in self._unserved:
                    raise

        async def ask(single: Sequence[Any]) -> Any:
            return await self._ask(one, replace(request, **{field: single}))

        return join(await ask_several([(item,) for item in items], ask))

    async def rerank(self, request: RerankRequest) -> Ranking:
        """Return documents by relevance; the best of all pieces, as each document is scored by itself."""
        request = replace(request, timeouts=self._in_force(request))
        documents = request.documents

        async def ask(items: Sequence[Any]) -> tuple[int, Ranking]:
            piece = request if len(items) == len(documents) else replace(request, documents=items)
            found = cast("Ranking", await self._ask(ANALYSES["rerank"], piece))
            if any(not 0 <= one.index < len(items) for one in found.documents):
                raise MalformedResponse(f"the daemon ranked documents other than the {len(items)} that it was sent")
            return len(items), found

        parts = await self._pieces.ask(documents, ask)
        return parts[0][1] if len(parts) == 1 else _merge(parts, request.top_n)

    async def count_tokens(self, request: CountRequest) -> TokenCount:
        """Return a number of tokens."""
        timeouts = self._in_force(request)
        chat = None if request.chat is None else self._to_send(request.chat)
        return cast("TokenCount", await self._ask(COUNT_TOKENS, replace(request, chat=chat, timeouts=timeouts)))

    async def tokenize(self, request: TokenizeRequest) -> Tokenizations:
        """Return the tokens of texts."""
        from ratatoskr.service.convert.tokens import join_tokens, with_texts

        check_texts(request.texts)

        async def ask(items: Sequence[Any]) -> Tokenizations:
            piece = request if len(items) == len(request.texts) else replace(request, texts=items)

            def join(parts: list[Tokenizations]) -> Tokenizations:
                ones = zip(parts, items, strict=True)
                return join_tokens([with_texts(part, replace(piece, texts=(text,))) for part, text in ones], piece)

            try:
                found = await self._ask_any(TOKENIZE, TOKENIZE_ONE, piece, "texts", join)
                return with_texts(found, piece)
            except InvalidInput as error:
                raise MalformedResponse(f"the answer of the daemon is wrong: {error.message}") from None

        parts = await self._pieces.ask(request.texts, ask)
        return parts[0] if len(parts) == 1 else join_tokens(parts, request)


def _join(parts: list[Any]) -> Any:
    """Return the results of pieces in one."""
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], results=tuple(itertools.chain(*(part.results for part in parts))), **_of_calls(parts))


def _of_calls(parts: list[Any]) -> dict[str, Any]:
    """Return what the calls of several pieces have used, tried and told together."""
    return {
        "usage": sum((part.usage for part in parts[1:]), start=parts[0].usage),
        "attempts": tuple(itertools.chain(*(part.attempts for part in parts))),
        "warnings": tuple(dict.fromkeys(notice for part in parts for notice in part.warnings)),
    }


def _merge(parts: list[tuple[int, Ranking]], top_n: int | None) -> Ranking:
    """Return the best documents of pieces, each with the number of its documents."""
    from ratatoskr.types.rerank import RankedDocument

    found, start = [], 0
    for count, part in parts:
        found += [RankedDocument(start + one.index, one.score) for one in part.documents]
        start += count
    best = sorted(found, key=lambda one: -one.score)[:top_n]
    rankings = [part for _, part in parts]
    truncated = sum(part.truncated for part in rankings)
    return replace(rankings[0], documents=tuple(best), truncated=truncated, **_of_calls(rankings))
