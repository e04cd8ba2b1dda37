r"""Replays recorded exchanges over HTTP, unchanged, split at random, or truncated.

A recording is a dict, usually a JSON file:

    {"id": "anthropic-hello", "provider": "anthropic", "tags": ["stream"],
     "request":  {"method": "POST", "host": "api.anthropic.com", "url_path_and_query": "/v1/messages",
                  "headers": {}, "body": {"model": "…"}},
     "response": {"status": 200, "headers": {"content-type": "text/event-stream"},
                  "framing": "sse", "body_text": "event: message_start\ndata: {…}\n\n…"}}

`framing` is `sse` or `ndjson`, and `body_text` the exact stream; a response that is not a stream has `body`, parsed
JSON or a text. `payloads`, a list of the data of the events, replaces `body_text` where the framing was not recorded.
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
    """Return the recordings in a folder and its subfolders, sorted by path.

    Args:
        folder: The folder of the JSON files; files that are not recordings are ignored.
        provider: Only recordings of this provider.
        tags: Only recordings with all of these tags.

    Raises:
        ConfigurationError: The folder does not exist, or a file in it is not JSON or holds a broken recording.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigurationError(f"{root} is not a folder", field="folder")
    found = [_load(path) for path in sorted(root.rglob("*.json"))]
    return [
        one
        for one in found
        if one is not None and provider in (None, one.get("provider")) and set(tags) <= set(one.get("tags") or ())
    ]


def _load(path: Path) -> dict[str, Any] | None:
    """Return the recording in a file; `None` if it holds something else."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="folder") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}", field="folder") from None
    if not isinstance(value, dict) or not isinstance(value.get("response"), dict):
        return None
    try:
        check_recording(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.message}", field=error.field) from None
    return value


def check_recording(recording: Mapping[str, Any]) -> None:
    """Check the shape of a recording.

    Raises:
        ConfigurationError: A member has another type than a recording has.
    """
    for place, allowed, value in _members(recording):
        if not isinstance(value, allowed) or isinstance(value, bool):
            from ratatoskr.types.visible import quote

            raise ConfigurationError(f"{place} of the recording cannot be {quote(value)}", field=place)


def _members(recording: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each member that is read: its place, its types and its value."""
    response = recording.get("response")
    yield "response", Mapping, response
    assert isinstance(response, Mapping)  # noqa: S101  # or the check above has raised
    yield "provider", str | None, recording.get("provider")
    yield "tags", list | None, recording.get("tags")
    for tag in recording.get("tags") or ():
        yield "tags", str, tag
    yield "response.status", int | None, response.get("status")
    yield "response.headers", Mapping | None, response.get("headers")
    for name, value in (response.get("headers") or {}).items():
        yield "response.headers", str, name
        yield "response.headers", str | int | float, value
    yield "response.body_text", str | None, response.get("body_text")
    yield "response.framing", str, response.get("framing", "sse")
    yield "response.payloads", list | None, response.get("payloads")


class Replay:
    """A script that replays recordings, one for each request, in order, whatever the request is.

        async with ScriptedUpstream(Replay(load_recordings("recordings"), seed=7, cuts=20)) as upstream: ...

    Args:
        recordings: The recordings.
        seed: The seed of the random cuts; the same seed gives the same cuts.
        cuts: The number of random cuts in each body; the pieces are written separately.
        at: The number of bytes after which each body ends; a negative number counts from its end.
        ending: How it ends then: `reset`, `end` (closed before the end of the body), `clean` (in correct framing).
        repeat: Whether to begin again after the last recording.
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
        for recording in recordings:
            check_recording(recording)
        self.recordings = recordings
        self.played = 0
        self._random = Random(seed)  # noqa: S311  # not for security
        self._cuts, self._at, self._repeat = cuts, at, repeat
        self._ending = ending

    def __call__(self, request: Received) -> Reply:
        """Return the response of the next recording.

        Raises:
            LookupError: All recordings have been replayed.
        """
        if self.played >= len(self.recordings) and not (self._repeat and self.recordings):
            raise LookupError(f"all {len(self.recordings)} recordings have been replayed")
        recording = self.recordings[self.played % len(self.recordings)]
        self.played += 1
        return self.reply(recording)

    def reply(self, recording: Mapping[str, Any]) -> Reply:
        """Return the response of one recording, cut as configured."""
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
    """Return the bytes of a recorded body, and their content type if none was recorded."""
    response = recording["response"]
    if response.get("body_text") is not None:
        framing = response.get("framing", "sse")
        return _encode(response["body_text"]), _STREAM_TYPES.get(framing, "text/event-stream")
    if response.get("payloads") is not None:
        return b"".join(map(_frame_payload, response["payloads"])), "text/event-stream"
    body = response.get("body")
    if isinstance(body, str):
        return _encode(body), "text/plain"
    return encode_json(body), "application/json"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _frame_payload(payload: Any) -> bytes:
    """Return a payload as one event, named by its type if it has one."""
    if isinstance(payload, str):
        return b"data: " + _encode(payload) + b"\n\n"
    name = payload.get("type") if isinstance(payload, dict) else None
    return (_encode(f"event: {name}\n") if isinstance(name, str) else b"") + b"data: " + encode_json(payload) + b"\n\n"
