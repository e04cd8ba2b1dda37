"""Ratatoskr: one gateway from Python to every model.

    from ratatoskr import Ratatoskr

    async with Ratatoskr.from_env() as gateway:
        print((await gateway.chat("Who runs along the ash tree?", "claude-sonnet-5")).content)

Importing this loads nothing but this file: a name's module is imported on its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder as Builder
    from ratatoskr.config.entry import Ratatoskr as Ratatoskr
    from ratatoskr.errors import (
        AllAttemptsFailed as AllAttemptsFailed,
        AuthenticationFailed as AuthenticationFailed,
        BudgetExceeded as BudgetExceeded,
        ConfigurationError as ConfigurationError,
        ConnectionFailed as ConnectionFailed,
        ContentFiltered as ContentFiltered,
        ContextLengthExceeded as ContextLengthExceeded,
        GatewayClosed as GatewayClosed,
        InvalidInput as InvalidInput,
        InvalidToolArguments as InvalidToolArguments,
        MalformedResponse as MalformedResponse,
        ModelNotAvailable as ModelNotAvailable,
        ModelNotFound as ModelNotFound,
        NoProvider as NoProvider,
        OutputInvalid as OutputInvalid,
        PresetNotFound as PresetNotFound,
        ProviderError as ProviderError,
        QuotaExhausted as QuotaExhausted,
        RatatoskrError as RatatoskrError,
        RateLimited as RateLimited,
        RedirectRefused as RedirectRefused,
        ServiceUnavailable as ServiceUnavailable,
        StreamInterrupted as StreamInterrupted,
        Timeout as Timeout,
        TlsError as TlsError,
        UnsupportedParameter as UnsupportedParameter,
    )
    from ratatoskr.gateway.embedded import EmbeddedGateway as EmbeddedGateway
    from ratatoskr.gateway.protocol import (
        Chat as Chat,
        Classify as Classify,
        Embed as Embed,
        ModelGateway as ModelGateway,
        Nli as Nli,
        Rerank as Rerank,
        Stance as Stance,
        Tokens as Tokens,
    )
    from ratatoskr.gateway.stream import ChatStream as ChatStream
    from ratatoskr.gateway.tools import ToolStream as ToolStream
    from ratatoskr.gateway.tools import run_tools as run_tools
    from ratatoskr.local.engine.device import Device as Device
    from ratatoskr.local.store.store import ModelStore as ModelStore
    from ratatoskr.local.tokens import TokenizerRegistry as TokenizerRegistry
    from ratatoskr.middleware.base import Middleware as Middleware
    from ratatoskr.middleware.observe import Hooks as Hooks, Log as Log
    from ratatoskr.middleware.redact import Redact as Redact
    from ratatoskr.models.price import Price as Price
    from ratatoskr.providers.protocol import ChatProvider as ChatProvider
    from ratatoskr.service.client.client import ServiceClient as ServiceClient
    from ratatoskr.sync.gateway import SyncGateway as SyncGateway
    from ratatoskr.sync.stream import SyncChatStream as SyncChatStream
    from ratatoskr.sync.tool_stream import SyncToolStream as SyncToolStream
    from ratatoskr.types import (
        Attempt as Attempt,
        AudioPart as AudioPart,
        ChatEvent as ChatEvent,
        ChatOptions as ChatOptions,
        ChatParams as ChatParams,
        ChatRequest as ChatRequest,
        ChatResponse as ChatResponse,
        Citation as Citation,
        CitationDelta as CitationDelta,
        ContentDelta as ContentDelta,
        Cost as Cost,
        Done as Done,
        Effort as Effort,
        ErrorInfo as ErrorInfo,
        FilePart as FilePart,
        FileRef as FileRef,
        FinishReason as FinishReason,
        ImagePart as ImagePart,
        JsonSchema as JsonSchema,
        Message as Message,
        Notice as Notice,
        Part as Part,
        ProviderEvent as ProviderEvent,
        ProviderPart as ProviderPart,
        ProviderState as ProviderState,
        ProviderTool as ProviderTool,
        RawResponse as RawResponse,
        ReasoningConfig as ReasoningConfig,
        ReasoningDelta as ReasoningDelta,
        ReasoningPart as ReasoningPart,
        ResponseFormat as ResponseFormat,
        Role as Role,
        ServerToolCall as ServerToolCall,
        ServerToolResult as ServerToolResult,
        TextPart as TextPart,
        Timeouts as Timeouts,
        TokenLogprob as TokenLogprob,
        Tool as Tool,
        ToolCall as ToolCall,
        ToolCallDelta as ToolCallDelta,
        ToolCallEnd as ToolCallEnd,
        ToolCallStart as ToolCallStart,
        ToolDefinition as ToolDefinition,
        ToolResult as ToolResult,
        Usage as Usage,
        UsageEvent as UsageEvent,
        dump_messages as dump_messages,
        load_messages as load_messages,
    )
    from ratatoskr.types.allowance import BudgetStatus as BudgetStatus, LimitStatus as LimitStatus
    from ratatoskr.types.budget import Budget as Budget
    from ratatoskr.types.classify import (
        Classification as Classification,
        Classifications as Classifications,
        ClassifyRequest as ClassifyRequest,
        ZeroShotRequest as ZeroShotRequest,
    )
    from ratatoskr.types.embed import Embedding as Embedding, Embeddings as Embeddings, EmbedRequest as EmbedRequest
    from ratatoskr.types.generate import GenerateResponse as GenerateResponse
    from ratatoskr.types.metadata import (
        ModelMetadata as ModelMetadata,
        Mutable as Mutable,
        Opaque as Opaque,
        PresetInfo as PresetInfo,
        ReadOnly as ReadOnly,
        RefreshReport as RefreshReport,
        ResolvedPreset as ResolvedPreset,
        Unsupported as Unsupported,
    )
    from ratatoskr.types.model import (
        BreakerHealth as BreakerHealth,
        Explanation as Explanation,
        Health as Health,
        LocalHealth as LocalHealth,
        ModelInfo as ModelInfo,
        ModelStatus as ModelStatus,
        Plan as Plan,
        ProviderHealth as ProviderHealth,
    )
    from ratatoskr.types.nli import NliRequest as NliRequest, NliResult as NliResult, NliResults as NliResults
    from ratatoskr.types.rerank import (
        RankedDocument as RankedDocument,
        Ranking as Ranking,
        RerankRequest as RerankRequest,
    )
    from ratatoskr.types.stance import (
        StanceRequest as StanceRequest,
        StanceResult as StanceResult,
        StanceResults as StanceResults,
        StanceTemplates as StanceTemplates,
    )
    from ratatoskr.types.token import Token as Token
    from ratatoskr.types.tokens import (
        ContextLeft as ContextLeft,
        TokenCount as TokenCount,
        Tokenization as Tokenization,
        Tokenizations as Tokenizations,
        TokenSpan as TokenSpan,
    )
    from ratatoskr.types.usage import CostItem as CostItem, CostRange as CostRange, UsageDetails as UsageDetails
    from ratatoskr.version import __version__ as __version__

_NAMES = {
    "ratatoskr.config.builder": "Builder",
    "ratatoskr.config.entry": "Ratatoskr",
    "ratatoskr.errors": """
        AllAttemptsFailed AuthenticationFailed BudgetExceeded ConfigurationError ConnectionFailed ContentFiltered
        ContextLengthExceeded GatewayClosed InvalidInput InvalidToolArguments MalformedResponse
        ModelNotAvailable ModelNotFound NoProvider OutputInvalid PresetNotFound ProviderError QuotaExhausted
        RatatoskrError RateLimited RedirectRefused ServiceUnavailable StreamInterrupted Timeout TlsError
        UnsupportedParameter
    """,
    "ratatoskr.gateway.embedded": "EmbeddedGateway",
    "ratatoskr.gateway.protocol": "Chat Classify Embed ModelGateway Nli Rerank Stance Tokens",
    "ratatoskr.gateway.stream": "ChatStream",
    "ratatoskr.gateway.tools": "run_tools ToolStream",
    "ratatoskr.local.engine.device": "Device",
    "ratatoskr.local.store.store": "ModelStore",
    "ratatoskr.local.tokens": "TokenizerRegistry",
    "ratatoskr.middleware.base": "Middleware",
    "ratatoskr.middleware.observe": "Hooks Log",
    "ratatoskr.middleware.redact": "Redact",
    "ratatoskr.models.price": "Price",
    "ratatoskr.providers.protocol": "ChatProvider",
    "ratatoskr.service.client.client": "ServiceClient",
    "ratatoskr.sync.gateway": "SyncGateway",
    "ratatoskr.sync.stream": "SyncChatStream",
    "ratatoskr.sync.tool_stream": "SyncToolStream",
    "ratatoskr.types": """
        Attempt AudioPart ChatEvent ChatOptions ChatParams ChatRequest ChatResponse Citation CitationDelta
        ContentDelta Cost Done Effort ErrorInfo FilePart FileRef FinishReason ImagePart JsonSchema Message
        Notice Part ProviderEvent ProviderPart ProviderState ProviderTool RawResponse ReasoningConfig
        ReasoningDelta ReasoningPart ResponseFormat Role ServerToolCall ServerToolResult TextPart Timeouts
        TokenLogprob Tool ToolCall ToolCallDelta ToolCallEnd ToolCallStart ToolDefinition ToolResult Usage
        UsageEvent dump_messages load_messages
    """,
    "ratatoskr.types.allowance": "BudgetStatus LimitStatus",
    "ratatoskr.types.budget": "Budget",
    "ratatoskr.types.classify": "Classification Classifications ClassifyRequest ZeroShotRequest",
    "ratatoskr.types.embed": "Embedding Embeddings EmbedRequest",
    "ratatoskr.types.generate": "GenerateResponse",
    "ratatoskr.types.metadata": """
        ModelMetadata Mutable Opaque PresetInfo ReadOnly RefreshReport ResolvedPreset Unsupported
    """,
    "ratatoskr.types.model": "BreakerHealth Explanation Health LocalHealth ModelInfo ModelStatus Plan ProviderHealth",
    "ratatoskr.types.nli": "NliRequest NliResult NliResults",
    "ratatoskr.types.rerank": "RankedDocument Ranking RerankRequest",
    "ratatoskr.types.stance": "StanceRequest StanceResult StanceResults StanceTemplates",
    "ratatoskr.types.token": "Token",
    "ratatoskr.types.tokens": "ContextLeft TokenCount Tokenization Tokenizations TokenSpan",
    "ratatoskr.types.usage": "CostItem CostRange UsageDetails",
    "ratatoskr.version": "__version__",
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
