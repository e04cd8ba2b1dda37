"""Text analysis over every way to a gateway: in this process, and by a client of a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.analysis_models import CALLS, HYPOTHESIS, PREMISE, build, write_models
from conformance.faces import FACES, AsyncFace
from ratatoskr import InvalidInput, NoProvider, StanceTemplates, Timeout, Timeouts, Usage


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("analysis"))


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest, folders: Path) -> AsyncIterator[AsyncFace]:
    async with build(folders) as gateway:
        made = FACES[request.param](gateway)
        yield made
        await made.gateway.aclose()


@pytest.mark.parametrize("method", CALLS)
async def test_every_method_answers_with_its_model_and_attempts(face: AsyncFace, folders: Path, method: str) -> None:
    model, arguments = CALLS[method]
    result = await face.call(method, *arguments, model)
    assert (result.model, result.provider) == (str(folders / model), "local")
    assert [one.provider for one in result.attempts] == ["local"]
    assert result.usage.input_tokens > 0
    assert type(result).from_json(result.to_json()) == result


@pytest.mark.parametrize("method", CALLS)
async def test_an_unknown_model_is_told_with_those_that_are_configured(
    face: AsyncFace, folders: Path, method: str
) -> None:
    model, arguments = CALLS[method]
    for name in ("missing", "bert", "openai:gpt-4.1", "local:missing"):
        with pytest.raises(NoProvider, match="not a configured model for") as caught:
            await face.call(method, *arguments, name)
        assert str(folders / model) in caught.value.message
    for wrong in ("", " ", None, ["nli"]):
        with pytest.raises(InvalidInput) as refused:
            await face.call(method, *arguments, wrong)
        assert refused.value.field == "model"


async def test_a_model_is_found_by_all_its_names(face: AsyncFace, folders: Path) -> None:
    for name in (str(folders / "nli"), f"{folders / 'nli'}/", "NLI", "local:nli"):
        assert (await face.call("infer_nli", PREMISE, HYPOTHESIS, name)).model == str(folders / "nli")


async def test_status_lists_health_and_plans_know_the_models(face: AsyncFace, folders: Path) -> None:
    names = {str(folders / name) for name in ("nli", "sentiment", "reranker", "bert")}
    assert {info.name for info in await face.call("list_models", "local")} == names
    assert {info.model for info in (await face.call("health")).local} == names
    everything = {
        "embed",
        "nli",
        "zero_shot",
        "classify",
        "stance",
        "rerank",
        "list_models",
        "count_tokens",
        "tokenize",
    }
    assert await face.call("capabilities") == everything
    for name in ("nli", "sentiment", "reranker"):
        assert (await face.call("model_status", name)).status == "available"
        await face.call("preload", name)
        assert (await face.call("model_status", name)).status == "ready"
        await face.call("unload", name)
        assert (await face.call("model_status", name)).status == "available"
        (plan,) = (await face.call("explain", name)).plans
        assert (plan.provider, plan.model, plan.refused) == ("local", str(folders / name), None)


@pytest.mark.parametrize("timeout", [0.000_001, Timeouts(total=0.000_001)])
async def test_a_deadline_ends_the_call(face: AsyncFace, timeout: Any) -> None:
    with pytest.raises(Timeout):
        await face.call("infer_nli_batch", [(f"{n} state", "time") for n in range(5000)], "nli", timeout=timeout)
    assert (await face.call("infer_nli", PREMISE, HYPOTHESIS, "nli")).label


def scores_of(result: Any) -> Any:
    """Return what a result says, without when and how long it was computed."""
    return [replace(one, attempts=()) for one in result] if hasattr(result, "results") else replace(result, attempts=())


@pytest.mark.parametrize("method", CALLS)
async def test_every_way_gives_the_same_answer(face: AsyncFace, folders: Path, method: str) -> None:
    model, arguments = CALLS[method]
    async with build(folders) as gateway:
        expected = await getattr(gateway, method)(*arguments, model)
    assert scores_of(await face.call(method, *arguments, model)) == scores_of(expected)


async def test_arguments_arrive(face: AsyncFace) -> None:
    zero_shot = await face.call(
        "classify_zero_shot",
        PREMISE,
        ["time", "world"],
        "nli",
        multi_label=True,
        hypothesis_template="about {}",
    )
    assert (zero_shot.multi_label, zero_shot.hypothesis_template) == (True, "about {}")
    templates = StanceTemplates("for {target}", "against {target}", "nothing on {target}")
    assert (await face.call("classify_stance", PREMISE, "time", "nli", templates=templates)).templates == templates
    assert (await face.call("classify", PREMISE, "sentiment", multi_label=True)).multi_label
    ranking = await face.call("rerank", "time", [PREMISE, "time", "x"], "reranker", top_n=2)
    assert len(ranking) == 2
    long = "world " * 2000
    assert (await face.call("infer_nli", long, HYPOTHESIS, "nli")).truncated
    for method, arguments, model in (
        ("infer_nli", (long, HYPOTHESIS), "nli"),
        ("classify_zero_shot", (long, ["time"]), "nli"),
        ("classify_stance", (long, "time"), "nli"),
        ("classify", (long,), "sentiment"),
        ("rerank", ("time", [long]), "reranker"),
    ):
        with pytest.raises(InvalidInput, match="tokens"):
            await face.call(method, *arguments, model, truncate=False)


BATCHES: dict[str, tuple[str, Any]] = {
    "infer_nli_batch": ("nli", lambda texts: ([(text, HYPOTHESIS) for text in texts],)),
    "classify_zero_shot_batch": ("nli", lambda texts: (texts, ["time", "world"])),
    "classify_stance_batch": ("nli", lambda texts: (texts, "time")),
    "classify_batch": ("sentiment", lambda texts: (texts,)),
    "rerank": ("reranker", lambda texts: ("time", texts)),
}


@pytest.mark.parametrize("method", BATCHES)
async def test_a_batch_may_be_empty_and_have_any_size(face: AsyncFace, method: str) -> None:
    model, arguments = BATCHES[method]
    assert len(await face.call(method, *arguments([]), model)) == 0
    texts = [f"{number % 7} time" for number in range(1100)]
    found = await face.call(method, *arguments(texts), model)
    assert len(found) == 1100
    if method == "rerank":
        assert sorted(index for index, _ in found) == list(range(1100))
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
    else:
        one = arguments([texts[1099]])
        alone = (await face.call(method, *one, model))[0]
        name = next(name for name in ("entailment", "favor", "confidence") if hasattr(alone, name))
        assert getattr(found[1099], name) == pytest.approx(getattr(alone, name), abs=1e-5)


USES = {
    "nli": r"a model for inference and for zero-shot classification, which .*: use infer_nli\(\) or classify_zero_shot",
    "local:nli": r"use infer_nli\(\)",
    "sentiment": r"a model for classification, which does not chat: use classify\(\)",
    "reranker": r"a model for reranking, which does not chat: use rerank\(\)",
    "bert": r"an embedding model, which does not chat: use embed\(\)",
}


@pytest.mark.parametrize("model", USES)
async def test_a_chat_with_a_model_that_does_not_chat_says_what_it_does(face: AsyncFace, model: str) -> None:
    calls = (face.call("chat", "Hi", model), face.call("generate", "Hi", model), face.stream("Hi", [model, "nli"]))
    for call in calls:
        with pytest.raises(InvalidInput, match=USES[model]) as caught:
            await call
        assert (caught.value.field, caught.value.model) == ("model", model)


async def test_metadata_of_a_model_of_the_gateway(face: AsyncFace, folders: Path) -> None:
    for name in ("nli", "sentiment", "reranker", "bert"):
        found = await face.call("model_metadata", name)
        assert (found.info.provider, found.info.name, found.status) == ("local", str(folders / name), "active")
    assert await face.call("cost", Usage(10, 0), "nli") is None
