"""The settings in force, each with its origin, for `ratd config`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ratatoskr.config.entry import providers_of_environment
from ratatoskr.config.file import read_config
from ratatoskr.config.secrets import find_keys
from ratatoskr.config.sections import ConfigFile
from ratatoskr.config.server import ListenerSection
from ratatoskr.config.toml_text import find_lines

__all__ = ["settings_of"]

_HIDDEN = "…"


def settings_of(path: Path | None) -> list[tuple[str, Any, str]]:
    """Return key, value and origin of every setting; secrets as `…`.

    Raises:
        ConfigurationError: the file is wrong.
    """
    config = ConfigFile() if path is None else read_config(path)
    if not config.listeners:
        config = config.model_copy(update={"listeners": [ListenerSection()]})
    rows = list(_rows(config, (), is_set=True))
    text = "" if path is None else path.read_text("utf-8-sig")
    lines = find_lines(text, [place for place, _, is_set in rows if is_set])
    origins = iter(lines)
    shown = [
        (".".join(place), value, f"{path}:{next(origins) or 1}" if is_set else "default")
        for place, value, is_set in rows
    ]
    for name in dict.fromkeys([*providers_of_environment(), *config.providers]):
        keys = find_keys(name)
        if keys is not None:
            shown.append((f"providers.{name}.key", _HIDDEN, keys.origin))
    return shown


def _rows(section: BaseModel, place: tuple[str, ...], *, is_set: bool) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    for name, field in type(section).model_fields.items():
        value, here = getattr(section, name), (*place, name)
        given = is_set and name in section.model_fields_set
        if isinstance(value, BaseModel):
            yield from _rows(value, here, is_set=given)
        elif isinstance(value, dict) and any(isinstance(one, BaseModel) for one in value.values()):
            for key, one in value.items():
                yield from _rows(one, (*here, key), is_set=given)
        elif isinstance(value, list) and any(isinstance(one, BaseModel) for one in value):
            for index, one in enumerate(value):
                yield from _rows(one, (*here, str(index)), is_set=given)
        elif value is not None and value not in ([], {}):
            is_secret = field.repr is False or name == "headers"
            yield here, _HIDDEN if is_secret else value, given
