"""An answer after a JSON Schema."""

import json
from typing import Any

from openai import OpenAI

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

client = OpenAI()
messages = [
    {"role": "developer", "content": "Describe animals."},
    {"role": "user", "content": "The squirrel."},
]
completion = client.chat.completions.create(model="gpt-4.1", messages=messages, response_format=FORMAT)
animal = json.loads(completion.choices[0].message.content)
print(animal["name"], animal["legs"])
