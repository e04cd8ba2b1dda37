"""A count by `/api/chat`, because Ollama has no address for it: the prompt is evaluated, and one token is generated.

`prompt_eval_count` of the answer is the number (https://github.com/ollama/ollama/blob/main/docs/api.md, November 2026).
`num_predict` of 0 would not limit the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ratatoskr.wire.count import read_number
from ratatoskr.wire.dialect import Encoded, Target


def encode_count(encoded: Encoded, target: Target) -> Encoded:
    """Return the request that counts the tokens of a chat request."""
    options: Any = encoded.body.get("options") or {}
    return replace(encoded, body={**encoded.body, "stream": False, "options": {**options, "num_predict": 1}})


def decode_count(body: bytes) -> int:
    """Return the number; raises `MalformedResponse`, also where the prompt was in the cache and was not counted."""
    return read_number(body, "prompt_eval_count")
