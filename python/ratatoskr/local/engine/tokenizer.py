"""A tokenizer that reads no more of a long text than decides its first tokens.

The extension tokenises whole texts before it truncates them, at 50 to 400 bytes of memory for each character. Here a
text is cut first, where the tokens of its beginning cannot depend on what follows, if those alone are too many. Where
that is not certain for a tokenizer or a text, more of the text is read, in the end all.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from ratatoskr import _core
from ratatoskr._core import Tokens

__all__ = ["Tokenizer"]

_CHARACTERS_PER_TOKEN: Final = 32
"""Length of the beginning that is tried first, for each token that a model takes: English has 4 to 6."""
_GROWTH: Final = 4
_WINDOW: Final = 4096
"""Characters in which a place to cut is looked for."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_SPACES: Final = " \t\n\r"
_PUNCTUATION: Final = (
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u2013\u2014\u2026\u3001\u3002\u300c\u300d\uff01\uff0c\uff1a\uff1f"
)
_IDEOGRAPHS: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_LETTERS: Final = (
    "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0391-\u03a1\u03a3-\u03c9\u0400-\u0481\u048a-\u052f\u05d0-\u05ea"
    "\u0621-\u064a\u0904-\u0939\u0e01-\u0e30\u3041-\u3096\u30a1-\u30fa\uac00-\ud7a3"
)
"""Letters and digits on which all versions of Unicode agree; no normaliser drops them, or makes others of them."""
_MARKS: Final = "\u0300-\u036f"
_LETTER: Final = f"[{_LETTERS}][{_MARKS}]*+"

_LOCAL_NORMALIZERS: Final = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Prepend", "Nmt"}
_WORD_PRE_TOKENIZERS: Final = {"Whitespace", "WhitespaceSplit", "Metaspace", "ByteLevel"}
_FURTHER_PRE_TOKENIZERS: Final = {"Punctuation", "Digits", "UnicodeScripts"}
_MODELS: Final = {"WordPiece", "BPE", "Unigram", "WordLevel"}


class Tokenizer:
    """The tokenizer of a model; raises what `ratatoskr._core.Tokenizer` raises, and gives the same tokens.

    Args:
        data: the content of `tokenizer.json`.
        characters_per_token: for each token of the limit, the characters that are read first.
    """

    def __init__(self, data: bytes, *, characters_per_token: int = _CHARACTERS_PER_TOKEN) -> None:
        self._inner = _core.Tokenizer(data)
        self._characters_per_token = characters_per_token
        self._unread: bytes | None = data
        self._found: _Rules | None = None
        self._lock = threading.Lock()

    @property
    def _rules(self) -> _Rules | None:
        """The rules for this tokenizer, found when the first long text comes."""
        with self._lock:
            if self._unread is not None:
                self._found, self._unread = _find_rules(json.loads(self._unread)), None
            return self._found

    def largest_id(self) -> int:
        """Return the largest id that any text can contain."""
        return self._inner.largest_id()

    def is_long(self, text: object, limit: int) -> bool:
        """Return whether only the beginning of a text, or of one of a pair, may have been read.

        It then has at least as many tokens as were counted.
        """
        if isinstance(text, tuple):
            return any(self.is_long(part, limit) for part in text)
        return isinstance(text, str) and len(text) > limit * self._characters_per_token and self._rules is not None

    def encode(self, texts: list[str], limit: int, first: int = 0) -> Tokens:
        """Tokenise texts, each truncated to `limit` tokens.

        Where `is_long`, the full length that `Tokens.cut` gives is that of the part that was read.

        Args:
            texts: the texts.
            limit: the largest number of tokens of a text, special tokens included.
            first: the index of the first text, for error messages.
        """
        parts: list[Tokens] = []
        start = 0
        for index, text in enumerate(texts):
            if self.is_long(text, limit):
                parts.append(self._inner.encode(texts[start:index], limit, first + start))
                parts.append(self._encode_long(text, limit, first + index))
                start = index + 1
        if not parts:
            return self._inner.encode(texts, limit, first)
        parts.append(self._inner.encode(texts[start:], limit, first + start))
        return Tokens.concat(parts)

    def encode_pairs(self, pairs: list[tuple[str, str]], limit: int, first: int = 0, *, keep_second: bool) -> Tokens:
        """Tokenise pairs of texts, each truncated to `limit` tokens; a text of several pairs is tokenised once.

        Args:
            pairs: the pairs.
            limit: the largest number of tokens of a pair, special tokens included.
            first: the index of the first pair, for error messages.
            keep_second: whether the first text alone is truncated, or the longer one.

        Raises:
            InvalidInput: the second text, which is kept, leaves no room for the first; the message names the pair.
            ConfigurationError: the tokenizer does not join two texts, or the limit is too small for them.
        """
        numbers: dict[str, int] = {}
        places = [(numbers.setdefault(a, len(numbers)), numbers.setdefault(b, len(numbers))) for a, b in pairs]
        return self._inner.join(self.encode([*numbers], limit), places, limit, keep_second, first)

    def _encode_long(self, text: str, limit: int, index: int) -> Tokens:
        rules = self._rules
        assert rules is not None  # noqa: S101  # checked by the caller
        if surrogate := _SURROGATE.search(text):
            return self._inner.encode([surrogate[0]], limit, index)  # raises
        size = limit * self._characters_per_token
        while size < len(text):
            end = rules.find_end(text, size)
            if end is not None:
                tokens = self._inner.encode([rules.shorten(text[:end], limit)], limit, index)
                if tokens.cut():
                    return tokens
            size *= _GROWTH
        return self._inner.encode([rules.shorten(text, limit)], limit, index)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Where texts may be cut and shortened for one tokenizer.

    Attributes:
        end: matches where no token reaches over: the beginning has the tokens that it has in the whole text.
        longest_word: characters of the longest word that is looked up, where words and runs can be shortened, else 0.
        kept: characters whose runs are not shortened.
    """

    end: re.Pattern[str]
    longest_word: int = 0
    kept: frozenset[str] = frozenset()

    def find_end(self, text: str, size: int) -> int | None:
        """Return a place to cut that is at most `size` characters in, and not far from there; `None` without one."""
        end = None
        for match in self.end.finditer(text, max(1, size - _WINDOW), size + 1):
            end = match.start()
        return end

    def shorten(self, text: str, limit: int) -> str:
        """Return a text with the same tokens up to `limit`, without most of what makes it long but has few tokens.

        WordPiece looks up no word that is longer than `longest_word`. A run of more equal characters than that and
        `limit` is part of such a word, or a token for each of them, or nothing at all.
        """
        if not self.longest_word:
            return text
        enough = max(limit, self.longest_word) + 1
        text = re.sub(f"([{_SPACES}])[{_SPACES}]+", r"\1", text)
        text = re.sub(f"((?:{_LETTER}){{{self.longest_word + 1}}})(?:{_LETTER})++", r"\1", text)
        return re.sub(
            rf"(.)\1{{{enough},}}",
            lambda run: run[0] if run[1] in self.kept else run[1] * enough,
            text,
            flags=re.DOTALL,
        )


def _find_rules(settings: Any) -> _Rules | None:
    """Return the rules for a tokenizer; `None` if it may join what the known ones keep apart."""
    normalizers = _flatten(settings.get("normalizer"), "normalizers")
    splitters = _flatten(settings.get("pre_tokenizer"), "pretokenizers")
    kinds = [splitter.get("type") for splitter in splitters]
    model, added = settings["model"], settings.get("added_tokens") or []
    if model.get("type") not in _MODELS or model.get("dropout") or not all(map(_is_local, normalizers)):
        return None
    contents = [form for token in added for form in _list_forms(str(token.get("content")))]
    inside = frozenset("".join(contents))
    if inside & frozenset(_SPACES):
        return None
    ends = re.escape("".join(character for character in _SPACES + _PUNCTUATION if character not in inside))
    if kinds == ["BertPreTokenizer"] and all(one["type"] != "Precompiled" for one in normalizers):
        if _splits_ideographs(normalizers, added, inside):
            ends += _IDEOGRAPHS
        return _Rules(re.compile(f"[{ends}]"), _find_longest_word(model, contents), inside)
    if kinds == ["ByteLevel"] and not normalizers and splitters[0].get("use_regex", True):
        return _Rules(re.compile(f"(?<=[{_LETTERS}{_IDEOGRAPHS}])[{ends}]"))
    known = {*_WORD_PRE_TOKENIZERS, *_FURTHER_PRE_TOKENIZERS} >= {*kinds} and {*_WORD_PRE_TOKENIZERS} & {*kinds}
    if known and all(one.get("split", True) and one.get("use_regex", True) for one in splitters):
        return _Rules(re.compile(f"(?<=[{_LETTERS}{_IDEOGRAPHS}]) "))
    return None


def _splits_ideographs(normalizers: list[dict[str, Any]], added: list[dict[str, Any]], inside: frozenset[str]) -> bool:
    """Return whether every ideograph is a word by itself."""
    is_split = any(one.get("handle_chinese_chars") for one in normalizers if one["type"] == "BertNormalizer")
    is_joined = any(token.get("single_word") for token in added) or re.search(f"[{_IDEOGRAPHS}]", "".join(inside))
    return is_split and not is_joined


def _find_longest_word(model: dict[str, Any], added: list[str]) -> int:
    """Return the characters of the longest word that is looked up; 0 if a longer one cannot be shortened."""
    letter = re.compile(f"[{_LETTERS}{_MARKS}]")
    begins_or_ends_in_a_letter = any(letter.match(part) for text in added for part in (text[:1], text[-1:]))
    is_word_piece = model["type"] == "WordPiece"
    return int(model.get("max_input_chars_per_word", 100)) if is_word_piece and not begins_or_ends_in_a_letter else 0


def _flatten(part: Any, inner: str) -> list[dict[str, Any]]:
    """Return the parts of a normalizer or pre-tokenizer in order."""
    if part is None:
        return []
    if part.get("type") == "Sequence":
        return [one for each in part.get(inner, ()) for one in _flatten(each, inner)]
    return [part]


def _is_local(normalizer: dict[str, Any]) -> bool:
    """Return whether what a normalizer makes of a text before a space does not depend on what follows."""
    kind = normalizer.get("type")
    if kind == "Replace":
        pattern = normalizer.get("pattern") or {}
        plain = str(pattern.get("String") or " ")
        return pattern.get("Regex") == " {2,}" or not any(map(str.isspace, plain))
    return kind in _LOCAL_NORMALIZERS | {"BertNormalizer", "Precompiled"}


def _list_forms(content: str) -> set[str]:
    """Return an added token as it is, and as normalizers may have it."""
    forms = {content, unicodedata.normalize("NFKC", content)}
    return forms | {form.lower() for form in forms}
