"""The tokenizers that classes of transformers build anew from a vocabulary: their parts but for added tokens.

From transformers 5.23.0, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError

__all__ = ["REBUILDS", "TOKENS", "SpecialNames", "content_of", "find_id", "list_parts", "make_sequence"]

_BERT_TOKENS: Final = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
_ROBERTA_TOKENS: Final = {
    "bos": "<s>",
    "eos": "</s>",
    "sep": "</s>",
    "cls": "<s>",
    "unk": "<unk>",
    "pad": "<pad>",
    "mask": "<mask>",
}

_MPNET_TOKENS: Final = {**_ROBERTA_TOKENS, "unk": "[UNK]"}
_QWEN_TOKENS: Final = {"unk": "<|endoftext|>", "eos": "<|endoftext|>", "pad": "<|endoftext|>"}
_BPE: Final = {"dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": ""}
_QWEN_WORDS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What Qwen's tokenizer takes for a word (tokenization_qwen2.py of transformers 5.23.0)."""

_DEBERTA_TOKENS: Final = {**_BERT_TOKENS, "bos": "[CLS]", "eos": "[SEP]"}

_Json = dict[str, Any]


def list_parts(part: _Json | None) -> list[_Json]:
    """Return the parts of a normalizer or pre-tokenizer, which may be a sequence of them."""
    if part is None:
        return []
    parts = part.get("normalizers") or part.get("pretokenizers")
    return [part] if parts is None else list(parts)


def make_sequence(key: str, *parts: _Json) -> _Json:
    """Return a normalizer or pre-tokenizer of several parts."""
    return {"type": "Sequence", key: list(parts)}


class SpecialNames:
    """The special tokens of a tokenizer by role, and its settings."""

    def __init__(self, given: _Json, values: Mapping[str, Any], path: Path) -> None:
        self._given, self._values, self._path = given, values, path

    def flag(self, key: str, default: bool) -> bool:
        """Return a setting that is true or false."""
        value = self._values.get(key)
        return default if value is None else bool(value)

    def get(self, key: str) -> Any:
        """Return a setting."""
        return self._values.get(key)

    def token(self, role: str, default: str) -> str:
        """Return the token of a role."""
        return content_of(self._values.get(f"{role}_token")) or default

    def check_model(self, kind: str) -> _Json:
        """Return the file's model, which must be of this kind."""
        model: _Json = self._given["model"]
        if model.get("type", kind) != kind:
            raise ConfigurationError(
                f"{self._path}: the model {model['type']!r:.80} is not that of the tokenizer's class"
            )
        return model

    def pair(self, token: str) -> list[Any]:
        """Return a token and its id."""
        number = find_id(self._given, token)
        if number is None:
            raise ConfigurationError(
                f"{self._path}: the tokenizer has no token {token!r:.80}, which ends or begins texts"
            )
        return [token, number]


def content_of(token: Any) -> str | None:
    """Return the text of a special token, which is a string or an object with its properties."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def find_id(given: _Json, token: str) -> int | None:
    """Return the id of a token of a tokenizer.json, or `None`."""
    vocabulary = given["model"]["vocab"]
    if isinstance(vocabulary, dict):
        number = vocabulary.get(token)
    else:
        number = next((place for place, entry in enumerate(vocabulary) if entry[0] == token), None)
    return (
        number if number is not None else next((t["id"] for t in given["added_tokens"] if t["content"] == token), None)
    )


def _template(first: list[Any], last: list[Any]) -> _Json:
    """Return the post-processor that puts a text, or a pair, between two special tokens."""

    def special(token: list[Any], segment: int = 0) -> _Json:
        return {"SpecialToken": {"id": token[0], "type_id": segment}}

    def text(name: str, segment: int = 0) -> _Json:
        return {"Sequence": {"id": name, "type_id": segment}}

    return {
        "type": "TemplateProcessing",
        "single": [special(first), text("A"), special(last)],
        "pair": [special(first), text("A"), special(last), text("B", 1), special(last, 1)],
        "special_tokens": {t: {"id": t, "ids": [number], "tokens": [t]} for t, number in (first, last)},
    }


def _template_of_two_ends(first: list[Any], last: list[Any]) -> _Json:
    """Return the post-processor whose pairs have two ends between the texts, and one segment."""
    made = _template(first, last)
    single = made["single"]
    second: list[_Json] = [single[2], {"Sequence": {"id": "B", "type_id": 0}}, single[2]]
    return {**made, "pair": [*single, *second]}


def _rebuild_words(names: SpecialNames) -> _Json:
    """Return the parts of BERT's tokenizer but for the special tokens around a text."""
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": names.flag("tokenize_chinese_chars", default=True),
            "strip_accents": names.get("strip_accents"),
            "lowercase": names.flag("do_lower_case", default=True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            **names.check_model("WordPiece"),
            "type": "WordPiece",
            "unk_token": names.token("unk", "[UNK]"),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
    }


def _rebuild_bert(given: _Json, names: SpecialNames) -> _Json:
    first, last = names.pair(names.token("cls", "[CLS]")), names.pair(names.token("sep", "[SEP]"))
    return {**_rebuild_words(names), "post_processor": _template(first, last)}


def _rebuild_roberta(given: _Json, names: SpecialNames) -> _Json:
    model, prefix = names.check_model("BPE"), names.flag("add_prefix_space", default=False)
    first, last = names.pair(names.token("cls", "<s>")), names.pair(names.token("sep", "</s>"))
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": last,
            "cls": first,
            "trim_offsets": True,
            "add_prefix_space": prefix,
        },
        "model": {**model, "type": "BPE", **_BPE, "fuse_unk": False, "byte_fallback": False},
    }


def _rebuild_mpnet(given: _Json, names: SpecialNames) -> _Json:
    first, last = names.pair(names.token("cls", "<s>")), names.pair(names.token("sep", "</s>"))
    ends = {"type": "RobertaProcessing", "sep": last, "cls": first, "trim_offsets": True, "add_prefix_space": False}
    return {**_rebuild_words(names), "post_processor": ends}


def _rebuild_qwen(given: _Json, names: SpecialNames) -> _Json:
    model, prefix = names.check_model("BPE"), names.flag("add_prefix_space", default=False)
    words = {"type": "Split", "pattern": {"Regex": _QWEN_WORDS}, "behavior": "Isolated", "invert": False}
    octets = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": False}
    return {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": make_sequence("pretokenizers", words, octets),
        "model": {**model, "type": "BPE", **_BPE, "fuse_unk": False, "byte_fallback": False},
    }


def _rebuild_sentencepiece(given: _Json, names: SpecialNames, unknown: int) -> _Json:
    model, prefix = names.check_model("Unigram"), names.flag("add_prefix_space", default=True)
    first, last = names.pair(names.token("bos", "<s>")), names.pair(names.token("eos", "</s>"))
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" if prefix else "never", "split": True}
    parts = list_parts(given.get("normalizer"))
    return {
        "normalizer": next((part for part in parts if part.get("type") == "Precompiled"), None),
        "pre_tokenizer": make_sequence("pretokenizers", {"type": "WhitespaceSplit"}, space),
        "post_processor": _template_of_two_ends(first, last),
        "model": {**model, "type": "Unigram", "unk_id": unknown, "byte_fallback": False},
    }


def _rebuild_xlm_roberta(given: _Json, names: SpecialNames) -> _Json:
    return _rebuild_sentencepiece(given, names, 3)


def _rebuild_deberta(given: _Json, names: SpecialNames) -> _Json:
    model, prefix = names.check_model("Unigram"), names.flag("add_prefix_space", default=True)
    first, last = names.pair(names.token("cls", "[CLS]")), names.pair(names.token("sep", "[SEP]"))
    unknown = [names.token("unk", "[UNK]"), 0.0]
    normalizers: list[_Json] = [
        {"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "},
        {"type": "NFC"},
        {"type": "Strip", "strip_left": False, "strip_right": True},
    ]
    lower: list[_Json] = [{"type": "Lowercase"}] if names.flag("do_lower_case", default=False) else []
    split: list[_Json] = (
        [{"type": "Punctuation", "behavior": "Isolated"}] if names.flag("split_by_punct", default=False) else []
    )
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" if prefix else "first", "split": True}
    number = model["vocab"].index(unknown) if unknown in model["vocab"] else 1
    return {
        "normalizer": make_sequence("normalizers", *lower, *normalizers),
        "pre_tokenizer": make_sequence("pretokenizers", *split, space),
        "post_processor": _template(first, last),
        "model": {**model, "type": "Unigram", "unk_id": number, "byte_fallback": False},
    }


def _rebuild_camembert(given: _Json, names: SpecialNames) -> _Json:
    return _rebuild_sentencepiece(given, names, find_id(given, names.token("unk", "<unk>")) or 0)


REBUILDS: Final[Mapping[str, Callable[[_Json, SpecialNames], _Json]]] = {
    "BertTokenizer": _rebuild_bert,
    "DistilBertTokenizer": _rebuild_bert,
    "RobertaTokenizer": _rebuild_roberta,
    "XLMRobertaTokenizer": _rebuild_xlm_roberta,
    "CamembertTokenizer": _rebuild_camembert,
    "MPNetTokenizer": _rebuild_mpnet,
    "DebertaV2Tokenizer": _rebuild_deberta,
    "Qwen2Tokenizer": _rebuild_qwen,
}
_OWN_TOKENS: Final[Mapping[Callable[[_Json, SpecialNames], _Json], Mapping[str, str]]] = {
    _rebuild_deberta: _DEBERTA_TOKENS,
    _rebuild_bert: _BERT_TOKENS,
    _rebuild_mpnet: _MPNET_TOKENS,
    _rebuild_qwen: _QWEN_TOKENS,
}
TOKENS: Final[Mapping[str, Mapping[str, str]]] = {
    name: _OWN_TOKENS.get(rebuild, _ROBERTA_TOKENS) for name, rebuild in REBUILDS.items()
}
