"""Keys of providers: where they are found, and which files are trusted.

Sources in order of precedence, behind the builder's argument: the environment, `$CREDENTIALS_DIRECTORY/secrets.toml`,
`~/.config/ratatoskr/secrets.toml` (below `$XDG_CONFIG_HOME` if that is set):

    [providers.anthropic]
    key = "…"            # or a list of keys

No message of this module repeats anything that was read, and no frame that raises holds it in a variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratatoskr.config.private_file import read_private
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.secret import Secret
from ratatoskr.types.token import find_key_problem
from ratatoskr.types.toml import has_long_name

__all__ = ["FoundKeys", "find_keys", "list_secrets_files", "parse_key", "read_secrets"]

MAX_BYTES: Final = 64 * 1024
_FILE: Final = "secrets.toml"
_REPEATABLE = re.compile(r"[a-z_]{1,24}")
"""Names of settings that a message may repeat; any other text may be a key in the wrong place."""


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The keys of a provider and their source.

    Attributes:
        keys: at least one.
        origin: the name of the variable or the path of the file.
    """

    keys: tuple[Secret, ...]
    origin: str

    @property
    def key(self) -> Secret:
        """The first key."""
        return self.keys[0]


def find_keys(provider: str) -> FoundKeys | None:
    """Return the keys of a provider from the environment or a secrets file; `None` if there are none.

    Raises:
        ConfigurationError: a variable or a file holds an invalid key, or other users can read or change a file.
    """
    for variable in SPECS[provider].key_variables if provider in SPECS else ():
        secret = Secret(os.environ.get(variable, "").strip())
        if secret:
            problem = find_key_problem(secret)
            if problem:
                raise ConfigurationError(f"{variable} is not a valid key: it {problem}", provider=provider)
            return FoundKeys((secret,), variable)
    for path in list_secrets_files():
        keys = read_secrets(path).get(provider)
        if keys:
            return FoundKeys(keys, str(path))
    return None


def parse_key(key: str, provider: str) -> Secret:
    """Return a key that the caller passed as a secret.

    Raises:
        ConfigurationError: it is empty, or a header cannot carry it.
    """
    secret = Secret(key.strip() if isinstance(key, str) else "")
    del key
    problem = find_key_problem(secret)
    if problem:
        raise ConfigurationError(f"the key for {provider} {problem}", provider=provider, field="key")
    return secret


def list_secrets_files() -> tuple[Path, ...]:
    """Return the paths of the secrets files in order of precedence; they need not exist."""
    paths = []
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        paths.append(Path(credentials) / _FILE)
    config = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification has relative paths there ignored: https://specifications.freedesktop.org/basedir-spec/0.8/
    base = Path(config) if Path(config).is_absolute() else Path(os.path.expanduser("~")) / ".config"  # noqa: PTH111 - Path.expanduser raises without a home
    paths.append(base / "ratatoskr" / _FILE)
    return tuple(path for path in paths if path.is_absolute())


# The file


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong with the content of a file, without that content."""

    message: str
    line: int | None = None


def read_secrets(path: Path) -> Mapping[str, tuple[Secret, ...]]:
    """Return the keys in a secrets file by provider; empty if the file does not exist.

    Raises:
        ConfigurationError: other users can read or change it, it is not a regular file, or its content is invalid.
    """
    text = read_private(path, MAX_BYTES, "keep only keys in it")
    if text is None:
        return {}
    keys = _parse(text)
    del text
    if isinstance(keys, _Problem):
        where = str(path) if keys.line is None else f"{path}:{keys.line}"
        raise ConfigurationError(f"{where}: {keys.message}")
    return keys


# Its content: problems are returned, not raised, so that no frame in a traceback holds the text


def _parse(secret: Secret) -> dict[str, tuple[Secret, ...]] | _Problem:
    import tomllib

    text = secret.reveal()
    if has_long_name(text):
        return _Problem("holds something else than keys")
    try:
        document = tomllib.loads(text.encode("utf-8", "surrogateescape").decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        return _Problem("is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+), column (\d+)", str(error))
        if place is None:
            return _Problem("is not TOML: unexpected end of file", text.count("\n") + 1)
        return _Problem(f"is not TOML (column {place[2]})", int(place[1]))
    except (ValueError, RecursionError):
        return _Problem("holds a number of too many digits, or brackets nested too deeply")
    for name in document:
        if name != "providers":
            return _describe_unknown(name, ("providers",), text, "")
    providers = document.get("providers", {})
    if not isinstance(providers, dict):
        return _Problem("providers must be a table: [providers.NAME]", _find_line(text, "", "providers"))
    found: dict[str, tuple[Secret, ...]] = {}
    for provider, entry in providers.items():
        keys = _parse_keys(provider, entry, text)
        if isinstance(keys, _Problem):
            return keys
        found[provider] = keys
    return found


def _parse_keys(provider: str, entry: Any, text: str) -> tuple[Secret, ...] | _Problem:
    table = f"providers.{provider}"
    if not isinstance(entry, dict):
        return _Problem("each provider must be a table: [providers.NAME]", _find_line(text, "providers", provider))
    for name in entry:
        if name != "key":
            return _describe_unknown(name, ("key",), text, table)
    value = entry.get("key")
    values: list[Any] = value if isinstance(value, list) else [value]
    keys = [key.strip() for key in values if isinstance(key, str)]
    if not keys or len(keys) < len(values):
        return _Problem("key must be a string or a list of strings", _find_line(text, table, "key"))
    secrets = tuple(Secret(key) for key in keys)
    problem = next(filter(None, map(find_key_problem, secrets)), "")
    return _Problem(f"key {problem}", _find_line(text, table, "key")) if problem else secrets


def _describe_unknown(name: str, allowed: tuple[str, ...], text: str, table: str) -> _Problem:
    import difflib

    near = difflib.get_close_matches(name, allowed, 1)
    shown = f"unknown name {name!r}" if _REPEATABLE.fullmatch(name) else "unknown name"
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(allowed)}"
    return _Problem(f"{shown}; {hint}", _find_line(text, table, name))


def _find_line(text: str, table: str, name: str) -> int | None:
    """Return the number of the line that sets a name of a table; `None` if it is not written as `name = …`."""
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
        if head:
            here = head[1].replace('"', "").replace("'", "")
            if here == f"{table}.{name}".lstrip(".") or (not table and here.partition(".")[0] == name):
                return number
        elif here == table and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*[=.]""", line):
            return number
    return None
