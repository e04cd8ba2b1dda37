"""The dialect of Anthropic Messages: `POST /v1/messages`.

Reads one flag of the target: `version_2023`, for hosts that know the old version of the API only. Opaque state is a
JSON object of the members of a content block for which the part has no attribute.
"""

from ratatoskr.wire.anthropic.decode import decode_response
from ratatoskr.wire.anthropic.encode import PARAMETERS, encode_request
from ratatoskr.wire.anthropic.errors import decode_error
from ratatoskr.wire.anthropic.stream import FRAMING, StreamDecoder

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
