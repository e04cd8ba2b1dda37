"""The addresses of the scripted upstream that are no chats: embeddings, reranking, classification, decisions."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ratatoskr.testing.dialects.dialect import Problem, RequestRefused

__all__ = ["answer_task", "find_task", "hash_vector"]

_DIMENSIONS = 8
_LABELS = ("POSITIVE", "NEGATIVE")
_INFERENCE = ("entailment", "neutral", "contradiction")
Body = Mapping[str, Any]

_PLACES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda path: path.endswith("/embeddings"), "openai"),
    (lambda path: path.endswith(":batchEmbedContents"), "google"),
    (lambda path: path.endswith("/api/embed"), "ollama"),
    (lambda path: path.endswith("/v2/embed"), "cohere"),
    (lambda path: path.endswith("/pipeline/feature-extraction"), "huggingface"),
    (lambda path: path.endswith("/rerank"), "rerank"),
    (lambda path: path.endswith("/decisions"), "decisions"),
    (lambda path: "/hf-inference/models/" in path, "classify"),
)


def find_task(path: str) -> str | None:
    """Return what an address is for; `None` if it is none of these."""
    return next((task for fits, task in _PLACES if fits(path)), None)


def answer_task(task: str, body: Body) -> Any:
    """Return the answer of an address; of texts, it depends on nothing but the texts.

    Raises:
        RequestRefused: the body is not of the form that the address takes.
    """
    try:
        return _ANSWERS[task](body)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise RequestRefused(Problem(400, message=f"The body has no {error}.")) from None


def hash_vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one that depends on nothing but the text; those of different texts are far apart."""
    octets = b"".join(hashlib.sha256(f"{block} {text}".encode()).digest() for block in range(math.ceil(dimensions / 8)))
    numbers = [int.from_bytes(octets[4 * place : 4 * place + 4], "big") / 2**31 - 1 for place in range(dimensions)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def _vector(text: str, size: Any) -> list[float]:
    return hash_vector(text, size or _DIMENSIONS)


def _encode(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _count(texts: Sequence[str]) -> int:
    return sum(1 + len(text) // 4 for text in texts)


def _openai(body: Body) -> Any:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    is_base64 = "base64" in (body.get("encoding_format"), body.get("embedding_type"))
    size = body.get("dimensions") or body.get("output_dimension")
    vectors = [_vector(text, size) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": _encode(one) if is_base64 else one}
        for index, one in enumerate(vectors)
    ]
    tokens = _count(texts)
    return {
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _google(body: Body) -> Any:
    rows = [(one["content"]["parts"][0]["text"], one.get("outputDimensionality")) for one in body["requests"]]
    return {"embeddings": [{"values": _vector(text, size)} for text, size in rows]}


def _ollama(body: Body) -> Any:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [_vector(text, body.get("dimensions")) for text in texts]
    return {"model": body["model"], "embeddings": vectors, "prompt_eval_count": _count(texts)}


def _cohere(body: Body) -> Any:
    texts, kinds = body["texts"], body["embedding_types"]
    vectors = [_vector(text, body.get("output_dimension")) for text in texts]
    found = {kind: [_encode(one) for one in vectors] if kind == "base64" else vectors for kind in kinds}
    return {"id": "scripted", "embeddings": found, "meta": {"billed_units": {"input_tokens": _count(texts)}}}


def _huggingface(body: Body) -> Any:
    texts = body["inputs"]
    return _vector(texts, None) if isinstance(texts, str) else [_vector(text, None) for text in texts]


def _rerank(body: Body) -> Any:
    query, documents = body["query"], body.get("documents") or body.get("texts") or []
    scores = sorted(((_share(query, text), index) for index, text in enumerate(documents)), key=lambda one: -one[0])
    top = body.get("top_n") or body.get("top_k") or len(documents)
    rows = [{"index": index, "relevance_score": score} for score, index in scores[:top]]
    if "texts" in body:
        return [{"index": row["index"], "score": row["relevance_score"]} for row in rows]
    if "top_k" in body or ("return_documents" not in body and "truncation" in body):
        return {"object": "list", "data": rows, "model": body["model"], "usage": {"total_tokens": _count(documents)}}
    return {"id": "scripted", "results": rows, "meta": {"billed_units": {"search_units": 1}}}


def _share(query: str, text: str) -> float:
    """Return the share of a query's words that a text has, and a little less for the words that it has besides."""
    words, own = (set(re.findall(r"\w+", one.lower())) for one in (query, text))
    return round((len(words & own) + 0.01) / (len(words) + 0.01 + 0.001 * len(own)), 6) if words else 0.0


def _classify(body: Body) -> Any:
    inputs, parameters = body["inputs"], body.get("parameters") or {}
    labels = parameters.get("candidate_labels")
    many = isinstance(inputs, list)
    texts = inputs if many else [inputs]
    if labels is None:
        rows = [
            _distribute(text["text"], _INFERENCE) if isinstance(text, Mapping) else _distribute(text, _LABELS)
            for text in texts
        ]
        answer = [[{"label": label, "score": score} for label, score in row] for row in rows]
        return answer if many else answer[0]
    found = []
    for text in texts:
        row = _distribute(text, labels)
        if parameters.get("multi_label"):
            row = sorted(((label, _share(label, text)) for label in labels), key=lambda one: -one[1])
        found.append({"sequence": text, "labels": [label for label, _ in row], "scores": [score for _, score in row]})
    return found if many else found[0]


def _distribute(text: str, labels: Sequence[str]) -> list[tuple[str, float]]:
    """Return a share of one for each label, more for those whose words the text has."""
    weights = [0.05 + _share(label, text) for label in labels]
    total = sum(weights)
    return sorted(((label, weight / total) for label, weight in zip(labels, weights, strict=True)), key=lambda o: -o[1])


def _decisions(body: Body) -> Any:
    text = str(body.get("input") or body.get("state") or "")
    questions = body["questions"]
    if isinstance(questions, list):
        return {
            "model": body["model"],
            "answers": [_openai_answer(question, text) for question in questions],
            "usage": {"input_tokens": _count([text]), "output_tokens": 0, "total_tokens": _count([text])},
        }
    answers = {name: _named_answer(question, text) for name, question in questions.items()}
    return {"model": body["model"], "answers": answers, "usage": {"input_tokens": _count([text]), "output_tokens": 0}}


def _openai_answer(question: Mapping[str, Any], text: str) -> dict[str, Any]:
    if question["type"] == "predicate":
        return {"type": "predicate", "name": None, "probability": _share(question["instructions"], text)}
    rows = _distribute(text, [choice["value"] for choice in question["choices"]])
    shares = [{"value": value, "probability": share} for value, share in rows]
    return {"type": "choice", "name": None, "choice": rows[0][0], "confidence": rows[0][1], "probabilities": shares}


def _named_answer(question: Mapping[str, Any], text: str) -> dict[str, Any]:
    if question["type"] == "noul":
        return {"type": "noul", "noul": _share(question["instructions"], text)}
    rows = _distribute(text, list(question["criteria"]))
    return {"type": "choice", "choice": rows[0][0], "confidence": rows[0][1], "probabilities": dict(rows)}


_ANSWERS: Mapping[str, Callable[[Body], Any]] = {
    "openai": _openai,
    "google": _google,
    "ollama": _ollama,
    "cohere": _cohere,
    "huggingface": _huggingface,
    "rerank": _rerank,
    "classify": _classify,
    "decisions": _decisions,
}
