"""OpenAI's Responses API, which OpenRouter also has at `/responses`.

Follows https://platform.openai.com/docs/api-reference/responses and the types of the official SDK (November 2026).
The provider stores nothing: reasoning is returned encrypted and is sent back byte for byte.

Reads one flag of the host: `encrypted` requests encrypted reasoning for every model.
"""

from ratatoskr.wire.responses.decode import decode_response
from ratatoskr.wire.responses.encode import PARAMETERS, encode_request
from ratatoskr.wire.responses.errors import decode_error
from ratatoskr.wire.responses.stream import StreamDecoder

FRAMING = "sse"

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
