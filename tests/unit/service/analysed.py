"""Hypothesis strategies of text analysis, tokens, and what the catalogue says."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.unit.service.values import (
    about_vectors,
    attempts,
    booleans,
    floats,
    integers,
    json_values,
    maybe_boolean,
    maybe_float,
    maybe_natural,
    maybe_text,
    models,
    names,
    notices,
    requests,
    texts,
    timeouts,
    tuples,
    usages,
)

from ratatoskr.types.classify import Classification, ClassifyRequest, ZeroShotRequest
from ratatoskr.types.metadata import (
    ModelMetadata,
    Mutable,
    Opaque,
    PresetInfo,
    ReadOnly,
    RefreshReport,
    ResolvedPreset,
    Unsupported,
)
from ratatoskr.types.nli import NliRequest, NliResult
from ratatoskr.types.query import GetCost, RefreshModels
from ratatoskr.types.rerank import RankedDocument, Ranking, RerankRequest
from ratatoskr.types.stance import StanceRequest, StanceResult, StanceTemplates
from ratatoskr.types.tokens import CountRequest, TokenCount, TokenizeRequest

nli_pairs = st.tuples(texts, texts)
asked_of_a_model: dict[str, Any] = {"model": st.just("some-model"), "truncate": booleans, "timeouts": timeouts}
nli_requests = st.builds(NliRequest, st.lists(nli_pairs, max_size=4), **asked_of_a_model)
labels = st.lists(names.filter(str.strip), min_size=1, max_size=4, unique=True)
hypotheses = st.sampled_from(["This example is {}.", "{}", "É {}\0"])
maybe_templates = st.sampled_from([StanceTemplates(), StanceTemplates("{target} +", "{target} -", "{target}")])


def zero_shot_requests(least: int = 0, most: int = 4) -> st.SearchStrategy[ZeroShotRequest]:
    many = st.lists(texts, min_size=least, max_size=most)
    return st.builds(
        ZeroShotRequest,
        many,
        labels,
        multi_label=booleans,
        hypothesis_template=hypotheses,
        **asked_of_a_model,
    )


def stance_requests(least: int = 0, most: int = 4) -> st.SearchStrategy[StanceRequest]:
    many = st.lists(texts, min_size=least, max_size=most)
    return st.builds(StanceRequest, many, names.filter(str.strip), templates=maybe_templates, **asked_of_a_model)


classify_requests = st.builds(
    ClassifyRequest, st.lists(texts, max_size=4), multi_label=maybe_boolean, **asked_of_a_model
)
rerank_requests = st.builds(
    RerankRequest,
    texts,
    st.lists(texts, max_size=4),
    top_n=st.none() | st.integers(1) | st.just(10**30),
    **asked_of_a_model,
)
methods = st.sampled_from(["onnx", "sentence_pair", "zero_shot", "text_classification", "decisions", "llm"])
about_one: dict[str, Any] = {
    "model": texts,
    "truncated": booleans,
    "provider": texts,
    "method": methods,
    "usage": usages,
    "attempts": tuples(attempts, 1),
    "warnings": tuples(notices, 1),
}
judgements = st.builds(
    NliResult,
    st.sampled_from(["entailment", "neutral", "contradiction", "other"]),
    floats,
    maybe_float,
    floats,
    **about_one,
)
classifications = st.builds(
    Classification,
    st.dictionaries(texts, floats, max_size=3),
    booleans,
    hypothesis_template=maybe_text,
    **about_one,
)
stances = st.builds(
    StanceResult,
    st.sampled_from(["favor", "against", "neutral"]),
    floats,
    floats,
    floats,
    target=texts,
    templates=st.none() | maybe_templates,
    **about_one,
)


def results_of(cls: Any, one: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[Any]:
    return st.builds(cls, st.lists(one, min_size=least, max_size=most).map(tuple), **about_vectors)


rankings = st.builds(Ranking, tuples(st.builds(RankedDocument, integers, floats)), truncated=integers, **about_vectors)
count_requests = st.builds(
    CountRequest,
    st.just("some-model"),
    text=texts,
    method=st.sampled_from(["auto", "local", "provider"]),
    timeouts=timeouts,
) | st.builds(CountRequest, st.just("some-model"), chat=requests, timeouts=timeouts)
counts = st.builds(
    TokenCount,
    integers,
    st.sampled_from(["exact", "provider", "estimate"]),
    floats,
    texts,
    maybe_text,
    maybe_text,
    tuples(notices, 2),
    tuples(attempts, 2),
)
tokenize_requests = st.builds(TokenizeRequest, st.lists(texts, max_size=4), st.just("some-model"))
numbers = (
    st.none() | st.integers(-(2**40), 2**40) | st.just(2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
parameters = st.one_of(
    st.builds(Mutable, numbers, numbers, json_values, tuples(texts)),
    st.builds(ReadOnly, json_values),
    st.just(Opaque()),
    st.builds(Unsupported, texts),
)
rates = st.sampled_from(["2.5", "0", {"base": "2.5", "above": [[272000, "5"]]}])
metadata = st.builds(
    ModelMetadata,
    models,
    st.dictionaries(texts, parameters, max_size=3),
    st.none() | st.dictionaries(st.sampled_from(["input", "output", "cache_read"]), rates),
    maybe_natural,
    maybe_natural,
    tuples(texts),
    tuples(texts),
    tuples(texts),
    maybe_text,
    maybe_text,
    st.sampled_from(["active", "deprecated", "retired", "unknown"]),
    tuples(texts),
)
preset_parameters = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 2**64),
        "seed": integers,
        "stop": st.lists(texts, max_size=2),
        "user": texts,
    },
)
presets = st.builds(PresetInfo, texts, tuples(texts), preset_parameters)
preset_names = st.sampled_from(["ratatoskr:mid/coding", "mid/coding", "ratatoskr:mid", "/", "a/b/c"])
resolved_presets = st.builds(ResolvedPreset, texts, texts, texts, preset_parameters, tuples(texts))
cost_queries = st.builds(GetCost, usages, texts, maybe_float)
refreshes = st.builds(RefreshModels, maybe_text, maybe_text, booleans, booleans)
reports = st.builds(
    RefreshReport, texts, tuples(texts), tuples(texts), tuples(texts), st.dictionaries(texts, integers, max_size=2)
)
