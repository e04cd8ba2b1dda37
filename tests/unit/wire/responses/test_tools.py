"""Calls of built-in tools, and the outputs of calls."""

import json

import pytest

from ratatoskr.types import (
    ImagePart,
    Message,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolResult,
)
from unit.wire.responses.requests import ALL_ITEMS, items, sent


def test_server_tools_give_a_call_and_a_result(wire):
    code = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1+1", "container_id": "c"}
    outputs = [{"type": "logs", "logs": "2"}]
    mcp = {"id": "mcp_1", "type": "mcp_call", "name": "ask", "arguments": '{"q":1}', "server_label": "s"}
    found = {"id": "so", "type": "tool_search_output", "call_id": None, "execution": "server", "tools": []}
    search = {"id": "sc", "type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {"p": 1}}
    failed = {**mcp, "id": "mcp_2", "output": None, "error": "gone"}
    parts = wire.decode([{**code, "outputs": outputs}, {**mcp, "output": "yes"}, failed, search, found]).parts()
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
    assert wire.decode([mcp]).finish_reason == "stop"


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
def test_client_tools_are_calls(wire, item, name, arguments):
    turn = wire.decode([{"id": "x_1", "call_id": "call_9", **item}])
    (part,) = turn.parts()
    assert (part.id, part.name, part.arguments) == ("call_9", name, arguments)
    assert turn.finish_reason == "tool_calls"


def test_a_shell_in_a_container_is_a_server_tool(wire):
    shell = {"id": "sh", "type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}
    (part,) = wire.decode([{**shell, "environment": {"type": "container_reference", "container_id": "c"}}]).parts()
    assert isinstance(part, ServerToolCall)


def test_a_result_with_an_image_is_a_list_of_content():
    picture = ImagePart(data=b"\x00", media_type="image/png")
    result = ToolResult("c1", (TextPart("look"), picture), is_error=True)
    assert items(Message.tool_results(result))[0]["output"] == [
        {"type": "input_text", "text": "Error:"},
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
    ]


def test_each_type_of_call_has_its_type_of_output(wire):
    screen = ImagePart(data=b"\x00", media_type="image/png")
    results = [
        ToolResult("c_ct", "8"),
        ToolResult("c_cc", screen),
        ToolResult("c_ls", "out"),
        ToolResult("c_sh", "bad", is_error=True),
        ToolResult("c_ap", "done"),
    ]
    items, _ = sent([wire.message(ALL_ITEMS[8:13]), Message.tool_results(*results)], wire.target)
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
