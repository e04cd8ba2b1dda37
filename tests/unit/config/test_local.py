"""The models of this process in `config.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config.apply import apply_local
from ratatoskr.config.builder import Builder
from ratatoskr.config.file import parse_config
from unit.local.classifiers import Classifier

PLACE = Path("/c/config.toml")


def test_each_list_is_a_method_of_the_builder() -> None:
    text = """
[local]
embeddings = ["AllMiniLmL6V2"]
nli = ["NliDebertaV3Base", { model = "./n", precision = "int8", labels = { LABEL_0 = "entailment" } }]
classifiers = [{ model = "./c", labels = ["bad", "good"] }]
rerankers = ["BgeRerankerBase"]
"""
    builder = Builder()
    apply_local(builder, parse_config(text, PLACE))
    expected = Builder().local_embeddings("AllMiniLmL6V2").local_nli("NliDebertaV3Base")
    expected.local_nli("./n", "int8", labels={"LABEL_0": "entailment"})
    expected.local_classifier("./c", labels=["bad", "good"]).local_reranker("BgeRerankerBase")
    assert builder.recipe() == expected.recipe()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nli = [3]", "local.nli.0 must be a table"),
        ('nli = [""]', "local.nli.0.model must be text that is not empty"),
        ('nli = "NliDebertaV3Base"', "local.nli must be"),
        ('nli = [{ model = "a", label = ["b"] }]', "local.nli.0.label is unknown; did you mean 'labels'?"),
        ('nli = [{ precision = "int8" }]', "local.nli.0.model"),
        ('nli = [{ model = "a", precision = "fp8" }]', "local.nli.0.precision must be 'fp32', "),
        ('reranker = ["a"]', "local.reranker is unknown; did you mean 'rerankers'?"),
    ],
)
def test_a_wrong_setting_is_named(line: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(f"[local]\n{line}\n", PLACE)
    assert message in caught.value.message


def test_labels_where_there_are_none_are_refused() -> None:
    config = parse_config('[local]\nrerankers = [{ model = "a", labels = ["b"] }]\n', PLACE)
    with pytest.raises(ConfigurationError, match="rerankers have no labels") as caught:
        apply_local(Builder(), config)
    assert caught.value.field == "labels"


async def test_a_gateway_is_made_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "store"))
    folder = Classifier(1, 3).write(tmp_path / "nli")
    file = tmp_path / "config.toml"
    file.write_text(f'[local]\nnli = ["{folder}"]\n')
    file.chmod(0o600)
    async with Ratatoskr.from_config(file) as gateway:
        assert "nli" in await gateway.capabilities()
        assert (await gateway.infer_nli("the state", "time", "nli")).model == str(folder)
