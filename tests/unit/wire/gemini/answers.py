"""Answers of Gemini as these tests need them, and the decoder run over them."""

from __future__ import annotations

import json
from typing import Any

from ratatoskr.types.part import ProviderState
from ratatoskr.wire import gemini
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.turn import TurnBuilder

TARGET = Target("google", "gemini-3.5-flash", "generate_content")
ISSUER = TARGET.issuer


def chunk(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    candidate |= more.pop("candidate", {})
    return {"candidates": [candidate], "modelVersion": "gemini-3.5-flash-001", "responseId": "r1", **more}


def whole(*parts: Any, finish: str = "STOP", **more: Any) -> TurnBuilder:
    return gemini.decode_response(json.dumps(chunk(*parts, finish=finish, **more)).encode(), TARGET)


def stream(*chunks: Any) -> tuple[list[Any], TurnBuilder]:
    decoder = gemini.StreamDecoder(TARGET)
    events = [event for one in chunks for event in decoder.feed("", json.dumps(one).encode())]
    return events + decoder.end(), decoder.turn


def signed(signature: str) -> tuple[ProviderState, ...]:
    return (ProviderState(ISSUER, json.dumps(signature).encode()),)
