"""The dialect of Google Gemini: `generateContent` and `streamGenerateContent`.

Reads one flag of the target: `v1` asks for version `v1` of the API in place of `v1beta`.
"""

from ratatoskr.wire.gemini.decode import decode_response
from ratatoskr.wire.gemini.encode import PARAMETERS, encode_request
from ratatoskr.wire.gemini.errors import decode_error
from ratatoskr.wire.gemini.stream import FRAMING, StreamDecoder

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
