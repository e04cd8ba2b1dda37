"""Google Gemini's `generateContent` and `streamGenerateContent`.

Reads one flag of the target: `v1` asks for version `v1` of the API in place of `v1beta`.
"""

from ratatoskr.wire.gemini.decode import StreamDecoder, decode_response
from ratatoskr.wire.gemini.encode import FRAMING, PARAMETERS, encode_request
from ratatoskr.wire.gemini.failure import decode_error

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
