"""Encodes tools and the choice among them.

Follows https://docs.anthropic.com/en/docs/agents-and-tools/tool-use (November 2026).
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition
from ratatoskr.wire.anthropic.history import BlockWriter
from ratatoskr.wire.encode import encode_json, require_utf8
from ratatoskr.wire.schema import plan_parameters

_BETAS = {
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "mcp_toolset": "mcp-client-2025-11-20",
}
"""The beta header that a type of provider tool needs."""


def encode_tool(writer: BlockWriter, tool: Tool, where: str) -> dict[str, Any] | Raw:
    """Return a tool; its cache breakpoint and beta header are added to the writer's.

    Raises:
        UnsupportedParameter: it is a tool of another provider.
    """
    if isinstance(tool, ProviderTool):
        provider = writer.target.provider
        if tool.provider != provider:
            raise UnsupportedParameter(f"a tool of {tool.provider!r} cannot be run by {provider!r}", field=where)
        beta = _BETAS.get(str(tool.definition.get("type")))
        if beta is not None:
            writer.add_beta(beta)
        if tool.definition.get("cache_control") is not None:
            writer.count_breakpoint(where)
        return Raw(encode_json(tool.definition, where))
    encoded: dict[str, Any] = {"name": require_utf8(tool.name, where)}
    if tool.description:
        encoded["description"] = require_utf8(tool.description, where)
    plan = plan_parameters(tool, writer.target, writer.strict_use, where)
    encoded["input_schema"] = plan.schema
    if plan.strict is not None:
        encoded["strict"] = plan.strict
    for notice in plan.notices:
        writer.add_notice(notice.code, where, notice.message, where)
    if tool.cache:
        writer.count_breakpoint(where)
        encoded["cache_control"] = {"type": "ephemeral"}
    return encoded


def encode_tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    """Return `tool_choice`, which the provider accepts only with tools.

    Raises:
        InvalidInput: it needs a tool that is not there.
    """
    choice, tools = request.tool_choice, request.tools
    if not tools:
        if choice not in (None, "auto", "none"):
            raise InvalidInput(f"tool_choice {choice!r} without tools", field="tool_choice")
        return None
    encoded: dict[str, Any]
    match choice:
        case None | "auto":
            encoded = {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required":
            encoded = {"type": "any"}
        case name:
            if all(isinstance(tool, ToolDefinition) and tool.name != name for tool in tools):
                raise InvalidInput(f"tool_choice {name!r} is not the name of a tool", field="tool_choice")
            encoded = {"type": "tool", "name": name}
    if request.options.parallel_tool_calls is False:
        encoded["disable_parallel_tool_use"] = True
    elif choice is None:
        return None
    return encoded
