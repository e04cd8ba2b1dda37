"""Reading of a classifier's folder: a ready-made graph, its tokenizer, and config.json with the labels."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.local.store.folder import READY_MADE, ModelFolder, find_max_length
from ratatoskr.local.store.prompts import Prompts
from ratatoskr.local.store.read import read_object
from ratatoskr.local.store.settings import CONFIG, TOKENIZER
from ratatoskr.local.store.tokenizer import read_tokenizer_settings

__all__ = ["QUANTISED", "check_task", "is_classifier", "name_of_files", "read_classifier", "split_files"]

QUANTISED: Final = (
    "model_qint8_avx512_vnni.onnx",
    "model_qint8_avx512.onnx",
    "model_quint8_avx2.onnx",
    "model_quantized.onnx",
    "model_int8.onnx",
    "model_qint8_arm64.onnx",
)
"""Names of graphs with integers in place of floats, as sentence-transformers and Optimum write them; all of them run on
every processor, at different speeds."""
_NEEDED: Final = (("avx512_vnni", "avx512_vnni"), ("avx512", "avx512f"), ("avx2", "avx2"))
"""The part of a name and the flag of a processor for which the graph was made."""
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
        quantised = None
    else:

        def exists(file: Path) -> bool:
            return file.is_file() if listed is None else file.relative_to(path).as_posix() in listed

        found = next((path / file for file in READY_MADE if exists(path / file)), None)
        if found is None:
            text = f"{path} holds no ONNX file ({READY_MADE[0]} or {READY_MADE[1]}): a classifier is used as one"
            raise ConfigurationError(f"{text}, which `optimum-cli export onnx` writes", model=name)
        graph, tokenizer, beside = found, path / TOKENIZER, path
        if not exists(tokenizer):
            raise ConfigurationError(f"{path} holds no {TOKENIZER}", model=name)
        quantised = _find_quantised(found.parent, exists)
    config = read_object(beside / CONFIG)
    folder = ModelFolder(
        path=path,
        name=name,
        tokenizer=tokenizer,
        tokenizer_settings=read_tokenizer_settings(tokenizer.parent, config, {}),
        weights=None,
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
    return replace(folder, max_length=find_max_length(folder, config, {}, entry, required=False))


def _find_quantised(folder: Path, exists: Callable[[Path], bool]) -> Path | None:
    """Return the quantised graph that suits this processor best: those made for other processors come last."""
    flags: set[str] = set()
    with suppress(OSError):
        line = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
        flags = {*line.partition(":")[2].split()}
    is_arm = platform.machine().lower() in {"arm64", "aarch64"}

    def suits(name: str) -> bool:
        if "arm64" in name:
            return is_arm
        return next((flag in flags for part, flag in _NEEDED if part in name), True)

    names = sorted(QUANTISED, key=lambda name: not suits(name))
    return next((folder / name for name in names if exists(folder / name)), None)
