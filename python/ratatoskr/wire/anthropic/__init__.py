"""The dialect of Anthropic Messages (`POST /v1/messages`), family `messages`.

Host flags read: `version_2023`. Opaque state is a JSON object of the members of a block that its part has no word for.
"""

from ratatoskr.wire.anthropic.decode import decode_response
from ratatoskr.wire.anthropic.encode import PARAMETERS, encode_request
from ratatoskr.wire.anthropic.failure import decode_error
from ratatoskr.wire.anthropic.stream import StreamDecoder

FRAMING = "sse"

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
