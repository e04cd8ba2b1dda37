"""Ollama's own `/api/chat` and `/api/generate`.

Reads one flag of the target: `generate` sends what one user message asks to `/api/generate`.
"""

from ratatoskr.wire.ollama.decode import StreamDecoder, decode_error, decode_response
from ratatoskr.wire.ollama.encode import FRAMING, PARAMETERS, encode_request

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
