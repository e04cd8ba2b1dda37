"""Keys: where they are found, and a type that keeps them out of logs, pickles and tracebacks.

In this order: the argument (the builder's matter), the environment, `$CREDENTIALS_DIRECTORY/secrets.toml`,
`~/.config/ratatoskr/secrets.toml` (below `$XDG_CONFIG_HOME`, if that is set):

    [providers.anthropic]
    key = "…"            # or a list of keys

No message of this module holds anything that was read, and no frame that raises holds it in a variable.
"""

from __future__ import annotations

import errno
import hmac
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self, final

from ratatoskr.errors import ConfigurationError
from ratatoskr.models.providers import KNOWN_PROVIDERS

__all__ = ["Found", "Secret", "key_for", "ollama_host", "read_secrets", "secrets_files", "variables_of"]

MAX_BYTES: Final = 64 * 1024
_FILE: Final = "secrets.toml"
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header without being taken for something else."""
_TELLABLE = re.compile(r"[a-z_]{1,24}")
"""Names of settings that a message may repeat; anything else might be a key in the wrong place."""


@final
class Secret:
    """A text that shows itself only when asked: not printed, not formatted, not pickled, not encoded."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> str:
        return "…"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, others = (text.encode("utf-8", "surrogatepass") for text in (self._value, other._value))
        return hmac.compare_digest(mine, others)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not pickled; give the other process the file or the variable")


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of a provider, and where they were.

    Attributes:
        keys: at least one.
        origin: the variable's name or the file's path.
    """

    keys: tuple[Secret, ...]
    origin: str

    @property
    def key(self) -> Secret:
        """The first of them."""
        return self.keys[0]


def variables_of(provider: str) -> tuple[str, ...]:
    """Return the environment variables that may hold a provider's key, in their order."""
    known = KNOWN_PROVIDERS.get(provider)
    return known.variables if known is not None else ()


def key_for(provider: str) -> Found | None:
    """Return the key of a provider from the environment or a secrets file; `None` if there is none.

    Raises:
        ConfigurationError: a variable or a file holds something that is no key, or a file may be read or changed by
            others.
    """
    for variable in variables_of(provider):
        secret = _in_environment(variable)
        if secret is not None:
            if not _TOKEN.fullmatch(secret.reveal()):
                raise ConfigurationError(
                    f"{variable} is no key: it holds spaces, line breaks or characters beyond ASCII", provider=provider
                )
            return Found((secret,), variable)
    for path in secrets_files():
        keys = read_secrets(path).get(provider)
        if keys:
            return Found(keys, str(path))
    return None


def given(key: str, provider: str) -> Secret:
    """Return a key that the caller passed.

    Raises:
        ConfigurationError: it is empty, or no header could carry it.
    """
    if not isinstance(key, str) or not _TOKEN.fullmatch(key.strip()):
        raise ConfigurationError(
            f"the key for {provider} is empty, or holds spaces, line breaks or characters beyond ASCII",
            provider=provider,
            field="key",
        )
    return Secret(key.strip())


def _in_environment(variable: str) -> Secret | None:
    value = os.environ.get(variable, "").strip()
    return Secret(value) if value else None


def secrets_files() -> tuple[Path, ...]:
    """Return where a secrets file is looked for, in order; they need not exist."""
    found = []
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        found.append(Path(credentials) / _FILE)
    config = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification has relative paths there ignored: https://specifications.freedesktop.org/basedir-spec/0.8/
    base = Path(config) if Path(config).is_absolute() else Path(os.path.expanduser("~")) / ".config"  # noqa: PTH111 - Path.expanduser raises without a home
    found.append(base / "ratatoskr" / _FILE)
    return tuple(path for path in found if path.is_absolute())


# The file


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is the matter with a file's content, told without it."""

    message: str
    line: int | None = None


def read_secrets(path: Path) -> Mapping[str, tuple[Secret, ...]]:
    """Return the keys in a secrets file by provider; none if there is no such file.

    Raises:
        ConfigurationError: it may be read or changed by others, is no plain file, or says something unknown.
    """
    read = _read(path)
    if read is None:
        return {}
    found = _parse(read)
    del read
    if isinstance(found, _Wrong):
        where = str(path) if found.line is None else f"{path}:{found.line}"
        raise ConfigurationError(f"{where}: {found.message}")
    return found


def _read(path: Path) -> Secret | None:
    """Return the text of a file that passes every check, made on the open file itself and not on its name."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        what = "is a symbolic link; put the file itself there" if error.errno == errno.ELOOP else "cannot be opened"
        why = "" if error.errno == errno.ELOOP else f" ({os.strerror(error.errno or 0)})"
        raise ConfigurationError(f"{path} {what}{why}") from None
    try:
        _check_file(path, os.fstat(fd))
        _check_folders(path)
        data = os.read(fd, MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > MAX_BYTES:
        del data
        raise ConfigurationError(f"{path} is larger than {MAX_BYTES // 1024} KiB; keep only keys in it")
    return Secret(data.decode("utf-8", "surrogateescape"))


def _check_file(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others may read or change, or that is also reachable under another name."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"{path} belongs to another user; `chown` it to the one who runs this")
    mode = stat.S_IMODE(status.st_mode)
    # systemd hands credentials to a service as root's with mode 0440: https://systemd.io/CREDENTIALS/
    handed_over = status.st_uid == 0 and mode == 0o440 and _is_credential(path)
    if mode & 0o077 and not handed_over:
        raise ConfigurationError(f"{path} has mode {mode:04o}, so others may use it; run `chmod 600` on it")
    if status.st_nlink != 1:
        raise ConfigurationError(f"{path} has {status.st_nlink} hard links; make it a file of its own")
    if status.st_size > MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {MAX_BYTES // 1024} KiB; keep only keys in it")


def _is_credential(path: Path) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "")


def _check_folders(path: Path) -> None:
    """Refuse a folder above, by name or behind links, in which others may replace what lies in it."""
    folder = path.parent.absolute()
    real = folder.resolve()
    for above in dict.fromkeys((folder, *folder.parents, real, *real.parents)):
        mode = above.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise ConfigurationError(
                f"{above}, in which {path.name} lies, may be changed by others (mode {stat.S_IMODE(mode):04o}); "
                "run `chmod go-w` on it"
            )


# Its content: what is wrong is returned, not raised, so that no traceback passes a frame that has it


def _parse(read: Secret) -> dict[str, tuple[Secret, ...]] | _Wrong:
    import tomllib

    text = read.reveal()
    try:
        document = tomllib.loads(text.encode("utf-8", "surrogateescape").decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        return _Wrong("is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+), column (\d+)", str(error))
        if place is None:
            return _Wrong("is not TOML: it ends too early", text.count("\n") + 1)
        return _Wrong(f"is not TOML (column {place[2]})", int(place[1]))
    for name in document:
        if name != "providers":
            return _unknown(name, ("providers",), text, "")
    providers = document.get("providers", {})
    if not isinstance(providers, dict):
        return _Wrong("providers is to be a table: [providers.NAME]", _line_of(text, "", "providers"))
    found: dict[str, tuple[Secret, ...]] = {}
    for provider, entry in providers.items():
        keys = _keys_of(provider, entry, text)
        if isinstance(keys, _Wrong):
            return keys
        found[provider] = keys
    return found


def _keys_of(provider: str, entry: Any, text: str) -> tuple[Secret, ...] | _Wrong:
    table = f"providers.{provider}"
    if not isinstance(entry, dict):
        return _Wrong("each provider is to be a table: [providers.NAME]", _line_of(text, "providers", provider))
    for name in entry:
        if name != "key":
            return _unknown(name, ("key",), text, table)
    value = entry.get("key")
    values: list[Any] = value if isinstance(value, list) else [value]
    keys = [key.strip() for key in values if isinstance(key, str)]
    if not keys or len(keys) < len(values):
        return _Wrong("key is to be a text or a list of texts", _line_of(text, table, "key"))
    if not all(_TOKEN.fullmatch(key) for key in keys):
        message = "key is empty, or holds spaces, line breaks or characters beyond ASCII"
        return _Wrong(message, _line_of(text, table, "key"))
    return tuple(Secret(key) for key in keys)


def _unknown(name: str, allowed: tuple[str, ...], text: str, table: str) -> _Wrong:
    import difflib

    near = difflib.get_close_matches(name, allowed, 1)
    shown = f"{name!r} is unknown here" if _TELLABLE.fullmatch(name) else "something unknown stands here"
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(allowed)}"
    return _Wrong(f"{shown}; {hint}", _line_of(text, table, name))


def _line_of(text: str, table: str, name: str) -> int | None:
    """Return the line on which a name of a table is set, where it is written in the plain way."""
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


# Ollama's address


def ollama_host() -> str | None:
    """Return the base URL that `OLLAMA_HOST` says, as Ollama's own programs read it; `None` if it is not set.

    A host, `host:port` or a URL; the port is 11434 unless the URL names its scheme. `0.0.0.0` and `::`, on which a
    server listens, are this machine.

    Raises:
        ConfigurationError: it is none of these.
    """
    value = os.environ.get("OLLAMA_HOST", "").strip().strip("\"'").strip()
    if not value:
        return None
    url = _url_of(value)
    del value
    if url is None:
        raise ConfigurationError("OLLAMA_HOST must be a host, host:port or http(s)://host[:port][/path]")
    return url


def _url_of(value: str) -> str | None:
    scheme, mark, rest = value.partition("://")
    if not mark:
        scheme, rest = "http", value
    scheme = scheme.lower()
    address, slash, path = rest.partition("/")
    host, port = _host_and_port(address)
    sound = scheme in ("http", "https") and re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host)
    if not sound or not re.fullmatch(r"[\x21-\x7e]*", path) or any(c in path for c in "?#@"):
        return None
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - replaced, not bound
    port = port or ("" if mark else "11434")
    return f"{scheme}://{host}{':' if port else ''}{port}{slash}{path}".rstrip("/")


def _host_and_port(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, _, port = address.partition("]")
        return f"{host}]", port.removeprefix(":")
    if address.count(":") > 1:  # an IPv6 address without brackets, hence without a port
        return f"[{address}]", ""
    host, _, port = address.partition(":")
    return host or "127.0.0.1", port
