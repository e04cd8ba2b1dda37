"""The tokenizer that transformers makes of a folder: tokenizer.json, changed by what the files beside it say.

A tokenizer of a class that has a name of its own is built anew from its vocabulary, with normalizer and pre-tokenizer
as the class and tokenizer_config.json give them; what tokenizer.json says of these parts does not count. Other classes
take tokenizer.json as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.read import read_object, read_regular_file
from ratatoskr.local.store.settings import TOKENIZER_CONFIG, check_settings
from ratatoskr.local.store.tokenizer_classes import (
    REBUILDS,
    TOKENS,
    SpecialNames,
    content_of,
    find_id,
    list_parts,
    make_sequence,
)

__all__ = ["TokenizerSettings", "read_tokenizer", "read_tokenizer_settings"]

_CLASSES: Final = {
    "bert": "BertTokenizer",
    "distilbert": "BertTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer",
    "mpnet": "MPNetTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "nomic_bert": "BertTokenizer",
    "electra": "BertTokenizer",
    "gte": "XLMRobertaTokenizer",
    "qwen3": "Qwen2Tokenizer",
}
"""The class of a model type, if neither tokenizer_config.json nor config.json names one."""
_AS_IT_IS: Final = {"", "PreTrainedTokenizer", "TokenizersBackend"}
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
    if values.get("padding_side") == "left" and config.get("model_type") != "qwen3":
        raise ConfigurationError(f"{folder / TOKENIZER_CONFIG}: padding_side = 'left' is not supported")
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
    rebuild = REBUILDS.get(settings.name)
    made = dict(given)
    if rebuild is not None:
        made |= rebuild(given, SpecialNames(given, values, path))
    elif settings.name not in _AS_IT_IS:
        _check_agreement(given, settings, path)
    if settings.lower and not any(part.get("type") == "Lowercase" for part in list_parts(made.get("normalizer"))):
        made["normalizer"] = make_sequence("normalizers", {"type": "Lowercase"}, *list_parts(made.get("normalizer")))
    made["added_tokens"] = _merge_added_tokens(given, settings, path, rebuilt=rebuild is not None)
    return made


def _check_agreement(given: _Json, settings: TokenizerSettings, path: Path) -> None:
    """Check that the settings of a class that is not known say what tokenizer.json says.

    Raises:
        ConfigurationError: they contradict one another.
    """
    parts = list_parts(given.get("normalizer")) + list_parts(given.get("pre_tokenizer"))
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
        content = content_of(properties)
        if content is None or find_id(given, content) != int(number):
            text = f"the added token {content!r:.80} has another id in tokenizer.json, or none"
            raise ConfigurationError(f"{path.parent / TOKENIZER_CONFIG}: {text}")
        tokens[content] = _added_token(int(number), {**tokens.get(content, {}), **properties})
    for content, properties in _list_special_tokens(settings):
        number = find_id(given, content)
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
    values, roles = settings.values, TOKENS.get(settings.name, {})
    tokens = [
        values.get(f"{role}_token") or roles.get(role) for role in dict.fromkeys([*roles, *TOKENS["RobertaTokenizer"]])
    ]
    for token in (*tokens, *(values.get("extra_special_tokens") or values.get("additional_special_tokens") or ())):
        if content := content_of(token):
            yield content, token if isinstance(token, dict) else {}
