"""`rat alias`: short names for models, kept in `config.toml`."""

from __future__ import annotations

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command, Group


def _complete(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.cli.settings import aliases

    return [name for name in aliases() if name.startswith(prefix)]


@click.group("alias", cls=Group)
def alias() -> None:
    """Set, list and remove short names of models, which -m and /model take."""


@alias.command("set", cls=Command)
@click.argument("name")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
def set_(name: str, models: tuple[str, ...]) -> None:
    """Let NAME stand for MODEL; several are tried in turn.

    \b
      rat alias set fast openai:gpt-6-luna groq:llama-3.3-70b-versatile
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import aliases, change_config, check_models, display_path
    from ratatoskr.config.toml_text import set_value
    from ratatoskr.errors import ConfigurationError

    if not name.strip() or name.startswith("-") or not name.isprintable() or any(c in " *:" for c in name):
        raise ConfigurationError(f"an alias is a word without blanks, ':' and '*', not {name!r}", field="alias")
    check_models([model for model in models if model not in {name, *aliases()}])
    value = models[0] if len(models) == 1 else models
    path = change_config(lambda text: set_value(text, ("aliases", name), value))
    Screen().note(f"{name} is {', '.join(models)}, by {display_path(path)}")


@alias.command("list", cls=Command)
@options.as_json
def list_(as_json: bool) -> None:
    """List the aliases and their models."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import aliases

    screen, known = Screen(), aliases()
    if as_json:
        screen.json({name: list(models) for name, models in known.items()}, indent=2)
        return
    screen.table(((name, ", ".join(models)) for name, models in known.items()), indent="")
    if not known:
        screen.note("there are no aliases; `rat alias set fast openai:gpt-6-luna` sets one")


@alias.command("rm", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_complete)
def rm(names: tuple[str, ...]) -> None:
    """Remove aliases."""
    from ratatoskr.cli.settings import aliases, change_config, check_known
    from ratatoskr.config.toml_text import remove_value

    for name in names:
        check_known(name, aliases(), "alias")
        change_config(lambda text, name=name: remove_value(text, ("aliases", name)))  # type: ignore[misc]  # bound early
