"""Calls of built-in tools, and the outputs of calls."""

import json

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import (
    AudioPart,
    ChatOptions,
    ChatRequest,
    ImagePart,
    Message,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolResult,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.responses import decode_response, encode_request


def decoded(wire, output, **fields):
    return decode_response(wire.spell(wire.whole(output, **fields)), wire.target)


def test_tools_run_by_the_provider_give_a_call_and_a_result(wire):
    code = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1+1", "container_id": "c"}
    outputs = [{"type": "logs", "logs": "2"}]
    mcp = {"id": "mcp_1", "type": "mcp_call", "name": "ask", "arguments": '{"q":1}', "server_label": "s"}
    found = {"id": "so", "type": "tool_search_output", "call_id": None, "execution": "server", "tools": []}
    search = {"id": "sc", "type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {"p": 1}}
    failed = {**mcp, "id": "mcp_2", "output": None, "error": "gone"}
    parts = decoded(wire, [{**code, "outputs": outputs}, {**mcp, "output": "yes"}, failed, search, found]).parts()
    assert [(p.id, p.name, p.arguments) for p in parts if isinstance(p, ServerToolCall)] == [
        ("ci_1", "code_interpreter", '{"code":"1+1"}'),
        ("mcp_1", "ask", '{"q":1}'),
        ("mcp_2", "ask", '{"q":1}'),
        ("sc", "tool_search", '{"p":1}'),
    ]
    assert [(p.tool_call_id, p.content, p.is_error) for p in parts if isinstance(p, ServerToolResult)] == [
        ("ci_1", '[{"type":"logs","logs":"2"}]', False),
        ("mcp_1", '"yes"', False),
        ("mcp_2", '"gone"', True),
        ("sc", "[]", False),
    ]
    assert decoded(wire, [mcp]).finish_reason == "stop"


@pytest.mark.parametrize(
    ("item", "name", "arguments"),
    [
        ({"type": "custom_tool_call", "name": "math", "input": "4 + 4"}, "math", "4 + 4"),
        ({"type": "computer_call", "action": {"type": "click"}}, "computer", '{"type":"click"}'),
        ({"type": "local_shell_call", "action": {"type": "exec"}}, "local_shell", '{"type":"exec"}'),
        (
            {"type": "shell_call", "action": {"commands": []}, "environment": {"type": "local"}},
            "shell",
            '{"commands":[]}',
        ),
        ({"type": "apply_patch_call", "operation": {"path": "a"}}, "apply_patch", '{"path":"a"}'),
    ],
)
def test_tools_that_the_caller_runs_are_calls(wire, item, name, arguments):
    turn = decoded(wire, [{"id": "x_1", "call_id": "call_9", **item}])
    (part,) = turn.parts()
    assert (part.id, part.name, part.arguments) == ("call_9", name, arguments)
    assert turn.finish_reason == "tool_calls"


def test_a_shell_in_a_container_is_run_by_the_provider(wire):
    shell = {"id": "sh", "type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}
    (part,) = decoded(wire, [{**shell, "environment": {"type": "container_reference", "container_id": "c"}}]).parts()
    assert isinstance(part, ServerToolCall)


PLAIN = Target("openai", "gpt-4.1", "responses")


def body(*messages, target=PLAIN, stream=False, tools=(), tool_choice=None, **options):
    request = ChatRequest(messages, tools, tool_choice, options=ChatOptions(**options))
    encoded = encode_request(request, target, stream=stream)
    assert encoded.path == "/responses"
    return msgspec.json.decode(msgspec.json.encode(encoded.body)), encoded.notices


def items(*messages, target=PLAIN):
    return body(*messages, target=target)[0]["input"]


def test_a_result_with_a_picture_is_a_list_of_content():
    picture = ImagePart(data=b"\x00", media_type="image/png")
    result = ToolResult("c1", (TextPart("look"), picture), is_error=True)
    assert items(Message.tool_results(result))[0]["output"] == [
        {"type": "input_text", "text": "Error:"},
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
    ]
    sound = AudioPart(data=b"\x00", media_type="audio/wav")
    with pytest.raises(InvalidInput) as refused:
        items(Message.tool_results(ToolResult("c1", (sound,))))
    assert refused.value.field == "messages[0].content[0].content[0]"


EVERYTHING = [
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


def sent(messages, target):
    encoded = encode_request(ChatRequest(tuple(messages)), target, stream=False)
    return [msgspec.json.encode(item) for item in encoded.body["input"]], encoded.notices


def test_each_kind_of_call_is_answered_in_its_own_way(wire):
    screen = ImagePart(data=b"\x00", media_type="image/png")
    results = [
        ToolResult("c_ct", "8"),
        ToolResult("c_cc", screen),
        ToolResult("c_ls", "out"),
        ToolResult("c_sh", "bad", is_error=True),
        ToolResult("c_ap", "done"),
    ]
    items, _ = sent([wire.message(EVERYTHING[8:13]), Message.tool_results(*results)], wire.target)
    outcome = {"type": "exit", "exit_code": 1}
    url = "data:image/png;base64,AA=="
    assert [json.loads(item) for item in items[5:]] == [
        {"type": "custom_tool_call_output", "call_id": "c_ct", "output": "8"},
        {
            "type": "computer_call_output",
            "call_id": "c_cc",
            "output": {"type": "computer_screenshot", "image_url": url},
        },
        {"type": "local_shell_call_output", "call_id": "c_ls", "output": "out"},
        {
            "type": "shell_call_output",
            "call_id": "c_sh",
            "output": [{"stdout": "", "stderr": "bad", "outcome": outcome}],
        },
        {"type": "apply_patch_call_output", "call_id": "c_ap", "status": "completed", "output": "done"},
    ]
