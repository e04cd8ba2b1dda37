"""Hypothesis strategies of every public type that travels."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ratatoskr import (
    Attempt,
    AudioPart,
    ChatOptions,
    ChatRequest,
    ChatResponse,
    Citation,
    CitationDelta,
    ContentDelta,
    Cost,
    Done,
    Embedding,
    Embeddings,
    EmbedRequest,
    ErrorInfo,
    FilePart,
    FileRef,
    GenerateResponse,
    Health,
    ImagePart,
    JsonSchema,
    LocalHealth,
    Message,
    ModelInfo,
    ModelStatus,
    Notice,
    ProviderEvent,
    ProviderHealth,
    ProviderPart,
    ProviderState,
    ProviderTool,
    RawResponse,
    ReasoningConfig,
    ReasoningDelta,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    Timeouts,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDefinition,
    ToolResult,
    Usage,
    UsageEvent,
)
from ratatoskr.types.frozen import replace

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["", "\0", "a\0b", "é\u2028🐿"])
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
maybe_text = st.none() | texts
integers = st.integers() | st.sampled_from([0, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 10**40])
maybe_integer = st.none() | integers
naturals = st.integers(0) | st.sampled_from([2**32 - 1, 2**32, 2**64, 10**40])
maybe_natural = st.none() | naturals
floats = st.floats(allow_nan=False)
maybe_float = st.none() | floats
octets = st.binary(max_size=8)
booleans = st.booleans()
maybe_boolean = st.none() | booleans
json_values = st.recursive(
    st.none() | booleans | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, json_values, max_size=3)
string_maps = st.dictionaries(texts, texts, max_size=3)


def tuples(strategy: st.SearchStrategy[Any], max_size: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=max_size).map(tuple)


states = tuples(st.builds(ProviderState, texts, octets), 2)
citations = st.builds(Citation, maybe_text, maybe_text, maybe_text, maybe_integer, maybe_integer, st.none() | octets)
token_bytes = st.none() | st.lists(st.integers(0, 255), max_size=3).map(tuple)
logprobs = st.recursive(
    st.builds(TokenLogprob, texts, floats, token_bytes),
    lambda inner: st.builds(TokenLogprob, texts, floats, token_bytes, tuples(inner, 2)),
    max_leaves=4,
)
on_parts: dict[str, Any] = {"cache": booleans, "state": states}
calls = st.builds(ToolCall, texts, texts, texts, **on_parts)


def media(cls: Any) -> st.SearchStrategy[Any]:
    by_data = st.builds(cls, data=octets, media_type=texts, name=maybe_text, **on_parts)
    return by_data | st.builds(cls, url=texts, media_type=maybe_text, name=maybe_text, **on_parts)


text_parts = st.builds(TextPart, texts, tuples(citations, 2), st.none() | tuples(logprobs, 2), **on_parts)
details = st.none() | st.sampled_from(["auto", "low", "high", "original"])
images = st.builds(lambda image, detail: replace(image, detail=detail), media(ImagePart), details)
files = [images, media(AudioPart), media(FilePart), st.builds(FileRef, texts, texts, **on_parts)]
results = st.builds(ToolResult, texts, tuples(st.one_of(text_parts, *files), 2), booleans, maybe_text, **on_parts)
parts = st.one_of(
    text_parts,
    st.builds(ReasoningPart, texts, **on_parts),
    calls,
    results,
    *files,
    st.builds(ServerToolCall, texts, texts, texts, **on_parts),
    st.builds(ServerToolResult, texts, texts, texts, booleans, **on_parts),
    st.builds(ProviderPart, texts, octets, texts, **on_parts),
)
roles = st.sampled_from(["system", "user", "assistant", "tool"])
plain_messages = st.builds(lambda role, text: Message(role, (TextPart(text),)), roles, texts)
messages = plain_messages | st.builds(Message, roles, tuples(parts), maybe_text, objects)

sources = st.sampled_from(["provider", "local", "estimated", "unknown"])
usages = st.builds(Usage, *[maybe_integer] * 5, sources)
decimals = st.decimals(allow_nan=False) | st.sampled_from([Decimal("0.10"), Decimal("1E-30")])
costs = st.builds(Cost, decimals, texts, st.sampled_from(["provider", "prices"]))
error_infos = st.builds(ErrorInfo, texts, texts, maybe_integer, maybe_text, maybe_float)
decisions = st.sampled_from(["answered", "again", "next", "stop", "skipped", "retry_budget_exhausted"])
attempts = st.builds(
    Attempt,
    texts,
    texts,
    st.none() | error_infos,
    texts,
    floats,
    floats,
    floats,
    decisions,
    booleans,
    st.none() | usages,
)
notices = st.builds(Notice, texts, texts, maybe_text)
raws = st.builds(RawResponse, integers, string_maps, st.none() | octets)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "refusal", "paused", "unknown"])
rest_of_responses = [
    usages,
    st.none() | costs,
    reasons,
    maybe_text,
    texts,
    texts,
    maybe_text,
    tuples(notices, 2),
    tuples(attempts, 2),
    st.none() | raws,
]
responses = st.builds(ChatResponse, messages, *rest_of_responses)
generated = st.builds(GenerateResponse, texts, texts, *rest_of_responses)

events = st.one_of(
    st.builds(ContentDelta, texts, part=naturals),
    st.builds(ReasoningDelta, texts, part=naturals),
    st.builds(ToolCallStart, integers, texts, texts),
    st.builds(ToolCallDelta, integers, texts),
    st.builds(ToolCallEnd, integers, calls),
    st.builds(CitationDelta, citations, part=naturals),
    st.builds(ProviderEvent, texts, octets),
    st.builds(UsageEvent, usages),
    st.builds(Done, reasons),
)

schema_names = st.text("abcXYZ019_-", min_size=1, max_size=10)
formats = st.none() | st.just("json") | st.builds(JsonSchema, schema_names, objects, booleans)
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
reasonings = st.builds(ReasoningConfig, st.none() | efforts, maybe_natural, booleans)
options = st.builds(
    ChatOptions,
    st.none() | names | st.lists(names, min_size=1, max_size=3).map(tuple),
    temperature=st.none() | st.floats(0, 10) | st.sampled_from([0.7, 1, 0.1]),
    top_p=st.none() | st.floats(0, 1),
    top_k=maybe_natural,
    max_tokens=maybe_natural,
    stop=st.none() | tuples(names),
    seed=maybe_integer,
    frequency_penalty=st.none() | st.floats(-2, 2),
    presence_penalty=st.none() | st.floats(-2, 2),
    parallel_tool_calls=maybe_boolean,
    response_format=formats,
    reasoning=st.none() | reasonings,
    cache_prompt=maybe_boolean,
    logprobs=st.none() | booleans | naturals,
    user=maybe_text,
    service_tier=maybe_text,
    metadata=st.none() | string_maps,
    raw_provider_options=st.none() | objects,
)
tools = st.builds(ToolDefinition, names, texts, objects, maybe_boolean, booleans) | st.builds(
    ProviderTool, texts, objects
)
seconds = st.none() | st.floats(0, exclude_min=True, allow_infinity=True) | st.integers(1, 100)
timeouts = st.builds(Timeouts, *[seconds] * 7)
requests = st.builds(
    ChatRequest,
    tuples(messages),
    tuples(tools, 2),
    st.none() | st.sampled_from(["auto", "none", "required", "weather"]),
    st.none(),
    options,
    timeouts,
    st.sampled_from(["chat", "generate"]),
)
prompts = st.builds(
    lambda prompt, options, timeouts: ChatRequest(
        (Message.user(prompt),), (), None, None, options, timeouts, "generate"
    ),
    texts,
    options,
    timeouts,
)
embed_requests = st.builds(
    EmbedRequest,
    st.lists(texts, max_size=4),
    st.just("some-model"),
    st.sampled_from(["document", "query"]),
    st.none() | st.integers(1) | st.just(10**30),
    booleans,
    maybe_text,
    timeouts,
)


def arrays(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return rng.standard_normal(shape).astype(np.float32)


about_vectors: dict[str, Any] = {
    "model": texts,
    "usage": usages,
    "provider": texts,
    "attempts": tuples(attempts, 2),
    "warnings": tuples(notices, 2),
}
embeddings = st.builds(
    lambda rows, columns, **rest: Embeddings(arrays(rows, columns), **rest),
    st.integers(0, 4),
    st.integers(1, 5),
    truncated=integers,
    cut=tuples(st.integers(0, 3)),
    **about_vectors,
)
one_embedding = st.builds(
    lambda columns, **rest: Embedding(arrays(columns), **rest), st.integers(0, 5), truncated=booleans, **about_vectors
)
models = st.builds(ModelInfo, texts, texts, texts, tuples(texts), maybe_integer, maybe_integer)
status_words = st.sampled_from(["available", "loading", "ready", "unavailable"])
statuses = st.builds(ModelStatus, status_words, maybe_text)
healths = st.builds(
    Health,
    booleans,
    texts,
    tuples(st.builds(ProviderHealth, texts, texts, maybe_text, maybe_text), 2),
    tuples(st.builds(LocalHealth, texts, texts, texts, status_words, maybe_text), 2),
)
