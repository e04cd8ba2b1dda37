"""Keywords that other libraries use for what is named otherwise here."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_ELSEWHERE = {
    "api_base": "base_url= where the provider is added in the builder",
    "api_key": "the key= of the provider in the builder",
    "base_url": "base_url= where the provider is added in the builder",
    "extra_body": "raw_provider_options",
    "extra_headers": "headers= where the provider is added in the builder",
    "extra_query": "a query in base_url=, where the provider is added in the builder",
    "fallbacks": "a sequence of names as model",
    "functions": "tools",
    "function_call": "tool_choice",
    "max_budget": "budget(Budget(…)) of the builder",
    "max_completion_tokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "max_retries": "retries(n) of the builder, or retries_on_invalid for typed output",
    "mock_response": "a ScriptedGateway of ratatoskr.testing",
    "n": "chat_many with the same messages n times",
    "num_retries": "retries(n) of the builder",
    "output_type": "output",
    "prompt": "messages",
    "reasoning_effort": "reasoning",
    "request_timeout": "timeout",
    "response_model": "output",
    "rpm": "limits(provider, requests=n) of the builder",
    "result_type": "output",
    "stop_sequences": "stop",
    "stream": "chat_stream",
    "stream_options": "nothing: every stream tells its usage",
    "system": "Message.system(…) as the first message",
    "system_prompt": "Message.system(…) as the first message",
    "text_format": "output",
    "thinking": "reasoning",
    "timeouts": "timeout",
    "tpm": "limits(provider, tokens=n) of the builder",
    "top_logprobs": "logprobs with a number",
}


def unknown_keyword(name: str, known: Iterable[str]) -> TypeError:
    """Return the error for a keyword that no method takes: what to say in its place, and every keyword there is."""
    known = list(known)
    instead = _ELSEWHERE.get(name) or next(iter(get_close_matches(name, known, 1)), None)
    hint = "" if instead is None else f"; use {instead}"
    return TypeError(f"unexpected keyword argument {name!r}{hint}. The keywords are {', '.join(known)}")
