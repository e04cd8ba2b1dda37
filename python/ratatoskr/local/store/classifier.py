"""Reading of a classifier's folder: a ready-made graph, its tokenizer, and config.json with the labels."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.local.store.folder import READY_MADE, ModelFolder, find_max_length
from ratatoskr.local.store.modules import list_module_folders
from ratatoskr.local.store.prompts import Prompts
from ratatoskr.local.store.quantised import find_quantised
from ratatoskr.local.store.read import read_object
from ratatoskr.local.store.settings import CONFIG, MODEL_PROMPTS, TOKENIZER, TRANSFORMER_CONFIGS, check_settings
from ratatoskr.local.store.tokenizer import read_tokenizer_settings

__all__ = ["check_task", "is_classifier", "name_of_files", "read_classifier", "split_files"]

_OF_A_CROSS_ENCODER: Final[Mapping[str, Any]] = {
    "transformer_task": "sequence-classification",
    "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
    "module_output_name": "scores",
}
"""What the transformer's own file says of a CrossEncoder of sentence-transformers 6.2.0, beside its other settings."""
_FILES: Final = re.compile(r"(/.+\.onnx) with (/.+\.json)", re.DOTALL)


def name_of_files(graph: str | Path, tokenizer: str | Path) -> str:
    """Return the canonical name of a model that is two files: an ONNX graph and a `tokenizer.json`."""
    return f"{Path(graph).expanduser().absolute()} with {Path(tokenizer).expanduser().absolute()}"


def split_files(name: str) -> tuple[Path, Path] | None:
    """Return the two files that a name of `name_of_files` stands for; `None` for any other name."""
    found = _FILES.fullmatch(name)
    return None if found is None or Path(name).is_dir() else (Path(found[1]), Path(found[2]))


def check_task(entry: CatalogModel | None, *, classifies: bool) -> None:
    """Check that a model of the catalogue is used for what it does.

    Raises:
        ConfigurationError: it embeds and is to classify, or the other way round.
    """
    if entry is not None and classifies == (entry.task == "embed"):
        use = {"embed": "local_embeddings", "nli": "local_nli", "rerank": "local_reranker"}[entry.task]
        does = {"embed": "embeds", "nli": "judges pairs of texts", "rerank": "reranks"}[entry.task]
        raise ConfigurationError(f"this model {does}: configure it by {use}", model=entry.name, field="model")


def is_classifier(path: Path, entry: CatalogModel | None) -> bool:
    """Return whether a folder holds a model that gives texts or pairs labels or scores, by the catalogue or its files.

    Raises:
        ConfigurationError: config.json cannot be read.
    """
    if entry is not None:
        return entry.task != "embed"
    names = read_object(path / CONFIG).get("architectures")
    return isinstance(names, list) and any(str(name).endswith("ForSequenceClassification") for name in names)


def read_classifier(
    path: Path, name: str, entry: CatalogModel | None = None, *, listed: Collection[str] | None = None
) -> ModelFolder:
    """Read a folder with an ONNX file, `tokenizer.json` and, for the labels, `config.json`.

    Args:
        path: path of the folder; for a name of two files it is not used.
        name: name of the model.
        entry: its entry in the catalogue.
        listed: the files that the folder will hold, if its graph is not there yet.

    Raises:
        ConfigurationError: a file is missing or invalid, or asks for something that is not supported.
    """
    files = split_files(name)
    if files is not None:
        graph, tokenizer = files
        path = Path(os.path.commonpath([graph.parent, tokenizer.parent]))
        beside = next((one for one in (tokenizer.parent, graph.parent) if (one / CONFIG).is_file()), tokenizer.parent)
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise ConfigurationError(f"there is no file {missing[0]}", model=name)
        quantised, own = None, {}
    else:
        own = _read_cross_encoder(path)

        def exists(file: Path) -> bool:
            return file.is_file() if listed is None else file.relative_to(path).as_posix() in listed

        found = next((path / file for file in READY_MADE if exists(path / file)), None)
        if found is None:
            text = f"{path} holds no ONNX file ({READY_MADE[0]} or {READY_MADE[1]}): a classifier is used as one"
            raise ConfigurationError(f"{text}, which `optimum-cli export onnx` writes", model=name)
        graph, tokenizer, beside = found, path / TOKENIZER, path
        if not exists(tokenizer):
            raise ConfigurationError(f"{path} holds no {TOKENIZER}", model=name)
        quantised = find_quantised(found.parent, exists)
    config = read_object(beside / CONFIG)
    folder = ModelFolder(
        path=path,
        name=name,
        tokenizer=tokenizer,
        tokenizer_settings=read_tokenizer_settings(tokenizer.parent, config, own),
        weights=None,
        shards=(),
        graph=graph,
        architecture=None,
        poolings=(),
        include_prompt=True,
        hidden=None,
        steps=(),
        max_length=0,
        prompts=Prompts(),
        quantised=quantised,
        config=config,
    )
    return replace(folder, max_length=find_max_length(folder, config, own, entry, required=False))


def _read_cross_encoder(path: Path) -> dict[str, Any]:
    """Return the transformer's own settings of a CrossEncoder that sentence-transformers saved; empty for others.

    Raises:
        ConfigurationError: a module or a setting of it cannot be obeyed.
    """
    modules = list_module_folders(path)
    if not modules:
        return {}
    if modules != [("Transformer", "")]:
        kinds = ", ".join(f"{kind} in {folder}" if folder else kind for kind, folder in modules)
        raise ConfigurationError(f"{path}: a cross-encoder is used whose only module is a Transformer, not {kinds}")
    model = read_object(path / MODEL_PROMPTS)
    prompts, name = model.get("prompts") or {}, model.get("default_prompt_name")
    if name is not None and (not isinstance(prompts, dict) or prompts.get(name, name)):
        text = f"default_prompt_name = {name!r:.80} is not supported: nothing is put before the texts of a pair"
        raise ConfigurationError(f"{path / MODEL_PROMPTS}: {text}")
    file, own = next(
        ((path / file, own) for file in TRANSFORMER_CONFIGS if (own := read_object(path / file))), (path, {})
    )
    own = {key: value for key, value in own.items() if value != _OF_A_CROSS_ENCODER.get(key, ())}
    check_settings("transformer", own, file)
    return own
