"""The modules of a model: from the states of the last layer to the vectors, as modules.json orders them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.read import read_json, read_object
from ratatoskr.local.store.settings import ACTIVATIONS, CONFIG, MODULES, POOLINGS, check_settings

__all__ = [
    "WEIGHTS",
    "Dense",
    "LayerNorm",
    "Modules",
    "Normalise",
    "Step",
    "list_module_folders",
    "locate_transformer",
    "read_modules",
]

WEIGHTS: Final = "model.safetensors"
_NAMED_POOLINGS: Final = {**{name: name for name in POOLINGS.values()}, "mean_sqrt_len_tokens": "mean_sqrt_len"}
_NAMED_POOLINGS["lasttoken"] = _NAMED_POOLINGS.pop("last")
_PACKAGE: Final = "sentence_transformers."
_MAX_SIZE: Final = 2**20
_RELATIVE: Final = re.compile(r"(?!.*\.\.)(?![ /])[\w ./-]{0,200}")
"""A path below a folder, as modules.json writes it."""


@dataclass(frozen=True, slots=True)
class Normalise:
    """Scales vectors to length one."""


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer and its activation.

    Attributes:
        weights: path of its `model.safetensors`.
        inputs: size of the vectors before it.
        outputs: size of its vectors.
        bias: whether it has a bias.
        activation: one of `ACTIVATIONS`.
        residual: whether its input is added to its output.
    """

    weights: Path
    inputs: int
    outputs: int
    bias: bool
    activation: str
    residual: bool


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """A LayerNorm over vectors of `size`; its parameters are in the file `weights`."""

    weights: Path
    size: int


Step: TypeAlias = Normalise | Dense | LayerNorm


@dataclass(frozen=True, slots=True)
class Modules:
    """What modules.json says.

    Attributes:
        transformer: path of the folder with the transformer, its settings and its tokenizer.
        poolings: one or several, whose vectors are concatenated.
        include_prompt: whether the tokens of a prompt are pooled too.
        pooled_size: the size of a token's state, if the pooling's file gives it.
        steps: what follows the pooling.
    """

    transformer: Path
    poolings: tuple[str, ...]
    include_prompt: bool = True
    pooled_size: int | None = None
    steps: tuple[Step, ...] = ()


def list_module_folders(path: Path) -> list[tuple[str, str]]:
    """Return the class and the folder of each module, in order; empty without modules.json.

    Raises:
        ConfigurationError: modules.json is not a list of modules, or names a folder outside of the model's.
    """
    if not (path / MODULES).exists():
        return []
    modules = read_json(path / MODULES)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ConfigurationError(f"{path / MODULES} is not a list of modules")
    return [_read_entry(path, module) for module in modules]


def locate_transformer(path: Path) -> Path:
    """Return the folder of the transformer and its tokenizer; raises what `list_module_folders` raises."""
    modules = list_module_folders(path)
    return path / modules[0][1] if modules else path


def _read_entry(path: Path, module: Mapping[str, Any]) -> tuple[str, str]:
    kind, folder = module.get("type"), module.get("path", "")
    if not isinstance(kind, str) or not isinstance(folder, str):
        raise ConfigurationError(f"{path / MODULES}: type and path of a module must be strings")
    if not kind.startswith(_PACKAGE) or module.get("kwargs"):
        text = "with options (kwargs)" if kind.startswith(_PACKAGE) else "which is code of its own"
        raise ConfigurationError(f"{path / MODULES}: the module {kind!r:.80}, {text}, is not supported")
    if not _RELATIVE.fullmatch(folder) or ".." in Path(folder).parts:  # links are followed, wherever they lead
        raise ConfigurationError(f"{path / MODULES}: the path {folder!r:.80} of a module is outside the folder")
    folder = folder.rstrip("/")
    return kind.rpartition(".")[2], "" if folder == "." else folder


def read_modules(path: Path) -> Modules | None:
    """Return what modules.json says; `None` if there is no such file.

    Raises:
        ConfigurationError: a module is missing or invalid, or cannot be used.
    """
    entries = list_module_folders(path)
    if not entries and not (path / MODULES).exists():
        return None
    kinds = [kind for kind, _ in entries]
    unknown = [kind for kind in kinds[2:] if kind not in _READERS]
    if kinds[:2] != ["Transformer", "Pooling"] or unknown:
        text = f"must be Transformer, Pooling and any of {', '.join(_READERS)}"
        raise ConfigurationError(f"{path}: the modules {text}, not {', '.join(kinds)}")
    modules = _read_pooling(path / entries[1][1], path / entries[0][1])
    steps: list[Step] = []
    for kind, folder in entries[2:]:
        steps += _READERS[kind](path / folder, *_read_module(kind, path / folder))
    return replace(modules, steps=tuple(steps))


def _read_module(kind: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    file = folder / CONFIG
    values = read_object(file)
    check_settings(kind, values, file)
    return file, values


def _read_pooling(folder: Path, transformer: Path) -> Modules:
    file, values = _read_module("Pooling", folder)
    if not values:
        raise ConfigurationError(f"{file} is missing: it says how states become a vector")
    named = values.get("pooling_mode")
    if named is None:
        poolings = tuple(name for key, name in POOLINGS.items() if values.get(key)) or ("mean",)
    else:
        names = [named] if isinstance(named, str) else named
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"{file}: pooling_mode must be a name or a list of names, not {named!r:.80}")
        if unknown := [name for name in names if name not in _NAMED_POOLINGS]:
            raise ConfigurationError(f"{file}: the pooling {unknown[0]!r:.80} is not supported")
        poolings = tuple(_NAMED_POOLINGS[name] for name in names)
    key = "embedding_dimension" if "embedding_dimension" in values else "word_embedding_dimension"
    size = _read_size("Pooling", file, values, key) if key in values else None
    return Modules(transformer, poolings, values.get("include_prompt") is not False, size)


def _read_size(kind: str, file: Path, values: Mapping[str, Any], key: str) -> int:
    size = values.get(key)
    if type(size) is not int or not 0 < size < _MAX_SIZE:
        raise ConfigurationError(f"{file}: {key} of {kind} must be a positive number, not {size!r:.80}")
    return size


def _read_normalise(_: Path, __: Path, ___: Mapping[str, Any]) -> Iterator[Step]:
    yield Normalise()


def _read_nothing(_: Path, __: Path, ___: Mapping[str, Any]) -> Iterator[Step]:
    yield from ()


def _read_dense(folder: Path, file: Path, values: Mapping[str, Any]) -> Iterator[Step]:
    activation = values.get("activation_function", "torch.nn.modules.activation.Tanh")
    place, _, name = str(activation).rpartition(".")
    if name not in ACTIVATIONS or not f"{place}.".startswith("torch.nn."):
        raise ConfigurationError(f"{file}: the activation {activation!r:.80} of Dense is not supported")
    inputs, outputs = (_read_size("Dense", file, values, key) for key in ("in_features", "out_features"))
    bias, residual = values.get("bias") is not False, values.get("use_residual") is True
    yield Dense(folder / WEIGHTS, inputs, outputs, bias, name, residual)


def _read_layer_norm(folder: Path, file: Path, values: Mapping[str, Any]) -> Iterator[Step]:
    yield LayerNorm(folder / WEIGHTS, _read_size("LayerNorm", file, values, "dimension"))


_READERS: Final[Mapping[str, Callable[[Path, Path, Mapping[str, Any]], Iterator[Step]]]] = {
    "Normalize": _read_normalise,
    "Dense": _read_dense,
    "LayerNorm": _read_layer_norm,
    "Dropout": _read_nothing,
}
"""The modules that may follow the pooling: each reader returns the steps that a module adds."""
