"""`rat models`: the models of the providers; its commands tell about models, and manage those on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.catalogue import COMMANDS as CATALOGUE
from ratatoskr.cli.help import Group
from ratatoskr.cli.store import COMMANDS as STORE

if TYPE_CHECKING:
    from ratatoskr.errors import RatatoskrError
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.model import ModelInfo


def _complete_provider(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.providers.specs import SPECS

    return [name for name in SPECS if name.startswith(prefix)]


@click.group("models", cls=Group, commands={**CATALOGUE, **STORE}, invoke_without_command=True)
@click.option(
    "-p",
    "--provider",
    "providers",
    multiple=True,
    metavar="PROVIDER",
    shell_complete=_complete_provider,
    help="List the models of PROVIDER only.",
)
@options.as_json
@options.where
@click.pass_context
def models(
    ctx: click.Context, providers: tuple[str, ...], as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool
) -> None:
    """List the models of the configured providers. The commands below describe and store models.

    Prints one line for each model: the name that -m takes. If a provider fails, the models of the others are still
    listed, and the exit code is that of the failure.
    """
    if ctx.invoked_subcommand is not None:
        if providers or as_json or base_urls or allow_insecure:
            raise click.UsageError(f"give the options of `rat models {ctx.invoked_subcommand}` after its name")
        return
    _show(providers, as_json, base_urls, allow_insecure)


def _show(providers: tuple[str, ...], as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.failure import error_lines, exit_code
    from ratatoskr.cli.render import Screen, collapse_lines

    with gateway_for(providers=providers, base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
        names = providers or tuple(provider.name for provider in gateway.health().providers)
        answers = _ask_all(gateway, names)
    screen = Screen()
    served = [model for answer in answers if isinstance(answer, list) for model in answer]
    errors = [answer for answer in answers if not isinstance(answer, list)]
    if as_json:
        screen.json([model.to_dict() for model in served], indent=2)
    for model in () if as_json else served:
        window = f"  {model.context_window:,} tokens" if model.context_window and screen.out_is_terminal else ""
        room = len(model.id) + len(window) <= screen.width
        screen.line(collapse_lines(model.id) + (screen.style(window, "dim") if room else ""))
    if not served and not errors:
        screen.note(f"{', '.join(names)}: no models")
    for error in errors:
        for line in error_lines(error):
            screen.aside(f"{line}\n", dim=False)
    if errors:
        click.get_current_context().exit(exit_code(errors[0]))


def _ask_all(gateway: SyncGateway, names: tuple[str, ...]) -> list[list[ModelInfo] | RatatoskrError]:
    """Ask all providers at once."""
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
