"""Codecs between plain data and protobuf messages whose fields have the same names.

A field of the message is found by the name of the Python field, else by that name with `_json`, which holds JSON text.
Its type decides the rest: nested messages have codecs of their own, enums and words of literals are matched by name,
repeated fields are tuples, and an absent optional field is `None`. The two functions of a codec are compiled on first
use, as one expression each.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import replace
from ratatoskr.types.plain import Plain
from ratatoskr.types.visible import quote

__all__ = [
    "Codec",
    "Words",
    "beyond",
    "list_as_json",
    "object_as_json",
    "read_json",
    "refuse",
    "write_json",
]

_FIELDS: Final = "__frozen_fields__"


class Words:
    """The words of a literal and the numbers of an enum whose names end in them.

    Args:
        enum: the wrapper that `protoc` generates.
        prefix: of the enum's names.
        unspecified: the word for number 0, where it has one.
    """

    def __init__(self, enum: Any, prefix: str, unspecified: str | None = None) -> None:
        self.numbers: dict[str, int] = {}
        for name, number in enum.items():
            word = unspecified if number == 0 else name.removeprefix(prefix).lower()
            if word is not None:
                self.numbers[word] = number
        self._prefix = prefix.strip("_").lower()
        self._words = {number: word for word, number in self.numbers.items()}

    def number(self, word: Any, field: str) -> Any:
        """Return the number of a word; raises `InvalidInput` for another."""
        try:
            return self.numbers[word]
        except (KeyError, TypeError):
            raise InvalidInput(
                f"{field} must be one of {', '.join(self.numbers)}, not {quote(word)}", field=field
            ) from None

    def word(self, number: int, field: str) -> Any:
        """Return the word of a number; raises `InvalidInput` for one that is unknown or unspecified."""
        word = self._words.get(number)
        if word is None:
            what = "unspecified" if number == 0 else f"the number {number}, which this version does not know"
            raise InvalidInput(f"{field} is {what}; known are {', '.join(self.numbers)}", field=field)
        return word


def write_json(value: Any, field: str) -> str | None:
    """Return JSON text; `None` for `None`.

    Raises:
        InvalidInput: the value has no JSON form, or holds a lone surrogate.
    """
    if value is None:
        return None
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain_value)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{field} has no JSON form: {_reason(error)}", field=field) from None
    return text


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _reason(error: Exception) -> str:
    return "it holds a lone surrogate" if isinstance(error, UnicodeError) else str(error)


def read_json(text: str, field: str, kind: type[Any] = dict) -> Any:
    """Return the value of JSON text.

    Raises:
        InvalidInput: it is not JSON, not of the kind, or nested deeper than 64.
    """
    from ratatoskr.types.part import MAX_DEPTH, depth_of  # on use: health has no such field

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{field} is not JSON: {error}", field=field) from None
    if not isinstance(value, kind):
        raise InvalidInput(f"{field} must be a JSON {'object' if kind is dict else 'value'}", field=field)
    if depth_of(value) > MAX_DEPTH:
        raise InvalidInput(f"{field} is nested deeper than {MAX_DEPTH}", field=field)
    return value


def refuse(field: str, value: Any, error: Exception) -> InvalidInput:
    """Return the error for a value that a field of a message cannot hold."""
    if isinstance(error, UnicodeError):
        return InvalidInput(f"{field} holds a lone surrogate, which has no UTF-8 form", field=field)
    return InvalidInput(f"{field} cannot be sent: {quote(value)}", field=field)


def beyond(message: Any, name: str, number: int) -> None:
    """Note a whole number that is out of its field's range."""
    try:
        message.beyond.numbers[name] = str(number)
    except ValueError:  # more digits than Python writes
        raise InvalidInput(f"{name} has too many digits", field=name) from None


def list_as_json(cls: type[Plain]) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Return the functions between a tuple of plain data and its JSON text; an empty tuple is an empty text."""

    def to_text(values: tuple[Plain, ...]) -> str:
        if not values:
            return ""
        from ratatoskr.types.codec import dump  # on use: most lists are empty

        return dump([value.to_dict() for value in values])

    def from_text(text: str) -> tuple[Plain, ...]:
        if not text:
            return ()
        from ratatoskr.types.codec import parse

        values = parse(text)
        if not isinstance(values, list):
            raise InvalidInput(f"a list of {cls.__name__} is expected, not {quote(values)}")
        return tuple([cls.from_dict(value) for value in values])

    return to_text, from_text


def object_as_json(cls: type[Plain]) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Return the functions between one object of plain data and its JSON text."""
    return Plain.to_json, cls.from_json


def numbers_beyond(message: Any) -> dict[str, int]:
    """Return the whole numbers that were out of their fields' range."""
    found = {}
    for name, text in message.beyond.numbers.items():
        try:
            found[name] = int(text)
        except ValueError:
            raise InvalidInput(f"{name} must be a whole number, not {quote(text)}", field=name) from None
    return found


class Codec:
    """The two directions between a class of plain data and a class of messages.

    Args:
        cls: the class of plain data.
        message: the class of messages.
        words: the enums among the fields.
        to_text: fields that have another form in the message, such as text, with the functions to it and back.
        fields: the message's names of fields that are named differently there.
        absent: the value of each optional field that has another than `None` where it is absent.
        codecs: the codec of each nested field, or a pair of functions for one.
    """

    to_pb: Callable[[Any], Any]
    """Return the message; raises `InvalidInput`, which names the field, for what it cannot hold."""
    from_pb: Callable[[Any], Any]
    """Return the object; raises `InvalidInput` for a value that its class does not take."""

    def __init__(
        self,
        cls: Any,
        message: Any,
        *,
        words: Mapping[str, Words] | None = None,
        to_text: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] | None = None,
        fields: Mapping[str, str] | None = None,
        absent: Mapping[str, Any] | None = None,
        **codecs: Any,
    ) -> None:
        self.cls = cls
        self.message = message
        self._words = words or {}
        self._to_text = to_text or {}
        self._renamed = fields or {}
        self._absent = absent or {}
        self._codecs = codecs

    def nest(self, **codecs: Any) -> None:
        """Set the codecs of nested fields that did not exist when this one was made."""
        self._codecs.update(codecs)

    def __getattr__(self, name: str) -> Any:
        if name not in {"to_pb", "from_pb"}:
            raise AttributeError(name)
        self._compile()
        return self.__dict__[name]

    @functools.cached_property
    def _fields(self) -> dict[str, Any]:
        """Return the fields of the message by the names of the Python fields."""
        by_name = self.message.DESCRIPTOR.fields_by_name
        names = [name for name in getattr(self.cls, _FIELDS) if not name.startswith("_")]
        there = {name: self._renamed.get(name, name) for name in names}
        return {name: by_name.get(found) or by_name[f"{found}_json"] for name, found in there.items()}

    def _compile(self) -> None:
        scope: dict[str, Any] = {
            "cls": self.cls,
            "Message": self.message,
            "write_json": write_json,
            "read_json": read_json,
            "slowly": self._slowly,
            "with_beyond": self._with_beyond,
        }
        to, back, writers = [], [], []
        for name, field in self._fields.items():
            written, read = self._expressions(name, field, scope)
            to.append(f"{field.name}={written}")
            writers.append(f"{name!r}: lambda x: {written}")
            back.append(f"{name}={read}")
        made = f"cls({', '.join(back)})"
        if "beyond" in self.message.DESCRIPTOR.fields_by_name:
            made = f"with_beyond({made}, m) if m.HasField('beyond') else {made}"
        source = (
            f"def to_pb(x):\n try: return Message({', '.join(to)})\n"
            f" except (ValueError, TypeError, OverflowError): return slowly(x)\n"
            f"def from_pb(m):\n return {made}\n"
            f"writers = {{{', '.join(writers)}}}\n"
        )
        exec(source, scope)  # noqa: S102  # of the names of our own classes
        self._writers: dict[str, Callable[[Any], Any]] = scope["writers"]
        self.to_pb, self.from_pb = scope["to_pb"], scope["from_pb"]

    def _expressions(self, name: str, field: Any, scope: dict[str, Any]) -> tuple[str, str]:
        """Return the expression of a message's field from `x`, and of an object's field from `m`."""
        mine, theirs = f"x.{name}", f"m.{field.name}"
        repeated = _is_repeated(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return f"dict({mine})", f"dict({theirs})"
        if name in self._codecs:
            codec = self._codecs[name]
            scope[f"to_{name}"], scope[f"from_{name}"] = _pair(codec)
            if repeated:
                return f"[to_{name}(i) for i in {mine}] if {mine} else ()", f"tuple([from_{name}(i) for i in {theirs}])"
            written, read = f"to_{name}({mine})", f"from_{name}({theirs})"
        elif name in self._words:
            scope[f"to_{name}"], scope[f"from_{name}"] = self._words[name].number, self._words[name].word
            written, read = f"to_{name}({mine}, {name!r})", f"from_{name}({theirs}, {name!r})"
        elif name in self._to_text:
            scope[f"to_{name}"], scope[f"from_{name}"] = self._to_text[name]
            written, read = f"to_{name}({mine})", f"from_{name}({theirs})"
        elif field.name.endswith("_json"):
            written, read = f"write_json({mine}, {name!r})", f"read_json({theirs}, {name!r})"
        elif repeated:
            return mine, f"tuple({theirs})"
        else:
            written, read = mine, theirs
        if field.has_presence:
            absent = "None"
            if name in self._absent:
                absent = f"absent_{name}"
                scope[absent] = self._absent[name]
                written = f"None if {mine} is {absent} or {mine} == {absent} else {written}"
            elif written != mine:
                written = f"None if {mine} is None else {written}"
            read = f"{read} if m.HasField({field.name!r}) else {absent}"
        return written, read

    def _slowly(self, x: Any) -> Any:
        """Return the message, field by field, so that numbers that are too large go to `beyond`."""
        message = self.message()
        for name, write in self._writers.items():
            value = write(x)
            try:
                message.MergeFrom(self.message(**{self._fields[name].name: value}))
            except (ValueError, TypeError, OverflowError) as error:
                is_number = isinstance(value, int) and self._fields[name].cpp_type in _NUMBERS
                if not is_number or "beyond" not in self.message.DESCRIPTOR.fields_by_name:
                    raise refuse(name, value, error) from None
                beyond(message, name, value)
        return message

    def _with_beyond(self, x: Any, message: Any) -> Any:
        """Return the object with its numbers that are out of their fields' range."""
        numbers = numbers_beyond(message)
        for name in numbers:
            field = self._fields.get(name)
            if field is None or field.cpp_type not in _NUMBERS:
                raise InvalidInput(f"{quote(name)} is not a number of {self.message.DESCRIPTOR.name}", field=name)
        return replace(x, **numbers)


_NUMBERS: Final = frozenset({1, 2, 3, 4, 5})
"""The kinds of fields that hold numbers, as descriptors tell them: 32 and 64 bits, signed or not, and double."""


def _is_repeated(field: Any) -> bool:
    is_repeated = getattr(field, "is_repeated", None)  # protobuf 7 has only this, early 6 only the label
    return bool(field.label == field.LABEL_REPEATED) if is_repeated is None else bool(is_repeated)


def _pair(codec: Any) -> tuple[Any, Any]:
    """Return the two functions of a codec or a pair; a codec is not compiled before one of them is called."""
    if isinstance(codec, tuple):
        return codec
    return lambda x: codec.to_pb(x), lambda m: codec.from_pb(m)  # noqa: PLW0108  # not compiled yet
