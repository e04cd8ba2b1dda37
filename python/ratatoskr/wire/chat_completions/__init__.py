"""OpenAI Chat Completions, and everybody who copied it: one dialect, the quirks of hosts as flags.

Follows https://platform.openai.com/docs/api-reference/chat, https://openrouter.ai/docs/api-reference,
https://docs.mistral.ai/api, https://api-docs.deepseek.com and https://console.groq.com/docs (read November 2026).

What is read needs no flag, save the price: thinking is taken from `reasoning_details`, `reasoning`,
`reasoning_content` or chunks of `content`, whichever a host sends, and never twice; usage from any chunk; errors from
every place where one is told inside a 200. What is said depends on these flags of the host or model:

| flag                 | what it changes                                                                              |
|----------------------|----------------------------------------------------------------------------------------------|
| `openai`             | `user` as `safety_identifier`; `store` false unless `metadata` is given (which OpenAI takes  |
|                      | only together with it); no obfuscation in streams; call ids of at most 40 characters         |
| `openrouter`         | `reasoning: {effort, max_tokens, enabled, exclude}`; `reasoning_details`, images and file    |
|                      | annotations of earlier turns go back; `usage.cost` is the price in USD; files and video by   |
|                      | URL; for Anthropic's and Google's models also `cache_control`                                |
| `mistral`            | thinking goes back as chunks of `content`; files are `document_url`, sound is bare base64 or |
|                      | a URL; `random_seed`; no `stream_options` (usage always comes); `name` on tool messages and on|
|                      | no others; call ids of 9 letters and digits                                                  |
| `reasoning_content`  | thinking goes back as `reasoning_content`                                                    |
| `reasoning`          | thinking goes back as `reasoning`                                                            |
| `groq`               | `reasoning_format` keeps thinking out of the text, or hides it (gpt-oss: `include_reasoning`)|
| `enable_thinking`    | thinking is switched by `enable_thinking` instead of `thinking: {type}`                      |
| `template_thinking`  | thinking is switched by `chat_template_kwargs: {enable_thinking}`                            |
| `cache_control`      | cache breakpoints are `cache_control: {type: ephemeral}` on parts, calls and tools           |
| `cache_breakpoints`  | cache breakpoints are `prompt_cache_breakpoint: {mode: explicit}` (gpt-5.6 and later)        |
| `json_object_value`  | a JSON Schema travels as `response_format: {type: json_object, value}`                       |
| `tool_media`         | tool messages carry images; without it they follow in a message of the user                  |
| `file_url`           | files may be named by URL                                                                    |
| `string_content`     | messages of nothing but text have a string as content, however many parts they have          |
| `no_system`          | there is no system role: instructions are said by the user                                   |
| `no_name`            | messages carry no `name`                                                                     |
| `no_stream_options`  | `stream_options` is not known                                                                |
| `no_done`            | streams end without `[DONE]`: a finish reason and a clean end of body complete them          |
| `usage_or_done`      | some streams end without `[DONE]`: then the usage has to be there too                        |

Text files go as text on every host, an error result of a tool begins with `Error: `, blank arguments of a call go back
as `{}`. Nothing here does I/O.
"""

from __future__ import annotations

from typing import Final, Literal

from ratatoskr.wire.chat_completions.decode import decode_response
from ratatoskr.wire.chat_completions.encode import PARAMETERS, encode_request
from ratatoskr.wire.chat_completions.failure import decode_error
from ratatoskr.wire.chat_completions.stream import StreamDecoder

FRAMING: Final[Literal["sse"]] = "sse"

__all__ = ["FRAMING", "PARAMETERS", "StreamDecoder", "decode_error", "decode_response", "encode_request"]
