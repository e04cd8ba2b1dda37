"""`rat keys`: the keys of providers, in a file that its owner alone can read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command, Group

if TYPE_CHECKING:
    from ratatoskr.types.secret import Secret


def _complete(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.providers.specs import SPECS

    return [name for name in SPECS if name.startswith(prefix)]


_name = click.argument("name", metavar="PROVIDER", shell_complete=_complete)


@click.group("keys", cls=Group)
def keys() -> None:
    """Save, list and remove the keys of providers. A variable of the environment comes before a saved key."""


@keys.command("set", cls=Command, short_help="Save the key of PROVIDER.")
@_name
@click.argument("rest", nargs=-1, metavar="")
def set_(name: str, rest: tuple[str, ...]) -> None:
    """Save the key of PROVIDER, typed at the prompt (it is not shown), or one line of standard input.

    The file is ~/.config/ratatoskr/secrets.toml, readable by its owner alone. A saved key is replaced.

    \b
      rat keys set openai
      pass show openai | rat keys set openai
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import display_path, replace_text
    from ratatoskr.config.secrets import read_secrets
    from ratatoskr.config.toml_text import set_value

    if rest:
        raise click.UsageError(
            "a key is not an argument, where other users and the shell's history would see it: "
            "type it at the prompt, or give it on standard input"
        )
    name = _check_provider(name)
    path = _file()
    had = len(read_secrets(path).get(name, ()))
    secret = _read_key(name)
    replace_text(path, lambda text: set_value(text, ("providers", name, "key"), secret.reveal()))
    screen = Screen()
    replaced = f", in place of {'the one' if had == 1 else f'the {had}'} before" if had else ""
    screen.note(f"saved the key for {name} in {display_path(path)}{replaced}")
    origin = _origins(name)[:1]
    if origin and origin[0] != str(path):
        screen.note(f"note: {origin[0]} comes before it, and is set")


@keys.command("list", cls=Command, short_help="List the keys by their origin.")
@options.as_json
def list_(as_json: bool) -> None:
    """List the providers that have a key, and where it comes from: a variable or a file; never the key."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import display_path
    from ratatoskr.config.secrets import list_secrets_files, read_secrets
    from ratatoskr.providers.specs import SPECS

    screen = Screen()
    in_files = [name for path in list_secrets_files() for name in read_secrets(path)]
    found = {name: origins for name in dict.fromkeys([*SPECS, *in_files]) if (origins := _origins(name))}
    if as_json:
        screen.json(
            [{"provider": name, "origin": own, "unused": rest} for name, (own, *rest) in found.items()], indent=2
        )
        return
    rows = []
    for name, origins in found.items():
        shown, *rest = (display_path(Path(origin)) if origin.startswith("/") else origin for origin in origins)
        rows.append((name, shown + (f"; not used: {', '.join(rest)}" if rest else "")))
    screen.table(rows, indent="")
    if not found:
        screen.note("there are no keys; `rat keys set openai` saves one")


@keys.command("rm", cls=Command)
@_name
def rm(name: str) -> None:
    """Remove the saved key of PROVIDER."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import display_path, replace_text
    from ratatoskr.config.secrets import read_secrets
    from ratatoskr.config.toml_text import remove_value
    from ratatoskr.errors import ConfigurationError

    screen, path = Screen(), _file()
    name = name if name in read_secrets(path) else name.casefold()
    if name not in read_secrets(path):
        raise ConfigurationError(f"{display_path(path)} has no key for {name}; `rat keys list` shows where keys are")
    replace_text(path, lambda text: remove_value(text, ("providers", name, "key")))
    screen.note(f"removed the key for {name} from {display_path(path)}")
    for origin in _origins(name):
        screen.note(f"note: {origin} still has one")


def _file() -> Path:
    """Return the user's own file, the last of those that are read."""
    from ratatoskr.config.secrets import list_secrets_files
    from ratatoskr.errors import ConfigurationError

    paths = list_secrets_files()
    if not paths:
        raise ConfigurationError("there is no home folder to keep keys in: set HOME or XDG_CONFIG_HOME")
    return paths[-1]


def _check_provider(name: str) -> str:
    """Return the name of a provider that is built in or in `config.toml`."""
    import difflib

    from ratatoskr.cli.settings import provider_sections
    from ratatoskr.errors import ConfigurationError
    from ratatoskr.providers.specs import SPECS

    known = [*SPECS, *provider_sections()]
    if name in known or name.casefold() in known:
        return name if name in known else name.casefold()
    near = difflib.get_close_matches(name.casefold(), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    own = 'A host of your own is named in config.toml: [providers.NAME] with base_url = "…"'
    raise ConfigurationError(f"unknown provider {name!r}; {hint}{'' if near else '.'} {own}")


def _read_key(name: str) -> Secret:
    """Return the key that the user types without an echo, or one line of standard input."""
    from ratatoskr.config.secrets import parse_key

    if sys.stdin is not None and sys.stdin.isatty():
        return parse_key(click.prompt(f"Key for {name} (not shown)", hide_input=True, err=True), name)
    lines = [] if sys.stdin is None else sys.stdin.read(65536).splitlines()
    if len([line for line in lines if line.strip()]) > 1:
        raise click.UsageError("standard input has more than one line; a key is one line")
    return parse_key("".join(lines), name)


def _origins(name: str) -> list[str]:
    """Return the variables and files that hold a key for a provider, the one in force first."""
    import os

    from ratatoskr.config.secrets import list_secrets_files, read_secrets
    from ratatoskr.providers.specs import SPECS

    variables = SPECS[name].key_variables if name in SPECS else ()
    files = [str(path) for path in list_secrets_files() if read_secrets(path).get(name)]
    return [*(variable for variable in variables if os.environ.get(variable, "").strip()), *files]
