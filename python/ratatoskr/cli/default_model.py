"""`rat models default`: the model that is asked where none is named."""

from __future__ import annotations

import click

from ratatoskr.cli.help import Command


@click.command("default", cls=Command, short_help="Show, set or remove the default model.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--rm", "remove", is_flag=True, help="Remove it.")
def default(models: tuple[str, ...], remove: bool) -> None:
    """Show or set the model of `rat chat` and `rat generate` where -m names none; several are tried in turn.

    -m and RATATOSKR_MODEL come before it.
    """
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import aliases, change_config, check_models, default_models, display_path
    from ratatoskr.config.toml_text import remove_value, set_value

    screen = Screen()
    place = ("defaults", "model")
    if remove:
        if models:
            raise click.UsageError("--rm takes no MODEL")
        screen.note(f"removed from {display_path(change_config(lambda text: remove_value(text, place)))}")
    elif models:
        check_models([model for model in models if model not in aliases()])
        value = models[0] if len(models) == 1 else models
        path = change_config(lambda text: set_value(text, place, value))
        screen.note(f"the default is {', '.join(models)}, by {display_path(path)}")
    elif current := default_models():
        screen.line(" ".join(current))
    else:
        screen.note("there is no default; `rat models default claude-sonnet-5` sets one")
