"""What `rat tokens` and `rat tokenize` share: the model, the tokenizers, and the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.settings import load_config
from ratatoskr.cli.text_files import read_column, read_texts, texts_of_file

if TYPE_CHECKING:
    from ratatoskr.local.tokens import TokenizerRegistry

__all__ = ["choose_model", "open_registry", "read_inputs", "texts_of_file", "tokenizer_digest"]

texts_argument = click.argument("texts", nargs=-1, metavar="[TEXT]...")
model_option = click.option(
    "-m",
    "--model",
    metavar="MODEL",
    help="Model, an encoding (o200k_base), or a tokenizer.json. Default: RATATOSKR_MODEL, else `rat models default`.",
)


def choose_model(given: str | None) -> str:
    """Return the model of the command line, else the default; an alias or a preset by the first that it stands for."""
    from ratatoskr.models.presets import PREFIX

    name = options.models_or_default(() if given is None else (given,))[0]
    if not name.startswith(PREFIX):
        return name
    from ratatoskr.cli.connect import gateway_for

    with gateway_for((name,)) as gateway:
        return gateway.resolve_preset(name).model


def open_registry(model: str, cache_dir: str | None) -> TokenizerRegistry:
    """Return the tokenizers, with those of `config.toml`, and a file if the model is the path of one."""
    from ratatoskr.local.tokens import TokenizerRegistry

    config = load_config()
    mappings: dict[str, str | Path] = {} if config is None else {**config.tokenizers}
    if Path(model).is_absolute() or model.startswith(("./", "../", "~")) or model.endswith(".json"):
        mappings[model] = Path(model).expanduser().absolute()
    return TokenizerRegistry(mappings, cache_dir=cache_dir)


def tokenizer_digest(registry: TokenizerRegistry, model: str, cache_dir: str | None) -> str:
    """Return the digest of the file of a model's tokenizer; an empty one if that is built in or not here."""
    from ratatoskr.local.store.tokenizers import read_tokenizer_file

    source = registry.find(model)
    file = None if source is None or source.kind == "encoding" else read_tokenizer_file(source, cache_dir)
    return "" if file is None else hashlib.sha256(file.data).hexdigest()


def read_inputs(texts: tuple[str, ...], lines: str | None, column: str | None) -> Iterator[str]:
    """Yield what `read_texts` yields; a null in a file is an empty text, which has no tokens."""
    if texts and lines is not None:
        raise click.UsageError("give either TEXT or --lines, not both")
    if column is not None and lines not in (None, "-"):
        return (text or "" for text in read_column(str(lines), column))
    return read_texts(texts, lines, column, "text", "nothing to count: give a TEXT")
