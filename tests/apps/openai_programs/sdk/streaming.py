"""An answer that is printed as it comes."""

from openai import OpenAI

client = OpenAI()
messages = [
    {"role": "user", "content": "Who runs along the ash tree?"},
    {"role": "assistant", "content": "Ratatoskr."},
    {"role": "user", "content": "Tell me more."},
]
chunks = client.chat.completions.create(model="gpt-4.1", messages=messages, stream=True)
for text in (chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices):
    print(text, end="", flush=True)
print()
