"""Tokens: counts, and the tokens of texts in flat arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import Codec, refuse
from ratatoskr.service.convert.options import TIMEOUTS
from ratatoskr.service.convert.request import check_texts, request_from_pb, request_to_pb
from ratatoskr.service.convert.response import ATTEMPT, NOTICE
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.timeouts import UNSET
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

__all__ = [
    "count_from_pb",
    "count_request_from_pb",
    "count_request_to_pb",
    "count_to_pb",
    "join_tokens",
    "tokenize_one_to_pb",
]
__all__ += [
    "tokenize_request_from_pb",
    "tokenize_request_to_pb",
    "tokens_from_listed",
    "tokens_from_pb",
    "tokens_to_listed",
    "tokens_to_pb",
]
__all__ += ["with_texts"]

_COUNT: Any = Codec(TokenCount, pb.TokenCount, warnings=NOTICE, attempts=ATTEMPT)


def count_request_to_pb(request: CountRequest) -> pb.TokenCountRequest:
    """Return what to count."""
    try:
        return pb.TokenCountRequest(
            text=request.text,
            model=request.model,
            chat=None if request.chat is None else request_to_pb(request.chat),
            method=None if request.method == "auto" else request.method,
            timeouts=None if request.timeouts == UNSET else TIMEOUTS.to_pb(request.timeouts),
        )
    except (ValueError, TypeError) as error:
        raise refuse("input", request.model, error) from None


def count_request_from_pb(message: pb.TokenCountRequest) -> CountRequest:
    """Return what to count; raises `InvalidInput`, which names the field."""
    is_chat = message.HasField("chat")
    if is_chat and message.text:
        raise InvalidInput("a count needs either a text or a conversation", field="text")
    method: Any = message.method if message.HasField("method") else "auto"
    return CountRequest(
        message.model,
        None if is_chat else message.text,
        request_from_pb(message.chat) if is_chat else None,
        method,
        TIMEOUTS.from_pb(message.timeouts) if message.HasField("timeouts") else UNSET,
    )


def count_to_pb(count: TokenCount, *, listed: bool = True) -> pb.TokenCountResponse:
    """Return a count; the listed field ends at 32 bits."""
    out = pb.TokenCountResponse(exact=_COUNT.to_pb(count))
    if listed:
        out.count = min(max(count.tokens, 0), 2**32 - 1)
    return out


def count_from_pb(message: pb.TokenCountResponse) -> TokenCount:
    """Return a count; of a daemon that knows only the listed field it is that of the provider."""
    if message.HasField("exact"):
        return _COUNT.from_pb(message.exact)  # type: ignore[no-any-return]  # a codec of TokenCount
    return TokenCount(message.count, "provider")


# the tokens themselves


def tokenize_request_to_pb(request: TokenizeRequest) -> pb.TokenizeBatchRequest:
    """Return texts to tokenise; raises `InvalidInput`, which names the index, for what is no text."""
    try:
        return pb.TokenizeBatchRequest(texts=request.texts, model=request.model)
    except (TypeError, ValueError) as error:
        check_texts(request.texts)
        raise refuse("model", request.model, error) from None


def tokenize_one_to_pb(request: TokenizeRequest) -> pb.TokenizeRequest:
    """Return one text to tokenise."""
    many = tokenize_request_to_pb(request)
    return pb.TokenizeRequest(text=many.texts[0], model=many.model)


def tokenize_one_from_pb(message: pb.TokenizeRequest) -> TokenizeRequest:
    """Return one text to tokenise."""
    return TokenizeRequest([message.text], message.model)


def tokenize_request_from_pb(message: pb.TokenizeBatchRequest) -> TokenizeRequest:
    """Return texts to tokenise."""
    return TokenizeRequest(list(message.texts), message.model)


def _octets(array: Any) -> bytes:
    return array.astype("<u4", copy=False).tobytes()  # type: ignore[no-any-return]  # an array


def _numbers(octets: bytes, field: str) -> Any:
    if len(octets) % 4:
        raise InvalidInput(f"{field} have {len(octets)} bytes, which is not a multiple of 4", field=field)
    import numpy as np  # on use: health and chats need none

    return np.frombuffer(octets, "<u4").astype(np.uint32, copy=False)


def tokens_to_pb(found: Tokenizations) -> pb.TokenArrays:
    """Return the tokens of texts, without the texts."""
    import numpy as np

    different = np.unique(found.ids)
    return pb.TokenArrays(
        tokenizer=found.tokenizer,
        ids=_octets(found.ids),
        offsets=_octets(found.offsets),
        byte_offsets=_octets(found.byte_offsets),
        ends=found.ends,
        piece_ids=_octets(different),
        pieces=[found.piece(token) for token in different.tolist()],
    )


def tokens_from_pb(message: pb.TokenArrays) -> Tokenizations:
    """Return the tokens of texts; `with_texts` adds those.

    Raises:
        InvalidInput: the arrays do not fit each other.
    """
    ids, piece_ids = _numbers(message.ids, "ids"), _numbers(message.piece_ids, "piece_ids")
    offsets, byte_offsets = _numbers(message.offsets, "offsets"), _numbers(message.byte_offsets, "byte_offsets")
    ends = list(message.ends)
    for field, array in (("offsets", offsets), ("byte_offsets", byte_offsets)):
        if array.size != 2 * ids.size:
            raise InvalidInput(f"{field} have {array.size} numbers for {ids.size} tokens", field=field)
    if ends != sorted(ends) or (ends[-1] if ends else 0) != ids.size:
        raise InvalidInput(f"ends do not end at {ids.size} tokens", field="ends")
    if len(message.pieces) != piece_ids.size:
        raise InvalidInput(f"there are {len(message.pieces)} pieces for {piece_ids.size} ids", field="pieces")
    pieces = dict(zip(piece_ids.tolist(), message.pieces, strict=True))
    return Tokenizations(
        (), "", message.tokenizer, ids, offsets.reshape(-1, 2), byte_offsets.reshape(-1, 2), ends, pieces.get
    )


def tokens_to_listed(found: Tokenizations, *, listed: bool = True) -> pb.TokenizeResponse:
    """Return the tokens of one text."""
    if not listed:
        return pb.TokenizeResponse(arrays=tokens_to_pb(found))
    return pb.TokenizeResponse(
        tokens=[pb.Token(id=one.id, text=one.text, start=one.start, end=one.end) for one in found[0]]
    )


def tokens_from_listed(message: pb.TokenizeResponse) -> Tokenizations:
    """Return the tokens of one text, of a daemon that knows only the listed fields too."""
    if message.HasField("arrays"):
        return tokens_from_pb(message.arrays)
    import numpy as np

    ids = np.array([one.id for one in message.tokens], np.uint32)
    offsets = np.array([(one.start, one.end) for one in message.tokens], np.uint32).reshape(-1, 2)
    pieces = {one.id: one.text for one in message.tokens}
    return Tokenizations((), "", "", ids, offsets, np.empty((0, 2), np.uint32), [len(ids)], pieces.get)


def with_texts(found: Tokenizations, request: TokenizeRequest) -> Tokenizations:
    """Return tokens with the texts that they are of.

    Raises:
        InvalidInput: they are of another number of texts, or lie outside of them.
    """
    if len(found.ends) != len(request.texts):
        raise InvalidInput(f"there are tokens of {len(found.ends)} texts, not {len(request.texts)}", field="ends")
    byte_offsets = found.byte_offsets
    if len(byte_offsets) != len(found.ids):
        byte_offsets = _byte_offsets(request.texts[0], found.offsets)
    return Tokenizations(
        request.texts,
        request.model,
        found.tokenizer,
        found.ids,
        found.offsets,
        byte_offsets,
        found.ends,
        found._piece,
    )


def _byte_offsets(text: str, offsets: Any) -> Any:
    """Return places in the UTF-8 form of a text for places in its characters."""
    import numpy as np

    if offsets.size and int(offsets.max()) > len(text):
        raise InvalidInput(f"a token ends at {int(offsets.max())} in a text of {len(text)} characters", field="tokens")
    lengths = itertools.accumulate((len(letter.encode()) for letter in text), initial=0)
    return np.array(list(lengths), np.uint32)[offsets]


def join_tokens(parts: Sequence[Tokenizations], request: TokenizeRequest) -> Tokenizations:
    """Return the tokens of the pieces of a request together."""
    import numpy as np

    starts = itertools.accumulate((len(part.ids) for part in parts), initial=0)
    ends = [start + end for start, part in zip(starts, parts, strict=False) for end in part.ends]

    def piece(id: int) -> str | None:
        return next((found for part in parts if (found := part.piece(id))), None)

    ids, offsets, byte_offsets = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "offsets", "byte_offsets")
    )
    return Tokenizations(request.texts, request.model, parts[0].tokenizer, ids, offsets, byte_offsets, ends, piece)
