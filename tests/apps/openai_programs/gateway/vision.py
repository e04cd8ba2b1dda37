"""A question about a picture, which is sent as a data URL: `python vision.py PICTURE`."""

import base64
import sys
from pathlib import Path

from ratatoskr import Ratatoskr

client = Ratatoskr.from_env().sync()
picture = base64.b64encode(Path(sys.argv[1]).read_bytes()).decode()
messages = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is on this picture?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}", "detail": "auto"}},
        ],
    }
]
completion = client.chat(messages, "gpt-4.1", max_tokens=300)
print(completion.text)
