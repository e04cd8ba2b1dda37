"""An answer of each dialect with every member that is read, whole and as a stream."""

from __future__ import annotations

from typing import Any

TOKEN = {"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": [{"token": "hi", "logprob": -0.5}]}

CHAT_COMPLETION: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1_770_000_000,
    "model": "m",
    "service_tier": "default",
    "system_fingerprint": "fp",
    "provider": "Host",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "hi",
                "refusal": None,
                "reasoning": "Hm",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0},
                    }
                ],
                "tool_calls": [
                    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            "finish_reason": "tool_calls",
            "native_finish_reason": "tool_calls",
            "logprobs": {"content": [TOKEN], "refusal": None},
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "cost": 0.1,
    },
    "citations": ["https://b.example"],
    "x_groq": {"id": "x", "usage": {"prompt_tokens": 9}},
}

MESSAGE: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {
            "type": "text",
            "text": "hi",
            "citations": [
                {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "a"}
            ],
        },
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": {"type": "refusal", "category": "cyber", "explanation": "No."},
    "usage": {
        "input_tokens": 9,
        "cache_creation_input_tokens": 1,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
        "iterations": [{"type": "compaction", "input_tokens": 7, "output_tokens": 1}],
        "server_tool_use": {"web_search_requests": 1},
        "service_tier": "standard",
    },
    "container": {"id": "container_1", "expires_at": "2026-11-28T00:00:00Z"},
    "context_management": {"applied_edits": []},
}

GENERATE_CONTENT: dict[str, Any] = {
    "candidates": [
        {
            "index": 0,
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hm", "thought": True},
                    {"text": "hi"},
                    {"executableCode": {"id": "e", "language": "PYTHON", "code": "1"}},
                    {"codeExecutionResult": {"id": "e", "outcome": "OUTCOME_OK", "output": "1"}},
                    {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "a"}}},
                    {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {"a": 1}}},
                    {"functionCall": {"id": "f_1", "name": "f", "args": {}}},
                ],
            },
            "finishReason": "STOP",
            "finishMessage": "done",
            "avgLogprobs": -0.1,
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}],
            "logprobsResult": {
                "chosenCandidates": [{"token": "hi", "logProbability": -0.5}],
                "topCandidates": [{"candidates": [{"token": "hi", "logProbability": -0.5}]}],
            },
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
                "groundingSupports": [
                    {"segment": {"startIndex": 0, "endIndex": 2, "text": "hi"}, "groundingChunkIndices": [0]}
                ],
                "webSearchQueries": ["a"],
            },
            "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 2, "uri": "https://b.example"}]},
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://c.example"}]},
        }
    ],
    "promptFeedback": {"safetyRatings": []},
    "usageMetadata": {
        "promptTokenCount": 9,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2,
        "toolUsePromptTokenCount": 1,
        "totalTokenCount": 15,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    },
    "modelVersion": "gemini-3-flash",
    "responseId": "r",
    "createTime": "2026-11-28T00:00:00Z",
}

OLLAMA: dict[str, Any] = {
    "model": "qwen3:4b",
    "created_at": "2026-11-28T00:00:00Z",
    "message": {
        "role": "assistant",
        "content": "hi",
        "thinking": "Hm",
        "tool_calls": [{"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {}}}],
    },
    "done": True,
    "done_reason": "stop",
    "total_duration": 5,
    "load_duration": 1,
    "prompt_eval_count": 9,
    "eval_count": 5,
    "logprobs": [TOKEN],
}

RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_770_000_000,
    "model": "gpt-5.5",
    "status": "completed",
    "service_tier": "default",
    "incomplete_details": None,
    "output": [
        {"type": "reasoning", "id": "rs_1", "status": "completed", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [
                {
                    "type": "output_text",
                    "text": "hi",
                    "annotations": [
                        {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 2}
                    ],
                    "logprobs": [TOKEN],
                }
            ],
        },
        {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": "a"},
            "results": [{"url": "https://b.example"}],
        },
        {
            "type": "shell_call",
            "id": "sh_1",
            "call_id": "call_0",
            "status": "completed",
            "action": {"commands": ["ls"]},
            "environment": {"type": "container"},
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "f",
            "arguments": "{}",
            "status": "completed",
        },
    ],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
        "cost": 0.1,
    },
    "metadata": {},
}

FULL_ANSWERS = {
    "anthropic": MESSAGE,
    "chat_completions": CHAT_COMPLETION,
    "gemini": GENERATE_CONTENT,
    "ollama": OLLAMA,
    "responses": RESPONSE,
}
