"""What the Rust extension gives; private to the package."""

from typing import Literal, final

@final
class SseParser:
    """An incremental parser of server-sent events or newline-delimited JSON.

    It follows the WHATWG standard; the answer never depends on how the bytes were cut. Invalid UTF-8 becomes U+FFFD.

    Args:
        framing: `"sse"` or `"ndjson"`.
        max_line: cap of a line in bytes.
        max_event: cap of an event's data in bytes; the LF between two data lines counts.
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
