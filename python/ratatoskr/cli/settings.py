"""The settings of `config.toml` and of the network, as the commands use them.

Where there is no file, nothing is read and nothing large is imported.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from ratatoskr.config.paths import config_paths, find_config

if TYPE_CHECKING:
    from ratatoskr.config.sections import ConfigFile, ProviderSection, Template

_META = "ratatoskr.cli.settings"
"""The place in click's context, which lives as long as a command, where its settings are kept."""


def _meta() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    return {} if context is None else cast("dict[str, Any]", context.meta.setdefault(_META, {}))


def load_config() -> ConfigFile | None:
    """Return the settings of the file in force, read once for a command; `None` if there is no file.

    Raises:
        ConfigurationError: the file is wrong, or others can change it.
    """
    meta = _meta()
    if "config" not in meta:
        path = find_config()
        if path is None:
            meta["config"] = None
        else:
            from ratatoskr.config.file import read_config

            meta["config"] = read_config(path)
    return cast("ConfigFile | None", meta["config"])


def default_models() -> tuple[str, ...]:
    """Return the models of `defaults.model`, none if it is not set."""
    config = load_config()
    return () if config is None else as_names(config.defaults.model)


def default_embed_model() -> str | None:
    """Return `defaults.embed_model`."""
    config = load_config()
    return None if config is None else config.defaults.embed_model


def as_names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def aliases() -> Mapping[str, tuple[str, ...]]:
    """Return each alias with the models that it stands for."""
    config = load_config()
    return {} if config is None else {name: as_names(models) for name, models in config.aliases.items()}


def expand_aliases(models: Sequence[str]) -> tuple[str, ...]:
    """Return names of models with each alias replaced; an alias may name another, and itself for the model."""
    known = aliases()

    def expand(names: Sequence[str], inside: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            if name in known and name not in inside:
                yield from expand(known[name], (*inside, name))
            else:
                yield name

    return tuple(dict.fromkeys(expand(models, ())))


def check_models(models: Sequence[str]) -> None:
    """Raise `InvalidInput` for a name that no provider could serve, whether it is configured or not.

    A name and a tag of Ollama's gets a note where it may be a misspelt provider's.
    """
    import difflib

    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import NoProvider
    from ratatoskr.providers.specs import SPECS
    from ratatoskr.routing import resolve

    known = [*SPECS, *provider_sections()]
    for model in models:
        prefix, colon, _ = model.partition(":")
        others = [name for name in known if name not in SPECS or not SPECS[name].tagged_models]
        near = difflib.get_close_matches(prefix.casefold(), others, 1, 0.8)
        if colon and near and near[0] != prefix.casefold() and prefix not in known:
            Screen().note(f"note: {prefix!r} is not a provider, so {model} is a model of Ollama's, not {near[0]}'s")
        with contextlib.suppress(NoProvider):
            resolve(model, known)


def check_known(name: str, known: Collection[str], what: str) -> None:
    """Raise `ConfigurationError` if there is no alias or template of a name."""
    import difflib

    from ratatoskr.errors import ConfigurationError

    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}" if known else "there are none"
        raise ConfigurationError(f"there is no {what} {name!r}; {hint}", field=what)


def templates() -> Mapping[str, Template]:
    """Return the templates by name."""
    config = load_config()
    return {} if config is None else config.templates


def provider_sections() -> Mapping[str, ProviderSection]:
    """Return the providers of the file by name."""
    config = load_config()
    return {} if config is None else config.providers


def remember(context: click.Context, parameter: click.Parameter, value: str | bool | None) -> None:
    """Keep what an option of the network or of the daemon, or its variable, says; the callback of these options."""
    if value is not None and value is not False:
        meta = context.meta.setdefault(_META, {})
        meta[parameter.name] = value
        source = context.get_parameter_source(parameter.name or "")
        meta[f"{parameter.name}_is_named"] = source is click.core.ParameterSource.COMMANDLINE


def network() -> tuple[str | None, str | None]:
    """Return the proxy and the file of authorities: of the command line, else of the environment, else of the file."""
    config, meta = load_config(), _meta()
    proxy, ca_file = (None, None) if config is None else (config.network.proxy, config.network.ca_file)
    return meta.get("proxy", proxy), meta.get("ca_file", ca_file)


def daemon_url(unless: str | None = None) -> str | None:
    """Return the address of the daemon that a command asks; `None` where it asks none.

    Args:
        unless: an option of the command line that is about this process, and excludes a daemon.

    Raises:
        ConfigurationError: `--address` is beside an option that excludes it.
    """
    from ratatoskr.errors import ConfigurationError

    meta = _meta()
    named = meta.get("address_is_named")
    other = unless or ("--embedded" if meta.get("embedded") else None)
    if other is not None:
        if named:
            raise ConfigurationError(f"--address and {other} exclude each other: a daemon has settings of its own")
        return None
    if "address" in meta:
        return cast("str", meta["address"])
    from ratatoskr.service.address import find_socket

    return find_socket()


def is_daemon_named() -> bool:
    """Return whether the command line names a daemon, so that even what needs none is asked of it."""
    return bool(_meta().get("address_is_named"))


def daemon_file(name: Literal["token_file", "cert", "key"]) -> str | None:
    """Return the file of the token, the certificate or its key for the daemon, if the command line names one."""
    return _meta().get(name)


def remember_daemon(url: str) -> None:
    """Keep that a daemon was asked, so that no advice is about this machine's keys."""
    _meta()["asked"] = url


def asked_daemon() -> str | None:
    """Return the address of the daemon that was asked, if one was."""
    return _meta().get("asked")


@contextlib.contextmanager
def network_in_environment() -> Iterator[None]:
    """Put the proxy and the file of authorities into the environment, where a pull and its pip look for them."""
    from ratatoskr.local.store.network import CA_FILE_VARIABLE, PROXY_VARIABLE

    before = dict(os.environ)
    proxy, ca_file = network()
    own = {PROXY_VARIABLE: proxy, CA_FILE_VARIABLE: ca_file}
    os.environ.update({name: value for name, value in own.items() if value})
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
        os.environ.update(before)


def change_config(change: Callable[[str], str]) -> Path:
    """Change the text of the file in force, or make the user's own, and return its path.

    Raises:
        ConfigurationError: the file is wrong before or after the change, or cannot be written.
    """
    from ratatoskr.config.file import parse_config, read_config

    path = find_config() or config_paths()[0]

    def change_checked(text: str) -> str:
        if path.exists():
            read_config(path)
        changed = change(text)
        parse_config(changed, path)
        return changed

    replace_text(path, change_checked)
    return path


def replace_text(path: Path, change: Callable[[str], str]) -> None:
    """Replace the text of a file atomically, while no other process of ours does; a new one is for its owner alone.

    Raises:
        ConfigurationError: the file cannot be read or written, or others can change its folder.
    """
    import fcntl

    from ratatoskr._files import atomic_write, check_folder, make_folder, write_error

    path = path.resolve()  # a link stays one
    try:
        make_folder(path.parent, 0o700)
        check_folder(path.parent)
        lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise write_error(path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            mode, text = (stat.S_IMODE(path.stat().st_mode), path.read_text("utf-8")) if path.exists() else (0o600, "")
        except OSError as error:
            raise write_error(path, error) from None
        changed = change(text)
        with atomic_write(path) as file:
            os.fchmod(file.fileno(), mode & ~0o022)
            file.write(changed.encode())
    finally:
        os.close(lock)


def display_path(path: Path) -> str:
    """Return a path, with `~` for the user's home."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises without one
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
