"""The dialect of Ollama's own API: `/api/chat` and `/api/generate`.

Reads one flag of the target: `generate` sends a single user message to `/api/generate`.
"""

from ratatoskr.wire.ollama.decode import decode_response
from ratatoskr.wire.ollama.encode import PARAMETERS, encode_request
from ratatoskr.wire.ollama.errors import decode_error
from ratatoskr.wire.ollama.stream import FRAMING, StreamDecoder

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
