"""Plain data: frozen, slotted, without I/O and without any provider's terms; naming a type imports its module."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratatoskr.types.attempt import Attempt as Attempt, ErrorInfo as ErrorInfo, Notice as Notice
    from ratatoskr.types.chat import (
        ChatOptions as ChatOptions,
        ChatParams as ChatParams,
        ChatRequest as ChatRequest,
        ChatResponse as ChatResponse,
        Effort as Effort,
        RawResponse as RawResponse,
        ReasoningConfig as ReasoningConfig,
        ResponseFormat as ResponseFormat,
    )
    from ratatoskr.types.embed import Embedding as Embedding, Embeddings as Embeddings
    from ratatoskr.types.event import (
        ChatEvent as ChatEvent,
        CitationDelta as CitationDelta,
        ContentDelta as ContentDelta,
        Done as Done,
        FinishReason as FinishReason,
        ProviderEvent as ProviderEvent,
        ReasoningDelta as ReasoningDelta,
        ToolCallDelta as ToolCallDelta,
        ToolCallEnd as ToolCallEnd,
        ToolCallStart as ToolCallStart,
        UsageEvent as UsageEvent,
    )
    from ratatoskr.types.message import (
        Message as Message,
        Role as Role,
        dump_messages as dump_messages,
        load_messages as load_messages,
    )
    from ratatoskr.types.part import (
        AudioPart as AudioPart,
        Citation as Citation,
        FilePart as FilePart,
        FileRef as FileRef,
        ImagePart as ImagePart,
        Part as Part,
        ProviderPart as ProviderPart,
        ProviderState as ProviderState,
        ReasoningPart as ReasoningPart,
        ServerToolCall as ServerToolCall,
        ServerToolResult as ServerToolResult,
        TextPart as TextPart,
        TokenLogprob as TokenLogprob,
        ToolCall as ToolCall,
        ToolResult as ToolResult,
    )
    from ratatoskr.types.schema import JsonSchema as JsonSchema
    from ratatoskr.types.timeouts import Timeouts as Timeouts
    from ratatoskr.types.tool import ProviderTool as ProviderTool, Tool as Tool, ToolDefinition as ToolDefinition
    from ratatoskr.types.usage import Cost as Cost, Usage as Usage

_NAMES = {
    "ratatoskr.types.attempt": "Attempt ErrorInfo Notice",
    "ratatoskr.types.chat": """
        ChatOptions ChatParams ChatRequest ChatResponse Effort RawResponse ReasoningConfig ResponseFormat
    """,
    "ratatoskr.types.embed": "Embedding Embeddings",
    "ratatoskr.types.event": """
        ChatEvent CitationDelta ContentDelta Done FinishReason ProviderEvent ReasoningDelta ToolCallDelta
        ToolCallEnd ToolCallStart UsageEvent
    """,
    "ratatoskr.types.message": "Message Role dump_messages load_messages",
    "ratatoskr.types.part": """
        AudioPart Citation FilePart FileRef ImagePart Part ProviderPart ProviderState ReasoningPart
        ServerToolCall ServerToolResult TextPart TokenLogprob ToolCall ToolResult
    """,
    "ratatoskr.types.schema": "JsonSchema",
    "ratatoskr.types.timeouts": "Timeouts",
    "ratatoskr.types.tool": "ProviderTool Tool ToolDefinition",
    "ratatoskr.types.usage": "Cost Usage",
}
_MODULES = dict(sorted((name, module) for module, names in _NAMES.items() for name in names.split()))

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
