from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SYSTEM: _ClassVar[Role]
    ROLE_USER: _ClassVar[Role]
    ROLE_ASSISTANT: _ClassVar[Role]
    ROLE_TOOL: _ClassVar[Role]

class ReasoningEffort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_EFFORT_UNSPECIFIED: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_NONE: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MINIMAL: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_LOW: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MEDIUM: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_HIGH: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_XHIGH: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MAX: _ClassVar[ReasoningEffort]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
    FINISH_REASON_TOOL_CALLS: _ClassVar[FinishReason]
    FINISH_REASON_CONTENT_FILTER: _ClassVar[FinishReason]
    FINISH_REASON_REFUSAL: _ClassVar[FinishReason]
    FINISH_REASON_PAUSED: _ClassVar[FinishReason]

class UsageSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_SOURCE_UNKNOWN: _ClassVar[UsageSource]
    USAGE_SOURCE_PROVIDER: _ClassVar[UsageSource]
    USAGE_SOURCE_LOCAL: _ClassVar[UsageSource]
    USAGE_SOURCE_ESTIMATED: _ClassVar[UsageSource]

class NliLabel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NLI_LABEL_UNSPECIFIED: _ClassVar[NliLabel]
    NLI_LABEL_ENTAILMENT: _ClassVar[NliLabel]
    NLI_LABEL_CONTRADICTION: _ClassVar[NliLabel]
    NLI_LABEL_NEUTRAL: _ClassVar[NliLabel]

class StanceLabel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STANCE_LABEL_UNSPECIFIED: _ClassVar[StanceLabel]
    STANCE_LABEL_FAVOR: _ClassVar[StanceLabel]
    STANCE_LABEL_AGAINST: _ClassVar[StanceLabel]
    STANCE_LABEL_NEUTRAL: _ClassVar[StanceLabel]

class ModelCapability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_CAPABILITY_UNSPECIFIED: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_CHAT: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_GENERATE: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_EMBED: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_NLI: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_CLASSIFY: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_STANCE: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_CHAT_STREAMING: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_TOOL_USE: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_TOKEN_COUNTING: _ClassVar[ModelCapability]
    MODEL_CAPABILITY_LOCAL_INFERENCE: _ClassVar[ModelCapability]

class ModelStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_STATUS_UNSPECIFIED: _ClassVar[ModelStatus]
    MODEL_STATUS_AVAILABLE: _ClassVar[ModelStatus]
    MODEL_STATUS_LOADING: _ClassVar[ModelStatus]
    MODEL_STATUS_READY: _ClassVar[ModelStatus]
    MODEL_STATUS_UNAVAILABLE: _ClassVar[ModelStatus]
ROLE_UNSPECIFIED: Role
ROLE_SYSTEM: Role
ROLE_USER: Role
ROLE_ASSISTANT: Role
ROLE_TOOL: Role
REASONING_EFFORT_UNSPECIFIED: ReasoningEffort
REASONING_EFFORT_NONE: ReasoningEffort
REASONING_EFFORT_MINIMAL: ReasoningEffort
REASONING_EFFORT_LOW: ReasoningEffort
REASONING_EFFORT_MEDIUM: ReasoningEffort
REASONING_EFFORT_HIGH: ReasoningEffort
REASONING_EFFORT_XHIGH: ReasoningEffort
REASONING_EFFORT_MAX: ReasoningEffort
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason
FINISH_REASON_TOOL_CALLS: FinishReason
FINISH_REASON_CONTENT_FILTER: FinishReason
FINISH_REASON_REFUSAL: FinishReason
FINISH_REASON_PAUSED: FinishReason
USAGE_SOURCE_UNKNOWN: UsageSource
USAGE_SOURCE_PROVIDER: UsageSource
USAGE_SOURCE_LOCAL: UsageSource
USAGE_SOURCE_ESTIMATED: UsageSource
NLI_LABEL_UNSPECIFIED: NliLabel
NLI_LABEL_ENTAILMENT: NliLabel
NLI_LABEL_CONTRADICTION: NliLabel
NLI_LABEL_NEUTRAL: NliLabel
STANCE_LABEL_UNSPECIFIED: StanceLabel
STANCE_LABEL_FAVOR: StanceLabel
STANCE_LABEL_AGAINST: StanceLabel
STANCE_LABEL_NEUTRAL: StanceLabel
MODEL_CAPABILITY_UNSPECIFIED: ModelCapability
MODEL_CAPABILITY_CHAT: ModelCapability
MODEL_CAPABILITY_GENERATE: ModelCapability
MODEL_CAPABILITY_EMBED: ModelCapability
MODEL_CAPABILITY_NLI: ModelCapability
MODEL_CAPABILITY_CLASSIFY: ModelCapability
MODEL_CAPABILITY_STANCE: ModelCapability
MODEL_CAPABILITY_CHAT_STREAMING: ModelCapability
MODEL_CAPABILITY_TOOL_USE: ModelCapability
MODEL_CAPABILITY_TOKEN_COUNTING: ModelCapability
MODEL_CAPABILITY_LOCAL_INFERENCE: ModelCapability
MODEL_STATUS_UNSPECIFIED: ModelStatus
MODEL_STATUS_AVAILABLE: ModelStatus
MODEL_STATUS_LOADING: ModelStatus
MODEL_STATUS_READY: ModelStatus
MODEL_STATUS_UNAVAILABLE: ModelStatus

class Beyond(_message.Message):
    __slots__ = ("numbers",)
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.ScalarMap[str, str]
    def __init__(self, numbers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("role", "content", "tool_calls", "name", "tool_call_id", "parts", "repeated", "metadata_json")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    role: Role
    content: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    name: str
    tool_call_id: str
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    repeated: bool
    metadata_json: str
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., content: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., name: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., repeated: bool = ..., metadata_json: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("text", "reasoning", "tool_call", "tool_result", "image", "audio", "file", "file_ref", "server_tool_call", "server_tool_result", "provider_part")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FILE_REF_FIELD_NUMBER: _ClassVar[int]
    SERVER_TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PART_FIELD_NUMBER: _ClassVar[int]
    text: TextPart
    reasoning: ReasoningPart
    tool_call: ToolCall
    tool_result: ToolResult
    image: Media
    audio: Media
    file: Media
    file_ref: FileRef
    server_tool_call: ServerToolCall
    server_tool_result: ServerToolResult
    provider_part: ProviderPart
    def __init__(self, text: _Optional[_Union[TextPart, _Mapping]] = ..., reasoning: _Optional[_Union[ReasoningPart, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCall, _Mapping]] = ..., tool_result: _Optional[_Union[ToolResult, _Mapping]] = ..., image: _Optional[_Union[Media, _Mapping]] = ..., audio: _Optional[_Union[Media, _Mapping]] = ..., file: _Optional[_Union[Media, _Mapping]] = ..., file_ref: _Optional[_Union[FileRef, _Mapping]] = ..., server_tool_call: _Optional[_Union[ServerToolCall, _Mapping]] = ..., server_tool_result: _Optional[_Union[ServerToolResult, _Mapping]] = ..., provider_part: _Optional[_Union[ProviderPart, _Mapping]] = ...) -> None: ...

class ProviderState(_message.Message):
    __slots__ = ("issuer", "data")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    data: bytes
    def __init__(self, issuer: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class TextPart(_message.Message):
    __slots__ = ("text", "citations", "logprobs", "cache", "state")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    text: str
    citations: _containers.RepeatedCompositeFieldContainer[Citation]
    logprobs: TokenLogprobs
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, text: _Optional[str] = ..., citations: _Optional[_Iterable[_Union[Citation, _Mapping]]] = ..., logprobs: _Optional[_Union[TokenLogprobs, _Mapping]] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("url", "title", "text", "start", "end", "data", "beyond")
    URL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    url: str
    title: str
    text: str
    start: int
    end: int
    data: bytes
    beyond: Beyond
    def __init__(self, url: _Optional[str] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., data: _Optional[bytes] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class TokenLogprobs(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[TokenLogprob]
    def __init__(self, items: _Optional[_Iterable[_Union[TokenLogprob, _Mapping]]] = ...) -> None: ...

class TokenLogprob(_message.Message):
    __slots__ = ("token", "logprob", "bytes", "top")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    token: str
    logprob: float
    bytes: bytes
    top: _containers.RepeatedCompositeFieldContainer[TokenLogprob]
    def __init__(self, token: _Optional[str] = ..., logprob: _Optional[float] = ..., bytes: _Optional[bytes] = ..., top: _Optional[_Iterable[_Union[TokenLogprob, _Mapping]]] = ...) -> None: ...

class ReasoningPart(_message.Message):
    __slots__ = ("text", "cache", "state")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    text: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, text: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("id", "name", "arguments", "cache", "state")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ToolResult(_message.Message):
    __slots__ = ("tool_call_id", "content", "is_error", "name", "cache", "state")
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    IS_ERROR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    tool_call_id: str
    content: _containers.RepeatedCompositeFieldContainer[Part]
    is_error: bool
    name: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, tool_call_id: _Optional[str] = ..., content: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., is_error: bool = ..., name: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("data", "url", "media_type", "name", "cache", "state", "detail")
    DATA_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    url: str
    media_type: str
    name: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    detail: str
    def __init__(self, data: _Optional[bytes] = ..., url: _Optional[str] = ..., media_type: _Optional[str] = ..., name: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ..., detail: _Optional[str] = ...) -> None: ...

class FileRef(_message.Message):
    __slots__ = ("provider", "id", "cache", "state")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    provider: str
    id: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, provider: _Optional[str] = ..., id: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ServerToolCall(_message.Message):
    __slots__ = ("id", "name", "arguments", "cache", "state")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ServerToolResult(_message.Message):
    __slots__ = ("tool_call_id", "name", "content", "is_error", "cache", "state")
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    IS_ERROR_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    tool_call_id: str
    name: str
    content: str
    is_error: bool
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, tool_call_id: _Optional[str] = ..., name: _Optional[str] = ..., content: _Optional[str] = ..., is_error: bool = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ProviderPart(_message.Message):
    __slots__ = ("kind", "data", "issuer", "cache", "state")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    data: bytes
    issuer: str
    cache: bool
    state: _containers.RepeatedCompositeFieldContainer[ProviderState]
    def __init__(self, kind: _Optional[str] = ..., data: _Optional[bytes] = ..., issuer: _Optional[str] = ..., cache: bool = ..., state: _Optional[_Iterable[_Union[ProviderState, _Mapping]]] = ...) -> None: ...

class ToolDefinition(_message.Message):
    __slots__ = ("name", "description", "parameters_json", "cache_control_json", "strict", "provider", "definition_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_JSON_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_json: str
    cache_control_json: str
    strict: bool
    provider: str
    definition_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_json: _Optional[str] = ..., cache_control_json: _Optional[str] = ..., strict: bool = ..., provider: _Optional[str] = ..., definition_json: _Optional[str] = ...) -> None: ...

class ToolChoice(_message.Message):
    __slots__ = ("auto", "none", "required", "function")
    AUTO_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    auto: bool
    none: bool
    required: bool
    function: str
    def __init__(self, auto: bool = ..., none: bool = ..., required: bool = ..., function: _Optional[str] = ...) -> None: ...

class ResponseFormat(_message.Message):
    __slots__ = ("text", "json_object", "json_schema", "name", "strict")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    JSON_OBJECT_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    text: bool
    json_object: bool
    json_schema: str
    name: str
    strict: bool
    def __init__(self, text: bool = ..., json_object: bool = ..., json_schema: _Optional[str] = ..., name: _Optional[str] = ..., strict: bool = ...) -> None: ...

class ReasoningConfig(_message.Message):
    __slots__ = ("effort", "max_tokens", "exclude_from_output", "exact_effort", "beyond")
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FROM_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EXACT_EFFORT_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    effort: ReasoningEffort
    max_tokens: int
    exclude_from_output: bool
    exact_effort: ReasoningEffort
    beyond: Beyond
    def __init__(self, effort: _Optional[_Union[ReasoningEffort, str]] = ..., max_tokens: _Optional[int] = ..., exclude_from_output: bool = ..., exact_effort: _Optional[_Union[ReasoningEffort, str]] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class ChatOptions(_message.Message):
    __slots__ = ("model", "temperature", "max_tokens", "top_p", "stop", "frequency_penalty", "presence_penalty", "seed", "tool_choice", "response_format", "cache_prompt", "reasoning", "top_k", "raw_provider_options", "parallel_tool_calls", "exact_temperature", "exact_top_p", "exact_frequency_penalty", "exact_presence_penalty", "models", "logprobs", "top_logprobs", "user", "service_tier", "metadata_json", "empty_stop", "beyond")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    CACHE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    RAW_PROVIDER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    EXACT_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    EXACT_TOP_P_FIELD_NUMBER: _ClassVar[int]
    EXACT_FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    EXACT_PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    SERVICE_TIER_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    EMPTY_STOP_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    model: str
    temperature: float
    max_tokens: int
    top_p: float
    stop: _containers.RepeatedScalarFieldContainer[str]
    frequency_penalty: float
    presence_penalty: float
    seed: int
    tool_choice: ToolChoice
    response_format: ResponseFormat
    cache_prompt: bool
    reasoning: ReasoningConfig
    top_k: int
    raw_provider_options: str
    parallel_tool_calls: bool
    exact_temperature: float
    exact_top_p: float
    exact_frequency_penalty: float
    exact_presence_penalty: float
    models: _containers.RepeatedScalarFieldContainer[str]
    logprobs: bool
    top_logprobs: int
    user: str
    service_tier: str
    metadata_json: str
    empty_stop: bool
    beyond: Beyond
    def __init__(self, model: _Optional[str] = ..., temperature: _Optional[float] = ..., max_tokens: _Optional[int] = ..., top_p: _Optional[float] = ..., stop: _Optional[_Iterable[str]] = ..., frequency_penalty: _Optional[float] = ..., presence_penalty: _Optional[float] = ..., seed: _Optional[int] = ..., tool_choice: _Optional[_Union[ToolChoice, _Mapping]] = ..., response_format: _Optional[_Union[ResponseFormat, _Mapping]] = ..., cache_prompt: bool = ..., reasoning: _Optional[_Union[ReasoningConfig, _Mapping]] = ..., top_k: _Optional[int] = ..., raw_provider_options: _Optional[str] = ..., parallel_tool_calls: bool = ..., exact_temperature: _Optional[float] = ..., exact_top_p: _Optional[float] = ..., exact_frequency_penalty: _Optional[float] = ..., exact_presence_penalty: _Optional[float] = ..., models: _Optional[_Iterable[str]] = ..., logprobs: bool = ..., top_logprobs: _Optional[int] = ..., user: _Optional[str] = ..., service_tier: _Optional[str] = ..., metadata_json: _Optional[str] = ..., empty_stop: bool = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class Timeouts(_message.Message):
    __slots__ = ("connect", "first_byte", "idle", "no_progress", "attempt", "total", "stream_life")
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    NO_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STREAM_LIFE_FIELD_NUMBER: _ClassVar[int]
    connect: float
    first_byte: float
    idle: float
    no_progress: float
    attempt: float
    total: float
    stream_life: float
    def __init__(self, connect: _Optional[float] = ..., first_byte: _Optional[float] = ..., idle: _Optional[float] = ..., no_progress: _Optional[float] = ..., attempt: _Optional[float] = ..., total: _Optional[float] = ..., stream_life: _Optional[float] = ...) -> None: ...

class ChatRequest(_message.Message):
    __slots__ = ("messages", "tools", "options", "timeouts", "generate")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    tools: _containers.RepeatedCompositeFieldContainer[ToolDefinition]
    options: ChatOptions
    timeouts: Timeouts
    generate: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., tools: _Optional[_Iterable[_Union[ToolDefinition, _Mapping]]] = ..., options: _Optional[_Union[ChatOptions, _Mapping]] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ..., generate: bool = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("prompt", "options", "timeouts")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    prompt: str
    options: GenerateOptions
    timeouts: Timeouts
    def __init__(self, prompt: _Optional[str] = ..., options: _Optional[_Union[GenerateOptions, _Mapping]] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class GenerateOptions(_message.Message):
    __slots__ = ("model", "max_tokens", "temperature", "top_p", "stop_sequences", "top_k", "frequency_penalty", "presence_penalty", "seed", "reasoning", "exact")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    model: str
    max_tokens: int
    temperature: float
    top_p: float
    stop_sequences: _containers.RepeatedScalarFieldContainer[str]
    top_k: int
    frequency_penalty: float
    presence_penalty: float
    seed: int
    reasoning: ReasoningConfig
    exact: ChatOptions
    def __init__(self, model: _Optional[str] = ..., max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., stop_sequences: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., frequency_penalty: _Optional[float] = ..., presence_penalty: _Optional[float] = ..., seed: _Optional[int] = ..., reasoning: _Optional[_Union[ReasoningConfig, _Mapping]] = ..., exact: _Optional[_Union[ChatOptions, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "source", "details_json", "beyond")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_JSON_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    source: UsageSource
    details_json: str
    beyond: Beyond
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cache_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., source: _Optional[_Union[UsageSource, str]] = ..., details_json: _Optional[str] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("amount", "currency", "source", "estimated", "items_json", "basis")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    ITEMS_JSON_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    amount: str
    currency: str
    source: str
    estimated: bool
    items_json: str
    basis: str
    def __init__(self, amount: _Optional[str] = ..., currency: _Optional[str] = ..., source: _Optional[str] = ..., estimated: bool = ..., items_json: _Optional[str] = ..., basis: _Optional[str] = ...) -> None: ...

class ErrorInfo(_message.Message):
    __slots__ = ("code", "message", "status", "provider_code", "retry_after", "beyond")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CODE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    status: int
    provider_code: str
    retry_after: float
    beyond: Beyond
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., status: _Optional[int] = ..., provider_code: _Optional[str] = ..., retry_after: _Optional[float] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("provider", "model", "error", "phase", "started", "duration", "waited", "decision", "maybe_billed", "usage", "cost")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    MAYBE_BILLED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    error: ErrorInfo
    phase: str
    started: float
    duration: float
    waited: float
    decision: str
    maybe_billed: bool
    usage: Usage
    cost: Cost
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., error: _Optional[_Union[ErrorInfo, _Mapping]] = ..., phase: _Optional[str] = ..., started: _Optional[float] = ..., duration: _Optional[float] = ..., waited: _Optional[float] = ..., decision: _Optional[str] = ..., maybe_billed: bool = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "message", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    field: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class RawResponse(_message.Message):
    __slots__ = ("status", "headers", "body", "beyond")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    status: int
    headers: _containers.ScalarMap[str, str]
    body: bytes
    beyond: Beyond
    def __init__(self, status: _Optional[int] = ..., headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[bytes] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class ChatResponse(_message.Message):
    __slots__ = ("content", "reasoning", "tool_calls", "usage", "model", "finish_reason", "message", "cost", "exact_finish_reason", "native_finish_reason", "provider", "request_id", "warnings", "attempts", "raw")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    EXACT_FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    content: str
    reasoning: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    usage: Usage
    model: str
    finish_reason: FinishReason
    message: Message
    cost: Cost
    exact_finish_reason: FinishReason
    native_finish_reason: str
    provider: str
    request_id: str
    warnings: _containers.RepeatedCompositeFieldContainer[Notice]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    raw: RawResponse
    def __init__(self, content: _Optional[str] = ..., reasoning: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., model: _Optional[str] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., message: _Optional[_Union[Message, _Mapping]] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ..., exact_finish_reason: _Optional[_Union[FinishReason, str]] = ..., native_finish_reason: _Optional[str] = ..., provider: _Optional[str] = ..., request_id: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., raw: _Optional[_Union[RawResponse, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("text", "usage", "model", "finish_reason", "response")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    text: str
    usage: Usage
    model: str
    finish_reason: FinishReason
    response: ChatResponse
    def __init__(self, text: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., model: _Optional[str] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., response: _Optional[_Union[ChatResponse, _Mapping]] = ...) -> None: ...

class ChatEvent(_message.Message):
    __slots__ = ("content", "reasoning", "tool_call_start", "tool_call_delta", "usage", "done", "tool_call_end", "citation", "provider_event", "part", "finish_reason", "opening", "events", "remainder", "beyond")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_START_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_DELTA_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_END_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_EVENT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REMAINDER_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    content: str
    reasoning: str
    tool_call_start: ToolCallStart
    tool_call_delta: ToolCallDelta
    usage: Usage
    done: bool
    tool_call_end: ToolCallEnd
    citation: Citation
    provider_event: ProviderEvent
    part: int
    finish_reason: FinishReason
    opening: StreamOpening
    events: _containers.RepeatedCompositeFieldContainer[ChatEvent]
    remainder: ChatResponse
    beyond: Beyond
    def __init__(self, content: _Optional[str] = ..., reasoning: _Optional[str] = ..., tool_call_start: _Optional[_Union[ToolCallStart, _Mapping]] = ..., tool_call_delta: _Optional[_Union[ToolCallDelta, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., done: bool = ..., tool_call_end: _Optional[_Union[ToolCallEnd, _Mapping]] = ..., citation: _Optional[_Union[Citation, _Mapping]] = ..., provider_event: _Optional[_Union[ProviderEvent, _Mapping]] = ..., part: _Optional[int] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., opening: _Optional[_Union[StreamOpening, _Mapping]] = ..., events: _Optional[_Iterable[_Union[ChatEvent, _Mapping]]] = ..., remainder: _Optional[_Union[ChatResponse, _Mapping]] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class ToolCallStart(_message.Message):
    __slots__ = ("index", "id", "name")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    index: int
    id: str
    name: str
    def __init__(self, index: _Optional[int] = ..., id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ToolCallDelta(_message.Message):
    __slots__ = ("index", "arguments")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    index: int
    arguments: str
    def __init__(self, index: _Optional[int] = ..., arguments: _Optional[str] = ...) -> None: ...

class ToolCallEnd(_message.Message):
    __slots__ = ("index", "call")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    index: int
    call: ToolCall
    def __init__(self, index: _Optional[int] = ..., call: _Optional[_Union[ToolCall, _Mapping]] = ...) -> None: ...

class ProviderEvent(_message.Message):
    __slots__ = ("kind", "data")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    kind: str
    data: bytes
    def __init__(self, kind: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class StreamOpening(_message.Message):
    __slots__ = ("provider", "model", "request_id", "warnings", "attempts")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    request_id: str
    warnings: _containers.RepeatedCompositeFieldContainer[Notice]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., request_id: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class GenerateEvent(_message.Message):
    __slots__ = ("text", "done", "chat")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    CHAT_FIELD_NUMBER: _ClassVar[int]
    text: str
    done: bool
    chat: ChatEvent
    def __init__(self, text: _Optional[str] = ..., done: bool = ..., chat: _Optional[_Union[ChatEvent, _Mapping]] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("text", "model", "options")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    text: str
    model: str
    options: EmbedOptions
    def __init__(self, text: _Optional[str] = ..., model: _Optional[str] = ..., options: _Optional[_Union[EmbedOptions, _Mapping]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("values", "model", "dimensions", "info", "truncated")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    values: bytes
    model: str
    dimensions: int
    info: AnswerInfo
    truncated: bool
    def __init__(self, values: _Optional[bytes] = ..., model: _Optional[str] = ..., dimensions: _Optional[int] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: bool = ...) -> None: ...

class EmbedOptions(_message.Message):
    __slots__ = ("input_type", "dimensions", "truncate", "prompt", "timeouts", "beyond")
    INPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    input_type: str
    dimensions: int
    truncate: bool
    prompt: str
    timeouts: Timeouts
    beyond: Beyond
    def __init__(self, input_type: _Optional[str] = ..., dimensions: _Optional[int] = ..., truncate: bool = ..., prompt: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class EmbedBatchRequest(_message.Message):
    __slots__ = ("texts", "model", "options")
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    texts: _containers.RepeatedScalarFieldContainer[str]
    model: str
    options: EmbedOptions
    def __init__(self, texts: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., options: _Optional[_Union[EmbedOptions, _Mapping]] = ...) -> None: ...

class EmbedBatchResponse(_message.Message):
    __slots__ = ("embeddings", "matrix", "info", "truncated", "cut", "beyond")
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    matrix: Matrix
    info: AnswerInfo
    truncated: int
    cut: _containers.RepeatedScalarFieldContainer[int]
    beyond: Beyond
    def __init__(self, embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., matrix: _Optional[_Union[Matrix, _Mapping]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: _Optional[int] = ..., cut: _Optional[_Iterable[int]] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("values", "model", "dimensions")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    values: bytes
    model: str
    dimensions: int
    def __init__(self, values: _Optional[bytes] = ..., model: _Optional[str] = ..., dimensions: _Optional[int] = ...) -> None: ...

class Matrix(_message.Message):
    __slots__ = ("rows", "columns", "values")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    values: bytes
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ..., values: _Optional[bytes] = ...) -> None: ...

class AnswerInfo(_message.Message):
    __slots__ = ("model", "provider", "usage", "attempts", "warnings", "cost")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    model: str
    provider: str
    usage: Usage
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    warnings: _containers.RepeatedCompositeFieldContainer[Notice]
    cost: Cost
    def __init__(self, model: _Optional[str] = ..., provider: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class NliRequest(_message.Message):
    __slots__ = ("premise", "hypothesis", "model", "timeouts")
    PREMISE_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESIS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    premise: str
    hypothesis: str
    model: str
    timeouts: Timeouts
    def __init__(self, premise: _Optional[str] = ..., hypothesis: _Optional[str] = ..., model: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class NliResponse(_message.Message):
    __slots__ = ("entailment", "contradiction", "neutral", "label", "exact_entailment", "exact_contradiction", "exact_neutral", "info", "truncated")
    ENTAILMENT_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTION_FIELD_NUMBER: _ClassVar[int]
    NEUTRAL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EXACT_ENTAILMENT_FIELD_NUMBER: _ClassVar[int]
    EXACT_CONTRADICTION_FIELD_NUMBER: _ClassVar[int]
    EXACT_NEUTRAL_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    entailment: float
    contradiction: float
    neutral: float
    label: NliLabel
    exact_entailment: float
    exact_contradiction: float
    exact_neutral: float
    info: AnswerInfo
    truncated: bool
    def __init__(self, entailment: _Optional[float] = ..., contradiction: _Optional[float] = ..., neutral: _Optional[float] = ..., label: _Optional[_Union[NliLabel, str]] = ..., exact_entailment: _Optional[float] = ..., exact_contradiction: _Optional[float] = ..., exact_neutral: _Optional[float] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: bool = ...) -> None: ...

class NliPair(_message.Message):
    __slots__ = ("premise", "hypothesis")
    PREMISE_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESIS_FIELD_NUMBER: _ClassVar[int]
    premise: str
    hypothesis: str
    def __init__(self, premise: _Optional[str] = ..., hypothesis: _Optional[str] = ...) -> None: ...

class NliBatchRequest(_message.Message):
    __slots__ = ("pairs", "model", "timeouts")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[NliPair]
    model: str
    timeouts: Timeouts
    def __init__(self, pairs: _Optional[_Iterable[_Union[NliPair, _Mapping]]] = ..., model: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class NliBatchResponse(_message.Message):
    __slots__ = ("results", "info")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[NliResponse]
    info: AnswerInfo
    def __init__(self, results: _Optional[_Iterable[_Union[NliResponse, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ...) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("text", "labels", "model", "multi_label", "hypothesis_template", "timeouts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESIS_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    model: str
    multi_label: bool
    hypothesis_template: str
    timeouts: Timeouts
    def __init__(self, text: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., multi_label: bool = ..., hypothesis_template: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("scores", "top_label", "confidence", "label_scores", "info", "truncated")
    class ScoresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TOP_LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LABEL_SCORES_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.ScalarMap[str, float]
    top_label: str
    confidence: float
    label_scores: _containers.RepeatedCompositeFieldContainer[LabelScore]
    info: AnswerInfo
    truncated: bool
    def __init__(self, scores: _Optional[_Mapping[str, float]] = ..., top_label: _Optional[str] = ..., confidence: _Optional[float] = ..., label_scores: _Optional[_Iterable[_Union[LabelScore, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: bool = ...) -> None: ...

class LabelScore(_message.Message):
    __slots__ = ("label", "score")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    label: str
    score: float
    def __init__(self, label: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class StanceRequest(_message.Message):
    __slots__ = ("text", "target", "model", "timeouts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    target: str
    model: str
    timeouts: Timeouts
    def __init__(self, text: _Optional[str] = ..., target: _Optional[str] = ..., model: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class StanceResponse(_message.Message):
    __slots__ = ("favor", "against", "neutral", "label", "target", "exact_favor", "exact_against", "exact_neutral", "info", "truncated")
    FAVOR_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    NEUTRAL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    EXACT_FAVOR_FIELD_NUMBER: _ClassVar[int]
    EXACT_AGAINST_FIELD_NUMBER: _ClassVar[int]
    EXACT_NEUTRAL_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    favor: float
    against: float
    neutral: float
    label: StanceLabel
    target: str
    exact_favor: float
    exact_against: float
    exact_neutral: float
    info: AnswerInfo
    truncated: bool
    def __init__(self, favor: _Optional[float] = ..., against: _Optional[float] = ..., neutral: _Optional[float] = ..., label: _Optional[_Union[StanceLabel, str]] = ..., target: _Optional[str] = ..., exact_favor: _Optional[float] = ..., exact_against: _Optional[float] = ..., exact_neutral: _Optional[float] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: bool = ...) -> None: ...

class RerankRequest(_message.Message):
    __slots__ = ("query", "documents", "model", "top_n", "timeouts")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOP_N_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    query: str
    documents: _containers.RepeatedScalarFieldContainer[str]
    model: str
    top_n: int
    timeouts: Timeouts
    def __init__(self, query: _Optional[str] = ..., documents: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., top_n: _Optional[int] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class RerankResponse(_message.Message):
    __slots__ = ("results", "info", "truncated")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RankedDocument]
    info: AnswerInfo
    truncated: int
    def __init__(self, results: _Optional[_Iterable[_Union[RankedDocument, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., truncated: _Optional[int] = ...) -> None: ...

class RankedDocument(_message.Message):
    __slots__ = ("index", "score")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    index: int
    score: float
    def __init__(self, index: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...

class TokenCountRequest(_message.Message):
    __slots__ = ("text", "model", "messages", "tools", "method", "timeouts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    model: str
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    tools: _containers.RepeatedCompositeFieldContainer[ToolDefinition]
    method: str
    timeouts: Timeouts
    def __init__(self, text: _Optional[str] = ..., model: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., tools: _Optional[_Iterable[_Union[ToolDefinition, _Mapping]]] = ..., method: _Optional[str] = ..., timeouts: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class TokenCountResponse(_message.Message):
    __slots__ = ("count", "kind", "error_band", "info")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ERROR_BAND_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    count: int
    kind: str
    error_band: float
    info: AnswerInfo
    def __init__(self, count: _Optional[int] = ..., kind: _Optional[str] = ..., error_band: _Optional[float] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ...) -> None: ...

class TokenizeRequest(_message.Message):
    __slots__ = ("text", "model")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    text: str
    model: str
    def __init__(self, text: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class TokenizeResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    def __init__(self, tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("id", "text", "start", "end", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    text: str
    start: int
    end: int
    bytes: bytes
    def __init__(self, id: _Optional[int] = ..., text: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., bytes: _Optional[bytes] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("id", "provider", "capabilities", "context_window", "dimensions", "name", "capability_names", "beyond")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_WINDOW_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_NAMES_FIELD_NUMBER: _ClassVar[int]
    BEYOND_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    capabilities: _containers.RepeatedScalarFieldContainer[ModelCapability]
    context_window: int
    dimensions: int
    name: str
    capability_names: _containers.RepeatedScalarFieldContainer[str]
    beyond: Beyond
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[ModelCapability, str]]] = ..., context_window: _Optional[int] = ..., dimensions: _Optional[int] = ..., name: _Optional[str] = ..., capability_names: _Optional[_Iterable[str]] = ..., beyond: _Optional[_Union[Beyond, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("provider",)
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    provider: str
    def __init__(self, provider: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ...) -> None: ...

class ModelStatusRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ModelStatusResponse(_message.Message):
    __slots__ = ("status", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: ModelStatus
    reason: str
    def __init__(self, status: _Optional[_Union[ModelStatus, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ModelMetadataRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ModelMetadataResponse(_message.Message):
    __slots__ = ("found", "metadata", "metadata_json")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    found: bool
    metadata: ProtoModelMetadata
    metadata_json: str
    def __init__(self, found: bool = ..., metadata: _Optional[_Union[ProtoModelMetadata, _Mapping]] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class ProtoModelMetadata(_message.Message):
    __slots__ = ("info", "parameters", "pricing", "max_output_tokens")
    INFO_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PRICING_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    info: ModelInfo
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterEntry]
    pricing: ProtoPricingInfo
    max_output_tokens: int
    def __init__(self, info: _Optional[_Union[ModelInfo, _Mapping]] = ..., parameters: _Optional[_Iterable[_Union[ParameterEntry, _Mapping]]] = ..., pricing: _Optional[_Union[ProtoPricingInfo, _Mapping]] = ..., max_output_tokens: _Optional[int] = ...) -> None: ...

class ParameterEntry(_message.Message):
    __slots__ = ("name", "availability")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    availability: ProtoParameterAvailability
    def __init__(self, name: _Optional[str] = ..., availability: _Optional[_Union[ProtoParameterAvailability, _Mapping]] = ...) -> None: ...

class ProtoParameterAvailability(_message.Message):
    __slots__ = ("mutable_range", "read_only_json", "opaque", "unsupported")
    MUTABLE_RANGE_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_JSON_FIELD_NUMBER: _ClassVar[int]
    OPAQUE_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_FIELD_NUMBER: _ClassVar[int]
    mutable_range: ProtoParameterRange
    read_only_json: str
    opaque: bool
    unsupported: bool
    def __init__(self, mutable_range: _Optional[_Union[ProtoParameterRange, _Mapping]] = ..., read_only_json: _Optional[str] = ..., opaque: bool = ..., unsupported: bool = ...) -> None: ...

class ProtoParameterRange(_message.Message):
    __slots__ = ("min", "max", "default_value")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    min: float
    max: float
    default_value: float
    def __init__(self, min: _Optional[float] = ..., max: _Optional[float] = ..., default_value: _Optional[float] = ...) -> None: ...

class ProtoPricingInfo(_message.Message):
    __slots__ = ("prompt_cost_per_mtok", "completion_cost_per_mtok")
    PROMPT_COST_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_COST_PER_MTOK_FIELD_NUMBER: _ClassVar[int]
    prompt_cost_per_mtok: float
    completion_cost_per_mtok: float
    def __init__(self, prompt_cost_per_mtok: _Optional[float] = ..., completion_cost_per_mtok: _Optional[float] = ...) -> None: ...

class ResolvePresetRequest(_message.Message):
    __slots__ = ("tier", "capability")
    TIER_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    tier: str
    capability: str
    def __init__(self, tier: _Optional[str] = ..., capability: _Optional[str] = ...) -> None: ...

class ProtoPresetParameters(_message.Message):
    __slots__ = ("temperature", "top_p", "top_k", "max_tokens", "frequency_penalty", "presence_penalty", "seed", "stop", "exact")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    frequency_penalty: float
    presence_penalty: float
    seed: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    exact: ChatOptions
    def __init__(self, temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., max_tokens: _Optional[int] = ..., frequency_penalty: _Optional[float] = ..., presence_penalty: _Optional[float] = ..., seed: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., exact: _Optional[_Union[ChatOptions, _Mapping]] = ...) -> None: ...

class ResolvePresetResponse(_message.Message):
    __slots__ = ("found", "model_id", "parameters")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    found: bool
    model_id: str
    parameters: ProtoPresetParameters
    def __init__(self, found: bool = ..., model_id: _Optional[str] = ..., parameters: _Optional[_Union[ProtoPresetParameters, _Mapping]] = ...) -> None: ...

class PresetTierEntry(_message.Message):
    __slots__ = ("tier", "capabilities")
    TIER_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    tier: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tier: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class ListPresetsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPresetsResponse(_message.Message):
    __slots__ = ("tiers",)
    TIERS_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[PresetTierEntry]
    def __init__(self, tiers: _Optional[_Iterable[_Union[PresetTierEntry, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request", "body")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    request: ChatRequest
    body: bool
    def __init__(self, request: _Optional[_Union[ChatRequest, _Mapping]] = ..., body: bool = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("explanation_json",)
    EXPLANATION_JSON_FIELD_NUMBER: _ClassVar[int]
    explanation_json: str
    def __init__(self, explanation_json: _Optional[str] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("healthy", "version", "git_sha", "providers", "local", "breakers_json", "limits_json", "budgets_json")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GIT_SHA_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    BREAKERS_JSON_FIELD_NUMBER: _ClassVar[int]
    LIMITS_JSON_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_JSON_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    version: str
    git_sha: str
    providers: _containers.RepeatedCompositeFieldContainer[ProviderHealth]
    local: _containers.RepeatedCompositeFieldContainer[LocalHealth]
    breakers_json: str
    limits_json: str
    budgets_json: str
    def __init__(self, healthy: bool = ..., version: _Optional[str] = ..., git_sha: _Optional[str] = ..., providers: _Optional[_Iterable[_Union[ProviderHealth, _Mapping]]] = ..., local: _Optional[_Iterable[_Union[LocalHealth, _Mapping]]] = ..., breakers_json: _Optional[str] = ..., limits_json: _Optional[str] = ..., budgets_json: _Optional[str] = ...) -> None: ...

class ProviderHealth(_message.Message):
    __slots__ = ("name", "base_url", "key_origin", "base_url_origin")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    KEY_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    base_url: str
    key_origin: str
    base_url_origin: str
    def __init__(self, name: _Optional[str] = ..., base_url: _Optional[str] = ..., key_origin: _Optional[str] = ..., base_url_origin: _Optional[str] = ...) -> None: ...

class LocalHealth(_message.Message):
    __slots__ = ("model", "precision", "device", "status", "reason")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model: str
    precision: str
    device: str
    status: str
    reason: str
    def __init__(self, model: _Optional[str] = ..., precision: _Optional[str] = ..., device: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CapabilitiesResponse(_message.Message):
    __slots__ = ("capabilities", "names", "limits")
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    capabilities: _containers.RepeatedScalarFieldContainer[ModelCapability]
    names: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    def __init__(self, capabilities: _Optional[_Iterable[_Union[ModelCapability, str]]] = ..., names: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("texts", "message_bytes", "calls")
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    texts: int
    message_bytes: int
    calls: int
    def __init__(self, texts: _Optional[int] = ..., message_bytes: _Optional[int] = ..., calls: _Optional[int] = ...) -> None: ...

class ModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PullRequest(_message.Message):
    __slots__ = ("model", "revision")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    model: str
    revision: str
    def __init__(self, model: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class PullProgress(_message.Message):
    __slots__ = ("file", "bytes", "total", "done")
    FILE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    file: str
    bytes: int
    total: int
    done: bool
    def __init__(self, file: _Optional[str] = ..., bytes: _Optional[int] = ..., total: _Optional[int] = ..., done: bool = ...) -> None: ...

class ReloadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadResponse(_message.Message):
    __slots__ = ("needs_restart",)
    NEEDS_RESTART_FIELD_NUMBER: _ClassVar[int]
    needs_restart: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, needs_restart: _Optional[_Iterable[str]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: float
    def __init__(self, grace: _Optional[float] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("status_json",)
    STATUS_JSON_FIELD_NUMBER: _ClassVar[int]
    status_json: str
    def __init__(self, status_json: _Optional[str] = ...) -> None: ...

class ErrorStatus(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ("error_json", "shortened")
    ERROR_JSON_FIELD_NUMBER: _ClassVar[int]
    SHORTENED_FIELD_NUMBER: _ClassVar[int]
    error_json: bytes
    shortened: bool
    def __init__(self, error_json: _Optional[bytes] = ..., shortened: bool = ...) -> None: ...
