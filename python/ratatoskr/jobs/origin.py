"""What made the vectors of a file: recorded in the metadata of Parquet, so that a query can be embedded likewise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["ORIGIN_KEY", "VectorOrigin"]

ORIGIN_KEY: Final = b"ratatoskr"


class VectorOrigin(msgspec.Struct, frozen=True):
    """What made the vectors of a file.

    Attributes:
        model: the model.
        column: the column of the texts.
        output_column: the column of the vectors.
        input_type: the kind of the texts.
    """

    model: str
    column: str
    output_column: str
    input_type: str

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return this as an entry of a file's metadata."""
        return {ORIGIN_KEY: msgspec.json.encode(self)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> VectorOrigin | None:
        """Return what a file's metadata record; `None` if they record nothing that can be read."""
        try:
            return msgspec.json.decode((metadata or {})[ORIGIN_KEY], type=cls)
        except (KeyError, msgspec.MsgspecError):
            return None
