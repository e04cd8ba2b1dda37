"""The types of the Rust extension; private to the package."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, final

import numpy as np

__all__ = [
    "Body",
    "Client",
    "Encoding",
    "Exchange",
    "Runtime",
    "Search",
    "Spans",
    "SseParser",
    "Tokenizer",
    "Tokens",
    "WakeupFd",
    "after_fork",
    "check_depth",
    "decode_vectors",
    "pool",
    "sigmoid",
    "softmax",
    "take_pooled",
]

@final
class SseParser:
    """An incremental parser of server-sent events or newline-delimited JSON.

    It follows the WHATWG standard. The result never depends on how the bytes were cut. Invalid UTF-8 becomes U+FFFD.

    Args:
        framing: `"sse"` or `"ndjson"`.
        max_line: the limit of a line in bytes.
        max_event: the limit of the data lines of an event in bytes, empty ones included.
    """

    def __new__(
        cls, framing: Literal["sse", "ndjson"] = "sse", max_line: int = 8388608, max_event: int = 8388608
    ) -> SseParser: ...
    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Parse the next bytes and return all events that they complete, as (event name or "", data).

        Raises:
            MalformedResponse: a line or an event exceeds its limit. Events before that point are returned first; the
                next call then raises, and so does every call after it.
        """

    def finish(self) -> list[tuple[str, bytes]]:
        """End the stream and return its last event, if that lacks only its end.

        SSE: an event without its blank line is returned if its data is a complete JSON array or object, or `[DONE]`;
        any other is discarded, and `truncated` is then true. NDJSON: a line without its LF is returned.

        The parser is then at the start of a new stream.

        Raises:
            MalformedResponse: a line or an event exceeds its limit.
        """

    @property
    def truncated(self) -> bool:
        """Whether the stream that `finish` ended broke off inside an event."""

    @property
    def last_event_id(self) -> str:
        """The last event ID; empty if there was none."""

    @property
    def retry(self) -> int | None:
        """The last reconnection time that the stream set, in milliseconds."""

def check_depth(data: bytes, limit: int = 64) -> bool:
    """Return whether arrays and objects in a JSON text nest at most `limit` deep.

    Brackets inside strings do not count, and the text need not be valid JSON.
    """

# Vectors of remote APIs: rust/py/src/vectors.rs

def decode_vectors(body: bytes | Body, count: int) -> tuple[_Floats, str | None, int | None] | None:
    """Return the rows, the model's name and the tokens of an answer of OpenAI's form with `count` vectors in base64.

    Any answer that is not exactly that, which another reader must examine, gives None.
    """

# The HTTP client: rust/py/src/net.rs

_Failure: TypeAlias = tuple[
    Literal["connection", "tls", "timeout", "malformed", "configuration", "closed"], str | None, bool, bool, str
]
_Update: TypeAlias = tuple[tuple[int, bytes | Body | None] | None, list[tuple[str, bytes]], bool, _Failure | None]

@final
class Body:
    """The large body of a response, of which `bytes()` makes a copy."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...

def after_fork() -> None:
    """Mark everything that exists as belonging to the parent process; to be called in a forked child.

    Takes no lock, as the thread that held it does not exist in the child.
    """

@final
class Runtime:
    """The network thread, one for each process, started by the constructor.

    Raises:
        OSError: the process may not have another thread or descriptor.
    """

    def __new__(cls) -> Runtime: ...

@final
class WakeupFd:
    """A descriptor that wakes one event loop, and the tokens of the exchanges that have updates.

    Raises:
        OSError: the process has no free descriptor.
    """

    def __new__(cls) -> WakeupFd: ...
    def fileno(self) -> int:
        """Return the descriptor, which is readable while there are tokens to drain."""

    def drain(self) -> list[int]:
        """Return the tokens of the exchanges that have had updates since the last call."""

@final
class Client:
    """A pool of connections and the exchanges on it.

    Args:
        runtime: the network thread.
        limits: in bytes: headers, body, line, event, queue, stream, undelivered.
        in_flight: requests in flight to one origin at a time.
        in_flight_by_origin: exceptions, by origin.
        stream_by_origin: exceptions from the limit of a stream, by origin.
        keep_idle: seconds for which an idle connection is kept.
        proxy: URL of a proxy for all requests.
        unix_socket: path of a Unix socket to which every connection goes.
        ca_certificates: PEM of CA certificates to trust in addition to Mozilla's.
        identity: PEM of the client's certificate chain and of its key.

    Raises:
        ValueError: the configuration is invalid.
    """

    def __new__(
        cls,
        runtime: Runtime,
        *,
        limits: tuple[int, int, int, int, int, int, int],
        in_flight: int,
        in_flight_by_origin: dict[str, int],
        stream_by_origin: dict[str, int],
        keep_idle: float,
        proxy: str | None = None,
        unix_socket: str | None = None,
        ca_certificates: bytes | None = None,
        identity: tuple[bytes, bytes] | None = None,
    ) -> Client: ...
    def send(
        self,
        wakeup: WakeupFd,
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
        """Create an exchange that notifies `wakeup`; one whose request is invalid ends at once with the reason.

        It starts at the next `flush`.

        Args:
            wakeup: the descriptor of the event loop that waits.
            method: "POST", "GET" or "HEAD".
            url: the absolute URL.
            headers: names and values.
            body: the body, possibly empty.
            framing: "body", "sse" or "ndjson".
            connect: seconds; None is no limit. The same holds for the next three.
            first_byte: seconds from the end of sending the request to the response headers.
            idle: seconds between two pieces of the body.
            total: seconds for the whole exchange.
        """

    def flush(self) -> None:
        """Start every exchange that `send` created."""

    def close(self, wakeup: WakeupFd) -> Exchange:
        """End all exchanges and close the connections; the returned exchange ends when that is done."""

@final
class Exchange:
    """One request and its response; dropping it closes the connection unless the response is complete."""

    @property
    def token(self) -> int:
        """The number by which `WakeupFd.drain` names this exchange."""

    def take(self) -> _Update | None:
        """Return the update as (head, events, ended, failure), or None if nothing arrived since the last one.

        `head` is (status, body), where the body is None if it is streamed as events, and a `Body` if it is large;
        `failure` is (class, phase, sent, retryable, message).
        """

    def headers(self) -> dict[str, str]:
        """Return the headers of the response: names in lower case, repeated values joined by ", "."""

    def close(self) -> None:
        """Abort the rest of the response; a task that waits for an update receives the error."""

    def release(self) -> None:
        """Release a body whose last event has arrived; its end is awaited for a moment, to keep the connection."""

# Local embeddings: rust/py/src/tokens.rs and embed.rs

_Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

@final
class Tokenizer:
    """A tokenizer from the bytes of a `tokenizer.json`; the truncation and padding of the file are switched off.

    Raises:
        ConfigurationError: it is not a supported tokenizer.
    """

    def __new__(cls, json: bytes) -> Tokenizer: ...
    def largest_id(self) -> int:
        """Return the largest id that any text can contain."""

    def encode(self, texts: list[str], limit: int, first: int = 0) -> Tokens:
        """Tokenise texts, each truncated to `limit` tokens, special tokens included.

        Args:
            texts: the texts.
            limit: the largest number of tokens of a text.
            first: the index of the first text, for error messages.

        Raises:
            InvalidInput: a text is not a `str`, or holds half of a surrogate pair; the message contains its index.
            ConfigurationError: the limit is too small for a text beside the special tokens.
        """

    def join(
        self, texts: Tokens, pairs: list[tuple[int, int]], limit: int, keep_second: bool, first: int = 0
    ) -> Tokens:
        """Join texts that `encode` has tokenised to pairs, each truncated to `limit` tokens, special tokens included.

        Args:
            texts: the tokens of the texts.
            pairs: the numbers of the first and of the second text of each pair.
            limit: the largest number of tokens of a pair.
            keep_second: whether the first text alone is truncated, or the longer one.
            first: the index of the first pair, for error messages.

        Raises:
            InvalidInput: the second text, which is kept, leaves no room for the first; the message contains its index.
            ConfigurationError: the tokenizer does not join two texts, or the limit is too small for them.
        """

    def count(self, text: str) -> int:
        """Return the number of tokens of a text, without special tokens around it.

        Raises:
            InvalidInput: it holds half of a surrogate pair, or cannot be tokenised.
        """

    def count_parts(self, parts: list[bytes]) -> int:
        """Return the number of tokens of a text that is given as parts of its UTF-8 form.

        Raises:
            InvalidInput: it cannot be tokenised.
            ValueError: the parts together are not UTF-8.
        """

    def spans(self, texts: list[str], first: int = 0) -> Spans:
        """Tokenise texts, without truncation, and without special tokens around them.

        Args:
            texts: the texts.
            first: the index of the first text, for error messages.

        Raises:
            InvalidInput: a text is not a `str`, holds half of a surrogate pair, or cannot be tokenised; the message
                contains its index.
        """

    def piece(self, id: int) -> str | None:
        """Return the vocabulary's entry for an id; `None` if there is none."""

    def id(self, piece: str) -> int | None:
        """Return the id of a vocabulary's entry, special tokens included; `None` if there is none."""

@final
class Tokens:
    """The token ids of many texts, concatenated."""

    @staticmethod
    def concat(parts: Sequence[Tokens]) -> Tokens:
        """Concatenate the texts of several parts."""

    def __len__(self) -> int: ...
    def total(self) -> int:
        """Return the number of tokens of all texts together, after truncation."""

    def ids(self, text: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Return the ids of one text, after truncation; empty if there is no such text."""

    def cut(self) -> list[tuple[int, int]]:
        """Return the texts that were truncated, each with its full number of tokens."""

    def calls(self, budget: int) -> list[list[int]]:
        """Group the texts into calls of similar lengths, longest first, each padded to at most `budget` tokens."""

    def pad_segments(self, texts: Sequence[int]) -> _Ints | None:
        """Return the segments (token types) of texts as rows of one width; None if all are the first."""

    def pad(self, texts: Sequence[int], pad: int = 0) -> tuple[_Ints, _Ints]:
        """Return texts as rows of one width: ids padded with the id `pad`, and the attention mask."""

def softmax(logits: _Floats, item: str = "item") -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the softmax of each row of logits: each row sums to one.

    Args:
        logits: one row for each item.
        item: what an item is called in messages.

    Raises:
        MalformedResponse: a logit is not finite; the message contains the index of its item.
    """

def sigmoid(logits: _Floats, item: str = "item") -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the logistic function of each logit.

    Args:
        logits: one row for each item.
        item: what an item is called in messages.

    Raises:
        MalformedResponse: a logit is not finite; the message contains the index of its item.
    """

def pool(
    hidden: _Floats,
    tokens: Tokens,
    texts: Sequence[int],
    pooling: str,
    normalise: bool,
    out: _Floats,
) -> None:
    """Pool the hidden states of a model into `out`: row i of the states becomes row `texts[i]`, a text of `tokens`.

    `pooling` is `"mean"`, `"cls"`, `"max"`, `"mean_sqrt_len"` or `"last"`; padding is not read.

    Raises:
        MalformedResponse: a vector is not finite, or the shape of the states does not match the texts.
        ValueError: `out` has no such row, or the pooling is unknown.
    """

def take_pooled(vectors: _Floats, texts: Sequence[int], normalise: bool, out: _Floats) -> None:
    """Copy vectors that the model pooled itself into `out`: row i becomes row `texts[i]`.

    Raises:
        MalformedResponse: a vector is not finite.
        ValueError: `out` has no such row.
    """

# Tokens with their places: rust/py/src/spans.rs

@final
class Encoding:
    """An encoding of OpenAI's models: `cl100k_base`, `o200k_base` or `o200k_harmony`; texts contain no special tokens.

    Raises:
        ValueError: there is no encoding of this name.
    """

    def __new__(cls, name: str) -> Encoding: ...
    def count(self, text: str) -> int:
        """Return the number of tokens of a text.

        Raises:
            InvalidInput: it holds half of a surrogate pair.
        """

    def count_parts(self, parts: list[bytes]) -> int:
        """Return the number of tokens of a text that is given as parts of its UTF-8 form.

        Raises:
            ValueError: the parts together are not UTF-8.
        """

    def spans(self, texts: list[str], first: int = 0) -> Spans:
        """Tokenise texts.

        Args:
            texts: the texts.
            first: the index of the first text, for error messages.

        Raises:
            InvalidInput: a text is not a `str`, or holds half of a surrogate pair; the message contains its index.
        """

    def token(self, id: int) -> bytes | None:
        """Return the bytes of a token; `None` if there is none of this id."""

@final
class Spans:
    """The tokens of many texts with their places, in flat arrays."""

    @staticmethod
    def concat(parts: Sequence[Spans]) -> Spans:
        """Concatenate the texts of several parts."""

    def __len__(self) -> int: ...
    def ids(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Return the ids of all tokens."""

    def chars(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Return the first character of each token and the one after its last."""

    def bytes(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Return the first byte of each token and the one after its last."""

    def ends(self) -> list[int]:
        """Return the number of tokens up to the end of each text."""

# Search: rust/py/src/search.rs

@final
class Search:
    """A search for the rows that are nearest to queries, in progress; each thread uses one of its own.

    Args:
        queries: one in each row.
        top: the number of rows to find for each query.
        metric: `"cosine"` or `"dot"`.

    Raises:
        ValueError: the queries have no dimensions, or the metric is unknown.
    """

    def __new__(cls, queries: _Floats, top: int, metric: Literal["cosine", "dot"]) -> Search: ...
    def add(self, rows: _Floats, first: int) -> None:
        """Compare rows with the queries; `first` is the number of the first of them.

        Raises:
            ValueError: the rows have another number of dimensions than the queries.
        """

    def add_halves(self, rows: np.ndarray[Any, np.dtype[np.uint16]], first: int) -> None:
        """Compare rows of float16, given as their bits, with the queries; otherwise the same as `add`."""

    def merge(self, other: Search) -> None:
        """Take over the best rows of a search for the same queries in other rows.

        Raises:
            ValueError: the queries are others.
        """

    def best(self) -> list[tuple[np.ndarray[Any, np.dtype[np.uint64]], _Floats]]:
        """Return the best rows of each query as their numbers and scores: the highest first, NaN last."""
