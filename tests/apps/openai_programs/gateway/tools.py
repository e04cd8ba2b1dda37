"""A loop of tools by hand: JSON Schemas of the functions, and messages with the role `tool`."""

import json
from typing import Any

from ratatoskr import Ratatoskr, ToolDefinition

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_height",
            "description": "Return the height of a tree in metres.",
            "parameters": {
                "type": "object",
                "properties": {"tree": {"type": "string"}},
                "required": ["tree"],
                "additionalProperties": False,
            },
        },
    }
]


def get_height(tree: str) -> dict[str, Any]:
    """Return the height of a tree in metres."""
    return {"tree": tree, "metres": {"ash": 40, "yew": 20}[tree]}


client = Ratatoskr.from_env().sync()
messages: list[Any] = [{"role": "user", "content": "Which is higher, the ash or the yew?"}]
while True:
    completion = client.chat(messages, "gpt-4.1", tools=[ToolDefinition(**tool["function"]) for tool in TOOLS])
    message = completion.message
    messages.append(message)
    if not message.tool_calls:
        break
    for call in message.tool_calls:
        name, arguments = call.name, call.arguments  # of the client's answer
        result = {"get_height": get_height}[name](**json.loads(arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
print(completion.text)
