"""The tokenizer that transformers makes of a folder: tokenizer.json, changed by what the files beside it say.

A tokenizer of a class that has a name of its own is built anew from its vocabulary, with normalizer and pre-tokenizer
as the class and tokenizer_config.json give them; what tokenizer.json says of these parts does not count. Other classes
take tokenizer.json as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.read import read_object, read_regular_file
from ratatoskr.local.store.settings import TOKENIZER_CONFIG, check_settings

__all__ = ["TokenizerSettings", "read_tokenizer", "read_tokenizer_settings"]

_CLASSES: Final = {
    "bert": "BertTokenizer",
    "distilbert": "BertTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer",
}
"""The class of a model type, if neither tokenizer_config.json nor config.json names one."""
_AS_IT_IS: Final = {"", "PreTrainedTokenizer", "TokenizersBackend"}
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

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenizerSettings:
    """What the files beside tokenizer.json say of the tokenizer.

    Attributes:
        name: the class, without `Fast`; empty if no file tells it.
        lower: whether texts are lowered first, as the transformer's own file says.
        values: the settings of tokenizer_config.json.
        added: the ids of added_tokens.json, which counts if `values` does not list the added tokens.
    """

    name: str = ""
    lower: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)


def read_tokenizer_settings(folder: Path, config: Mapping[str, Any], own: Mapping[str, Any]) -> TokenizerSettings:
    """Return the settings of a tokenizer.

    Args:
        folder: path of the transformer's folder.
        config: config.json.
        own: the transformer's own file, whose processor_kwargs override tokenizer_config.json.

    Raises:
        ConfigurationError: a setting cannot be obeyed.
    """
    values = read_object(folder / TOKENIZER_CONFIG)
    overriding = own.get("processor_kwargs", own.get("tokenizer_args")) or {}
    if not isinstance(overriding, dict):
        raise ConfigurationError(f"{folder}: processor_kwargs must be an object, not {overriding!r:.80}")
    if not values.get("added_tokens_decoder"):
        values = {**values, **read_object(folder / "special_tokens_map.json")}
    values = {**values, **overriding}
    check_settings(TOKENIZER_CONFIG, values, folder / TOKENIZER_CONFIG)
    added = {} if values.get("added_tokens_decoder") else read_object(folder / "added_tokens.json")
    model_type = config.get("model_type")
    default = _CLASSES.get(model_type, "") if isinstance(model_type, str) else ""
    name = values.get("tokenizer_class") or config.get("tokenizer_class") or default
    if not isinstance(name, str):
        raise ConfigurationError(f"{folder}: tokenizer_class must be a name, not {name!r:.80}")
    return TokenizerSettings(name.removesuffix("Fast"), own.get("do_lower_case") is True, values, added)


def read_tokenizer(path: Path, settings: TokenizerSettings) -> bytes:
    """Return the tokenizer.json that gives the tokens of `transformers`; the file itself if nothing changes it.

    Raises:
        ConfigurationError: the settings contradict the file and cannot be obeyed.
    """
    data = read_regular_file(path)
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return data  # the tokenizer itself says what is wrong with the file
    given.setdefault("added_tokens", [])
    try:
        made = _apply(given, settings, path)
        return data if made == given else json.dumps(made).encode()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        text = f"the settings beside it cannot be applied ({type(error).__name__})"
        raise ConfigurationError(f"{path}: its parts are inconsistent, and {text}") from None


def _apply(given: _Json, settings: TokenizerSettings, path: Path) -> _Json:
    values = settings.values
    for part, key in (("truncation", "truncation_side"), ("padding", "padding_side")):
        if values.get(key) is None and (given.get(part) or {}).get("direction", "Right") != "Right":
            raise ConfigurationError(f"{path}: {part} on the left is not supported")
    rebuild = _REBUILDS.get(settings.name)
    made = dict(given)
    if rebuild is not None:
        made |= rebuild(given, _Names(given, values, path))
    elif settings.name not in _AS_IT_IS:
        _check_agreement(given, settings, path)
    if settings.lower and not any(part.get("type") == "Lowercase" for part in _list_parts(made.get("normalizer"))):
        made["normalizer"] = _sequence("normalizers", {"type": "Lowercase"}, *_list_parts(made.get("normalizer")))
    made["added_tokens"] = _merge_added_tokens(given, settings, path, rebuilt=rebuild is not None)
    return made


def _list_parts(part: _Json | None) -> list[_Json]:
    """Return the parts of a normalizer or pre-tokenizer, which may be a sequence of them."""
    if part is None:
        return []
    parts = part.get("normalizers") or part.get("pretokenizers")
    return [part] if parts is None else list(parts)


def _sequence(key: str, *parts: _Json) -> _Json:
    return {"type": "Sequence", key: list(parts)}


class _Names:
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
        return _content(self._values.get(f"{role}_token")) or default

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
        number = _id_of(self._given, token)
        if number is None:
            raise ConfigurationError(
                f"{self._path}: the tokenizer has no token {token!r:.80}, which ends or begins texts"
            )
        return [token, number]


def _content(token: Any) -> str | None:
    """Return the text of a special token, which is a string or an object with its properties."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _id_of(given: _Json, token: str) -> int | None:
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


def _rebuild_bert(given: _Json, names: _Names) -> _Json:
    model = names.check_model("WordPiece")
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": names.flag("tokenize_chinese_chars", default=True),
            "strip_accents": names.get("strip_accents"),
            "lowercase": names.flag("do_lower_case", default=True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template(names.pair(names.token("cls", "[CLS]")), names.pair(names.token("sep", "[SEP]"))),
        "model": {
            **model,
            "type": "WordPiece",
            "unk_token": names.token("unk", "[UNK]"),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
    }


def _rebuild_roberta(given: _Json, names: _Names) -> _Json:
    model, prefix = names.check_model("BPE"), names.flag("add_prefix_space", default=False)
    first, last = names.pair(names.token("cls", "<s>")), names.pair(names.token("sep", "</s>"))
    own = {"dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": ""}
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
        "model": {**model, "type": "BPE", **own, "fuse_unk": False, "byte_fallback": False},
    }


def _rebuild_sentencepiece(given: _Json, names: _Names, unknown: int) -> _Json:
    model, prefix = names.check_model("Unigram"), names.flag("add_prefix_space", default=True)
    first, last = names.pair(names.token("bos", "<s>")), names.pair(names.token("eos", "</s>"))
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" if prefix else "never", "split": True}
    parts = _list_parts(given.get("normalizer"))
    return {
        "normalizer": next((part for part in parts if part.get("type") == "Precompiled"), None),
        "pre_tokenizer": _sequence("pretokenizers", {"type": "WhitespaceSplit"}, space),
        "post_processor": _template_of_two_ends(first, last),
        "model": {**model, "type": "Unigram", "unk_id": unknown, "byte_fallback": False},
    }


def _rebuild_xlm_roberta(given: _Json, names: _Names) -> _Json:
    return _rebuild_sentencepiece(given, names, 3)


def _rebuild_camembert(given: _Json, names: _Names) -> _Json:
    return _rebuild_sentencepiece(given, names, _id_of(given, names.token("unk", "<unk>")) or 0)


_REBUILDS: Final[Mapping[str, Callable[[_Json, _Names], _Json]]] = {
    "BertTokenizer": _rebuild_bert,
    "DistilBertTokenizer": _rebuild_bert,
    "RobertaTokenizer": _rebuild_roberta,
    "XLMRobertaTokenizer": _rebuild_xlm_roberta,
    "CamembertTokenizer": _rebuild_camembert,
}
_TOKENS: Final[Mapping[str, Mapping[str, str]]] = {
    name: _BERT_TOKENS if rebuild is _rebuild_bert else _ROBERTA_TOKENS for name, rebuild in _REBUILDS.items()
}


def _check_agreement(given: _Json, settings: TokenizerSettings, path: Path) -> None:
    """Check that the settings of a class that is not known say what tokenizer.json says.

    Raises:
        ConfigurationError: they contradict one another.
    """
    parts = _list_parts(given.get("normalizer")) + _list_parts(given.get("pre_tokenizer"))
    stated: _Json = {}
    for part in parts:
        match part.get("type"):
            case "Lowercase":
                stated["do_lower_case"] = True
            case "StripAccents":
                stated["strip_accents"] = True
            case "BertNormalizer":
                stated |= {"do_lower_case": part["lowercase"], "strip_accents": part["strip_accents"]}
                stated["tokenize_chinese_chars"] = part["handle_chinese_chars"]
            case "ByteLevel":
                stated["add_prefix_space"] = part["add_prefix_space"]
            case "Metaspace":
                stated["add_prefix_space"] = part.get("prepend_scheme", "always") != "never"
    for key in ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space"):
        value = settings.values.get(key)
        if value is not None and value != bool(stated.get(key, False)):
            text = f"{key} of {TOKENIZER_CONFIG} contradicts the file, and {settings.name} is not known"
            raise ConfigurationError(f"{path}: {text}")


def _merge_added_tokens(given: _Json, settings: TokenizerSettings, path: Path, *, rebuilt: bool) -> list[_Json]:
    """Return the added tokens: those of the file, unless all are named beside it, and those that other files name."""
    values = settings.values
    named = values.get("added_tokens_decoder") or {}
    tokens = {} if rebuilt and named else {token["content"]: token for token in given["added_tokens"]}
    older = {number: {"content": content} for content, number in settings.added.items() if content not in tokens}
    for number, properties in {**older, **named}.items():
        content = _content(properties)
        if content is None or _id_of(given, content) != int(number):
            text = f"the added token {content!r:.80} has another id in tokenizer.json, or none"
            raise ConfigurationError(f"{path.parent / TOKENIZER_CONFIG}: {text}")
        tokens[content] = _added_token(int(number), {**tokens.get(content, {}), **properties})
    for content, properties in _list_special_tokens(settings):
        number = _id_of(given, content)
        if content not in tokens and number is not None:  # a token without an id has no embedding either
            tokens[content] = _added_token(number, {**properties, "content": content, "special": True})
    return sorted(tokens.values(), key=lambda token: int(token["id"]))


def _added_token(number: int, properties: _Json) -> _Json:
    flags = {key: bool(properties.get(key, False)) for key in ("single_word", "lstrip", "rstrip")}
    special = bool(properties.get("special", False))
    normalized = bool(properties.get("normalized", not special))
    return {"id": number, "content": properties["content"], **flags, "normalized": normalized, "special": special}


def _list_special_tokens(settings: TokenizerSettings) -> Iterator[tuple[str, _Json]]:
    """Yield the tokens that have a role, and the additional ones, each with the properties that a file gives."""
    values, roles = settings.values, _TOKENS.get(settings.name, {})
    tokens = [values.get(f"{role}_token") or roles.get(role) for role in dict.fromkeys([*roles, *_ROBERTA_TOKENS])]
    for token in (*tokens, *(values.get("extra_special_tokens") or values.get("additional_special_tokens") or ())):
        if content := _content(token):
            yield content, token if isinstance(token, dict) else {}
