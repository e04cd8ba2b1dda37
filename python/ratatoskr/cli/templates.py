"""`rat templates`, and the templates of `rat chat`: prompts that are used again by their name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command, Group

if TYPE_CHECKING:
    from ratatoskr.cli.ask import ChatArguments

_KEYS = ("prompt", "system", "model")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_INPUT = re.compile(r"\$(?:input\b|\{input\})")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)


def _complete(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.cli.settings import templates as known

    return [name for name in known() if name.startswith(prefix)]


option = options.combine(
    click.option(
        "-t",
        "short",
        metavar="NUMBER|NAME",
        multiple=True,
        shell_complete=_complete,
        help="A number is --temperature, a name is --template.",
    ),
    click.option(
        "--template",
        metavar="NAME",
        shell_complete=_complete,
        help="Use a saved prompt; PROMPT and standard input take the place of $input in it.",
    ),
    click.option("--save", metavar="NAME", help="Save PROMPT, -s and -m as the template NAME; send nothing."),
)


def split_short(
    short: tuple[str, ...], temperature: float | None, template: str | None
) -> tuple[float | None, str | None]:
    """Return the temperature and the template, which `-t` may have given.

    Raises:
        click.UsageError: one is given twice.
    """
    for text in short:
        if _NUMBER.fullmatch(text):
            if temperature is not None:
                raise click.UsageError(f"the temperature is given twice: {temperature:g} and {text}")
            temperature = float(text)
        elif template is not None:
            raise click.UsageError(f"only one template is used: {template} or {text}")
        else:
            template = text
    return temperature, template


def apply_template(arguments: ChatArguments, name: str) -> ChatArguments:
    """Return a command line with what a template says, where it says nothing itself.

    Raises:
        ConfigurationError: there is no such template.
    """
    from ratatoskr.cli.settings import as_names, check_known
    from ratatoskr.cli.settings import templates as known

    check_known(name, known(), "template")
    template = known()[name]
    return replace(
        arguments,
        models=arguments.models or as_names(template.model),
        system=arguments.system if arguments.system is not None else template.system,
        template_prompt=template.prompt,
    )


def fill_prompt(prompt: str, text: str, *, required: bool) -> str | None:
    """Return a template's prompt with a text in the place of `$input`, or behind it.

    It is `None` if the text is `required` in the prompt, and missing.
    """
    if not _INPUT.search(prompt):
        return "\n\n".join(part for part in (prompt, text) if part.strip())
    return _INPUT.sub(lambda _: text, prompt) if text.strip() or not required else None


def save_template(name: str, arguments: ChatArguments) -> None:
    """Write the prompt, the instructions and the models of a command line into `config.toml`.

    Raises:
        click.UsageError: there is nothing to save.
        ConfigurationError: the name is none, or the file cannot be changed.
    """
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import change_config, display_path
    from ratatoskr.cli.settings import templates as known
    from ratatoskr.config.toml_text import remove_value, set_value
    from ratatoskr.errors import ConfigurationError

    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a template's name is letters, digits, '_', '.' and '-', a letter first; not {name!r}", field="save"
        )
    models = arguments.models[0] if len(arguments.models) == 1 else arguments.models
    values = {"prompt": arguments.prompt, "system": arguments.system, "model": models or None}
    if not any(values.values()):
        raise click.UsageError("nothing to save: give a PROMPT, -s or -m")

    def change(text: str) -> str:
        for key, value in values.items():
            text = set_value(text, ("templates", name, key), value) if value else text
        for key, value in values.items():
            text = text if value else remove_value(text, ("templates", name, key))
        return text

    verb = "replaced" if name in known() else "saved"
    path = change_config(change)
    Screen().note(f"{verb} the template {name} in {display_path(path)}; `rat -t {name}` uses it")


@click.group("templates", cls=Group)
def templates() -> None:
    """List, show and remove templates, which `rat chat --save NAME` saves and `rat chat -t NAME` uses."""


@templates.command("list", cls=Command)
@options.as_json
def list_(as_json: bool) -> None:
    """List the templates and how each begins."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import templates as known

    screen = Screen()
    if as_json:
        screen.json({name: template.values() for name, template in known().items()}, indent=2)
        return
    for name, template in known().items():
        system = f"system: {template.system} " if template.system else ""
        begins = " ".join(f"{system}{template.prompt or ''}".split())
        room = max(20, screen.width - len(name) - 2) if screen.out_is_terminal else len(begins)
        screen.table([(name, begins if len(begins) <= room else begins[: room - 1] + "…")], indent="")
    if not known():
        screen.note("there are no templates; `rat chat --save NAME 'a prompt with $input'` saves one")


@templates.command("show", cls=Command)
@click.argument("name", shell_complete=_complete)
def show(name: str) -> None:
    """Print a template."""
    from ratatoskr.cli.render import Screen, replace_controls
    from ratatoskr.cli.settings import as_names, check_known
    from ratatoskr.cli.settings import templates as known

    check_known(name, known(), "template")
    screen, template = Screen(), known()[name]
    for key, value in (
        ("model", ", ".join(as_names(template.model))),
        ("system", template.system),
        ("prompt", template.prompt),
    ):
        if value:
            screen.line(f"{screen.style(f'{key}:', 'bold')} {replace_controls(value)}")


@templates.command("rm", cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_complete)
def rm(names: tuple[str, ...]) -> None:
    """Remove templates."""
    from ratatoskr.cli.settings import change_config, check_known
    from ratatoskr.cli.settings import templates as known
    from ratatoskr.config.toml_text import remove_value

    def remove(text: str) -> str:
        for name in names:
            for key in _KEYS:
                text = remove_value(text, ("templates", name, key))
        return text

    for name in names:
        check_known(name, known(), "template")
    change_config(remove)
