"""Text analysis asked of the gateway, of its blocking face and of one that is scripted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from conformance.faces import IN_PROCESS, AsyncFace
from ratatoskr import (
    ConfigurationError,
    EmbeddedGateway,
    GatewayClosed,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    NoProvider,
    Ratatoskr,
    Timeout,
    Timeouts,
)
from ratatoskr.backend.direct import DirectBackend
from ratatoskr.backend.settings import Settings
from ratatoskr.gateway.base import Gateway
from ratatoskr.local import LocalNli
from ratatoskr.middleware import Hooks, Redact, bind
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.nli import NliResult, NliResults
from ratatoskr.types.rerank import RankedDocument, Ranking
from unit.local.classifiers import Classifier
from unit.local.stand_ins import make

PREMISE, HYPOTHESIS = "the state of the world", "time"
CALLS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "infer_nli": ("nli", (PREMISE, HYPOTHESIS)),
    "infer_nli_batch": ("nli", ([(PREMISE, HYPOTHESIS)] * 3,)),
    "classify_zero_shot": ("nli", (PREMISE, ["time", "world"])),
    "classify_zero_shot_batch": ("nli", ([PREMISE, "x"], ["time", "world"])),
    "classify_stance": ("nli", (PREMISE, "time")),
    "classify_stance_batch": ("nli", ([PREMISE, "x"], "time")),
    "classify": ("sentiment", (PREMISE,)),
    "classify_batch": ("sentiment", ([PREMISE, "x"],)),
    "rerank": ("reranker", ("time", [PREMISE, "x"])),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analysis")
    Classifier(1, 3).write(folder / "nli")
    Classifier(2, 1).write(folder / "reranker", config={"id2label": {"0": "LABEL_0"}})
    Classifier(3, 2).write(folder / "sentiment", config={"id2label": {"0": "bad", "1": "good"}})
    make(folder / "bert", "bert_mean_384")
    return folder


def build(folders: Path) -> EmbeddedGateway:
    builder = Ratatoskr.builder().cache_dir(folders / "store").local_embeddings(folders / "bert")
    builder.local_nli(folders / "nli").local_classifier(folders / "sentiment").local_reranker(folders / "reranker")
    return builder.build()


@pytest.fixture(params=IN_PROCESS)
async def face(request: pytest.FixtureRequest, folders: Path) -> AsyncIterator[AsyncFace]:
    async with build(folders) as gateway:
        yield IN_PROCESS[request.param](gateway)


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
    everything = {"embed", "nli", "zero_shot", "classify", "stance", "rerank", "list_models"}
    everything |= {"count_tokens", "tokenize"}
    assert await face.call("capabilities") == everything
    for name in ("nli", "sentiment", "reranker"):
        assert (await face.call("model_status", name)).status == "available"
        await face.call("preload", name)
        assert (await face.call("model_status", name)).status == "ready"
        await face.call("unload", name)
        assert (await face.call("model_status", name)).status == "available"
        (plan,) = (await face.call("explain", name)).plans
        assert (plan.provider, plan.model, plan.refused) == ("local", str(folders / name), None)


async def test_a_model_that_is_missing_is_known_and_unavailable(folders: Path) -> None:
    async with Ratatoskr.builder().cache_dir(folders / "store").local_nli("NliDebertaV3Small").build() as gateway:
        status = await gateway.model_status("NliDebertaV3Small")
        assert status.status == "unavailable"
        assert "rat models pull NliDebertaV3Small" in str(status.reason)
        (plan,) = (await gateway.explain("nli-deberta-v3-small")).plans
        assert plan.refused == status.reason
        (info,) = await gateway.list_models()
        assert (info.name, info.context_window) == ("cross-encoder/nli-deberta-v3-small", 512)
        with pytest.raises(ModelNotAvailable, match="rat models pull"):
            await gateway.infer_nli("a", "b", "NliDebertaV3Small")


async def test_a_closed_gateway_refuses(folders: Path) -> None:
    gateway = build(folders)
    await gateway.infer_nli(PREMISE, HYPOTHESIS, "nli")
    await gateway.aclose()
    for method, (model, arguments) in CALLS.items():
        with pytest.raises(GatewayClosed):
            await getattr(gateway, method)(*arguments, model)


@pytest.mark.parametrize("timeout", [0.000_001, Timeouts(total=0.000_001)])
async def test_a_deadline_ends_the_call(face: AsyncFace, timeout: Any) -> None:
    with pytest.raises(Timeout):
        await face.call("infer_nli_batch", [(f"{n} state", "time") for n in range(5000)], "nli", timeout=timeout)
    assert (await face.call("infer_nli", PREMISE, HYPOTHESIS, "nli")).label


def test_the_set_up_is_checked_when_it_is_built(folders: Path) -> None:
    nli = folders / "nli"
    faults: list[tuple[Any, str]] = [
        (lambda b: b.local_nli(nli).local_nli(nli), "is configured twice"),
        (lambda b: b.local_nli(nli, "fp8"), "precision must be fp32, int8, bf16 or auto"),
        (lambda b: b.local_nli(nli, labels="entailment"), "labels must be names"),
        (lambda b: b.local_classifier(nli, labels=["a", "a"]), "labels has a name twice"),
        (lambda b: b.local_nli(("tokenizer.json", "model.onnx")), "in this order"),
        (lambda b: b.local_reranker(3), "is named by"),
        (lambda b: b.local_nli(""), "is named by"),
    ]
    for add, message in faults:
        with pytest.raises(ConfigurationError, match=message):
            add(Ratatoskr.builder().cache_dir(folders / "store")).build()


async def test_two_files_and_labels_are_taken_by_the_builder(folders: Path) -> None:
    files = (folders / "nli" / "model.onnx", folders / "nli" / "tokenizer.json")
    labels = {"contradiction": "entailment", "entailment": "contradiction"}
    async with Ratatoskr.builder().cache_dir(folders / "store").local_nli(files, labels=labels).build() as gateway:
        found = await gateway.infer_nli(PREMISE, HYPOTHESIS, str(files[0]))
    expected = await LocalNli(folders / "nli").infer_nli(PREMISE, HYPOTHESIS)
    assert (found.entailment, found.contradiction) == (expected.contradiction, expected.entailment)


# providers elsewhere


class Remote:
    """A provider of inference and reranking that is not in this process."""

    name = "remote"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def find_model(self, name: str) -> str | None:
        return name if "/" in name else None

    async def infer_nli(self, request: Any, call: Any) -> NliResults:
        self.asked.append(request)
        result = NliResult("neutral", 0.1, 0.8, 0.1, call.model, provider=self.name, method="sentence_pair")
        return NliResults((result,) * len(request.pairs), call.model, self.name)

    async def rerank(self, request: Any, call: Any) -> Ranking:
        return Ranking((RankedDocument(0, 0.5),), call.model, self.name)


async def test_a_provider_serves_what_it_has_methods_for(folders: Path) -> None:
    class Unused:
        loop_bound = False

        async def aclose(self) -> None: ...

    remote = Remote()
    gateway = Gateway(DirectBackend({}, Unused(), Settings(), analysts=[remote]))  # type: ignore[arg-type]
    assert await gateway.capabilities() == {"nli", "rerank", "list_models", "count_tokens", "tokenize"}
    result = await gateway.infer_nli("a", "b", "remote:org/model")
    assert (result.model, result.method, [one.provider for one in result.attempts]) == (
        "org/model",
        "sentence_pair",
        ["remote"],
    )
    assert [*await gateway.rerank("a", ["b"], "org/model")] == [(0, 0.5)]
    with pytest.raises(NoProvider, match=r"see builder\(\).local_nli"):
        await gateway.classify_zero_shot("a", ["b"], "org/model")


# stance by chat models

SCORES = {"favor": 0.6, "against": 0.1, "neutral": 0.1}


class Chats:
    """A provider of chats that answers with a text; keeps the requests."""

    name = "openai"

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.requests: list[Any] = []

    async def chat(self, request: Any, call: Any) -> Any:
        self.requests.append(request)
        return await ScriptedGateway(self.answer).chat(list(request.messages), call.model)


def over_chats(chats: Chats) -> Gateway:
    class Unused:
        loop_bound = False

        async def aclose(self) -> None: ...

    return Gateway(DirectBackend({"openai": chats}, Unused(), Settings()))  # type: ignore[dict-item,arg-type]


async def test_a_chat_model_is_asked_for_scores_that_are_scaled_to_one() -> None:
    chats = Chats(f"```json\n{json.dumps(SCORES)}\n```")
    result = await over_chats(chats).classify_stance('It "is" so.', "the road", "openai:gpt-4.1")
    assert (result.label, result.method, result.templates, result.target) == ("favor", "llm", None, "the road")
    assert [result.favor, result.against, result.neutral] == pytest.approx([0.75, 0.125, 0.125])
    assert [notice.code for notice in result.warnings] == ["scores_of_a_chat_model"]
    (request,) = chats.requests
    assert json.loads(request.messages[-1].text) == {"target": "the road", "text": 'It "is" so.'}
    assert request.options.response_format.name == "stance"


async def test_many_texts_are_asked_in_order() -> None:
    chats = Chats(json.dumps(SCORES))
    gateway = over_chats(chats)
    results = await gateway.classify_stance_batch([f"text {n}" for n in range(20)], "x", "openai:gpt-4.1")
    assert len(results) == len(chats.requests) == len(results.attempts) == 20
    assert len(await gateway.classify_stance_batch([], "x", "openai:gpt-4.1")) == 0
    assert "stance" in await gateway.capabilities()


BAD = ["no idea", "{}", '{"favor": 1}', '{"favor": -1, "against": 1, "neutral": 1}', "{" * 5000]
BAD += ['{"favor": "a", "against": 1, "neutral": 1}', '{"favor": true, "against": 1, "neutral": 1}']
BAD += ['{"favor": 0, "against": 0, "neutral": 0}', '{"favor": NaN, "against": 1, "neutral": 1}', "[1, 2, 3]"]


@pytest.mark.parametrize("answer", BAD)
async def test_an_answer_without_scores_is_an_error(answer: str) -> None:
    with pytest.raises(MalformedResponse, match="no scores of favor, against and neutral"):
        await over_chats(Chats(answer)).classify_stance("a", "b", "openai:gpt-4.1")


async def test_a_name_that_no_one_serves_says_both_ways() -> None:
    with pytest.raises(NoProvider, match="local_nli"):
        await over_chats(Chats("")).classify_stance("a", "b", "claude-sonnet-4-5")


# middleware and the script


async def test_middleware_stands_around_text_analysis(folders: Path) -> None:
    seen: list[str] = []
    hooks = Hooks(before=lambda request, call: seen.append(type(request).__name__))
    tries = Hooks(before=lambda request, call: seen.append(f"try {call.model}"))
    builder = Ratatoskr.builder().cache_dir(folders / "store").local_nli(folders / "nli")
    async with builder.wrap(hooks).wrap(tries, each_try=True).build() as gateway:
        await gateway.infer_nli(PREMISE, HYPOTHESIS, "nli")
        await gateway.classify_stance(PREMISE, "time", "nli")
    name = f"try {folders / 'nli'}"
    assert seen == ["NliRequest", name, "StanceRequest", name]


async def test_redaction_covers_texts_to_analyse() -> None:
    scripted = ScriptedGateway()
    gateway = Gateway(bind(Redact([r"\d{4}"]), scripted.backend))
    await gateway.infer_nli("a 1234", "b 5678", "m")
    await gateway.classify_zero_shot("a 1234", ["x", "y"], "m")
    await gateway.classify("a 1234", "m")
    await gateway.classify_stance("a 1234", "t", "m")
    await gateway.rerank("q 1234", ["d 5678"], "m")
    assert len(scripted.analysis_requests) == 5
    for request in scripted.analysis_requests:
        assert "1234" not in repr(request)
        assert "5678" not in repr(request)
        assert "[REDACTED_1]" in repr(request)


async def test_the_script_gives_what_a_test_wants() -> None:
    script = {
        ("p", "h"): "contradiction",
        "text": {"a": 0.25, "b": 0.75},
        ("text", "road"): {"favor": 0.5, "neutral": 0.5},
        ("q", "d1"): 0.9,
        ("q", "d0"): 0.1,
    }
    gateway = ScriptedGateway(analysis=script)
    nli = await gateway.infer_nli("p", "h", "m")
    assert (nli.label, nli.contradiction, nli.entailment, nli.provider) == ("contradiction", 1.0, 0.0, "scripted")
    assert dict((await gateway.classify_zero_shot("text", ["a", "b"], "m")).scores) == {"b": 0.75, "a": 0.25}
    assert [*(await gateway.classify("text", "m")).scores] == ["b", "a"]
    assert (await gateway.classify_stance("text", "road", "m")).label == "neutral"
    assert [*await gateway.rerank("q", ["d0", "d1"], "m")] == [(1, 0.9), (0, 0.1)]
    assert [type(one).__name__ for one in gateway.analysis_requests][-1] == "RerankRequest"
    other = await ScriptedGateway().classify_zero_shot_batch(["x", "y"], ["a", "b"], "m")
    assert sum(other[0].scores.values()) == pytest.approx(1)
    assert other[0].scores != other[1].scores
    with pytest.raises(AssertionError, match="'other'"):
        await ScriptedGateway(analysis={"text": "other"}).classify_zero_shot("text", ["a"], "m")
    with pytest.raises(Timeout):
        await ScriptedGateway(analysis=Timeout("slow")).rerank("a", ["b"], "m")
    asked = await ScriptedGateway(analysis=lambda first, second: "entailment").infer_nli("a", "b", "m")
    assert asked.entailment == 1
    assert "stance" in await gateway.capabilities()
    await gateway.aclose()
    with pytest.raises(GatewayClosed):
        await gateway.infer_nli("p", "h", "m")
