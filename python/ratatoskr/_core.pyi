"""What the Rust extension gives; private to the package."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, final

import numpy as np

__all__ = [
    "Bell",
    "Client",
    "Exchange",
    "Runtime",
    "SseParser",
    "Tokenizer",
    "Tokens",
    "check_depth",
    "forked",
    "pool",
    "take_pooled",
]

@final
class SseParser:
    """An incremental parser of server-sent events or newline-delimited JSON.

    It follows the WHATWG standard; the answer never depends on how the bytes were cut. Invalid UTF-8 becomes U+FFFD.

    Args:
        framing: `"sse"` or `"ndjson"`.
        max_line: cap of a line in bytes.
        max_event: cap of an event's data lines in bytes, empty ones included.
    """

    def __new__(
        cls, framing: Literal["sse", "ndjson"] = "sse", max_line: int = 8388608, max_event: int = 8388608
    ) -> SseParser: ...
    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Take the next bytes and return all events that they complete, as (event name or "", data).

        Raises:
            MalformedResponse: a line or an event passed its cap. Events before that place are returned first; the next
                call then raises, and so does every call after it.
        """

    def finish(self) -> list[tuple[str, bytes]]:
        """End the stream: what is incomplete is discarded (SSE), or is returned as the last event (NDJSON).

        The parser is then at the start of a new stream.

        Raises:
            MalformedResponse: a line or an event passed its cap.
        """

    @property
    def last_event_id(self) -> str:
        """The last event ID that an event made current; empty when there was none."""

    @property
    def retry(self) -> int | None:
        """The reconnection time that the stream asked for last, in milliseconds."""

def check_depth(data: bytes, limit: int = 64) -> bool:
    """Tell whether arrays and objects in a JSON text nest at most `limit` deep.

    Brackets inside strings do not count, and the text need not be valid JSON.
    """

# The network client: rust/py/src/net.rs

_Failure: TypeAlias = tuple[
    Literal["connection", "tls", "timeout", "malformed", "refused", "closed"], str | None, bool, bool, str
]
_News: TypeAlias = tuple[tuple[int, bytes | None] | None, list[tuple[str, bytes]], bool, _Failure | None]

def forked() -> None:
    """Tell the extension that this process was forked: everything made before answers that it belongs elsewhere.

    Takes no lock, as the thread that held one may not exist any more.
    """

@final
class Runtime:
    """The network thread: one a process, started by making this.

    Raises:
        OSError: the process may not have another thread or descriptor.
    """

    def __new__(cls) -> Runtime: ...

@final
class Bell:
    """A wake-up line for one event loop: a descriptor to wait on, and the exchanges that have news.

    Raises:
        OSError: the process has no descriptor left.
    """

    def __new__(cls) -> Bell: ...
    def fileno(self) -> int:
        """Return the descriptor, which is readable while there is something to drain."""

    def drain(self) -> list[int]:
        """Return the tokens of the exchanges that have had news since the last call."""

@final
class Client:
    """A pool of connections, and everything that is open on it.

    Args:
        runtime: the network thread.
        limits: caps in bytes: head, body, line, event, queue.
        in_flight: requests in flight to one origin at a time.
        in_flight_by_origin: exceptions from that.
        keep_idle: seconds that a connection may wait for its next request.
        proxy: URL of a proxy for everything.
        unix_socket: path of a socket that every connection goes to.
        authorities: PEM of authorities to trust beside Mozilla's.
        identity: PEM of the client's chain and of its key.

    Raises:
        ValueError: the configuration cannot be used; the message says why.
    """

    def __new__(
        cls,
        runtime: Runtime,
        *,
        limits: tuple[int, int, int, int, int],
        in_flight: int,
        in_flight_by_origin: dict[str, int],
        keep_idle: float,
        proxy: str | None = None,
        unix_socket: str | None = None,
        authorities: bytes | None = None,
        identity: tuple[bytes, bytes] | None = None,
    ) -> Client: ...
    def send(
        self,
        bell: Bell,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        framing: str,
        connect: float | None,
        first_byte: float | None,
        idle: float | None,
        total: float | None,
    ) -> Exchange:
        """Make an exchange whose news ring `bell`; what cannot be sent ends at once with the reason.

        It begins at `hand_over`.

        Args:
            bell: the line of the event loop that waits.
            method: "POST", "GET" or "HEAD".
            url: the absolute URL.
            headers: names and values.
            body: the body, possibly empty.
            framing: "body", "sse" or "ndjson".
            connect: seconds; None is without limit. So for the next three.
            first_byte: seconds from the request having left to the head.
            idle: seconds between two pieces of the body.
            total: seconds for the whole exchange.
        """

    def hand_over(self) -> None:
        """Let the network thread begin with all that was to be sent."""

    def close(self, bell: Bell) -> Exchange:
        """End everything that is open and close the connections; what comes back ends when that is done."""

@final
class Exchange:
    """One request and its response; dropping it closes the connection unless the response is complete."""

    @property
    def token(self) -> int:
        """The number under which the bell announces this exchange."""

    def take(self) -> _News | None:
        """Return all that is new as (head, events, ended, failure), or None; a bell may ring in vain.

        `head` is (status, body), with None for a body that comes as events; `failure` is (class, phase, sent,
        retryable, message).
        """

    def headers(self) -> dict[str, str]:
        """Return the headers of the response: names in lower case, repeated values joined by ", "."""

    def close(self) -> None:
        """Give up the rest of the response; whoever waits for news is told."""

    def leave(self) -> None:
        """Take leave of a body whose last event has come; its end is awaited for a moment, to keep the connection."""

# Local embeddings: rust/py/src/tokens.rs and embed.rs

_Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

@final
class Tokenizer:
    """A tokenizer from the bytes of a `tokenizer.json`, without the truncation and the padding that the file asks for.

    Raises:
        ConfigurationError: the file cannot be read.
    """

    def __new__(cls, json: bytes) -> Tokenizer: ...
    def largest_id(self) -> int:
        """Return the largest id that any text can contain."""

    def encode(self, texts: list[str], limit: int, first: int = 0) -> Tokens:
        """Tokenise texts, each cut to `limit` tokens, special ones counted; errors count from index `first`.

        Raises:
            InvalidInput: something is not a `str`, or holds half a surrogate pair; the message names its index.
            ConfigurationError: the limit leaves no room for a text.
        """

@final
class Tokens:
    """The ids of many texts, one after another."""

    @staticmethod
    def joined(parts: Sequence[Tokens]) -> Tokens:
        """Put the texts of several parts behind one another."""

    def __len__(self) -> int: ...
    def total(self) -> int:
        """Return the number of tokens of all texts together, as cut."""

    def ids(self, text: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Return the ids of one text, as cut; empty where there is no such text."""

    def cut(self) -> list[tuple[int, int]]:
        """Return the texts that were cut, each with the number of tokens that it had."""

    def calls(self, budget: int) -> list[list[int]]:
        """Share the texts out into calls of nearly equal lengths, longest first, padded to at most `budget` tokens."""

    def padded(self, texts: Sequence[int]) -> tuple[_Ints, _Ints]:
        """Lay texts out as rows of one width, padded with zeros: ids, and 1 where there is a token."""

def pool(
    hidden: _Floats,
    tokens: Tokens,
    texts: Sequence[int],
    pooling: str,
    normalise: bool,
    out: _Floats,
) -> None:
    """Pool a model's hidden states into rows of `out`: row i of the states is text `texts[i]` of `tokens`, and its row.

    `pooling` is `"mean"`, `"cls"`, `"max"`, `"mean_sqrt_len"` or `"last"`; padding is not looked at.

    Raises:
        MalformedResponse: a vector is not finite, or the states are not of the shape of the texts.
        ValueError: `out` has no such row, or there is no such pooling.
    """

def take_pooled(vectors: _Floats, texts: Sequence[int], normalise: bool, out: _Floats) -> None:
    """Take vectors that a model pooled by itself into rows of `out`: row i is text `texts[i]`.

    Raises:
        MalformedResponse: a vector is not finite.
        ValueError: `out` has no such row.
    """
