"""OpenAI Responses, also as OpenRouter serves it at `/responses`.

Follows https://platform.openai.com/docs/api-reference/responses and the types of the official SDK (November 2026).
Nothing is stored at the provider: reasoning comes back encrypted and is replayed as it came.

Flags of a host that are read here: `encrypted` (ask for encrypted reasoning whatever the rules say of the model).
"""

from ratatoskr.wire.responses.decode import decode_response
from ratatoskr.wire.responses.encode import PARAMETERS, encode_request
from ratatoskr.wire.responses.failure import decode_error
from ratatoskr.wire.responses.stream import StreamDecoder

FRAMING = "sse"

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
