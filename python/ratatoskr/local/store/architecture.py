"""The sizes of a transformer, as its config.json gives them, for each family that the package can build.

From the sources of transformers 5.23.0, read in November 2026. The older spellings of NomicBERT and GTE are those of
the code that their repositories name in `auto_map` (nomic-ai/nomic-bert-2048 and Alibaba-NLP/new-impl).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeAlias

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.settings import CONFIG
from ratatoskr.types.visible import quote

__all__ = ["MODEL_TYPES", "Architecture", "Family", "Rotary", "count_positions", "read_architecture"]

Family: TypeAlias = Literal[
    "bert", "roberta", "distilbert", "mpnet", "nomic_bert", "modernbert", "gte", "electra", "deberta-v2", "qwen3"
]

MODEL_TYPES: Final[Mapping[str, Family]] = {
    "bert": "bert",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "distilbert": "distilbert",
    "mpnet": "mpnet",
    "nomic_bert": "nomic_bert",
    "modernbert": "modernbert",
    "gte": "gte",
    "new": "gte",
    "electra": "electra",
    "deberta-v2": "deberta-v2",
    "qwen3": "qwen3",
}
"""The families by the `model_type` of config.json."""

_MAX_SIZE: Final = 2**20
_MAX_POSITIONS: Final = 2**18
_ACTIVATIONS: Final = ("gelu", "relu", "gelu_new", "gelu_pytorch_tanh", "silu")
_AFTER_PADDING: Final = frozenset({"roberta", "mpnet"})
"""Families whose positions start after the id of the padding token."""


@dataclass(frozen=True, slots=True)
class Rotary:
    """The rotary positions of a layer.

    Attributes:
        base: the base of the wave lengths.
        factor: by which texts may be longer than in training (NTK scaling); 1 for none.
    """

    base: float
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a transformer.

    Attributes:
        family: the model family.
        hidden: size of a token's hidden state.
        layers: number of layers.
        heads: number of attention heads in each layer.
        intermediate: size of the feed-forward part's inner layer.
        epsilon: the epsilon of its norms.
        pad: id of the padding token; the positions of RoBERTa and MPNet start after it.
        activation: activation function of the feed-forward part.
        head_size: size of a head's queries, keys and values.
        key_heads: number of heads that have keys and values of their own; the others share them.
        embedding: size of a token's embedding, where it is not the hidden size.
        positions: number of positions, for families that do not read them from a table.
        rotary: the rotary positions of each layer; empty for other kinds of positions.
        windows: for each layer how far it looks to either side; 0 for no limit.
        buckets: number of buckets of relative positions; 0 for one of each distance.
        span: the largest relative position that DeBERTa tells from others.
        relative: the parts of DeBERTa's attention that know positions: `c2p`, `p2c`.
        shares_key: whether DeBERTa projects positions as it does contents.
        norms_relative: whether DeBERTa's embeddings of positions have a norm.
    """

    family: Family
    hidden: int
    layers: int
    heads: int
    intermediate: int
    epsilon: float
    pad: int
    activation: str
    head_size: int
    key_heads: int
    embedding: int
    positions: int = 0
    rotary: tuple[Rotary, ...] = ()
    windows: tuple[int, ...] = ()
    buckets: int = 0
    span: int = 0
    relative: tuple[str, ...] = ()
    shares_key: bool = False
    norms_relative: bool = False

    @property
    def is_gated(self) -> bool:
        """Whether one half of the feed-forward part's inner layer gates the other."""
        return self.family in {"nomic_bert", "modernbert", "gte", "qwen3"}

    @property
    def norms_first(self) -> bool:
        """Whether a norm is before attention and feed-forward part, and not after them."""
        return self.family in {"modernbert", "qwen3"}

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self.family == "qwen3"

    @property
    def counts_after_padding(self) -> bool:
        """Whether positions start after the id of the padding token."""
        return self.family in _AFTER_PADDING


def count_positions(config: Mapping[str, Any], path: Path) -> int | None:
    """Return the number of tokens that the positions of a config.json allow; `None` if it gives none."""
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if type(positions) is not int:
        return None
    after = MODEL_TYPES.get(str(config.get("model_type"))) in _AFTER_PADDING
    return positions - (_Config(config, path).read_pad() + 1 if after else 0)


def read_architecture(config: Mapping[str, Any], path: Path) -> Architecture:
    """Return the sizes that a config.json gives.

    Args:
        config: its content.
        path: the folder, for messages.

    Raises:
        ConfigurationError: the model type is not supported, or a setting is wrong or cannot be obeyed.
    """
    kind = config.get("model_type")
    family = MODEL_TYPES.get(str(kind))
    if family is None:
        supported = ", ".join(sorted(MODEL_TYPES))
        raise ConfigurationError(f"{path}: the model type {quote(kind)} is not supported, only {supported}")
    return _Config(config, path).read(family)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The names under which config.json gives the sizes; of several the first that is there counts."""

    hidden: Sequence[str] = ("hidden_size",)
    layers: Sequence[str] = ("num_hidden_layers",)
    heads: Sequence[str] = ("num_attention_heads",)
    intermediate: Sequence[str] = ("intermediate_size",)
    epsilon: str = "layer_norm_eps"
    activation: Sequence[str] = ("hidden_act",)


_KEYS: Final[Mapping[Family, _Keys]] = {
    "distilbert": _Keys(("dim",), ("n_layers",), ("n_heads",), ("hidden_dim",), "", ("activation",)),
    "nomic_bert": _Keys(
        ("hidden_size", "n_embd"),
        ("num_hidden_layers", "n_layer"),
        ("num_attention_heads", "n_head"),
        ("intermediate_size", "n_inner"),
        activation=("hidden_act", "activation_function"),
    ),
    "modernbert": _Keys(epsilon="norm_eps", activation=("hidden_activation",)),
    "qwen3": _Keys(epsilon="rms_norm_eps"),
}
_EPSILONS: Final[Mapping[Family, float]] = {"modernbert": 1e-5, "deberta-v2": 1e-7, "qwen3": 1e-6}
_DEFAULT_ACTIVATIONS: Final[Mapping[Family, str]] = {"nomic_bert": "silu", "qwen3": "silu"}

_WINDOW: Final = "sliding_attention"
_NO: Final = (None, False)
_ACCEPTED: Final[Mapping[Family, Mapping[str, tuple[Any, ...]]]] = {
    "nomic_bert": {
        "prenorm": _NO,
        "use_rms_norm": _NO,
        "parallel_block": _NO,
        "causal": _NO,
        "qkv_proj_bias": _NO,
        "mlp_fc1_bias": _NO,
        "mlp_fc2_bias": _NO,
        "rotary_emb_fraction": (None, 1.0, 1),
        "rotary_emb_interleaved": _NO,
        "rotary_emb_scale_base": (None,),
        "rotary_scaling_factor": (None,),
        "scale_attn_by_inverse_layer_idx": _NO,
        "moe_every_n_layers": (None, 0),
    },
    "modernbert": {"norm_bias": _NO, "attention_bias": _NO, "mlp_bias": _NO},
    "gte": {
        "position_embedding_type": (None, "rope"),
        "layer_norm_type": (None, "layer_norm"),
        "pack_qkv": (None, True),
        "logn_attention_scale": _NO,
        "logn_attention_clip1": _NO,
    },
    "deberta-v2": {"conv_kernel_size": (None, 0), "relative_attention": (True,), "attention_head_size": (None,)},
    "qwen3": {"attention_bias": _NO, "use_sliding_window": _NO},
}
"""Settings that change what a family computes, with the values that are built; any other is refused."""


class _Config:
    """A config.json, read with checks; `path` is for messages."""

    def __init__(self, values: Mapping[str, Any], path: Path) -> None:
        self._values, self._path = values, path

    def read(self, family: Family) -> Architecture:
        for key, accepted in {"position_embedding_type": (None, "absolute"), **_ACCEPTED.get(family, {})}.items():
            value = self._values.get(key)
            if not any(type(value) is type(one) and value == one for one in accepted):
                raise ConfigurationError(f"{self._path / CONFIG}: {key} = {value!r:.80} is not supported for {family}")
        keys = _KEYS.get(family, _Keys())
        hidden, layers, heads, intermediate = self._read_sizes(keys.hidden, keys.layers, keys.heads, keys.intermediate)
        if family != "qwen3" and hidden % heads:
            self._fail(f"the hidden size {hidden} is not a multiple of the {heads} attention heads")
        head_size = self._read_optional("head_dim", hidden // heads)
        key_heads = self._read_optional("num_key_value_heads", heads) if family == "qwen3" else heads
        if heads % key_heads:
            self._fail(f"the {heads} attention heads are not a multiple of the {key_heads} with keys of their own")
        return Architecture(
            family=family,
            hidden=hidden,
            layers=layers,
            heads=heads,
            intermediate=intermediate,
            epsilon=self._read_epsilon(family, keys.epsilon),
            pad=self.read_pad(),
            activation=self._read_activation(family, keys.activation),
            head_size=head_size if family in {"nomic_bert", "qwen3"} else hidden // heads,
            key_heads=key_heads,
            embedding=self._read_optional("embedding_size", hidden) if family in {"electra", "deberta-v2"} else hidden,
            **(_READERS[family](self, layers) if family in _READERS else {}),
        )

    def _fail(self, text: str) -> NoReturn:
        raise ConfigurationError(f"{self._path}: {text}")

    def _read_sizes(self, *keys: Sequence[str]) -> list[int]:
        sizes = [next((self._values[key] for key in names if key in self._values), None) for names in keys]
        if not all(type(size) is int and 0 < size < _MAX_SIZE for size in sizes):
            self._fail(f"config.json must give {', '.join(names[0] for names in keys)} as positive numbers")
        return [int(size) for size in sizes if size is not None]

    def _read_optional(self, key: str, default: int, largest: int = _MAX_SIZE) -> int:
        value = self._values.get(key)
        if value is None:
            return default
        if type(value) is not int or not 0 < value < largest:
            self._fail(f"config.json must give {key} as a positive number, not {quote(value)}")
        return value

    def _read_epsilon(self, family: Family, key: str) -> float:
        default = _EPSILONS.get(family, 1e-12)
        epsilon = self._values.get(key, self._values.get("layer_norm_epsilon", default)) if key else default
        if not isinstance(epsilon, float) or not 0 < epsilon < 1:
            self._fail(f"config.json must give {key} as a number between 0 and 1, not {quote(epsilon)}")
        return epsilon

    def _read_activation(self, family: Family, keys: Sequence[str]) -> str:
        default = _DEFAULT_ACTIVATIONS.get(family, "gelu")
        activation = next((self._values[key] for key in keys if key in self._values), default)
        if family == "nomic_bert" and activation == "swiglu":
            activation = "silu"
        if activation not in _ACTIVATIONS:  # the value may be of any type
            self._fail(f"the activation {quote(activation)} is not supported")
        return str(activation)

    def read_pad(self) -> int:
        """Return the id of the padding token; 0 if the file gives none."""
        pad = self._values.get("pad_token_id")
        if pad is None:
            return 0
        if not isinstance(pad, int) or not 0 <= pad < 2**31:
            self._fail(f"config.json must give pad_token_id as a non-negative integer, not {quote(pad)}")
        return pad

    # What some families have beside

    def read_buckets(self, _: int) -> dict[str, Any]:
        """Read MPNet's relative positions."""
        (positions,) = self._read_sizes(("max_position_embeddings",))
        return {"buckets": self._read_optional("relative_attention_num_buckets", 32), "positions": positions}

    def read_rotary(self, layers: int) -> dict[str, Any]:
        """Read rotary positions that are the same in all layers."""
        default, older = _BASES[str(MODEL_TYPES[self._values["model_type"]])]
        parameters = self._values.get("rope_parameters") or {}
        base = self._read_base(parameters, older, default)
        positions = self._read_optional("max_position_embeddings", 0, _MAX_POSITIONS)
        positions = positions or self._read_optional("n_positions", 2048, _MAX_POSITIONS)
        return {"rotary": (Rotary(base, self._read_scaling(parameters)),) * layers, "positions": positions}

    def read_modernbert(self, layers: int) -> dict[str, Any]:
        """Read positions and windows, which differ between layers with and without a limit."""
        every = self._read_optional("global_attn_every_n_layers", 3)
        kinds = self._values.get("layer_types")
        if kinds is None:
            kinds = [_WINDOW if number % every else "full_attention" for number in range(layers)]
        known = {"full_attention": ("global_rope_theta", 160_000.0), _WINDOW: ("local_rope_theta", 10_000.0)}
        if not isinstance(kinds, list) or len(kinds) != layers or not all(kind in known for kind in map(str, kinds)):
            self._fail(f"config.json must give layer_types as {' or '.join(known)} for each layer")
        given = self._values.get("rope_parameters") or {}
        if not isinstance(given, dict):
            self._fail(f"config.json must give rope_parameters as an object, not {given!r:.80}")
        rotary = {}
        for kind, (older, default) in known.items():
            parameters = given.get(kind) or {}
            rotary[kind] = Rotary(self._read_base(parameters, older, default), self._read_scaling(parameters))
        window = self._read_optional("local_attention", 128) // 2
        return {
            "rotary": tuple(rotary[kind] for kind in kinds),
            "windows": tuple(window if kind == _WINDOW else 0 for kind in kinds),
            "positions": self._read_optional("max_position_embeddings", 8192, _MAX_POSITIONS),
        }

    def read_disentangled(self, _: int) -> dict[str, Any]:
        """Read DeBERTa's relative positions."""
        (positions,) = self._read_sizes(("max_position_embeddings",))
        kinds = self._values.get("pos_att_type") or []
        kinds = [part.strip() for part in kinds.lower().split("|")] if isinstance(kinds, str) else kinds
        if not isinstance(kinds, list) or not {*map(str, kinds)} <= {"c2p", "p2c"}:
            self._fail(f"pos_att_type = {kinds!r:.80} is not supported")
        buckets = self._values.get("position_buckets", -1)
        largest = self._values.get("max_relative_positions", -1)
        if not all(type(size) is int and size < _MAX_SIZE for size in (buckets, largest)):
            self._fail("config.json must give position_buckets and max_relative_positions as whole numbers")
        return {
            "positions": positions,
            "buckets": max(0, buckets),
            "span": largest if largest > 0 else positions,
            "relative": tuple(kind for kind in ("c2p", "p2c") if kind in kinds),
            "shares_key": self._values.get("share_att_key") is True,
            "norms_relative": "layer_norm" in str(self._values.get("norm_rel_ebd", "none")).lower(),
        }

    def _read_base(self, parameters: Any, older: str, default: float) -> float:
        if not isinstance(parameters, dict):
            self._fail(f"config.json must give rope_parameters as an object, not {parameters!r:.80}")
        base = parameters.get("rope_theta", self._values.get("rope_theta", self._values.get(older, default)))
        if isinstance(base, bool) or not isinstance(base, int | float) or not 1 < base < 1e12:
            self._fail(f"config.json must give the base of rotary positions as a number above 1, not {quote(base)}")
        return float(base)

    def _read_scaling(self, parameters: Mapping[str, Any]) -> float:
        """Return the factor of NTK scaling, which GTE knows alone; 1 for none."""
        scaling = self._values.get("rope_scaling") or parameters
        kind = scaling.get("rope_type", scaling.get("type", "default")) if isinstance(scaling, dict) else scaling
        if kind == "default":
            return 1.0
        factor = scaling.get("factor") if isinstance(scaling, dict) else None
        is_ntk = kind == "ntk" and self._values["model_type"] == "new" and scaling.get("mixed_b") is None
        if not is_ntk or not isinstance(factor, int | float) or not 1 <= factor < 1e6:
            self._fail(f"the scaling of rotary positions {scaling!r:.80} is not supported")
        return float(factor)


_BASES: Final[Mapping[str, tuple[float, str]]] = {
    "nomic_bert": (1000.0, "rotary_emb_base"),
    "gte": (160_000.0, "rope_theta"),
    "qwen3": (10_000.0, "rope_theta"),
}
"""The base of rotary positions that is meant where config.json gives none, and an older name of it."""
_READERS: Final[Mapping[Family, Callable[[_Config, int], dict[str, Any]]]] = {
    "mpnet": _Config.read_buckets,
    "nomic_bert": _Config.read_rotary,
    "gte": _Config.read_rotary,
    "qwen3": _Config.read_rotary,
    "modernbert": _Config.read_modernbert,
    "deberta-v2": _Config.read_disentangled,
}
