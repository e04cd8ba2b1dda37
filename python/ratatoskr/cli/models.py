"""`rat models`: what the providers serve, by asking them; its commands are for the models on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Group
from ratatoskr.cli.store import COMMANDS

if TYPE_CHECKING:
    from ratatoskr.errors import RatatoskrError
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.model import ModelInfo


def _providers(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from ratatoskr.providers.specs import SPECS

    return [name for name in SPECS if name.startswith(begun)]


@click.group("models", cls=Group, commands=COMMANDS, invoke_without_command=True)
@click.option(
    "-p", "--provider", "providers", multiple=True, metavar="PROVIDER", shell_complete=_providers, help="Only these."
)
@options.as_json
@options.where
@click.pass_context
def models(
    ctx: click.Context, providers: tuple[str, ...], as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool
) -> None:
    """List the models that the configured providers serve, by asking each; or, by a command, keep local ones.

    A line each, with the name that -m takes. Where one provider fails, the others' models are listed all the same, and
    the exit code tells of the failure.
    """
    if ctx.invoked_subcommand is not None:
        if providers or as_json or base_urls or allow_insecure:
            raise click.UsageError(f"options of `rat models {ctx.invoked_subcommand}` stand behind its name")
        return
    _show(providers, as_json, base_urls, allow_insecure)


def _show(providers: tuple[str, ...], as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.failure import code_of, lines_of
    from ratatoskr.cli.render import Screen, one_line

    with gateway_for(providers=providers, base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
        names = providers or tuple(provider.name for provider in gateway.health().providers)
        answers = _ask_all(gateway, names)
    screen = Screen()
    served = [model for answer in answers if isinstance(answer, list) for model in answer]
    failed = [answer for answer in answers if not isinstance(answer, list)]
    if as_json:
        screen.json([model.to_dict() for model in served], indent=2)
    for model in () if as_json else served:
        window = f"  {model.context_window:,} tokens" if model.context_window and screen.out_is_terminal else ""
        room = len(model.id) + len(window) <= screen.width
        screen.line(one_line(model.id) + (screen.styled(window, "dim") if room else ""))
    if not served and not failed:
        screen.note(f"{', '.join(names)}: no models are served there")
    for error in failed:
        for line in lines_of(error):
            screen.aside(f"{line}\n", dim=False)
    if failed:
        click.get_current_context().exit(code_of(failed[0]))


def _ask_all(gateway: SyncGateway, names: tuple[str, ...]) -> list[list[ModelInfo] | RatatoskrError]:
    """Ask all of them at once."""
    from concurrent.futures import ThreadPoolExecutor

    from ratatoskr.errors import RatatoskrError

    def ask(name: str) -> list[ModelInfo] | RatatoskrError:
        try:
            return gateway.list_models(name)
        except RatatoskrError as error:
            error.provider = error.provider or name
            return error

    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return list(pool.map(ask, names))
