"""A conversation: each line of standard input is a question."""

import sys

from ratatoskr import Ratatoskr

client = Ratatoskr.from_env().sync()
messages = [{"role": "system", "content": "Answer in one sentence."}]
for line in sys.stdin:
    messages.append({"role": "user", "content": line.strip()})
    completion = client.chat(messages, "gpt-4.1", temperature=0.2)
    answer = completion.text
    print(answer, f"({completion.usage.total_tokens} tokens)")
    messages.append({"role": "assistant", "content": answer})
print(len(messages), "messages")
