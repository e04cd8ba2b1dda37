"""A conversation: each line of standard input is a question."""

import sys

from openai import OpenAI

client = OpenAI()
messages = [{"role": "system", "content": "Answer in one sentence."}]
for line in sys.stdin:
    messages.append({"role": "user", "content": line.strip()})
    completion = client.chat.completions.create(model="gpt-4.1", messages=messages, temperature=0.2)
    answer = completion.choices[0].message.content
    print(answer, f"({completion.usage.total_tokens} tokens)")
    messages.append({"role": "assistant", "content": answer})
print(len(messages), "messages")
