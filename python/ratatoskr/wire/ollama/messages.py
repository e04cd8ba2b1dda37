"""A history in Ollama's words: text in one string, images beside it, thinking without a signature."""

from __future__ import annotations

import base64
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    ImagePart,
    Part,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import require_utf8
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import arguments_object

Json = dict[str, Any]


class Messages:
    """Writes a history.

    Args:
        target: who is asked; state of others stays here.
    """

    def __init__(self, target: Target) -> None:
        self._issuer = target.issuer
        self._names: dict[str, str] = {}
        self._foreign: dict[str, str] = {}

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one for each kind."""
        return [
            Notice("foreign_state_dropped", f"{kind} of {issuer} was left out: only its issuer can read it", "messages")
            for kind, issuer in self._foreign.items()
        ]

    def write(self, messages: tuple[Message, ...], instructions: str | None) -> list[Json]:
        """Return all messages; `instructions` are added to the system's words."""
        out: list[Json] = []
        for i, message in enumerate(messages):
            if message.role == "assistant":
                said = self._assistant(message, i)
                if len(said) > 1:
                    out.append(said)
            elif message.role == "tool":
                out += [self._result(part, f"messages[{i}].content[{j}]") for j, part in enumerate(message.content)]
            else:
                out += self._heard(message, i)
        if instructions is not None:
            first = next((said for said in out if said["role"] == "system"), None)
            if first is None:
                out.insert(0, {"role": "system", "content": instructions})
            else:
                first["content"] = f"{first['content']}\n\n{instructions}"
        return out

    def _heard(self, message: Message, i: int) -> list[Json]:
        """Write what the system or the user says; results that stand among it come first."""
        results: list[Json] = []
        said = _Said()
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if isinstance(part, ToolResult) and message.role == "user":
                results.append(self._result(part, where))
            else:
                said.add(part, where)
        if message.role == "system" and said.images:
            raise InvalidInput("system instructions are text", field=f"messages[{i}].content")
        return [*results, said.message(message.role)] if said.texts or said.images or not results else results

    def _result(self, part: Part, where: str) -> Json:
        if not isinstance(part, ToolResult):
            raise InvalidInput(f"a tool message holds results, not a {part.type}", field=where)
        name = self._names.get(part.tool_call_id) or part.name
        if name is None:
            raise InvalidInput(f"no call in the history has the id {part.tool_call_id!r:.80}", field=where)
        said = _Said(["Error: "] if part.is_error else [])
        for k, item in enumerate(part.content):
            said.add(item, f"{where}.content[{k}]")
        result = said.message("tool")
        return {
            **result,
            "tool_name": require_utf8(name, where),
            "tool_call_id": require_utf8(part.tool_call_id, where),
        }

    def _assistant(self, message: Message, i: int) -> Json:
        said = _Said()
        thoughts: list[str] = []
        calls: list[Json] = []
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            own = self._own(part)
            if isinstance(part, ReasoningPart):
                if own:
                    thoughts.append(require_utf8(part.text, where))
            elif isinstance(part, ToolCall):
                calls.append(self._call(part, len(calls), where))
            elif not isinstance(part, ServerToolCall | ServerToolResult | ProviderPart):
                said.add(part, where)
        out: Json = said.message("assistant") if said.texts or said.images or calls else {"role": "assistant"}
        if thoughts:
            out = {"role": "assistant", "content": "", **out, "thinking": "".join(thoughts)}
        if calls:
            out["tool_calls"] = calls
        return out

    def _call(self, call: ToolCall, index: int, where: str) -> Json:
        name = require_utf8(call.name, where)
        self._names[call.id] = name
        arguments = arguments_object(require_utf8(call.arguments, where), where)
        function = {"index": index, "name": name, "arguments": arguments}
        return {"id": require_utf8(call.id, where), "function": function}

    def _own(self, part: Part) -> bool:
        """Tell whether a part is not somebody else's; what others hung on it is left out, and noted."""
        if isinstance(part, ProviderPart | ServerToolCall | ServerToolResult):
            issuer = part.issuer if isinstance(part, ProviderPart) else "another provider"
            self._foreign.setdefault(_KINDS[part.type], issuer)
            return False
        if not part.state:
            return True
        own = any(same_issuer(state.issuer, self._issuer) for state in part.state)
        if not own:
            self._foreign.setdefault(_KINDS.get(part.type, "the signature of a part"), part.state[0].issuer)
        return own


_KINDS = {
    "reasoning_part": "thinking",
    "provider_part": "a provider's own part",
    "server_tool_call": "a call of a provider's own tool",
    "server_tool_result": "a call of a provider's own tool",
}


class _Said:
    """Text and images of one message."""

    def __init__(self, texts: list[str] | None = None) -> None:
        self.texts = texts or []
        self.images: list[str] = []

    def add(self, part: Part, where: str) -> None:
        if isinstance(part, TextPart):
            self.texts.append(require_utf8(part.text, where))
        elif isinstance(part, ImagePart):
            self.images.append(_image(part, where))
        else:
            raise InvalidInput(f"Ollama takes text and images, not a {part.type}", field=where)

    def message(self, role: str) -> Json:
        message: Json = {"role": role, "content": "".join(self.texts)}
        if self.images:
            message["images"] = self.images
        return message


def _image(part: ImagePart, where: str) -> str:
    if part.data is not None:
        return base64.b64encode(part.data).decode("ascii")
    head, comma, body = (part.url or "").partition(";base64,")
    if comma and head.startswith("data:"):
        try:
            return base64.b64encode(base64.b64decode(body, validate=True)).decode("ascii")
        except ValueError:
            raise InvalidInput("not a data: URL", field=where) from None
    raise InvalidInput("Ollama takes images as bytes, not by address", field=where)


def one_prompt(messages: list[Json]) -> Json | None:
    """Return the fields of `/api/generate` for what one user asks, or `None` where there is more to say."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    if len(rest) != 1 or rest[0]["role"] != "user":
        return None
    out: Json = {"prompt": rest[0]["content"]}
    if system:
        out["system"] = "\n\n".join(system)
    if "images" in rest[0]:
        out["images"] = rest[0]["images"]
    return out
