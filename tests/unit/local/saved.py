"""Small models as sentence-transformers saves them under each setting, for the reference vectors and their test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unit.local.stand_ins import make, safetensors

HIDDEN = 24
SHAPES: dict[str, dict[str, Any]] = {
    family: {"family": family, "hidden": HIDDEN, "heads": 2, "pooling": "mean", "normalise": True}
    for family in ("bert", "roberta", "distilbert")
}
TEXTS = (
    "State of the World",
    "Zeit für Café Ünder ÀB",
    "時間 time 世界",
    "  lead and [SEP] trail <s> x </s> ",
    "",
    "a time b",
    "word " * 200,
    "ẞtraße İstanbul",
    "e\u0301 combining",
    "<mask> [MASK] tail",
    "tab\tnl\nx  y",
)
METHODS = ("query", "document")
Change = Callable[[Path], object]


def save(folder: Path, name: str) -> Path:
    """Write one of the models of `SAVED`."""
    family, *changes = SAVED[name]
    make(folder, name, SHAPES[family])
    for change in changes:
        change(folder)
    return folder


def write(folder: Path, name: str, value: Any) -> None:
    """Write a JSON file."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(value))


def update(name: str, **values: Any) -> Change:
    """Return a change that sets keys of a JSON file, which need not exist."""

    def change(folder: Path) -> None:
        path = folder / name
        write(folder, name, {**(json.loads(path.read_text()) if path.exists() else {}), **values})

    return change


def replace(name: str, value: Any) -> Change:
    """Return a change that writes a JSON file."""
    return lambda folder: write(folder, name, value)


def remove(*names: str) -> Change:
    """Return a change that removes files."""
    return lambda folder: [(folder / name).unlink() for name in names]


def own(**values: Any) -> Change:
    """Return a change of the transformer's own file."""
    return update("sentence_bert_config.json", **values)


def tokenizer_config(**values: Any) -> Change:
    """Return a change of tokenizer_config.json."""
    return update("tokenizer_config.json", **values)


def tokenizer(**values: Any) -> Change:
    """Return a change of tokenizer.json."""
    return update("tokenizer.json", **values)


def model(**values: Any) -> Change:
    """Return a change of config_sentence_transformers.json."""
    return update("config_sentence_transformers.json", **values)


def bert_normalizer(**values: Any) -> Change:
    """Return a change of BERT's normalizer in tokenizer.json."""

    def change(folder: Path) -> None:
        normalizer = json.loads((folder / "tokenizer.json").read_text())["normalizer"]
        tokenizer(normalizer={**normalizer, **values})(folder)

    return change


def byte_level(prefix: bool) -> dict[str, Any]:
    """Return RoBERTa's pre-tokenizer."""
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}


def pooling(**values: Any) -> Change:
    """Return a change that writes the pooling's file."""
    return replace("1_Pooling/config.json", {"word_embedding_dimension": HIDDEN, **values})


def modules(*kinds: str, base: str = "") -> Change:
    """Return a change that writes modules.json: Transformer, Pooling, and these."""
    paths = [base, "1_Pooling", *(f"{number}_{kind}" for number, kind in enumerate(kinds, 2))]
    return replace(
        "modules.json",
        [
            {"idx": idx, "name": str(idx), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for idx, (path, kind) in enumerate(zip(paths, ("Transformer", "Pooling", *kinds), strict=True))
        ],
    )


def dense(outputs: int = 10, **values: Any) -> Change:
    """Return a change that puts Dense and Normalize after the pooling."""
    settings: dict[str, Any] = {"in_features": HIDDEN, "out_features": outputs, "bias": True}
    settings |= {"activation_function": "torch.nn.modules.activation.Tanh", **values}

    def change(folder: Path) -> None:
        write(folder, "2_Dense/config.json", settings)
        rng = np.random.default_rng(1)
        tensors = {"linear.weight": rng.standard_normal((outputs, HIDDEN)) * 0.5}
        if settings["bias"]:
            tensors["linear.bias"] = rng.standard_normal(outputs) * 0.5
        if settings.get("use_residual") and outputs != HIDDEN:
            tensors["residual.weight"] = rng.standard_normal((outputs, HIDDEN)) * 0.5
        (folder / "2_Dense" / "model.safetensors").write_bytes(safetensors(tensors))
        modules("Dense", "Normalize")(folder)

    return change


def layer_norm(folder: Path) -> None:
    """Put LayerNorm and Dropout after the pooling."""
    rng = np.random.default_rng(2)
    write(folder, "2_LayerNorm/config.json", {"dimension": HIDDEN})
    tensors = {f"norm.{part}": rng.standard_normal(HIDDEN) for part in ("weight", "bias")}
    (folder / "2_LayerNorm" / "model.safetensors").write_bytes(safetensors(tensors))
    write(folder, "3_Dropout/config.json", {"dropout": 0.3})
    modules("LayerNorm", "Dropout")(folder)


def own_folder(folder: Path) -> None:
    """Move the transformer into a folder of its own, as old versions saved it."""
    (folder / "0_Transformer").mkdir()
    for path in [path for path in folder.iterdir() if path.is_file() and path.name != "modules.json"]:
        shutil.move(path, folder / "0_Transformer" / path.name)
    modules("Normalize", base="0_Transformer")(folder)


def sentencepiece(folder: Path) -> None:
    """Give a RoBERTa model a tokenizer like that of XLM-RoBERTa, with parts that a class of its own does not keep."""
    letters = sorted("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:;é時間")
    vocabulary = [[token, 0.0] for token in ("<s>", "<pad>", "</s>", "<unk>")] + [["▁", -2.0]]
    vocabulary += [[letter, -5.0 - place / 100] for place, letter in enumerate(letters)]
    vocabulary += [["▁the", -3.0], ["▁time", -3.1], ["<mask>", 0.0]]
    specials = [(0, "<s>"), (1, "<pad>"), (2, "</s>"), (3, "<unk>"), (len(vocabulary) - 1, "<mask>")]
    flags = {"single_word": False, "rstrip": False, "normalized": False, "special": True}
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    several = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    tokenizer(
        model={"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
        added_tokens=[{"id": i, "content": token, "lstrip": token == "<mask>", **flags} for i, token in specials],
        normalizer={"type": "Sequence", "normalizers": [{"type": "NFKC"}, several]},
        pre_tokenizer=space,
        decoder=space,
    )(folder)


def class_of(name: str, kind: str, **values: Any) -> tuple[Change, ...]:
    """Return the changes for a SentencePiece tokenizer of a class."""
    return sentencepiece, update("config.json", model_type=kind), tokenizer_config(tokenizer_class=name, **values)


def added(token: str, **flags: bool) -> dict[str, Any]:
    """Return an added token as tokenizer_config.json lists it."""
    return {"content": token, "special": False, "normalized": False, "single_word": False, "lstrip": False, **flags}


def prompts(*, pooled: bool = True, mode: str | list[str] = "mean") -> tuple[Change, ...]:
    """Return the changes that give a model prompts."""
    texts = {"query": "the time of: ", "document": "Is "}
    return model(prompts=texts), pooling(pooling_mode=mode, include_prompt=pooled)


def qwen_tokenizer(folder: Path) -> None:
    """Put one special token after a text, as the tokenizers of decoders for embeddings do, and none before it."""
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    text, other = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    template = {"type": "TemplateProcessing", "single": [text, end], "pair": [text, end, other, end]}
    template |= {"special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}
    tokenizer(post_processor=template)(folder)


QWEN = {"eos_token": "</s>", "pad_token": "<pad>", "add_eos_token": False, "chat_template": "{{ messages }}"}
MPNET = {"tokenizer_class": "MPNetTokenizer", "bos_token": "[CLS]", "eos_token": "[SEP]", "cls_token": "[CLS]"}
MPNET |= {"sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
DEBERTA = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
DEBERTA |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
BERT, LOWER = {"tokenizer_class": "BertTokenizer"}, "torch.nn.modules.activation."
LEFT = {"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
FIXED = {"strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": 8}
FIXED |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}

SAVED: dict[str, tuple[Any, ...]] = {
    # Lower case, accents and characters
    "lower": ("bert", bert_normalizer(lowercase=False, strip_accents=False), own(do_lower_case=True)),
    "lower_roberta": ("roberta", own(do_lower_case=True)),
    "lower_xlm_roberta": ("roberta", *class_of("XLMRobertaTokenizer", "xlm-roberta"), own(do_lower_case=True)),
    "bert_class": ("bert", bert_normalizer(lowercase=False), tokenizer_config(**BERT)),
    "bert_cased": ("bert", tokenizer_config(**BERT, do_lower_case=False)),
    "bert_keeps_accents": ("bert", tokenizer_config(**BERT, strip_accents=False)),
    "bert_cased_without_accents": ("bert", tokenizer_config(**BERT, strip_accents=True, do_lower_case=False)),
    "bert_joins_chinese": ("bert", tokenizer_config(**BERT, tokenize_chinese_chars=False)),
    "bert_pre_tokenizer": ("bert", tokenizer(pre_tokenizer={"type": "WhitespaceSplit"}), tokenizer_config(**BERT)),
    "bert_no_class": ("bert", bert_normalizer(lowercase=False), remove("tokenizer_config.json")),
    "distilbert_class": (
        "distilbert",
        bert_normalizer(lowercase=False),
        tokenizer_config(tokenizer_class="DistilBertTokenizer"),
    ),
    "distilbert_no_class": ("distilbert", bert_normalizer(lowercase=False), remove("tokenizer_config.json")),
    "as_it_is": ("bert", bert_normalizer(lowercase=False), tokenizer_config(do_lower_case=True, strip_accents=True)),
    "processor_kwargs": ("bert", tokenizer_config(**BERT), own(processor_kwargs={"do_lower_case": False})),
    # The space before the first word
    "roberta_class": (
        "roberta",
        tokenizer(pre_tokenizer=byte_level(True)),
        tokenizer_config(tokenizer_class="RobertaTokenizer"),
    ),
    "roberta_space": ("roberta", tokenizer_config(tokenizer_class="RobertaTokenizerFast", add_prefix_space=True)),
    "roberta_as_it_is": ("roberta", tokenizer_config(add_prefix_space=True)),
    "roberta_no_class": (
        "roberta",
        tokenizer(pre_tokenizer=byte_level(True), normalizer={"type": "Lowercase"}),
        remove("tokenizer_config.json"),
    ),
    "xlm_roberta": ("roberta", *class_of("XLMRobertaTokenizer", "xlm-roberta")),
    "xlm_roberta_no_space": ("roberta", *class_of("XLMRobertaTokenizerFast", "xlm-roberta", add_prefix_space=False)),
    "xlm_roberta_as_it_is": ("roberta", *class_of("PreTrainedTokenizerFast", "xlm-roberta", do_lower_case=True)),
    "camembert": ("roberta", *class_of("CamembertTokenizer", "camembert")),
    "mpnet": (
        "bert",
        bert_normalizer(lowercase=False),
        tokenizer_config(**MPNET),
    ),
    "mpnet_cased": (
        "bert",
        tokenizer_config(**MPNET, do_lower_case=False),
    ),
    "deberta": ("roberta", *class_of("DebertaV2Tokenizer", "roberta", **DEBERTA)),
    "deberta_lower": (
        "roberta",
        *class_of("DebertaV2TokenizerFast", "roberta", **DEBERTA, do_lower_case=True, split_by_punct=True),
    ),
    "qwen": ("roberta", qwen_tokenizer, tokenizer_config(tokenizer_class="Qwen2Tokenizer", **QWEN)),
    "qwen_as_it_is": ("roberta", qwen_tokenizer, tokenizer_config(**QWEN, add_bos_token=False)),
    # Added and special tokens
    "added_none": ("bert", tokenizer(added_tokens=[]), tokenizer_config(**BERT)),
    "added_all": (
        "bert",
        tokenizer_config(**BERT, added_tokens_decoder={"3": added("[SEP]", special=True), "208": added("time")}),
    ),
    "added_more": ("bert", tokenizer_config(added_tokens_decoder={"207": added("world", lstrip=True)})),
    "added_file": ("bert", replace("added_tokens.json", {"time": 208})),
    "special_map": (
        "bert",
        tokenizer_config(**BERT),
        replace("special_tokens_map.json", {"cls_token": "[MASK]", "sep_token": {"content": "[SEP]", "lstrip": True}}),
    ),
    "special_more": ("bert", tokenizer_config(additional_special_tokens=["time"])),
    # The maximum length, and what is baked into tokenizer.json
    "longest": ("bert", own(max_seq_length=17)),
    "longest_roberta_file": (
        "roberta",
        remove("sentence_bert_config.json"),
        replace("sentence_roberta_config.json", {"max_seq_length": 13, "do_lower_case": True}),
    ),
    "longest_xlm_roberta_file": (
        "roberta",
        remove("sentence_bert_config.json"),
        replace("sentence_xlm-roberta_config.json", {"max_seq_length": 13}),
    ),
    "longest_first_file": ("distilbert", replace("sentence_distilbert_config.json", {"max_seq_length": 13})),
    "longest_empty_file": (
        "distilbert",
        replace("sentence_bert_config.json", {}),
        replace("sentence_distilbert_config.json", {"max_seq_length": 13}),
    ),
    "longest_tokenizer": ("bert", remove("sentence_bert_config.json"), tokenizer_config(model_max_length=21)),
    "longest_positions": ("bert", remove("sentence_bert_config.json"), tokenizer_config(model_max_length=10**30)),
    "longest_processor_kwargs": (
        "bert",
        replace("sentence_bert_config.json", {"processor_kwargs": {"model_max_length": 11}}),
    ),
    "baked_truncation": ("bert", tokenizer(truncation={**LEFT, "direction": "Right"})),
    "baked_truncation_overridden": ("bert", tokenizer(truncation=LEFT), tokenizer_config(truncation_side="right")),
    "baked_padding": ("bert", tokenizer(padding=FIXED)),
    "config_args": ("bert", own(config_args={"layer_norm_eps": 0.1})),
    # Modules
    "no_modules": ("bert", remove("modules.json")),
    "no_modules_causal": (
        "roberta",
        remove("modules.json"),
        update("config.json", architectures=["RobertaForCausalLM"]),
    ),
    "no_modules_settings": (
        "roberta",
        remove("modules.json"),
        own(max_seq_length=17, do_lower_case=True),
        model(prompts={"query": "the ", "document": "Is "}, truncate_dim=9),
    ),
    "own_folder": ("bert", own_folder),
    "pooling_list": ("bert", pooling(pooling_mode=["mean", "cls"])),
    "pooling_list_order": ("distilbert", pooling(pooling_mode=["max", "weightedmean", "cls", "mean_sqrt_len_tokens"])),
    "pooling_several": (
        "bert",
        pooling(pooling_mode_mean_tokens=True, pooling_mode_cls_token=True, pooling_mode_max_tokens=True),
    ),
    "pooling_weightedmean": ("bert", pooling(pooling_mode_weightedmean_tokens=True, pooling_mode_mean_tokens=False)),
    "pooling_lasttoken": ("bert", pooling(pooling_mode_lasttoken=True)),
    "pooling_none": ("bert", pooling(pooling_mode_mean_tokens=False)),
    "pooling_new": ("bert", replace("1_Pooling/config.json", {"embedding_dimension": HIDDEN, "pooling_mode": "cls"})),
    "dense": ("roberta", dense()),
    "dense_gelu": ("roberta", dense(bias=False, activation_function=LOWER + "GELU")),
    "dense_identity": ("roberta", dense(activation_function="torch.nn.modules.linear.Identity")),
    "dense_residual": ("roberta", dense(activation_function=LOWER + "ReLU", use_residual=True)),
    "dense_residual_same": ("roberta", dense(HIDDEN, activation_function=LOWER + "SiLU", use_residual=True)),
    "dense_cut": ("roberta", dense(activation_function=LOWER + "Sigmoid"), model(truncate_dim=7)),
    "layer_norm": ("roberta", layer_norm),
    "cut": ("bert", model(truncate_dim=9)),
    # Prompts
    "prompts": ("bert", *prompts()),
    "prompts_not_pooled": ("bert", *prompts(pooled=False)),
    "prompts_not_pooled_cls": ("bert", *prompts(pooled=False, mode="cls")),
    "prompts_not_pooled_many": (
        "roberta",
        *prompts(pooled=False, mode=["max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens", "cls"]),
    ),
    "prompts_not_pooled_xlm_roberta": (
        "roberta",
        *class_of("XLMRobertaTokenizer", "xlm-roberta"),
        *prompts(pooled=False, mode="weightedmean"),
    ),
}
"""Family and changes by name. Each is a setting that sentence-transformers obeys, and that changes vectors."""
