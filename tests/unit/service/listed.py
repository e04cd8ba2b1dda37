"""The interface that the known clients speak: names, numbers and types, which never change.

`o` is optional, `r` repeated, `∈x` one of the oneof `x`; an enum has no types.
"""

from __future__ import annotations

METHODS = """
Chat ChatRequest ChatResponse
ChatStream ChatRequest stream ChatEvent
Generate GenerateRequest GenerateResponse
GenerateStream GenerateRequest stream GenerateEvent
Embed EmbedRequest EmbedResponse
EmbedBatch EmbedBatchRequest EmbedBatchResponse
InferNli NliRequest NliResponse
InferNliBatch NliBatchRequest NliBatchResponse
ClassifyZeroShot ClassifyRequest ClassifyResponse
ClassifyStance StanceRequest StanceResponse
CountTokens TokenCountRequest TokenCountResponse
Tokenize TokenizeRequest TokenizeResponse
ListModels ListModelsRequest ListModelsResponse
ModelStatus ModelStatusRequest ModelStatusResponse
GetModelMetadata ModelMetadataRequest ModelMetadataResponse
FetchModelMetadata ModelMetadataRequest ModelMetadataResponse
ResolvePreset ResolvePresetRequest ResolvePresetResponse
ListPresets ListPresetsRequest ListPresetsResponse
Health HealthRequest HealthResponse
GetCapabilities CapabilitiesRequest CapabilitiesResponse
"""
MESSAGES = """
Usage: prompt_tokens=1 uint32; completion_tokens=2 uint32; total_tokens=3 uint32; reasoning_tokens=4 uint32 o
FinishReason: FINISH_REASON_UNSPECIFIED=0; FINISH_REASON_STOP=1; FINISH_REASON_LENGTH=2; FINISH_REASON_TOOL_CALLS=3;
    FINISH_REASON_CONTENT_FILTER=4
Message: role=1 Role; content=2 string; tool_calls=3 ToolCall r; name=4 string o; tool_call_id=5 string o
Role: ROLE_UNSPECIFIED=0; ROLE_SYSTEM=1; ROLE_USER=2; ROLE_ASSISTANT=3; ROLE_TOOL=4
ToolCall: id=1 string; name=2 string; arguments=3 string
ToolDefinition: name=1 string; description=2 string; parameters_json=3 string; cache_control_json=4 string
ChatOptions: model=1 string; temperature=2 float o; max_tokens=3 uint32 o; top_p=4 float o; stop=5 string r;
    frequency_penalty=6 float o; presence_penalty=7 float o; seed=8 uint64 o; tool_choice=9 ToolChoice o;
    response_format=10 ResponseFormat o; cache_prompt=11 bool o; reasoning=12 ReasoningConfig o; top_k=13 uint32 o;
    raw_provider_options=14 string o; parallel_tool_calls=15 bool o
ToolChoice: auto=1 bool ∈choice; none=2 bool ∈choice; required=3 bool ∈choice; function=4 string ∈choice
ResponseFormat: text=1 bool ∈format; json_object=2 bool ∈format; json_schema=3 string ∈format
ReasoningConfig: effort=1 ReasoningEffort o; max_tokens=2 uint32 o; exclude_from_output=3 bool o
ReasoningEffort: REASONING_EFFORT_UNSPECIFIED=0; REASONING_EFFORT_NONE=1; REASONING_EFFORT_MINIMAL=2;
    REASONING_EFFORT_LOW=3; REASONING_EFFORT_MEDIUM=4; REASONING_EFFORT_HIGH=5; REASONING_EFFORT_XHIGH=6
ChatRequest: messages=1 Message r; tools=2 ToolDefinition r; options=3 ChatOptions
ChatResponse: content=1 string; reasoning=2 string o; tool_calls=3 ToolCall r; usage=4 Usage o; model=5 string o;
    finish_reason=6 FinishReason
ChatEvent: content=1 string ∈event; reasoning=2 string ∈event; tool_call_start=3 ToolCallStart ∈event;
    tool_call_delta=4 ToolCallDelta ∈event; usage=5 Usage ∈event; done=6 bool ∈event; tool_call_end=7 ToolCallEnd
    ∈event
ToolCallStart: index=1 uint32; id=2 string; name=3 string
ToolCallDelta: index=1 uint32; arguments=2 string
ToolCallEnd: index=1 uint32
GenerateRequest: prompt=1 string; options=2 GenerateOptions
GenerateOptions: model=1 string; max_tokens=2 uint32 o; temperature=3 float o; top_p=4 float o; stop_sequences=5
    string r; top_k=6 uint32 o; frequency_penalty=7 float o; presence_penalty=8 float o; seed=9 uint64 o;
    reasoning=10 ReasoningConfig o
GenerateResponse: text=1 string; usage=2 Usage o; model=3 string o; finish_reason=4 FinishReason
GenerateEvent: text=1 string ∈event; done=2 bool ∈event
EmbedRequest: text=1 string; model=2 string
EmbedResponse: values=1 float r; model=2 string; dimensions=3 uint32
EmbedBatchRequest: texts=1 string r; model=2 string
EmbedBatchResponse: embeddings=1 Embedding r
Embedding: values=1 float r; model=2 string; dimensions=3 uint32
NliRequest: premise=1 string; hypothesis=2 string; model=3 string
NliResponse: entailment=1 float; contradiction=2 float; neutral=3 float; label=4 NliLabel
NliLabel: NLI_LABEL_UNSPECIFIED=0; NLI_LABEL_ENTAILMENT=1; NLI_LABEL_CONTRADICTION=2; NLI_LABEL_NEUTRAL=3
NliBatchRequest: pairs=1 NliPair r; model=2 string
NliPair: premise=1 string; hypothesis=2 string
NliBatchResponse: results=1 NliResponse r
ClassifyRequest: text=1 string; labels=2 string r; model=3 string
ClassifyResponse: scores=1 map<string, float>; top_label=2 string; confidence=3 float
StanceRequest: text=1 string; target=2 string; model=3 string
StanceResponse: favor=1 float; against=2 float; neutral=3 float; label=4 StanceLabel; target=5 string
StanceLabel: STANCE_LABEL_UNSPECIFIED=0; STANCE_LABEL_FAVOR=1; STANCE_LABEL_AGAINST=2; STANCE_LABEL_NEUTRAL=3
TokenCountRequest: text=1 string; model=2 string
TokenCountResponse: count=1 uint32
TokenizeRequest: text=1 string; model=2 string
TokenizeResponse: tokens=1 Token r
Token: id=1 uint32; text=2 string; start=3 uint32; end=4 uint32
ListModelsRequest:
ListModelsResponse: models=1 ModelInfo r
ModelInfo: id=1 string; provider=2 string; capabilities=3 ModelCapability r; context_window=4 uint32 o; dimensions=5
    uint32 o
ModelCapability: MODEL_CAPABILITY_UNSPECIFIED=0; MODEL_CAPABILITY_CHAT=1; MODEL_CAPABILITY_GENERATE=2;
    MODEL_CAPABILITY_EMBED=3; MODEL_CAPABILITY_NLI=4; MODEL_CAPABILITY_CLASSIFY=5; MODEL_CAPABILITY_STANCE=6;
    MODEL_CAPABILITY_CHAT_STREAMING=7; MODEL_CAPABILITY_TOOL_USE=8; MODEL_CAPABILITY_TOKEN_COUNTING=9;
    MODEL_CAPABILITY_LOCAL_INFERENCE=10
ModelStatusRequest: model=1 string
ModelStatusResponse: status=1 ModelStatus; reason=2 string o
ModelStatus: MODEL_STATUS_UNSPECIFIED=0; MODEL_STATUS_AVAILABLE=1; MODEL_STATUS_LOADING=2; MODEL_STATUS_READY=3;
    MODEL_STATUS_UNAVAILABLE=4
ModelMetadataRequest: model=1 string
ModelMetadataResponse: found=1 bool; metadata=2 ProtoModelMetadata o
ProtoModelMetadata: info=1 ModelInfo; parameters=2 ParameterEntry r; pricing=3 ProtoPricingInfo o;
    max_output_tokens=4 uint32 o
ParameterEntry: name=1 string; availability=2 ProtoParameterAvailability
ProtoParameterAvailability: mutable_range=1 ProtoParameterRange ∈kind; read_only_json=2 string ∈kind; opaque=3 bool
    ∈kind; unsupported=4 bool ∈kind
ProtoParameterRange: min=1 double o; max=2 double o; default_value=3 double o
ProtoPricingInfo: prompt_cost_per_mtok=1 double o; completion_cost_per_mtok=2 double o
HealthRequest:
HealthResponse: healthy=1 bool; version=2 string; git_sha=3 string o
CapabilitiesRequest:
CapabilitiesResponse: capabilities=1 ModelCapability r
ResolvePresetRequest: tier=1 string; capability=2 string
ProtoPresetParameters: temperature=1 float o; top_p=2 float o; top_k=3 uint32 o; max_tokens=4 uint64 o;
    frequency_penalty=5 float o; presence_penalty=6 float o; seed=7 uint64 o; stop=8 string r
ResolvePresetResponse: found=1 bool; model_id=2 string o; parameters=3 ProtoPresetParameters o
PresetTierEntry: tier=1 string; capabilities=2 string r
ListPresetsRequest:
ListPresetsResponse: tiers=1 PresetTierEntry r
"""
