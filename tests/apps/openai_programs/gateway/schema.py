"""An answer after a JSON Schema."""

import json
from typing import Any

from ratatoskr import JsonSchema, Ratatoskr

FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "animal",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "legs": {"type": "integer"}},
            "required": ["name", "legs"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}

client = Ratatoskr.from_env().sync()
messages = [
    {"role": "developer", "content": "Describe animals."},
    {"role": "user", "content": "The squirrel."},
]
completion = client.chat(messages, "gpt-4.1", response_format=JsonSchema(**FORMAT["json_schema"]))
animal = json.loads(completion.text)
print(animal["name"], animal["legs"])
