"""What every table of `config.toml` has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Name", "Names", "Section"]

Name = Annotated[str, Field(min_length=1)]
Names = Name | list[Name]


class Section(BaseModel):
    """A table: unknown keys and other types are mistakes, and no message repeats a value."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # the whole file is one validator, so those of its tables need not be built
    )
