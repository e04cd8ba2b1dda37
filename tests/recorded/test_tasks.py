"""Recorded embeddings and classifications: what is sent equals what other clients sent, and all of it is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

import recordings
from ratatoskr import ModelNotFound, Ratatoskr, RatatoskrError, ServiceUnavailable
from ratatoskr.testing import Replay, ScriptedUpstream
from recorded.cases import exclusion_reason

ERRORS: dict[int, type[RatatoskrError]] = {404: ModelNotFound, 503: ServiceUnavailable}
OURS = {"encoding_format", "taskType", "truncate", "hypothesis_template", "options", "model"}
"""Members that say how an answer is sent, or what the API does anyway."""


def task_paths() -> list[Path]:
    """Return the recordings of embeddings and classifications."""
    return [
        path for path in recordings.paths() if "test_tasks.py" in (exclusion_reason(recordings.exchange(path)) or "")
    ]


def meaning(value: Any) -> Any:
    """Return JSON without what has no meaning of its own; a list of one as its item, labels as a list."""
    if isinstance(value, dict):
        cleaned = {name: meaning(one) for name, one in value.items() if name not in OURS}
        if isinstance(labels := value.get("candidate_labels"), str):
            cleaned["candidate_labels"] = labels.split(",")
        if cleaned.get("multi_label") is False:
            del cleaned["multi_label"]
        if cleaned.get("parameters") == {}:
            del cleaned["parameters"]
        return cleaned
    if isinstance(value, list):
        several = [meaning(one) for one in value]
        return several[0] if len(several) == 1 else several
    return value


def model_of(recording: dict[str, Any]) -> str:
    """Return the model's name, from its path where the recording has none."""
    path = unquote(urlsplit(recording["request"]["url_path_and_query"]).path)
    return str(recording["model"] or re.sub(r".*/feature-extraction/", "", path))


def read_vectors(body: Any) -> list[list[float]]:
    """Return the vectors of a recorded answer."""
    if isinstance(body, list):
        return [body]
    rows = body.get("data") or body["embeddings"]
    return [row if isinstance(row, list) else row.get("embedding") or row["values"] for row in rows]


async def play(gateway: Any, recording: dict[str, Any]) -> None:
    """Ask the gateway what the recorded client asked, and compare the answer."""
    body, response = recording["request"]["body"], recording["response"].get("body")
    model = f"{recording['provider']}:{model_of(recording)}"
    parameters = body.get("parameters") or {}
    if "zero_shot" in recording["tags"]:
        labels = meaning(parameters)["candidate_labels"]
        texts = [body["inputs"]] if isinstance(body["inputs"], str) else body["inputs"]
        found = await gateway.classify_zero_shot_batch(
            texts, labels, model, multi_label=parameters.get("multi_label", False)
        )
        recorded = response if isinstance(response, list) else [response]
        assert [dict(one.scores) for one in found] == [
            dict(zip(r["labels"], r["scores"], strict=True)) for r in recorded
        ]
    elif "text_classification" in recording["tags"]:
        one = await gateway.classify(meaning(body["inputs"]), model)
        assert dict(one.scores) == {row["label"]: row["score"] for row in response[0]}
    else:
        requests = body.get("requests") or [{}]
        first = requests[0].get("content", {}).get("parts", [{}])[0].get("text")
        text = meaning(first or body.get("input") or body.get("inputs"))
        dimensions = body.get("dimensions") or requests[0].get("outputDimensionality")
        found = await gateway.embed_batch([text], model, dimensions=dimensions)
        np.testing.assert_array_equal(found.vectors, np.array(read_vectors(response), np.float32))
        counts = (response.get("usage") or {}).get("prompt_tokens") if isinstance(response, dict) else None
        if counts is not None:
            assert found.usage.input_tokens == counts


@pytest.mark.parametrize(
    "path", task_paths() or [pytest.param(None, marks=recordings.needed)], ids=lambda p: p and p.stem
)
async def test_a_recorded_task_is_asked_for_and_read(path: Path) -> None:
    recording = recordings.exchange(path)
    provider = recording["provider"]
    async with ScriptedUpstream(Replay([recording])) as upstream:
        builder = Ratatoskr.builder().retries(0).provider(provider, "key", base_url=upstream.base_url(provider))
        async with builder.build() as gateway:
            status = recording["response"]["status"]
            if status == 200:
                await play(gateway, recording)
            else:
                with pytest.raises(ERRORS[status]) as caught:
                    await play(gateway, recording)
                error = recording["response"]["body"]["error"]
                assert caught.value.message == (error if isinstance(error, str) else error["message"])
                assert caught.value.retry_after == recording["response"]["body"].get("estimated_time")
            sent, asked = upstream.last.json, recording["request"]["body"]
            extra = {"options"} if provider == "ollama" else set()  # a temperature, which embeddings do not have
            assert meaning(sent) == meaning({name: one for name, one in asked.items() if name not in extra})


@recordings.needed
def test_the_recordings_of_tasks_are_found() -> None:
    assert len(task_paths()) == 19
