"""Requests of the Responses API for tests."""

from __future__ import annotations

import msgspec

from ratatoskr.types import (
    ChatOptions,
    ChatRequest,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.responses import encode_request

PLAIN = Target("openai", "gpt-4.1", "responses")


def body(*messages, target=PLAIN, stream=False, tools=(), tool_choice=None, **options):
    request = ChatRequest(messages, tools, tool_choice, options=ChatOptions(**options))
    encoded = encode_request(request, target, stream=stream)
    assert encoded.path == "/responses"
    return msgspec.json.decode(msgspec.json.encode(encoded.body)), encoded.notices


def items(*messages, target=PLAIN):
    return body(*messages, target=target)[0]["input"]


def sent(messages, target):
    encoded = encode_request(ChatRequest(tuple(messages)), target, stream=False)
    return [msgspec.json.encode(item) for item in encoded.body["input"]], encoded.notices


ALL_ITEMS = [
    {
        "id": "ml",
        "type": "mcp_list_tools",
        "server_label": "s",
        "tools": [{"name": "t", "input_schema": {"b": 1, "a": 2}}],
    },
    {"id": "mc", "type": "mcp_call", "name": "ask", "arguments": "{}", "output": "yes", "server_label": "s"},
    {"id": "fs", "type": "file_search_call", "queries": ["q"], "results": [{"score": 0.50}]},
    {"id": "ci", "type": "code_interpreter_call", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]},
    {"id": "ig", "type": "image_generation_call", "result": "AAEC", "status": "completed"},
    {"id": "ts", "type": "tool_search_call", "execution": "server", "call_id": None, "arguments": {}},
    {"id": "to", "type": "tool_search_output", "execution": "server", "call_id": None, "tools": []},
    {"id": "cp", "type": "compaction", "encrypted_content": "blob"},
    {"id": "ct", "type": "custom_tool_call", "call_id": "c_ct", "name": "math", "input": "4 + 4"},
    {
        "id": "cc",
        "type": "computer_call",
        "call_id": "c_cc",
        "action": {"type": "click", "x": 1},
        "status": "completed",
    },
    {"id": "ls", "type": "local_shell_call", "call_id": "c_ls", "action": {"type": "exec"}, "status": "completed"},
    {"id": "sh", "type": "shell_call", "call_id": "c_sh", "action": {"commands": ["ls"]}, "status": "completed"},
    {"id": "ap", "type": "apply_patch_call", "call_id": "c_ap", "operation": {"type": "delete_file", "path": "a"}},
    {"id": "mr", "type": "mcp_approval_request", "name": "t", "arguments": "{}", "server_label": "s"},
]
