"""`TokenizerRegistry`: which tokenizer a model has, and what it makes of texts and conversations. It sends nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ratatoskr import _core
from ratatoskr.errors import ModelNotAvailable, RatatoskrError
from ratatoskr.local.conversation import Contents, contents_of
from ratatoskr.local.store.tokenizers import read_tokenizer_file
from ratatoskr.local.tokenizer_names import Names, TokenizerSource
from ratatoskr.models.token_estimates import ESTIMATES, Amounts
from ratatoskr.models.tokenizers import estimate_family
from ratatoskr.types.cuts import check_limit, cuts_of, prefix_of
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenization, Tokenizations, check_model, check_texts

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatRequest

__all__ = ["TokenizerRegistry"]

_UNIT: Final = TokenizerSource("encoding", "o200k_base")
"""What estimates are made from."""
_PART: Final = 1 << 18
"""Characters of a long text that are converted at once; no other Python code runs during that time."""
_CHUNK: Final = 256
"""Texts that one thread tokenises at once."""
_INLINE: Final = {"encoding": 1 << 16, "file": 1 << 12}
"""Characters that are counted in about a millisecond, by the kind of tokenizer."""

_MOST_BY_FILE: Final = 1 << 17
"""Characters of a prompt that a tokenizer of a file counts in some 30 milliseconds, in which nothing else runs."""


class _Vocabulary(Protocol):
    """The methods that `Encoding` and `Tokenizer` of the extension share."""

    def count(self, text: str) -> int: ...
    def count_parts(self, parts: list[bytes]) -> int: ...
    def spans(self, texts: list[str], first: int = 0) -> _core.Spans: ...


class TokenizerRegistry:
    """The tokenizers of models, each loaded once, when it is first needed. It may be used from several threads.

    Args:
        tokenizers: your own, by model: a name or a pattern (`*` for anything) to an encoding (`o200k_base`), the path
            of a `tokenizer.json` or of its folder, `organisation/name` of a tokenizer in the store, or another model.
        cache_dir: the folder of the store; by default that of `ModelStore`.

    Raises:
        ConfigurationError: a mapping leads back to itself, or to nothing that is known.
    """

    def __init__(
        self, tokenizers: Mapping[str, str | Path] | None = None, *, cache_dir: str | Path | None = None
    ) -> None:
        self._names = Names({} if tokenizers is None else tokenizers)
        self._cache_dir = cache_dir
        self._loaded: dict[TokenizerSource, _Vocabulary] = {}
        self._lock = threading.Lock()

    # Counts

    def count_tokens(self, text: str, model: str) -> TokenCount:
        """Return the number of tokens of a text, exact where the model's tokenizer is here, otherwise estimated.

        Special tokens that a model puts around a text are not counted, and none are read from it.

        Raises:
            InvalidInput: the text is not a `str` or holds half of a surrogate pair; `model` is empty.
            ConfigurationError: the tokenizer's file cannot be used, or is that of another model.
        """
        return self.count(CountRequest(model, text))

    def count(self, request: CountRequest, model: str | None = None) -> TokenCount:
        """Return the number of tokens of a text or a conversation; `model` replaces that of the request.

        Raises:
            ModelNotAvailable: the method is `local`, and the model's tokenizer is not here.
            UnsupportedParameter: a conversation holds what cannot be estimated.
            RatatoskrError: as `count_tokens`.
        """
        name = model or request.model
        source = self.find(name)
        if source is None and request.method == "local":
            raise self._missing_error(name)
        if request.text is not None and source is not None:
            tokens = self._count_text(source, request.text)
            return TokenCount(tokens, "exact", model=name, tokenizer=source.name)
        amounts = self._measure(request, source or _UNIT)
        family = estimate_family(name)
        tokens, band = ESTIMATES[family].of(amounts, text_is_exact=source is not None)
        return TokenCount(tokens, "estimate", band, name, source.name if source else family)

    def count_prompt(self, request: ChatRequest, model: str) -> int | None:
        """Return the exact number of tokens of a conversation's texts, without what the provider puts around them.

        Returns:
            `None` if the model's tokenizer is not here or cannot be used, if it would take too long for so long a
            conversation, or if only the provider can count what the conversation holds.
        """
        try:
            source, texts = self.find(model), contents_of(request).texts
            if source is None or (source.kind != "encoding" and sum(map(len, texts)) > _MOST_BY_FILE):
                return None
            return sum(self._count_text(source, text) for text in texts)
        except RatatoskrError:  # a call does not fail because it cannot be counted
            return None

    def _measure(self, request: CountRequest, source: TokenizerSource) -> Amounts:
        if request.text is not None:
            return Amounts(self._count_text(source, request.text))
        chat: ChatRequest = request.chat  # type: ignore[assignment]  # a request has either
        found: Contents = contents_of(chat)

        def total(texts: Sequence[str]) -> int:
            return sum(self._count_text(source, text) for text in texts)

        return Amounts(
            total(found.texts),
            total(found.opaque),
            found.messages,
            len(found.tools),
            total(found.tools),
            found.images,
        )

    def _count_text(self, source: TokenizerSource, text: str) -> int:
        vocabulary = self._load(source)
        if len(text) <= _PART or not isinstance(text, str) or text.isascii():
            return vocabulary.count(text)
        starts = range(0, len(text), _PART)
        try:
            return vocabulary.count_parts([text[start : start + _PART].encode() for start in starts])
        except UnicodeEncodeError:
            return vocabulary.count(text)  # raises what is wrong

    # Tokens

    def tokenize(self, text: str, model: str) -> Tokenization:
        """Return the tokens of a text with their places; errors are those of `tokenize_batch`."""
        return self.tokenize_batch([text], model)[0]

    def tokenize_batch(self, texts: Sequence[str], model: str) -> Tokenizations:
        """Return the tokens of many texts with their places.

        Raises:
            ModelNotAvailable: the model's tokenizer is not here.
            InvalidInput: a text is not a `str` or holds half of a surrogate pair; the message contains its index.
            ConfigurationError: the tokenizer's file cannot be used, or is that of another model.
        """
        check_model(model)
        check_texts(texts)
        source = self.find(model)
        if source is None:
            raise self._missing_error(model)
        vocabulary, items = self._load(source), list(texts)
        if len(items) <= _CHUNK:
            spans = vocabulary.spans(items)
        else:
            starts = range(0, len(items), _CHUNK)
            with ThreadPoolExecutor() as pool:
                parts = pool.map(lambda first: vocabulary.spans(items[first : first + _CHUNK], first), starts)
                spans = _core.Spans.concat([*parts])
        return Tokenizations(
            items, model, source.name, spans.ids(), spans.chars(), spans.bytes(), spans.ends(), _piece_of(vocabulary)
        )

    def fit_tokens(self, text: str, model: str, max_tokens: int) -> str:
        """Return the text, or as much of its beginning as has at most `max_tokens` tokens.

        It is cut between two tokens and never inside of a character; errors are those of `tokenize_batch`.
        """
        check_limit(max_tokens)
        start = prefix_of(text, max_tokens)
        found = self.tokenize(start, model)
        if start is not text and len(found) <= max_tokens:
            found = self.tokenize(text, model)
        fitting = (cut for cut in cuts_of(found, max_tokens) if cut is text or self._fits(cut, model, max_tokens))
        return next(fitting, "")

    def _fits(self, text: str, model: str, max_tokens: int) -> bool:
        return len(self.tokenize(text, model)) <= max_tokens

    # Which tokenizer

    def is_mapped(self, model: str) -> bool:
        """Return whether one of your own mappings holds for a model."""
        return self._names.is_mapped(model)

    def find(self, model: str) -> TokenizerSource | None:
        """Return where the tokenizer of a model is; `None` if it is not known or not here.

        Raises:
            ConfigurationError: your own tokenizer for the model is that of another model.
        """
        source = self._names.find(model)
        if source is None or source.kind != "repository" or source in self._loaded:
            return source
        return source if read_tokenizer_file(source, self._cache_dir) is not None else None

    def inline_limit(self, model: str) -> int:
        """Return how many characters of a text are counted in about a millisecond; 0 if a file must be read first."""
        source = self._names.find(model) or _UNIT
        if source not in self._loaded:
            return 0
        return _INLINE["encoding" if source.kind == "encoding" else "file"]

    def _missing_error(self, model: str) -> ModelNotAvailable:
        source = self._names.find(model)
        if source is not None and source.kind == "repository":
            hint = f"it is not in the store: rat models pull --tokenizer {source.name}"
        else:
            hint = "it is not known; map the model to a tokenizer.json (tokenizers), or let the provider count (method)"
        return ModelNotAvailable(f"the tokenizer of {model!r:.100} is needed here, and {hint}", reason="not_local")

    def _load(self, source: TokenizerSource) -> _Vocabulary:
        found = self._loaded.get(source)
        if found is None:
            with self._lock:
                found = self._loaded.get(source)
                if found is None:
                    found = self._loaded[source] = self._read(source)
        return found

    def _read(self, source: TokenizerSource) -> _Vocabulary:
        if source.kind == "encoding":
            return _core.Encoding(source.name)
        file = read_tokenizer_file(source, self._cache_dir)
        if file is None:
            raise self._missing_error(source.name)
        tokenizer = _core.Tokenizer(file.data)
        file.check_size(tokenizer.largest_id())
        return tokenizer


def _piece_of(vocabulary: Any) -> Any:
    """Return the function that gives the vocabulary's entry of an id."""
    if isinstance(vocabulary, _core.Tokenizer):
        return vocabulary.piece
    return lambda token: vocabulary.token(token).decode("utf-8", "backslashreplace")
