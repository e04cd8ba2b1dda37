"""Reading of a model's folder: architecture, modules, prompts, maximum length. No code of the folder is executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.architecture import Architecture, count_positions, read_architecture
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.local.store.modules import (
    WEIGHTS,
    Dense,
    LayerNorm,
    Modules,
    Normalise,
    Step,
    list_module_folders,
    locate_transformer,
    read_modules,
)
from ratatoskr.local.store.onnx_file import list_data_files
from ratatoskr.local.store.prompts import Prompts, read_prompts
from ratatoskr.local.store.quantised import find_quantised
from ratatoskr.local.store.read import read_object, read_regular_file
from ratatoskr.local.store.settings import (
    CONFIG,
    MODEL_PROMPTS,
    MODULES,
    SETTINGS_FILES,
    TRANSFORMER_CONFIGS,
    check_settings,
)
from ratatoskr.local.store.shards import INDEX, read_shards
from ratatoskr.local.store.tokenizer import TokenizerSettings, read_tokenizer, read_tokenizer_settings

__all__ = [
    "READY_MADE",
    "WEIGHTS",
    "ModelFolder",
    "find_max_length",
    "list_settings",
    "locate_transformer",
    "read_folder",
    "read_regular_file",
]

_IN_GRAPH: Final = frozenset({"cls", "max", "mean", "mean_sqrt_len", "last"})
_UNLIMITED: Final = 2**24
"""A model_max_length from which on it is none: transformers writes 10**30."""
_AT_THE_END: Final = frozenset({"bart", "bigbird_pegasus", "mbart", "mt5", "mvp", "plbart", "t5", "umt5"})
"""Model types whose ForSequenceClassification has an `eos_mask` (transformers 5.23.0, November 2026)."""
READY_MADE: Final = ("model.onnx", "onnx/model.onnx")
"""ONNX files that are used if there are no weights: the first that exists."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The files and settings of a model's folder.

    Attributes:
        path: path of the folder.
        name: name of the model.
        tokenizer: path of `tokenizer.json`.
        tokenizer_settings: what other files say of the tokenizer.
        weights: path of `model.safetensors`, or of the index of several such files, or `None`.
        shards: paths of the files of weights: `weights` itself, or those that the index lists.
        graph: path of a ready-made ONNX file, or `None`.
        architecture: the sizes, if there are weights.
        poolings: how hidden states become a vector; the vectors of several are concatenated.
        include_prompt: whether the tokens of a prompt are pooled too.
        hidden: size of a token's hidden state, if a file gives it.
        steps: what is done with pooled vectors.
        max_length: maximum tokens of a text.
        prompts: what is put before texts, and to how many dimensions vectors are cut.
        quantised: path of a ready-made ONNX file with integers in place of floats, or `None`.
        config: the content of config.json, for a classifier.
        least_dimensions: to how many dimensions vectors may be cut on request; 0 if the model was not trained for that.
    """

    path: Path
    name: str
    tokenizer: Path
    tokenizer_settings: TokenizerSettings
    weights: Path | None
    shards: tuple[Path, ...]
    graph: Path | None
    architecture: Architecture | None
    poolings: tuple[str, ...]
    include_prompt: bool
    hidden: int | None
    steps: tuple[Step, ...]
    max_length: int
    prompts: Prompts
    quantised: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    least_dimensions: int = 0

    @property
    def pad_id(self) -> int:
        """The id of the token that fills up a classifier's texts; 0 if no file gives it."""
        pad = self.config.get("pad_token_id")
        return pad if isinstance(pad, int) and pad >= 0 else 0

    @property
    def end_id(self) -> int | None:
        """The id of the token that all texts of a batch must have equally often; `None` for most models.

        A classifier of these model types reads the state at the last of them, and finds it by their number: where a
        text has that token in itself, it would read those of other texts.
        """
        end = self.config.get("eos_token_id")
        return end if self.config.get("model_type") in _AT_THE_END and isinstance(end, int) else None

    @property
    def pooling(self) -> str | None:
        """The pooling, if there is one alone that a graph may contain; otherwise `None`."""
        alone = self.include_prompt and len(self.poolings) == 1 and self.poolings[0] in _IN_GRAPH
        return self.poolings[0] if alone else None

    @property
    def normalise(self) -> bool:
        """Whether pooled vectors are scaled to length one before anything else is done with them."""
        return self.steps[:1] == (Normalise(),)

    def count_dimensions(self, hidden: int) -> int:
        """Return the number of dimensions of a vector, from the size of a hidden state."""
        pooled = hidden * len(self.poolings)
        size = next((step.outputs for step in reversed(self.steps) if isinstance(step, Dense)), pooled)
        return min(size, self.prompts.dimensions or size)

    def read_tokenizer(self) -> bytes:
        """Return the `tokenizer.json` with all settings applied; raises what `tokenizer.read_tokenizer` raises."""
        return read_tokenizer(self.tokenizer, self.tokenizer_settings)

    def relative(self, path: Path) -> str:
        """Return the name of one of its files, as a manifest lists it."""
        return path.relative_to(self.path).as_posix()

    def list_files(self) -> list[Path]:
        """Return the paths of all files on which vectors depend."""
        settings = (self.path / name for name in list_settings(self.path))
        return [*self.list_weights(), *(file for file in settings if file.exists())]

    def list_weights(self) -> Iterator[Path]:
        """Yield the paths of all files of weights and graphs."""
        yield from self.shards
        yield from (graph for graph in (self.graph, self.quantised) if graph is not None)
        yield from self.list_graph_data()
        yield from (step.weights for step in self.steps if isinstance(step, Dense | LayerNorm))

    def list_graph_data(self) -> Iterator[Path]:
        """Yield the paths of the files to which the graphs refer, of those that are there."""
        for graph in (self.graph, self.quantised):
            if graph is not None and graph.is_file():
                yield from list_data_files(graph)


def list_settings(path: Path) -> list[str]:
    """Return the names of all files but weights that a folder may hold, by the modules that its modules.json lists.

    Raises:
        ConfigurationError: modules.json is not a list of modules, or names a folder outside of the model's.
    """
    base = locate_transformer(path)
    files = [MODULES, MODEL_PROMPTS, *((base / name).relative_to(path).as_posix() for name in SETTINGS_FILES)]
    return files + [f"{folder}/{CONFIG}" for _, folder in list_module_folders(path)[1:] if folder]


def read_folder(
    path: Path, name: str, entry: CatalogModel | None = None, *, listed: Collection[str] | None = None
) -> ModelFolder:
    """Read a sentence-transformers folder, or a folder with an ONNX file and `tokenizer.json`.

    Args:
        path: path of the folder.
        name: name of the model.
        entry: its entry in the catalogue, which supplies settings that the folder's files do not give.
        listed: the files that the folder will hold, if its weights are not there yet.

    Raises:
        ConfigurationError: a file is missing or invalid, or asks for something that is not supported.
    """

    def exists(file: Path) -> bool:
        return file.is_file() if listed is None else file.relative_to(path).as_posix() in listed

    modules = read_modules(path)
    base = modules.transformer if modules else path
    weights = next((base / file for file in (WEIGHTS, INDEX) if exists(base / file)), None)
    has_weights, graph, quantised = weights is not None, None, None
    if not has_weights:
        graph = next((base / file for file in READY_MADE if exists(base / file)), None)
        places = [base / Path(file).parent for file in READY_MADE] if graph is None else [graph.parent]
        quantised = next(filter(None, (find_quantised(place, exists) for place in places)), None)
    if not has_weights and graph is None and quantised is None:
        raise ConfigurationError(f"{base} holds neither {WEIGHTS} nor {READY_MADE[0]}", model=name)
    if not exists(base / "tokenizer.json"):
        raise ConfigurationError(f"{base} holds no tokenizer.json", model=name)
    if exists(base / "adapter_config.json"):
        raise ConfigurationError(f"{base} holds an adapter (adapter_config.json), which is not supported", model=name)
    # Without modules.json, sentence-transformers reads none of its own files.
    is_saved = modules is not None or entry is not None
    own = _read_own_settings(base) if is_saved else {}
    config = _read_config(base, own)
    if modules is None:
        modules = _default_modules(path, config, entry)
    architecture = read_architecture(config, base) if has_weights else None
    hidden = architecture.hidden if architecture else modules.pooled_size
    _check_sizes(modules, hidden, path)
    folder = ModelFolder(
        path=path,
        name=name,
        tokenizer=base / "tokenizer.json",
        tokenizer_settings=read_tokenizer_settings(base, config, own),
        weights=weights,
        shards=() if weights is None else read_shards(weights) if weights.name == INDEX else (weights,),
        graph=graph,
        quantised=quantised,
        architecture=architecture,
        poolings=modules.poolings,
        include_prompt=modules.include_prompt,
        hidden=hidden,
        steps=modules.steps,
        max_length=0,
        prompts=read_prompts(path, entry) if is_saved else Prompts(),
        least_dimensions=entry.least_dimensions if entry else 0,
    )
    missing = [file for file in folder.list_weights() if not exists(file)]
    if missing:
        raise ConfigurationError(f"{missing[0]} is missing; other formats of weights are not read", model=name)
    return replace(folder, max_length=find_max_length(folder, config, own, entry))


def _read_own_settings(base: Path) -> dict[str, Any]:
    """Return the transformer's own file: the first of its names that is not empty."""
    for file in TRANSFORMER_CONFIGS:
        if own := read_object(base / file):
            check_settings("transformer", own, base / file)
            return own
    return {}


def _read_config(base: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    overriding = own.get("config_kwargs", own.get("config_args")) or {}
    if not isinstance(overriding, dict):
        raise ConfigurationError(f"{base}: config_kwargs must be an object, not {overriding!r:.80}")
    config = {**read_object(base / CONFIG), **overriding}
    check_settings(CONFIG, config, base / CONFIG)
    return config


def _default_modules(path: Path, config: Mapping[str, Any], entry: CatalogModel | None) -> Modules:
    """Return the modules of a folder without modules.json."""
    if entry is not None:
        return Modules(path, (entry.pooling,), steps=(Normalise(),) if entry.normalises else ())
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else ""
    is_causal = isinstance(name, str) and name.endswith("ForCausalLM") and config.get("is_causal") is not False
    return Modules(path, ("last" if is_causal else "mean",))


def _check_sizes(modules: Modules, hidden: int | None, path: Path) -> None:
    if modules.pooled_size not in {None, hidden}:
        text = f"pools states of size {modules.pooled_size}, and those of the transformer have {hidden}"
        raise ConfigurationError(f"{path}: the Pooling module {text}")
    size = None if hidden is None else hidden * len(modules.poolings)
    for step in modules.steps:
        match step:
            case Dense(inputs=needed) | LayerNorm(size=needed) if size not in {None, needed}:
                text = f"takes vectors of size {needed}, and those before it have {size}"
                raise ConfigurationError(f"{path}: the {type(step).__name__} module {text}")
            case Dense(outputs=size):
                pass


def find_max_length(
    folder: ModelFolder,
    config: Mapping[str, Any],
    own: Mapping[str, Any],
    entry: CatalogModel | None,
    *,
    required: bool = True,
) -> int:
    """Return the maximum length as sentence-transformers does: the setting, limited by the position embeddings.

    Raises:
        ConfigurationError: a setting is wrong, or no file gives a length; unless `required`, that is then 0.
    """
    base = folder.tokenizer.parent
    positions = count_positions(config, base)
    given = own.get("max_seq_length")
    if given is not None and (type(given) is not int or given < 1):
        raise ConfigurationError(f"{base}: max_seq_length must be a positive whole number, not {given!r:.80}")
    values = folder.tokenizer_settings.values
    if given is None and entry is not None:
        given = entry.max_length
    if given is None:
        given = values.get("model_max_length", values.get("max_len"))
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | float) or not given >= 1):
        raise ConfigurationError(f"{base}: model_max_length must be a positive number, not {given!r:.80}")
    if given is None and positions is None:
        given = (read_object(folder.tokenizer).get("truncation") or {}).get("max_length")
    limits = [int(limit) for limit in (positions, given) if isinstance(limit, int | float) and 0 < limit < _UNLIMITED]
    if not limits and not required:
        return 0
    if not limits:
        raise ConfigurationError(f"{base}: no file gives the maximum length of a text (max_seq_length)")
    return min(limits)
