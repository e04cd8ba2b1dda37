"""An answer that is printed as it comes."""

from ratatoskr import Ratatoskr

client = Ratatoskr.from_env().sync()
messages = [
    {"role": "user", "content": "Who runs along the ash tree?"},
    {"role": "assistant", "content": "Ratatoskr."},
    {"role": "user", "content": "Tell me more."},
]
chunks = client.chat_stream(messages, "gpt-4.1")
for text in chunks.text():
    print(text, end="", flush=True)
print()
