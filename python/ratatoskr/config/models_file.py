"""`models.toml`: what the user knows better about models, and your own presets.

    [models."openai:gpt-6-sol"]
    price = { input = "1.80", output = "9" }    # in place of the whole price; or multiplier = "0.85"
    context_window = 500000

    [presets."mid/coding"]
    models = ["anthropic:claude-sonnet-5-5", "openai:gpt-6.1-sol"]
    parameters = { reasoning = "high" }

It is looked for at `$RATATOSKR_MODELS` and beside where `config.toml` is looked for; the first that exists is read.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ratatoskr.config.file import read_text
from ratatoskr.config.provider import load_entry_points
from ratatoskr.config.toml_text import find_lines
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.models.catalogue import ModelChange
from ratatoskr.models.presets import PREFIX, SLOTS, TIERS, Preset, check_parameters, check_preset_name
from ratatoskr.models.price import describe_problem
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.toml import MAX_PARTS, has_long_name
from ratatoskr.types.visible import escape_hidden, quote

__all__ = ["ModelsFile", "model_key", "parse_models_file", "read_models_file"]


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """What is in the file.

    Attributes:
        models: by provider and model.
        presets: by name, `tier/slot`.
    """

    models: Mapping[tuple[str, str], ModelChange] = field(default_factory=dict)
    presets: Mapping[str, Preset] = field(default_factory=dict)


def read_models_file(path: Path, providers: Collection[str] | None = None) -> ModelsFile:
    """Return what is in a file.

    Args:
        path: of the file.
        providers: the names of those that presets may have besides the built-in ones; `None` for any name.

    Raises:
        ConfigurationError: it cannot be read, others can change it, it is not TOML, or something in it is wrong; the
            message names the file, the line and the key.
    """
    return parse_models_file(read_text(path), path, providers)


def parse_models_file(text: str, path: Path, providers: Collection[str] | None = None) -> ModelsFile:
    """Return what is in a text, which is that of a file; raises as `read_models_file` does."""
    if has_long_name(text):
        raise ConfigurationError(f"{path} has a name of more than {MAX_PARTS} parts with dots in between")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    reader = _DocumentReader(text, path)
    for name in document.keys() - {"models", "presets"}:
        raise reader.error((name,), "is unknown; known are models, presets")
    models: dict[tuple[str, str], ModelChange] = {}
    for name, value in reader.table(document, "models").items():
        try:
            key = model_key(name)
        except ConfigurationError as error:
            raise reader.error(("models", name), error.message) from None
        if key in models:
            raise reader.error(("models", name), "is given twice")
        models[key] = reader.convert(value, ModelChange, ("models", name))
    presets: dict[str, Preset] = {}
    for name, value in reader.table(document, "presets").items():
        key_of_preset, preset = _read_preset(reader, name, value, providers)
        if key_of_preset in presets:
            raise reader.error(("presets", name), "is given twice")
        presets[key_of_preset] = preset
    return ModelsFile(models, presets)


def _read_preset(
    reader: _DocumentReader, name: str, value: Any, providers: Collection[str] | None
) -> tuple[str, Preset]:
    """Return a preset by its checked name."""
    try:
        key = check_preset_name(name)
    except InvalidInput as error:
        raise reader.error(("presets", name), error.message) from None
    for word, known in zip(key.split("/"), (TIERS, SLOTS), strict=True):
        if not word.isprintable() or len(word.split()) != 1:
            raise reader.error(("presets", name), "must be of two words without white space, such as mid/coding")
        if word not in known and (near := difflib.get_close_matches(word, known, 1, 0.75)):
            raise reader.error(("presets", name), f"is nearly {near[0]!r}: write that, or a word that is less like it")
    preset = reader.convert(value, Preset, ("presets", name))
    for i, model in enumerate(preset.models):
        if problem := _problem_of_model(model, providers):
            raise reader.error(("presets", name, "models", str(i)), problem)
    try:
        check_parameters(key, preset)
    except (InvalidInput, TypeError) as error:
        parameter = str(getattr(error, "field", None) or "").rpartition(".")[2]
        place = ("presets", name, "parameters", *([parameter] if parameter else []))
        raise reader.error(place, f"is wrong: {getattr(error, 'message', error)}") from None
    return key, preset


def _problem_of_model(model: str, providers: Collection[str] | None) -> str | None:
    """Return what is wrong with the name of a model in a preset; `None` if nothing is."""
    try:
        provider, _ = model_key(model)
    except ConfigurationError as error:
        return error.message
    if provider == PREFIX.rstrip(":"):
        return "is a preset itself: name the models that it stands for"
    if providers is None or provider in providers or provider.casefold() in SPECS or provider == "local":
        return None
    known = [*SPECS, "local", *load_entry_points(), *providers]
    if provider in known:
        return None
    near = difflib.get_close_matches(provider.casefold(), known, 3)
    nearest = f"nearest are {', '.join(near)}" if near else "it is neither built in nor configured"
    return f"has the unknown provider {quote(provider)}; {nearest}"


def model_key(name: str) -> tuple[str, str]:
    """Return the provider and the model of a name.

    Raises:
        ConfigurationError: it has no provider's prefix, or no model.
    """
    provider, _, model = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not provider.strip() or "/" in provider or not model.strip():
        raise ConfigurationError(
            f'must be named "provider:model", such as "openai:gpt-6-sol", not {quote(name)}', field="model"
        )
    return provider.strip(), model.strip()


class _DocumentReader:
    """Converts parts of a document, with errors that name file, line and key."""

    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self._path = path

    def error(self, place: tuple[str, ...], problem: str) -> ConfigurationError:
        line = find_lines(self._text, [place])[0] or 1
        key = escape_hidden(".".join(place), 200)
        return ConfigurationError(f"{self._path}:{line}: {key} {problem}", field=key)

    def table(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = document.get(name, {})
        if not isinstance(value, dict):
            raise self.error((name,), "must be a table")
        return value

    def convert(self, value: Any, kind: type[_T], place: tuple[str, ...]) -> _T:
        try:
            made = msgspec.convert(value, kind)
            if made == ModelChange():
                raise self.error(place, "is empty: give a price, a multiplier or a limit")
            if isinstance(made, ModelChange) and made.price is not None:
                made.price.check()
        except InvalidInput as error:
            raise self.error((*place, *str(error.field).split(".")), f"is wrong: {error.message}") from None
        except msgspec.ValidationError as error:
            text, inner = _split_path(str(error))
            if unknown := re.search(r"unknown field `(.+)`", text):
                raise self.error((*place, *inner, unknown[1]), "is unknown") from None
            is_rate = inner[:1] in (("price",), ("multiplier",))
            raise self.error((*place, *inner), describe_problem(text) if is_rate else _describe(text)) from None
        return made


def _describe(text: str) -> str:
    """Return in words what msgspec says is wrong with what is no rate."""
    if missing := re.search(r"missing required field `(.+)`", text):
        return f"is empty: {missing[1]} is missing"
    return f"is wrong: {text[:1].lower()}{text[1:]}"


def _split_path(message: str) -> tuple[str, tuple[str, ...]]:
    """Return the parts of msgspec's message: what is wrong, and the keys of where."""
    text, _, path = message.partition(" - at `")
    return text, tuple(part for part in re.split(r"[.\[\]]", path.rstrip("`")) if part and part not in ("$", "..."))
