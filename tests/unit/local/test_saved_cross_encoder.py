"""Cross-encoders as sentence-transformers saves them: their own settings are obeyed, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import ConfigurationError
from ratatoskr.local import LocalReranker, ModelPool
from unit.local.classifiers import Classifier, sigmoid

SAVED: dict[str, Any] = {
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}
    ],
    "sentence_bert_config.json": {
        "transformer_task": "sequence-classification",
        "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
        "module_output_name": "scores",
        "max_seq_length": 20,
    },
    "config_sentence_transformers.json": {
        "model_type": "CrossEncoder",
        "activation_fn": "torch.nn.modules.linear.Identity",
        "prompts": {},
        "default_prompt_name": None,
    },
}


def _save(folder: Path, **changes: Any) -> Path:
    model = Classifier(20, 1).write(folder, config={"id2label": {"0": "LABEL_0"}})
    for name, value in SAVED.items():
        change = changes.get(name.partition(".")[0], {})
        (model / name).write_text(json.dumps([*value, *change] if isinstance(value, list) else {**value, **change}))
    return model


async def test_a_saved_cross_encoder_is_cut_where_its_own_file_says(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(20, 1)
    reranker = LocalReranker(_save(tmp_path / "rr"), pool=models)
    documents = ["time " * 40, "world"]
    ranking = await reranker.rerank("the state of", documents)
    for index, score in ranking:
        logits = model.logits(*model.pair("the state of", documents[index], limit=20, keep=False))
        assert score == pytest.approx(sigmoid(logits)[0], abs=1e-4)
    assert ranking.truncated == 1


DENSE = {"idx": 1, "name": "1", "path": "1_Dense", "type": "sentence_transformers.base.modules.dense.Dense"}
SAVED_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a second module": ({"modules": [DENSE]}, "whose only module is a Transformer, not Transformer, Dense in 1_Dense"),
    "another task": ({"sentence_bert_config": {"transformer_task": "text-generation"}}, "transformer_task = 'text-gen"),
    "another output": ({"sentence_bert_config": {"module_output_name": "x"}}, "module_output_name = 'x'"),
    "an unknown setting": ({"sentence_bert_config": {"new": 1}}, "'new' is not known"),
    "a length": ({"sentence_bert_config": {"max_seq_length": 0}}, "max_seq_length must be a positive"),
    "a prompt": (
        {"config_sentence_transformers": {"prompts": {"q": "query: "}, "default_prompt_name": "q"}},
        "default_prompt_name = 'q' is not supported",
    ),
}


@pytest.mark.parametrize("fault", SAVED_FAULTS)
async def test_a_saved_cross_encoder_that_cannot_be_obeyed_is_refused(
    models: ModelPool, tmp_path: Path, fault: str
) -> None:
    changes, message = SAVED_FAULTS[fault]
    with pytest.raises(ConfigurationError, match=message):
        await LocalReranker(_save(tmp_path / "rr", **changes), pool=models).rerank("a", ["b"])
