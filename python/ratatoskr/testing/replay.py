r"""Plays recorded exchanges over real HTTP, whole, cut anew at random, or cut short.

A recording is a dict, usually a JSON file:

    {"id": "anthropic-hello", "provider": "anthropic", "tags": ["stream"],
     "request":  {"method": "POST", "host": "api.anthropic.com", "url_path_and_query": "/v1/messages",
                  "headers": {}, "body": {"model": "…"}},
     "response": {"status": 200, "headers": {"content-type": "text/event-stream"},
                  "framing": "sse", "body_text": "event: message_start\ndata: {…}\n\n…"}}

`framing` is `sse` or `ndjson`, and `body_text` the exact stream; without a stream there is `body`, parsed JSON or a
text. `payloads`, a list of what the events of a stream carried, may stand instead where the framing was not kept.
`request` may be null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing.connection import Received
from ratatoskr.testing.reply import Piece, Reply
from ratatoskr.testing.turns import encode_json

_CONNECTION_HEADERS = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "keep-alive"})
_STREAM_TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson", "payload_lines": "text/event-stream"}


def load_recordings(
    folder: str | Path, *, provider: str | None = None, tags: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the recordings in a folder and below, in the order of their names.

    Args:
        folder: where the JSON files are; those that are no recordings are left out.
        provider: only this provider's.
        tags: only those that carry all of these.

    Raises:
        ConfigurationError: no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigurationError(f"{root} is no folder", field="folder")
    found = (json.loads(path.read_text("utf-8")) for path in sorted(root.rglob("*.json")))
    return [
        one
        for one in found
        if isinstance(one, dict)
        and isinstance(one.get("response"), dict)
        and provider in {None, one.get("provider")}
        and set(tags) <= set(one.get("tags") or ())
    ]


class Replay:
    """A script that plays recordings, one a request, in order, whatever is asked.

        async with ScriptedUpstream(Replay(load_recordings("recordings"), seed=7, cuts=20)) as upstream: ...

    Args:
        recordings: what to play.
        seed: of the random cuts; the same seed cuts in the same places.
        cuts: into how many pieces more than one each body is cut; each piece is a write of its own.
        at: end each body after so many bytes; negative counts from its end.
        ending: how it ends then: `reset`, `end` (closed without the end of the body), `clean` (in right framing).
        repeat: begin again after the last one.
    """

    def __init__(
        self,
        recordings: Sequence[Mapping[str, Any]],
        *,
        seed: int = 0,
        cuts: int = 0,
        at: int | None = None,
        ending: Literal["reset", "end", "clean"] = "reset",
        repeat: bool = False,
    ) -> None:
        self.recordings = recordings
        self.played = 0
        self._random = Random(seed)  # noqa: S311  # where to cut is no secret
        self._cuts, self._at, self._repeat = cuts, at, repeat
        self._ending = ending

    def __call__(self, request: Received) -> Reply:
        """Return the response of the next recording.

        Raises:
            LookupError: all have been played.
        """
        if self.played >= len(self.recordings) and not (self._repeat and self.recordings):
            raise LookupError(f"all {len(self.recordings)} recordings have been played")
        recording = self.recordings[self.played % len(self.recordings)]
        self.played += 1
        return self.reply(recording)

    def reply(self, recording: Mapping[str, Any]) -> Reply:
        """Return the response of one recording, cut as this replay cuts."""
        body, kind = body_of(recording)
        response = recording["response"]
        headers = {
            name.lower(): str(value)
            for name, value in (response.get("headers") or {}).items()
            if name.lower() not in _CONNECTION_HEADERS
        }
        headers.setdefault("content-type", kind)
        pieces: list[Piece] = list(self._cut(body))
        streamed = "body" not in response
        reply = Reply(response.get("status") or 200, headers, pieces, "chunked" if streamed else "length")
        if self._at is not None:
            reply.cut = self._at if self._at >= 0 else max(0, len(body) + self._at)
            reply.ending = self._ending
            if self._ending == "clean" and not streamed:
                reply.length = min(reply.cut, len(body))
        return reply

    def _cut(self, body: bytes) -> Iterator[bytes]:
        places = sorted(self._random.sample(range(1, len(body)), min(self._cuts, len(body) - 1))) if body else []
        for start, end in zip([0, *places], [*places, len(body)], strict=True):
            yield body[start:end]


def body_of(recording: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the bytes of a recorded body, and the content type that goes with them where none was kept."""
    response = recording["response"]
    if "body_text" in response:
        return response["body_text"].encode(), _STREAM_TYPES[response.get("framing", "sse")]
    if "payloads" in response:
        return b"".join(map(_framed, response["payloads"])), "text/event-stream"
    body = response.get("body")
    if isinstance(body, str):
        return body.encode(), "text/plain"
    return encode_json(body), "application/json"


def _framed(payload: Any) -> bytes:
    """Return a payload as one event, named after its type where it has one."""
    if isinstance(payload, str):
        return b"data: " + payload.encode() + b"\n\n"
    name = payload.get("type") if isinstance(payload, dict) else None
    return (f"event: {name}\n".encode() if isinstance(name, str) else b"") + b"data: " + encode_json(payload) + b"\n\n"
