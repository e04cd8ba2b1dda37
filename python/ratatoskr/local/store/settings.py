"""The settings in a model's files that sentence-transformers obeys, as data: each is obeyed too, or refused.

From the sources of sentence-transformers 6.2.0 and transformers 5.23.0, read in November 2026, whose vectors the tests
compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError

__all__ = [
    "ACTIVATIONS",
    "CLOSED",
    "CONFIG",
    "MODEL_PROMPTS",
    "MODULES",
    "POOLINGS",
    "SETTINGS",
    "SETTINGS_FILES",
    "TOKENIZER",
    "TOKENIZER_CONFIG",
    "TOKENIZER_FILES",
    "TRANSFORMER_CONFIGS",
    "Setting",
    "check_settings",
]

CONFIG: Final = "config.json"
MODULES: Final = "modules.json"
MODEL_PROMPTS: Final = "config_sentence_transformers.json"
TOKENIZER: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
TRANSFORMER_CONFIGS: Final = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
"""The names of one file in their order; the first that is not empty counts."""
TOKENIZER_FILES: Final = (TOKENIZER, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json")
SETTINGS_FILES: Final = (CONFIG, *TRANSFORMER_CONFIGS, *TOKENIZER_FILES, "model.safetensors.index.json")
"""The files of a transformer beside its weights. They are in the folder that modules.json names for it."""

POOLINGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "last",
}
"""The poolings by the keys of older files, in the order in which several of them are concatenated."""

ACTIVATIONS: Final = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")
"""Classes of `torch.nn` that may follow a Dense module."""

OBEYED: Final = "obeyed"
NO_EFFECT: Final = "no effect on vectors"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Setting:
    """What becomes of one setting.

    Attributes:
        file: the file's name, or its kind: `transformer` for one of `TRANSFORMER_CONFIGS`, else the module's class.
        key: the name of the setting.
        how: what is done with it, or why it changes nothing.
        accepts: the values that are accepted, or a function that says whether one is; `None` if the reader of the file
            checks it. Any other value is a `ConfigurationError` that names file, key and value.
    """

    file: str
    key: str
    how: str
    accepts: tuple[Any, ...] | Callable[[Any], bool] | None = None


def _is_text_only(value: Any) -> bool:
    return bool(value == {"text": {"method": "forward", "method_output_name": "last_hidden_state"}})


def _keeps_mask(value: Any) -> bool:
    return value is None or (isinstance(value, list) and "attention_mask" in value)


def _is_harmless_model_option(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys() - {
        "add_pooling_layer",
        "attn_implementation",
        "device_map",
        "dtype",
        "low_cpu_mem_usage",
        "torch_dtype",
        "trust_remote_code",
        "use_safetensors",
    }


def _is_known_code(value: Any) -> bool:
    """Return whether the code of a repository is code whose computation the package builds itself."""
    places = value.values() if isinstance(value, dict) else ()
    return value in (None, {}, []) or (
        bool(places) and all(isinstance(place, str) and place.startswith(_KNOWN_CODE) for place in places)
    )


def _is_side(value: Any) -> bool:
    return value is None or value in ("right", "Right", "left")


_KNOWN_CODE: Final = ("nomic-ai/nomic-bert-2048--", "Alibaba-NLP/new-impl--")
_NONE: Final = (None,)
_NO: Final = (None, False)
_EMPTY: Final[tuple[Any, ...]] = (None, {}, [])
_RIGHT: Final = (None, "right", "Right")
_SENTENCE: Final = (None, "sentence_embedding")
_PADDED: Final = "padding is never read; on the left it would change positions, but for rotary ones"

SETTINGS: Final = (
    # The transformer's own file
    Setting("transformer", "max_seq_length", "the maximum length, within the position embeddings"),
    Setting(
        "transformer", "do_lower_case", "texts are lowered before the tokenizer's own normalizer", (None, True, False)
    ),
    Setting("transformer", "processor_kwargs", "override tokenizer_config.json"),
    Setting("transformer", "tokenizer_args", "the older name of processor_kwargs"),
    Setting("transformer", "config_kwargs", "override config.json"),
    Setting("transformer", "config_args", "the older name of config_kwargs"),
    Setting("transformer", "model_kwargs", "those of loading alone have no effect", _is_harmless_model_option),
    Setting("transformer", "model_args", "the older name of model_kwargs", _is_harmless_model_option),
    Setting("transformer", "processing_kwargs", REFUSED, _EMPTY),
    Setting("transformer", "transformer_task", REFUSED, (None, "feature-extraction")),
    Setting("transformer", "modality_config", "only texts, from the last hidden state", _is_text_only),
    Setting("transformer", "module_output_name", REFUSED, (None, "token_embeddings")),
    Setting("transformer", "unpad_inputs", NO_EFFECT),
    Setting("transformer", "query_length", REFUSED, _NONE),
    Setting("transformer", "document_length", REFUSED, _NONE),
    Setting("transformer", "query_expansion", REFUSED, _NONE),
    Setting("transformer", "tokenizer_name_or_path", REFUSED, _NONE),
    # The model as a whole; sentence-transformers reads no other key
    Setting(MODEL_PROMPTS, "prompts", "by input_type: query; the first of document, passage, corpus"),
    Setting(MODEL_PROMPTS, "default_prompt_name", "the prompt of an input_type that has none of its own"),
    Setting(MODEL_PROMPTS, "truncate_dim", "vectors are cut to it, after normalisation"),
    Setting(MODEL_PROMPTS, "model_type", REFUSED, (None, "SentenceTransformer")),
    Setting(MODEL_PROMPTS, "similarity_fn_name", NO_EFFECT),
    Setting(MODEL_PROMPTS, "requirements", NO_EFFECT),
    Setting(MODEL_PROMPTS, "__version__", NO_EFFECT),
    # The modules of modules.json, each with a config.json of its own; those without rows are refused by name
    Setting("Pooling", "pooling_mode", "one, or a list whose vectors are concatenated"),
    *(Setting("Pooling", key, "the older way: several are concatenated", (None, True, False)) for key in POOLINGS),
    Setting("Pooling", "include_prompt", "if false, the prompt's tokens are not pooled", (None, True, False)),
    Setting("Pooling", "embedding_dimension", "must be the transformer's hidden size"),
    Setting("Pooling", "word_embedding_dimension", "the older name of embedding_dimension"),
    Setting("Normalize", "module_input_name", REFUSED, _SENTENCE),
    Setting("Normalize", "module_output_name", REFUSED, _SENTENCE),
    Setting("Dense", "in_features", "must be the size of the vectors before it"),
    Setting("Dense", "out_features", "the size of its vectors"),
    Setting("Dense", "bias", "whether there is one; yes by default", (None, True, False)),
    Setting("Dense", "activation_function", "a class of torch.nn; Tanh by default"),
    Setting("Dense", "use_residual", "its input is added, projected if the sizes differ", (None, True, False)),
    Setting("Dense", "module_input_name", REFUSED, _SENTENCE),
    Setting("Dense", "module_output_name", REFUSED, _SENTENCE),
    Setting("LayerNorm", "dimension", "must be the size of the vectors before it"),
    Setting("Dropout", "dropout", "only training drops values"),
    # The architecture; transformers reads more, which has no effect on a forward pass without training
    Setting(CONFIG, "model_type", "the family"),
    Setting(CONFIG, "position_embedding_type", "must be that of the family; for BERT `absolute`"),
    Setting(CONFIG, "is_decoder", REFUSED, _NO),
    Setting(CONFIG, "add_cross_attention", REFUSED, _NO),
    Setting(CONFIG, "pruned_heads", REFUSED, _EMPTY),
    Setting(CONFIG, "quantization_config", REFUSED, _EMPTY),
    Setting(CONFIG, "auto_map", "refused, but for that of NomicBERT and GTE: code is not executed", _is_known_code),
    Setting(CONFIG, "max_position_embeddings", "limits the maximum length"),
    Setting(CONFIG, "tokenizer_class", "if tokenizer_config.json names none"),
    Setting(CONFIG, "dtype", "weights are computed in float32"),
    Setting(CONFIG, "torch_dtype", "the older name of dtype"),
    # The tokenizer; what applies only to some classes is in `tokenizer.py`
    Setting(TOKENIZER_CONFIG, "tokenizer_class", "some classes build normalizer and pre-tokenizer themselves"),
    Setting(TOKENIZER_CONFIG, "do_lower_case", "of BERT's tokenizer, yes by default", (None, True, False)),
    Setting(TOKENIZER_CONFIG, "strip_accents", "of BERT's tokenizer", (None, True, False)),
    Setting(TOKENIZER_CONFIG, "tokenize_chinese_chars", "of BERT's tokenizer, yes by default", (None, True, False)),
    Setting(TOKENIZER_CONFIG, "add_prefix_space", "of RoBERTa's and SentencePiece's tokenizers", (None, True, False)),
    Setting(TOKENIZER_CONFIG, "model_max_length", "the maximum length, unless the transformer's file gives one"),
    Setting(TOKENIZER_CONFIG, "max_len", "the older name of model_max_length"),
    Setting(TOKENIZER_CONFIG, "added_tokens_decoder", "added tokens, which tokenizer.json must have with the same ids"),
    Setting(TOKENIZER_CONFIG, "truncation_side", REFUSED, _RIGHT),
    Setting(TOKENIZER_CONFIG, "padding_side", _PADDED, _is_side),
    Setting(TOKENIZER_CONFIG, "pad_to_multiple_of", "padding is never read"),
    Setting(TOKENIZER_CONFIG, "split_special_tokens", REFUSED, _NO),
    Setting(TOKENIZER_CONFIG, "add_bos_token", "false changes nothing: tokenizer.json has the special tokens", _NO),
    Setting(TOKENIZER_CONFIG, "add_eos_token", "false changes nothing: tokenizer.json has the special tokens", _NO),
    Setting(TOKENIZER_CONFIG, "model_input_names", REFUSED, _keeps_mask),
    Setting(TOKENIZER_CONFIG, "chat_template", "for messages, not for texts"),
    Setting(TOKENIZER_CONFIG, "auto_map", "refused: code of a folder is not executed", _EMPTY),
)

CLOSED: Final = frozenset({"transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout"})
"""Files in which a key without a row is refused: there sentence-transformers would obey it, or fail."""

_BY_FILE: Final[Mapping[str, Mapping[str, Setting]]] = {
    file: {setting.key: setting for setting in SETTINGS if setting.file == file}
    for file in {setting.file for setting in SETTINGS}
}


def check_settings(file: str, values: Mapping[str, Any], path: Path) -> None:
    """Check the settings of a file against the table.

    Raises:
        ConfigurationError: one of them can neither be obeyed nor left out; the message names file, key and value.
    """
    rows = _BY_FILE[file]
    for key, value in values.items():
        setting = rows.get(key)
        if setting is None:
            if file in CLOSED:
                raise ConfigurationError(f"{path}: the setting {key!r:.80} is not known and cannot be obeyed")
            continue
        accepts = setting.accepts
        if accepts is None or (accepts(value) if callable(accepts) else _is_one_of(value, accepts)):
            continue
        raise ConfigurationError(f"{path}: {key} = {value!r:.120} is not supported")


def _is_one_of(value: Any, accepted: Iterable[Any]) -> bool:
    """Return whether a value is among the accepted ones; 1 is not `True`, and any type may be compared."""
    return any(type(value) is type(own) and value == own for own in accepted)
