"""OpenAI Chat Completions and the hosts that are compatible with it: one dialect, the quirks of hosts as flags.

Follows https://platform.openai.com/docs/api-reference/chat, https://openrouter.ai/docs/api-reference,
https://docs.mistral.ai/api, https://api-docs.deepseek.com and https://console.groq.com/docs (read November 2026).

Decoding needs no flag except for the price: thinking is read from `reasoning_details`, `reasoning`,
`reasoning_content`, `reasoning_text` or chunks of `content`, whichever a host sends, and never twice; usage from any
chunk; errors from every place in a response with status 200. Thinking, opaque members and refusals are sent back in the
members in which they came. Encoding depends on these flags of the host or model:

| flag                 | what it changes                                                                              |
|----------------------|----------------------------------------------------------------------------------------------|
| `openai`             | `user` as `safety_identifier`; `store` false unless `metadata` is given (which OpenAI       |
|                      | accepts only with it); no obfuscation in streams; call ids of at most 40 characters          |
| `openrouter`         | `reasoning: {effort, max_tokens, enabled, exclude}`; `reasoning_details`, images and file    |
|                      | annotations are sent back; `usage.cost` is the price in USD; files and video by URL; call    |
|                      | ids as the vendor of the model accepts them; for                                             |
|                      | Anthropic's and Google's models also `cache_control`                                         |
| `mistral`            | files are `document_url`, audio is bare base64 or a URL; `random_seed`; no `stream_options`  |
|                      | (usage always comes); `name` on tool messages only; call ids of 9 letters and digits; its    |
|                      | own order of messages, and `prefix` on an answer at the end                                  |
| `groq`               | `reasoning_format` keeps thinking out of the text, or hides it (gpt-oss: `include_reasoning`)|
| `enable_thinking`    | thinking is switched by `enable_thinking` instead of `thinking: {type}`                      |
| `template_thinking`  | thinking is switched by `chat_template_kwargs: {enable_thinking}`                            |
| `thinking_type`      | thinking is switched by `thinking: {type}`, whatever the model                               |
| `reasoning_split`    | `reasoning_split` keeps thinking out of the text                                             |
| `cache_control`      | cache breakpoints are `cache_control: {type: ephemeral}` on parts, calls and tools           |
| `cache_breakpoints`  | cache breakpoints are `prompt_cache_breakpoint: {mode: explicit}` (gpt-5.6 and later)        |
| `json_object_value`  | a JSON Schema is sent as `response_format: {type: json_object, value}`                       |
| `tool_media`         | tool messages may contain images; without it they follow in a message of the user            |
| `file_url`           | files may be sent by URL                                                                     |
| `string_content`     | the content of messages with text only is a string, however many parts they have             |
| `no_system`          | there is no system role: instructions go into a message of the user                          |
| `no_name`            | messages have no `name`                                                                      |
| `no_stream_options`  | `stream_options` is not supported                                                            |
| `no_done`            | streams end without `[DONE]`: a finish reason and the end of the body complete them          |
| `usage_or_done`      | some streams end without `[DONE]`: those must also have usage                                |

Text files are sent as text to every host, the error result of a tool begins with `Error: `, blank arguments of a call
are sent back as `{}`, and arguments that are no JSON object in a member of one.
"""

from __future__ import annotations

from typing import Final, Literal

from ratatoskr.wire.chat_completions.decode import decode_response
from ratatoskr.wire.chat_completions.encode import PARAMETERS, encode_request
from ratatoskr.wire.chat_completions.errors import decode_error
from ratatoskr.wire.chat_completions.stream import StreamDecoder

FRAMING: Final[Literal["sse"]] = "sse"

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
