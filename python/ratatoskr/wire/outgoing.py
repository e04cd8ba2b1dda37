"""What every dialect checks and says in the same way when it writes a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import JsonSchema


def clean(text: str, where: str) -> str:
    """Return text that UTF-8 can carry.

    Raises:
        InvalidInput: it holds a lone surrogate; `field` is `where`.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def as_json(value: Any, where: str) -> bytes:
    """Return a caller's JSON value as text.

    Raises:
        InvalidInput: it has no JSON form, or a lone surrogate in it; `field` is `where`.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"no JSON: {error}", field=where) from None


def schema_in_words(form: JsonSchema) -> str:
    """Return the instructions that stand in for a schema where a model has no word for one."""
    schema = as_json(form.schema, "response_format").decode()
    return f"Answer with one JSON value that follows this JSON Schema, and with nothing besides it:\n{schema}"


OUTPUT_EMULATED = Notice(
    "output_emulated",
    "this model has no native structured output here: the schema was put into the instructions",
    "response_format",
)
