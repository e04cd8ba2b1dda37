"""`Plain`: the base of all plain data, with an exact JSON form; how it is read and written is loaded on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Plain:
    """Base of every part, event, message and response: plain data with an exact JSON form."""

    __slots__ = ()
    type: ClassVar[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: every field, and `type` first."""
        from ratatoskr.types.codec import encode_object

        return encode_object(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the object again from `to_dict`'s result.

        Raises:
            InvalidInput: the data is not of this class's shape; `field` is the path of the first wrong place.
        """
        from ratatoskr.types.codec import read_object

        return read_object(cls, data)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        from ratatoskr.types.codec import dump

        return dump(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Make the object again from `to_json`'s text; raises `InvalidInput` as `from_dict` does."""
        from ratatoskr.types.codec import parse

        return cls.from_dict(parse(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from ratatoskr.types.pydantic_schema import schema_of

        return schema_of(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        from ratatoskr.types.pydantic_schema import json_schema_of

        return json_schema_of(cls, handler)  # type: ignore[no-any-return]  # a JSON object
