"""Every setting in the table is obeyed or refused by name; none is left out without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.folder import ModelFolder, read_folder
from ratatoskr.local.store.settings import (
    CLOSED,
    CONFIG,
    MODEL_PROMPTS,
    SETTINGS,
    TOKENIZER_CONFIG,
    TRANSFORMER_CONFIGS,
    Setting,
)
from unit.local.saved import (
    HIDDEN,
    SHAPES,
    Change,
    dense,
    layer_norm,
    model,
    modules,
    own,
    pooling,
    replace,
    tokenizer,
    tokenizer_config,
    update,
)
from unit.local.stand_ins import make

PLACES = {
    "transformer": "sentence_bert_config.json",
    "Pooling": "1_Pooling/config.json",
    "Normalize": "2_Normalize/config.json",
    "Dense": "2_Dense/config.json",
    "LayerNorm": "2_LayerNorm/config.json",
    "Dropout": "3_Dropout/config.json",
    CONFIG: CONFIG,
    MODEL_PROMPTS: MODEL_PROMPTS,
    TOKENIZER_CONFIG: TOKENIZER_CONFIG,
}
MODULES: dict[str, Change] = {"Dense": dense(), "LayerNorm": layer_norm, "Dropout": layer_norm}


def changed(folder: Path, *changes: Change, family: str = "bert") -> Path:
    """Write a small model with changes."""
    make(folder, "model", SHAPES[family])
    for change in changes:
        change(folder)
    return folder


def load(folder: Path) -> ModelFolder:
    """Read a folder and its tokenizer, as loading does."""
    read = read_folder(folder, "model")
    read.read_tokenizer()
    return read


def changes_of(setting: Setting, value: object) -> tuple[Change, ...]:
    """Return the changes that put a value of a setting into its file."""
    module = (MODULES[setting.file],) if setting.file in MODULES else ()
    return *module, update(PLACES[setting.file], **{setting.key: value})


CHECKED = [setting for setting in SETTINGS if setting.accepts is not None]


def test_each_setting_has_one_row_and_says_what_becomes_of_it():
    assert len({(setting.file, setting.key) for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.how for setting in SETTINGS)
    assert {setting.file for setting in SETTINGS} == {*PLACES}
    assert {*PLACES} >= CLOSED


@pytest.mark.parametrize("setting", CHECKED, ids=lambda setting: f"{setting.file}-{setting.key}")
@pytest.mark.parametrize("value", ["something else", 3, {"a": 1}, ["b"]])
def test_a_value_that_cannot_be_obeyed_is_refused_with_file_key_and_value(tmp_path, setting, value):
    folder = changed(tmp_path / "model", *changes_of(setting, value))
    with pytest.raises(ConfigurationError) as told:
        load(folder)
    assert setting.key in told.value.message
    assert PLACES[setting.file] in told.value.message
    assert repr(value) in told.value.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [(setting, value) for setting in CHECKED if isinstance(setting.accepts, tuple) for value in setting.accepts],
    ids=lambda value: f"{value.file}-{value.key}" if isinstance(value, Setting) else repr(value),
)
def test_the_values_in_the_table_are_accepted(tmp_path, setting, value):
    load(changed(tmp_path / "model", *changes_of(setting, value)))


@pytest.mark.parametrize("file", sorted(CLOSED))
def test_a_setting_that_is_not_known_is_refused_where_it_would_be_obeyed(tmp_path, file):
    folder = changed(tmp_path / "model", *changes_of(Setting(file, "new_option", ""), 1))
    with pytest.raises(ConfigurationError, match="'new_option' is not known"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((own(max_seq_length="long"),), "max_seq_length must be a positive whole number, not 'long'"),
        ((own(max_seq_length=0),), "max_seq_length must be a positive"),
        ((own(max_seq_length=True),), "max_seq_length must be a positive"),
        ((own(max_seq_length=None), tokenizer_config(model_max_length="x")), "model_max_length must be a positive"),
        ((own(processor_kwargs=[1]),), "processor_kwargs must be an object"),
        ((own(config_kwargs="x"),), "config_kwargs must be an object"),
        ((own(config_kwargs={"is_decoder": True}),), "is_decoder = True is not supported"),
        ((own(tokenizer_args={"truncation_side": "left"}),), "truncation_side = 'left' is not supported"),
        ((own(model_args={"attn_implementation": "sdpa", "num_labels": 2}),), "model_args = .* is not supported"),
        ((model(prompts=["a"]),), "prompts must be an object of strings"),
        ((model(prompts={"query": 1}),), "prompts must be an object of strings"),
        ((model(prompts={"query": "q"}, default_prompt_name="other"),), "default_prompt_name is 'other'"),
        ((model(default_prompt_name="other"),), "default_prompt_name is 'other'"),
        ((model(prompts={"query": "\ud800"}),), "half of a surrogate pair"),
        ((model(truncate_dim=0),), "truncate_dim must be a positive whole number"),
        ((pooling(pooling_mode="attention"),), "the pooling 'attention' is not supported"),
        ((pooling(pooling_mode=[]),), "pooling_mode must be a name or a list"),
        ((pooling(pooling_mode=["mean", 1]),), "pooling_mode must be a name or a list"),
        ((pooling(pooling_mode_other=True),), "'pooling_mode_other' is not known"),
        ((pooling(word_embedding_dimension=HIDDEN + 1),), f"size {HIDDEN + 1}, and those of the transformer"),
        ((replace("1_Pooling/config.json", {}),), "is missing: it says how states become a vector"),
        ((dense(in_features=HIDDEN + 1),), "Dense module takes vectors of size 25"),
        ((dense(out_features="many"),), "out_features of Dense must be a positive number"),
        ((dense(activation_function="torch.nn.modules.activation.Hardtanh"),), "'torch.*Hardtanh' of Dense"),
        ((dense(activation_function="os.system.Tanh"),), "the activation 'os.system.Tanh' of Dense"),
        ((layer_norm, update("2_LayerNorm/config.json", dimension=3)), "LayerNorm module takes vectors of size 3"),
        (
            (dense(), lambda folder: (folder / "2_Dense/model.safetensors").unlink()),
            "2_Dense/model.safetensors is missing",
        ),
        (
            (tokenizer(truncation={"direction": "Left", "max_length": 9, "strategy": "LongestFirst"}),),
            "truncation on the left",
        ),
        ((tokenizer(padding={"direction": "Left"}),), "padding on the left"),
        ((tokenizer_config(tokenizer_class=["a"]),), "tokenizer_class must be a name"),
        ((tokenizer_config(added_tokens_decoder={"3": {"content": "new"}}),), "the added token 'new' has another id"),
        ((tokenizer_config(added_tokens_decoder=[1]),), "its parts are inconsistent"),
        ((tokenizer_config(tokenizer_class="XLMRobertaTokenizer"),), "the model 'WordPiece' is not that of"),
        ((tokenizer_config(tokenizer_class="BertTokenizer", cls_token="<cls>"),), "has no token '<cls>'"),
        ((tokenizer_config(tokenizer_class="FunnelTokenizer", do_lower_case=False),), "do_lower_case .* contradicts"),
        ((tokenizer_config(tokenizer_class="FunnelTokenizer", strip_accents=True),), "strip_accents .* contradicts"),
        (
            (tokenizer_config(tokenizer_class="FunnelTokenizer", add_prefix_space=True),),
            "add_prefix_space .* contradicts",
        ),
        ((replace("adapter_config.json", {}),), "holds an adapter"),
    ],
)
def test_what_contradicts_or_cannot_be_obeyed_is_told(tmp_path, changes, told):
    folder = changed(tmp_path / "model", *changes)
    with pytest.raises(ConfigurationError, match=told):
        load(folder)


def test_a_class_that_is_not_known_may_say_what_the_file_says(tmp_path):
    says = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True, "add_prefix_space": False}
    folder = changed(tmp_path / "model", tokenizer_config(tokenizer_class="FunnelTokenizer", **says))
    assert load(folder).read_tokenizer() == (folder / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(
    "kind",
    ["CNN", "LSTM", "WordEmbeddings", "BoW", "CLIPModel", "Router", "Asym", "StaticEmbedding", "WeightedLayerPooling"],
)
def test_modules_without_support_are_refused_by_name(tmp_path, kind):
    folder = changed(tmp_path / "model", modules(kind))
    with pytest.raises(ConfigurationError, match=f"not Transformer, Pooling, {kind}"):
        load(folder)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"type": "custom_st.Pooling"}, "'custom_st.Pooling', which is code of its own"),
        ({"type": 3}, "must be strings"),
        ({"path": ["a"]}, "must be strings"),
        ({"path": "../1_Pooling"}, "outside the folder"),
        ({"path": "/etc"}, "outside the folder"),
        ({"path": "a\0b"}, "outside the folder"),
        ({"kwargs": ["task"]}, "with options"),
    ],
)
def test_an_entry_of_the_modules_that_is_no_own_module_is_refused(tmp_path, entry, told):
    folder = changed(tmp_path / "model")
    given = json.loads((folder / "modules.json").read_text())
    given[1] |= entry
    (folder / "modules.json").write_text(json.dumps(given))
    with pytest.raises(ConfigurationError, match=told):
        load(folder)


def test_the_first_of_the_names_of_the_transformers_file_counts(tmp_path):
    names = [update(name, max_seq_length=30 + place) for place, name in enumerate(TRANSFORMER_CONFIGS)]
    folder = changed(tmp_path / "model", *names)
    for place, name in enumerate(TRANSFORMER_CONFIGS):
        assert load(folder).max_length == 30 + place
        (folder / name).unlink()
    assert load(folder).max_length == 64, "as tokenizer_config.json says"


def test_every_file_that_vectors_depend_on_is_listed_with_its_digest(tmp_path):
    changes = (dense(), model(prompts={"query": "q "}), replace("added_tokens.json", {}))
    folder = load(changed(tmp_path / "model", *changes))
    assert {folder.relative(path) for path in folder.list_files()} == {
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "added_tokens.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("modules.json", (1, "path"), "\ud800"),
        ("modules.json", (1, "path"), "a" * 5000),
        ("tokenizer.json", ("added_tokens", 0, "id"), float("inf")),
        ("tokenizer.json", ("added_tokens",), None),
        ("tokenizer.json", ("model",), []),
        ("tokenizer.json", ("truncation",), [1]),
        ("tokenizer_config.json", ("model_max_length",), float("nan")),
    ],
)
def test_hostile_values_raise_typed_errors(tmp_path, name, path, value):
    folder = changed(tmp_path / "model", tokenizer_config(tokenizer_class="BertTokenizer"), own(max_seq_length=None))
    document = json.loads((folder / name).read_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (folder / name).write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="model"):
        load(folder)
