"""Text analysis: inference, classification, stance and reranking, of one text and of many.

An answer has everything in fields of ours; for readers of the listed fields it has what those can hold, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ratatoskr.service.convert.codec import Codec, Words
from ratatoskr.service.convert.options import TIMEOUTS
from ratatoskr.service.convert.response import ATTEMPT, NO_USAGE, NOTICE, compact_usage_to_pb, usage_from_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.classify import (
    HYPOTHESIS_TEMPLATE,
    Classification,
    Classifications,
    ClassifyRequest,
    ZeroShotRequest,
    rank_labels,
)
from ratatoskr.types.nli import NliPair, NliRequest, NliResult, NliResults
from ratatoskr.types.rerank import RankedDocument, Ranking, RerankRequest
from ratatoskr.types.stance import DEFAULT_TEMPLATES, StanceRequest, StanceResult, StanceResults, StanceTemplates
from ratatoskr.types.timeouts import UNSET

__all__ = ["CLASSIFICATIONS", "CLASSIFY_REQUEST", "NLI_REQUEST", "RANKING", "RERANK_REQUEST", "STANCES"]
__all__ += ["ONE_STANCE_REQUEST", "ONE_ZERO_SHOT_REQUEST", "STANCE_REQUEST", "ZERO_SHOT_REQUEST"]
__all__ += ["classification_from_pb", "classification_to_pb", "judgement_from_pb", "judgement_to_pb"]
__all__ += ["judgements_from_pb", "judgements_to_pb", "pair_from_pb", "pair_to_pb", "stance_from_pb", "stance_to_pb"]

_ANSWER: Final[dict[str, Any]] = {
    "usage": (compact_usage_to_pb, usage_from_pb),
    "attempts": ATTEMPT,
    "warnings": NOTICE,
    "absent": {"usage": NO_USAGE},
}
_ABSENT: Final[dict[str, Any]] = {"truncate": True, "timeouts": UNSET}
_ONE_TEXT: Final[dict[str, Any]] = {
    "fields": {"texts": "text"},
    "to_text": {"texts": (lambda texts: texts[0], lambda text: (text,))},
}
"""How a request of one text has it."""


# inference


def _pair_to_pb(pair: NliPair) -> pb.NliPair:
    return pb.NliPair(premise=pair[0], hypothesis=pair[1])


def _pair_from_pb(message: pb.NliPair) -> NliPair:
    return message.premise, message.hypothesis


NLI_REQUEST: Final = Codec(
    NliRequest, pb.NliBatchRequest, absent=_ABSENT, pairs=(_pair_to_pb, _pair_from_pb), timeouts=TIMEOUTS
)


def pair_to_pb(request: NliRequest) -> pb.NliRequest:
    """Return a request of one pair."""
    many: pb.NliBatchRequest = NLI_REQUEST.to_pb(request)
    pair = many.pairs[0]
    one = pb.NliRequest(premise=pair.premise, hypothesis=pair.hypothesis, model=many.model)
    if many.HasField("timeouts"):
        one.timeouts.CopyFrom(many.timeouts)
    if many.HasField("truncate"):
        one.truncate = many.truncate
    return one


def pair_from_pb(message: pb.NliRequest) -> NliRequest:
    """Return a request of one pair."""
    return NliRequest(
        [(message.premise, message.hypothesis)],
        message.model,
        message.truncate if message.HasField("truncate") else True,
        TIMEOUTS.from_pb(message.timeouts) if message.HasField("timeouts") else UNSET,
    )


_NLI_LABEL: Final = Words(pb.NliLabel, "NLI_LABEL_")
_NLI_RESULTS: Final = Codec(
    NliResults,
    pb.NliBatchResponse,
    fields={"results": "judgements"},
    results=Codec(NliResult, pb.NliResult, **_ANSWER),
    **_ANSWER,
)


def judgements_to_pb(answer: NliResults, *, listed: bool = True) -> pb.NliBatchResponse:
    """Return the judgements of many pairs."""
    out: pb.NliBatchResponse = _NLI_RESULTS.to_pb(answer)
    if listed:
        out.results.extend([_listed_judgement(result) for result in answer.results])
    return out


def _listed_judgement(result: NliResult) -> pb.NliResponse:
    return pb.NliResponse(
        entailment=result.entailment,
        contradiction=result.contradiction,
        neutral=result.neutral or 0.0,
        label=_NLI_LABEL.numbers.get(result.label, 0),  # type: ignore[arg-type]  # the number of the enum
    )


def _judgement_of_listed(message: pb.NliResponse) -> NliResult:
    label = _NLI_LABEL.word(message.label, "label")
    return NliResult(label, message.entailment, message.neutral, message.contradiction)


def judgements_from_pb(message: pb.NliBatchResponse) -> NliResults:
    """Return the judgements of many pairs, of a daemon that knows only the listed fields too."""
    if message.results and not message.judgements:
        return NliResults(tuple([_judgement_of_listed(one) for one in message.results]))
    return _NLI_RESULTS.from_pb(message)  # type: ignore[no-any-return]  # a codec of NliResults


def judgement_to_pb(answer: NliResults, *, listed: bool = True) -> pb.NliResponse:
    """Return the judgement of one pair."""
    out = _listed_judgement(answer.results[0]) if listed else pb.NliResponse()
    out.exact.CopyFrom(_NLI_RESULTS.to_pb(answer))
    return out


def judgement_from_pb(message: pb.NliResponse) -> NliResults:
    """Return the judgement of one pair, of a daemon that knows only the listed fields too."""
    if message.HasField("exact"):
        return judgements_from_pb(message.exact)
    return NliResults((_judgement_of_listed(message),))


# classification

ZERO_SHOT_REQUEST: Final = Codec(
    ZeroShotRequest,
    pb.ZeroShotBatchRequest,
    absent={**_ABSENT, "hypothesis_template": HYPOTHESIS_TEMPLATE},
    timeouts=TIMEOUTS,
)
ONE_ZERO_SHOT_REQUEST: Final = Codec(
    ZeroShotRequest,
    pb.ClassifyRequest,
    **_ONE_TEXT,
    absent={**_ABSENT, "hypothesis_template": HYPOTHESIS_TEMPLATE},
    timeouts=TIMEOUTS,
)
CLASSIFY_REQUEST: Final = Codec(ClassifyRequest, pb.ClassifyBatchRequest, absent=_ABSENT, timeouts=TIMEOUTS)


def _scores_to_pb(scores: Mapping[str, float]) -> list[pb.LabelScore]:
    return [pb.LabelScore(label=label, score=score) for label, score in scores.items()]


def _scores_from_pb(scores: Any) -> dict[str, float]:
    return {one.label: one.score for one in scores}


CLASSIFICATIONS: Final = Codec(
    Classifications,
    pb.ClassifyBatchResponse,
    results=Codec(Classification, pb.Classification, to_text={"scores": (_scores_to_pb, _scores_from_pb)}, **_ANSWER),
    **_ANSWER,
)


def classification_to_pb(answer: Classifications, *, listed: bool = True) -> pb.ClassifyResponse:
    """Return the labels of one text."""
    out = pb.ClassifyResponse(exact=CLASSIFICATIONS.to_pb(answer))
    scores = answer.results[0].scores
    if listed and scores:
        out.scores.update(scores)
        out.top_label, out.confidence = next(iter(scores.items()))
    return out


def classification_from_pb(message: pb.ClassifyResponse) -> Classifications:
    """Return the labels of one text, of a daemon that knows only the listed fields too."""
    if message.HasField("exact"):
        return CLASSIFICATIONS.from_pb(message.exact)  # type: ignore[no-any-return]  # a codec of Classifications
    return Classifications((Classification(rank_labels(message.scores.keys(), message.scores.values())),))


# stance

_STANCE_LABEL: Final = Words(pb.StanceLabel, "STANCE_LABEL_")
_TEMPLATES: Final = Codec(StanceTemplates, pb.StanceTemplates)
_STANCE_ABSENT: Final[dict[str, Any]] = {**_ABSENT, "templates": DEFAULT_TEMPLATES}
STANCE_REQUEST: Final = Codec(
    StanceRequest, pb.StanceBatchRequest, absent=_STANCE_ABSENT, timeouts=TIMEOUTS, templates=_TEMPLATES
)
ONE_STANCE_REQUEST: Final = Codec(
    StanceRequest, pb.StanceRequest, **_ONE_TEXT, absent=_STANCE_ABSENT, timeouts=TIMEOUTS, templates=_TEMPLATES
)
STANCES: Final = Codec(
    StanceResults,
    pb.StanceBatchResponse,
    results=Codec(StanceResult, pb.StanceResult, words={"label": _STANCE_LABEL}, templates=_TEMPLATES, **_ANSWER),
    **_ANSWER,
)


def stance_to_pb(answer: StanceResults, *, listed: bool = True) -> pb.StanceResponse:
    """Return the stance of one text."""
    out = pb.StanceResponse(exact=STANCES.to_pb(answer))
    if listed:
        first = answer.results[0]
        out.favor, out.against, out.neutral, out.target = first.favor, first.against, first.neutral, first.target
        out.label = _STANCE_LABEL.number(first.label, "label")
    return out


def stance_from_pb(message: pb.StanceResponse) -> StanceResults:
    """Return the stance of one text, of a daemon that knows only the listed fields too."""
    if message.HasField("exact"):
        return STANCES.from_pb(message.exact)  # type: ignore[no-any-return]  # a codec of StanceResults
    label = _STANCE_LABEL.word(message.label, "label")
    return StanceResults((StanceResult(label, message.favor, message.against, message.neutral, message.target),))


# reranking

RERANK_REQUEST: Final = Codec(RerankRequest, pb.RerankRequest, absent=_ABSENT, timeouts=TIMEOUTS)
RANKING: Final = Codec(Ranking, pb.RerankResponse, documents=Codec(RankedDocument, pb.RankedDocument), **_ANSWER)
