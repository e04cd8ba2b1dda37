"""The settings in force, each with its origin, for `ratd config`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ratatoskr.config.entry import providers_of_environment
from ratatoskr.config.file import parse_config, read_text
from ratatoskr.config.secrets import find_keys
from ratatoskr.config.section import Section
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
    text = "" if path is None else read_text(path)
    config = ConfigFile() if path is None else parse_config(text, path)
    if not config.listeners:
        config = msgspec.structs.replace(config, listeners=[ListenerSection()])
    rows = list(_rows(config, tomllib.loads(text), ()))
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


def _rows(section: Section, given: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """Yield path, value and whether it is given of every key, from a table and from what the file has of it."""
    for name in section.__struct_fields__:
        value, here = getattr(section, name), (*place, name)
        inside = given.get(name) if isinstance(given, dict) else None
        if isinstance(value, Section):
            yield from _rows(value, inside, here)
        elif isinstance(value, dict) and any(isinstance(one, Section) for one in value.values()):
            for key, one in value.items():
                yield from _rows(one, (inside or {}).get(key), (*here, key))
        elif isinstance(value, list) and any(isinstance(one, Section) for one in value):
            for index, one in enumerate(value):
                yield from _rows(one, inside[index] if inside else None, (*here, str(index)))
        elif value is not None and value not in ([], {}):
            is_secret = name in section.secret or name == "headers"
            yield here, _HIDDEN if is_secret else value, inside is not None
