"""Options of chats and prompts: in the listed fields, and beside them what 32 bits cannot hold."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import Codec, Words, beyond, numbers_beyond, read_json, refuse, write_json
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.chat import ChatOptions, JsonSchema, ReasoningConfig
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.visible import quote

__all__ = ["TIMEOUTS", "generate_options_to_pb", "options_from_generate", "options_from_pb", "options_to_pb"]
__all__ += ["timeouts_from_pb", "timeouts_to_pb"]

TIMEOUTS: Final = Codec(Timeouts, pb.Timeouts)
_EFFORTS: Final = Words(pb.ReasoningEffort, "REASONING_EFFORT_")
_FLOAT: Final = struct.Struct("<f")
_SCHEMA_NAME: Final = "response"
"""The name of a schema from a client that gives it none."""


def timeouts_to_pb(timeouts: Timeouts) -> pb.Timeouts | None:
    """Return deadlines; `None` where all are inherited."""
    return None if timeouts is UNSET or timeouts == UNSET else TIMEOUTS.to_pb(timeouts)


def timeouts_from_pb(request: Any) -> Timeouts:
    """Return the deadlines of a request."""
    return TIMEOUTS.from_pb(request.timeouts) if request.HasField("timeouts") else UNSET


def _shortest(value: float) -> float:
    """Return the number that someone who wrote a 32-bit float has meant: 0.7 in place of 0.699999988."""
    short = float(f"{value:.7g}")
    return short if _FLOAT.pack(short) == _FLOAT.pack(value) else value


# to messages


def options_to_pb(options: ChatOptions, tool_choice: str | None = None) -> pb.ChatOptions:
    """Return options, and the choice of tools, which travels with them.

    Raises:
        InvalidInput: an option has no form there; `field` names it.
    """
    message = pb.ChatOptions()
    model = options.model
    if isinstance(model, str):
        _set(message, "model", model)
    elif model is not None:
        names = list(model)
        if not all(isinstance(name, str) for name in names):
            raise InvalidInput(f"model must be a sequence of names, not {quote(model)}", field="model")
        message.models.extend(names)
        message.model = names[0] if names else ""
    if tool_choice is not None:
        choice = {"function": tool_choice} if tool_choice not in _CHOICES else {tool_choice: True}
        message.tool_choice.CopyFrom(pb.ToolChoice(**choice))
    for name, value in options.explicit_parameters().items():
        _WRITERS[name](message, name, value)
    return message


def _set(message: Any, name: str, value: Any) -> None:
    """Set a field; a whole number that is out of its range goes to `beyond`."""
    try:
        setattr(message, name, value)
    except (ValueError, TypeError, OverflowError) as error:
        if not isinstance(value, int):
            raise refuse(name, value, error) from None
        beyond(message, name, value)


def _set_float(message: Any, name: str, value: float) -> None:
    setattr(message, name, value)
    if _shortest(getattr(message, name)) != value:
        setattr(message, f"exact_{name}", value)


def _set_stop(message: Any, name: str, value: tuple[str, ...]) -> None:
    message.empty_stop = not value
    try:
        message.stop.extend(value)
    except ValueError as error:
        raise refuse(name, value, error) from None


def _set_logprobs(message: Any, name: str, value: bool | int) -> None:
    _set(message, name if isinstance(value, bool) else "top_logprobs", value)


def _set_format(message: Any, name: str, value: Any) -> None:
    if isinstance(value, JsonSchema):
        schema = write_json(value.schema, "response_format.schema")
        message.response_format.json_schema = schema
        message.response_format.name, message.response_format.strict = value.name, value.strict
    else:
        message.response_format.json_object = True


def _set_reasoning(message: Any, name: str, value: ReasoningConfig) -> None:
    message.reasoning.CopyFrom(_reasoning_to_pb(value))


def _reasoning_to_pb(config: ReasoningConfig) -> pb.ReasoningConfig:
    message = pb.ReasoningConfig()
    if config.effort is not None:
        number = _EFFORTS.number(config.effort, "reasoning")
        if config.effort == "max":  # the highest that the listed numbers have
            message.exact_effort, number = number, _EFFORTS.numbers["xhigh"]
        message.effort = number
    if config.budget_tokens is not None:
        _set(message, "max_tokens", config.budget_tokens)
    if not config.include:
        message.exclude_from_output = True
    return message


def _set_json(message: Any, name: str, value: Any) -> None:
    setattr(message, "metadata_json" if name == "metadata" else name, write_json(value, name))


_CHOICES: Final = frozenset({"auto", "none", "required"})
_FLOATS: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_OWN_WRITERS: Final[dict[str, Callable[[Any, str, Any], None]]] = {
    **dict.fromkeys(_FLOATS, _set_float),
    "stop": _set_stop,
    "logprobs": _set_logprobs,
    "response_format": _set_format,
    "reasoning": _set_reasoning,
    "metadata": _set_json,
    "raw_provider_options": _set_json,
}
_WRITERS: Final[dict[str, Callable[[Any, str, Any], None]]] = {
    name: _OWN_WRITERS.get(name, _set) for name in ChatOptions.__match_args__[1:]
}


# from messages


def options_from_pb(message: pb.ChatOptions) -> ChatOptions:
    """Return options; those that are equal to others are the same object.

    Raises:
        InvalidInput: an option is not what it must be; `field` names it.
    """
    octets = message.SerializeToString()
    return _read_again(octets) if len(octets) <= _MAX_CACHED else _read(message)


_MAX_CACHED: Final = 200


@functools.lru_cache(maxsize=256)
def _read_again(octets: bytes) -> ChatOptions:
    return _read(pb.ChatOptions.FromString(octets))


def _read(message: pb.ChatOptions) -> ChatOptions:
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        reader = _READERS.get(field.name)
        if reader is None:
            values[field.name] = value
        else:
            reader(values, field.name, value)
    if message.models:
        values["model"] = tuple(message.models)
    if message.HasField("beyond"):
        values.update(_numbers(message, ("max_tokens", "top_k", "seed", "top_logprobs")))
        if "top_logprobs" in values:
            values["logprobs"] = values.pop("top_logprobs")
    return ChatOptions(**values)


def _numbers(message: Any, names: tuple[str, ...]) -> dict[str, int]:
    numbers = numbers_beyond(message)
    for name in numbers:
        if name not in names:
            raise InvalidInput(f"{quote(name)} is not a whole number of {message.DESCRIPTOR.name}", field=name)
    return numbers


def _get_float(values: dict[str, Any], name: str, value: float) -> None:
    values[name] = _shortest(value)


def _get_exact(values: dict[str, Any], name: str, value: float) -> None:
    values[name.removeprefix("exact_")] = value


def _get_format(values: dict[str, Any], name: str, value: pb.ResponseFormat) -> None:
    kind = value.WhichOneof("format")
    if kind == "json_schema":
        schema = read_json(value.json_schema, "response_format")
        strict = value.strict if value.HasField("strict") else True
        values[name] = JsonSchema(value.name if value.HasField("name") else _SCHEMA_NAME, schema, strict)
    elif kind == "json_object" and value.json_object:
        values[name] = "json"


def _get_reasoning(values: dict[str, Any], name: str, value: pb.ReasoningConfig) -> None:
    number = value.exact_effort if value.HasField("exact_effort") else value.effort
    has_effort = value.HasField("effort") or value.HasField("exact_effort")
    budget: int | None = value.max_tokens if value.HasField("max_tokens") else None
    if value.HasField("beyond"):
        budget = _numbers(value, ("max_tokens",)).get("max_tokens")
    effort = _EFFORTS.word(number, "reasoning.effort") if has_effort else None
    values[name] = ReasoningConfig(effort, budget, not value.exclude_from_output)


def _get_json(values: dict[str, Any], name: str, value: str) -> None:
    name = name.removesuffix("_json")
    values[name] = read_json(value, name)


def _skip(values: dict[str, Any], name: str, value: Any) -> None:
    """Leave a field to those who read it otherwise."""


def _get_stop(values: dict[str, Any], name: str, value: Any) -> None:
    values["stop"] = () if name == "empty_stop" else tuple(value)


def _get_logprobs(values: dict[str, Any], name: str, value: int) -> None:
    values["logprobs"] = value


_READERS: Final[dict[str, Callable[[dict[str, Any], str, Any], None]]] = {
    **dict.fromkeys(_FLOATS, _get_float),
    **dict.fromkeys([f"exact_{name}" for name in _FLOATS], _get_exact),
    "stop": _get_stop,
    "empty_stop": _get_stop,
    "top_logprobs": _get_logprobs,
    "response_format": _get_format,
    "reasoning": _get_reasoning,
    "raw_provider_options": _get_json,
    "metadata_json": _get_json,
    "tool_choice": _skip,
    "models": _skip,
    "beyond": _skip,
}
"""How the fields are read whose name or type is not the option's; in the order of their numbers."""


def tool_choice_from_pb(options: pb.ChatOptions) -> str | None:
    """Return the choice of tools that a request's options hold."""
    if not options.HasField("tool_choice"):
        return None
    kind = options.tool_choice.WhichOneof("choice")
    if kind == "function":
        return options.tool_choice.function
    return kind if kind is not None and getattr(options.tool_choice, kind) else None


# bare prompts

_GENERATE_NAMES: Final = {"stop": "stop_sequences"}
_GENERATE: Final = ("max_tokens", "stop", "top_k", "seed", *_FLOATS)


def generate_options_to_pb(options: ChatOptions) -> pb.GenerateOptions:
    """Return the options of a prompt; all of them once more where the listed fields do not hold them."""
    chat = options_to_pb(options)
    message = pb.GenerateOptions(model=chat.model)
    for name in _GENERATE:
        theirs = _GENERATE_NAMES.get(name, name)
        if name == "stop":
            message.stop_sequences.extend(chat.stop)
        elif chat.HasField(name):
            setattr(message, theirs, getattr(chat, name))
    if chat.HasField("reasoning"):
        message.reasoning.CopyFrom(chat.reasoning)
    if options_from_generate(message) != options:
        message.exact.CopyFrom(chat)
    return message


def options_from_generate(message: pb.GenerateOptions) -> ChatOptions:
    """Return the options of a prompt; raises `InvalidInput` as `options_from_pb` does."""
    if message.HasField("exact"):
        return options_from_pb(message.exact)
    chat = pb.ChatOptions(model=message.model, stop=message.stop_sequences)
    for name in _GENERATE:
        if name != "stop" and message.HasField(name):
            setattr(chat, name, getattr(message, name))
    if message.HasField("reasoning"):
        chat.reasoning.CopyFrom(message.reasoning)
    return options_from_pb(chat)
