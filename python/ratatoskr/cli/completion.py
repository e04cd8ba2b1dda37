"""`rat completion`: the script by which a shell completes commands, options and names."""

from __future__ import annotations

import click

from ratatoskr.cli.help import Command


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete `rat`.

    \b
      bash  in ~/.bashrc:  eval "$(rat completion bash)"
      zsh   in ~/.zshrc:   eval "$(rat completion zsh)"
      fish  rat completion fish > ~/.config/fish/completions/rat.fish
    """  # noqa: D301  # click reads the backspace, not two characters
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from ratatoskr.cli.render import Screen

    classes = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    script = classes[shell](context.find_root().command, {}, "rat", "_RAT_COMPLETE")
    # Not its source(), which runs bash to ask for its version.
    Screen().line((script.source_template % script.source_vars()).strip())
