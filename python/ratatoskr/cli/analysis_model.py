"""The model of commands that analyse texts: its options, and the gateway to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from ratatoskr.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratatoskr.gateway.base import Gateway

__all__ = ["NLI_MODEL", "is_remote", "label_names_option", "labels_of", "labels_option", "model_option", "no_truncate"]
__all__ += ["open_gateway"]

NLI_MODEL = "NliDebertaV3Base"

Kind: TypeAlias = Literal["nli", "classify", "rerank", "stance"]

no_truncate = click.option("--no-truncate", is_flag=True, help="Refuse texts that are too long instead of cutting.")
labels_option = options.combine(
    click.option(
        "--label", "labels", multiple=True, metavar="LABEL", help="A label of yours; several times for several."
    ),
    click.option("--labels", "listed", metavar="A,B,…", help="Labels of yours, with commas in between."),
    click.option("--multi-label", is_flag=True, help="Several labels may be true of a text."),
    click.option(
        "--template", metavar="TEXT", help='The hypothesis, with {} for the label. Default: "This example is {}."'
    ),
)


def _split_names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return () if value is None else tuple(name.strip() for name in value.split(","))


label_names_option = click.option(
    "--label-names",
    metavar="A,B,…",
    callback=_split_names,
    help="Names of the model's own labels in the order of its logits, if its config.json has only LABEL_0, LABEL_1, …",
)


def labels_of(labels: tuple[str, ...], listed: str | None, template: str | None, model: str | None) -> list[str]:
    """Return the labels of the command line; none for those of the model.

    Raises:
        click.UsageError: there are none, and no model either that has its own; or a template without labels.
    """
    given = [*labels, *([] if listed is None else [label.strip() for label in listed.split(",")])]
    if not given and template is not None:
        raise click.UsageError("--template needs --label or --labels")
    if not given and model is None:
        raise click.UsageError("give --labels, or -m MODEL of a model with labels of its own")
    return given


def model_option(default: str | None, extra: str = "") -> Callable[[Any], Any]:
    """Return the options that name a model."""
    about = "Model or folder." + (f" Default: {default}." if default else "") + extra
    return options.combine(
        click.option("-m", "--model", metavar="MODEL", default=default, help=about),
        click.option(
            "--precision",
            type=click.Choice(["fp32", "int8", "bf16", "auto"]),
            default="fp32",
            show_default=True,
            help="int8: the quantised graph of the model, if it has one.",
        ),
    )


def is_remote(kind: Kind, model: str, cache_dir: str | None) -> bool:
    """Return whether a model is a provider's: its name has the prefix of one, or a chat model judges."""
    from ratatoskr.cli.connect import is_local_model
    from ratatoskr.cli.settings import provider_sections
    from ratatoskr.routing import provider_prefix

    remote = provider_prefix(model, provider_sections()) is not None
    return remote or (kind == "stance" and not is_local_model(model, cache_dir))


def open_gateway(kind: Kind, model: str, place: Mapping[str, Any], *, daemon: bool = False) -> Gateway:
    """Return a gateway to a model of this machine or, if its name has a provider's prefix or is not local, to others.

    Args:
        kind: what the model does.
        model: its name.
        place: the values of the options `where`, `local`, that of the precision, and the names of labels.
        daemon: whether a daemon is asked instead, if there is one.
    """
    from ratatoskr.cli.connect import analysis_gateway, local_gateway, provider_gateway

    label_names = place.get("label_names", ())
    if is_remote(kind, model, place["cache_dir"]):
        if label_names:
            raise click.UsageError(f"--label-names is for models on this machine, and {model} is a provider's")
        addresses = {"base_urls": place["base_urls"], "allow_insecure": place["allow_insecure"]}
        return provider_gateway((model,), **addresses, daemon=daemon)
    local = (place["precision"], place["device"], place["threads"], place["cache_dir"])
    task: Literal["nli", "classify", "rerank"] = "nli" if kind == "stance" else kind
    make = analysis_gateway if daemon else local_gateway
    return make(model.removeprefix("local:"), *local, task=task, label_names=label_names)
