"""`config.toml`: the settings of `rat`, and of gateways made by `Ratatoskr.from_config`.

It holds no keys: these are in the secrets file. But it says where keys are sent, so a file that others can change is
refused.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError, field_validator, model_validator

from ratatoskr._files import check_folder
from ratatoskr.config.behaviour import LocalSection, RoutingSection, TimeoutsSection
from ratatoskr.config.section import Name, Names, Section
from ratatoskr.config.server import (
    CLIENT_NAME,
    ClientSection,
    ListenerSection,
    ServerSection,
    TlsSection,
    check_listeners,
)
from ratatoskr.config.toml_text import find_lines
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.frames import hide_arguments
from ratatoskr.types.toml import MAX_PARTS, has_long_name
from ratatoskr.types.visible import escape_hidden

__all__ = ["ConfigFile", "parse_config", "read_config"]

_MAX_PROBLEMS: Final = 10
"""The most wrong settings that a message names."""
MAX_BYTES: Final = 1024 * 1024


class Defaults(Section):
    """What `rat` uses where the command line says nothing.

    Attributes:
        model: a name, an alias, or several that are tried in turn.
        embed_model: a local model for `rat embed`.
    """

    model: Names | None = None
    embed_model: Name | None = None


class Template(Section):
    """A prompt that is used again by its name.

    Attributes:
        prompt: the prompt; `$input` stands for what the command line and standard input say.
        system: instructions to the model.
        model: a name, an alias, or several.
    """

    prompt: str | None = None
    system: str | None = None
    model: Names | None = None


class ProviderSection(Section):
    """One provider; a name that is not built in is a host with OpenAI's Chat Completions API.

    Attributes:
        base_url: in place of the provider's own.
        headers: sent with every request; none of them secret.
        allow_insecure: allow plain http to another machine.
    """

    base_url: Name | None = None
    headers: dict[str, str] = {}
    allow_insecure: bool = False


class Network(Section):
    """How connections are made.

    Attributes:
        proxy: URL of a proxy for all requests, or `env` for that of the environment.
        ca_file: PEM file of certificates to trust in addition, or `system` for those of the machine.
    """

    proxy: Name | None = Field(default=None, repr=False)
    ca_file: Name | None = None


class RedactSection(Section):
    """What is kept from providers: the middleware `Redact`, around every call.

    Attributes:
        patterns: regular expressions by the names of their placeholders, as `EMAIL` for `[EMAIL_1]`.
        restore: put the values back where an answer has their placeholders, in place of redacting answers.
    """

    patterns: dict[str, Name] = {}
    restore: bool = False

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, patterns: dict[str, str]) -> dict[str, str]:
        from ratatoskr.middleware.redact import Redact

        try:
            Redact(patterns)
        except ConfigurationError as error:
            raise ValueError(error.message) from None
        return patterns

    @model_validator(mode="after")
    def _check_restore(self) -> Self:
        if self.restore and not self.patterns:
            raise ValueError("restore needs patterns")
        return self


LOCAL: Final = "providers.local"


class ConfigFile(Section):
    """All of `config.toml`.

    Attributes:
        defaults: of `rat`.
        aliases: short names of models, each for one or several.
        templates: of `rat chat`, by name.
        providers: by name.
        local: models of this process, as `[providers.local]`.
        routing: fallbacks, and what happens to calls that fail; `aliases` are its rules.
        timeouts: deadlines of calls that set none themselves.
        network: proxy and certificates.
        redact: what is kept from providers.
        server: of the daemon.
        listeners: of the daemon; without any it listens at 127.0.0.1:9741.
        tls: of the daemon.
        clients: of the daemon, by name.
    """

    defaults: Defaults = Defaults()
    aliases: dict[str, Names] = {}
    templates: dict[str, Template] = {}
    providers: dict[str, ProviderSection] = {}
    local: LocalSection = Field(default=LocalSection(), alias=LOCAL)
    routing: RoutingSection = RoutingSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    network: Network = Network()
    redact: RedactSection = RedactSection()
    server: ServerSection = ServerSection()
    listeners: Annotated[list[ListenerSection], AfterValidator(check_listeners)] = []
    tls: TlsSection = TlsSection()
    clients: dict[Annotated[str, Field(pattern=CLIENT_NAME)], ClientSection] = {}

    @model_validator(mode="before")
    @classmethod
    def _take_local_out(cls, document: Any) -> Any:
        """Return the document with `[providers.local]`, which is no provider like others, beside the providers."""
        providers = document.get("providers") if isinstance(document, dict) else None
        if not isinstance(providers, dict) or "local" not in providers:
            return document
        others = {name: section for name, section in providers.items() if name != "local"}
        return {**document, "providers": others, LOCAL: providers["local"]}


@hide_arguments
def read_config(path: Path) -> ConfigFile:
    """Return the settings in a file.

    Raises:
        ConfigurationError: the file cannot be read, others can change it, it is not TOML, or has wrong settings; the
            message names the file, the line and the key of each.
    """
    return parse_config(_read_text(path), path)


@hide_arguments
def parse_config(text: str, path: Path) -> ConfigFile:
    """Return the settings in a text, which is or will be that of a file.

    Raises:
        ConfigurationError: as `read_config` does.
    """
    if has_long_name(text):
        raise ConfigurationError(f"{path} has a name of more than {MAX_PARTS} parts with dots in between")
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # not TOML, or a number with more digits than Python reads
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply") from None
    try:
        return ConfigFile.model_validate(document)
    except ValidationError as error:
        problems = [*_problems(error, text, path)]
    raise ConfigurationError("\n".join(problems))


def _read_text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    try:
        _check_owner(path, os.fstat(descriptor))
        data = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}: is not UTF-8") from None


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raise `ConfigurationError` for a file that other users can change: its addresses are where keys are sent."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"{path} belongs to another user; `chown` it to the user who runs this")
    if status.st_mode & 0o022:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigurationError(f"{path} has mode {mode:04o}, so other users can change it; run `chmod go-w` on it")
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):  # the file may be a link
        check_folder(folder)


def _problems(error: ValidationError, text: str, path: Path) -> Iterator[str]:
    """Yield a line for each wrong setting, in the order of the file."""
    found: dict[tuple[str, ...], str] = {}
    for one in error.errors(include_url=False, include_input=False):
        place = _place(one["loc"])
        found.setdefault(place, _describe(place, one))
    by_line = sorted((line or 0, place) for line, place in zip(find_lines(text, [*found]), found, strict=True))
    listed: set[str] = set()
    for line, place in by_line[:_MAX_PROBLEMS]:
        what, _, names = found[place].partition("; known are ")
        text = what if names in listed else found[place]
        if names:
            listed.add(names)  # once is enough
        yield f"{path}:{line or 1}: {escape_hidden('.'.join(place), 200)} {text}"
    if len(by_line) > _MAX_PROBLEMS:
        yield f"{path}: and {len(by_line) - _MAX_PROBLEMS} more"


def _place(location: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the path of a setting in the file: without pydantic's names of the members of a union."""
    parts = tuple(str(part) for part in location if part not in ("str", "list[constrained-str]", "constrained-str"))
    return (*LOCAL.split("."), *parts[1:]) if parts[:1] == (LOCAL,) else parts


def _describe(place: tuple[str, ...], problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        if place[0] == "providers" and place[-1] in ("key", "keys", "api_key", "token"):
            return "does not belong here: put keys into the secrets file (`rat keys set`) or the environment"
        names = _names_at(place[:-1])
        near = difflib.get_close_matches(place[-1], names, 1)
        return "is unknown; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}")
    expected = _EXPECTED.get(problem["type"], "").format(**problem.get("ctx", {}))
    return f"must be {expected}" if expected else f"is wrong: {problem['msg'].removeprefix('Value error, ')}"


_EXPECTED = {
    "string_type": "text, or where several are allowed a list of texts",
    "list_type": "text or a list of texts",
    "string_too_short": "text that is not empty",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number, not infinite",
    "string_pattern_mismatch": "of the form {pattern}",
    "literal_error": "{expected}",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "at most {le}",
}
"""What was expected, by pydantic's type of error."""


def _names_at(place: tuple[str, ...]) -> list[str]:
    """Return the names that a table may hold."""
    is_local = ".".join(place) == LOCAL
    section: type[BaseModel] = LocalSection if is_local else ConfigFile
    for part in () if is_local else place:
        field = section.model_fields.get(part)
        if field is not None:
            section = _table_of(field.annotation) or section
    return [name for name, field in section.model_fields.items() if field.alias is None]


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a table, or of the tables in a table or list."""
    inner = (get_args(annotation) or (annotation,))[-1]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
