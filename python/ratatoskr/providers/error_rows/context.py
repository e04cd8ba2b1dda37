"""Rows of input that is longer than the model allows."""

from __future__ import annotations

from ratatoskr.errors import ContextLengthExceeded
from ratatoskr.providers.error_rows.row import BAD_REQUEST, CLIENT_ERROR, Row


def _code(code: str, source: str) -> Row:
    return Row(ContextLengthExceeded, source, CLIENT_ERROR, code=code)


def _words(pattern: str, example: str, source: str) -> Row:
    return Row(ContextLengthExceeded, source, BAD_REQUEST | {500}, pattern=pattern, example=example)


ROWS: tuple[Row, ...] = (
    _code("context_length_exceeded", "OpenAI, Groq, Cerebras, Error codes, 2026-11"),
    _code("exceed_context_size_error", "llama.cpp, server README, 2026-11"),
    _code("model_context_window_exceeded", "Anthropic, Z.ai, Errors, 2026-11"),
    _code("1261", "Z.ai, Error codes, 2026-11"),
    _words(
        r"\bprompt (is )?too long", "prompt is too long: 210000 tokens > 200000 maximum", "Anthropic, Ollama, 2026-11"
    ),
    _words(
        r"exceeds? (the )?(model'?s )?(maximum )?context limit",
        "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000",
        "Anthropic, public reports, 2026-11",
    ),
    _words(
        "maximum (context|prompt|input|sequence) length (is|of)|max(imum)? context length",
        "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
        "xAI, vLLM, OpenAI, Together, 2026-11",
    ),
    _words("prompt exceeds max length", "Prompt exceeds max length", "Z.ai, Error codes, 2026-11"),
    _words(
        "total length of all messages is too long",
        "The total length of all messages is too long.",
        "Perplexity, public reports, 2026-11",
    ),
    _words(
        r"\b(exceed|larger|longer|greater|bigger|beyond|overflow|too (long|large|big)|fit|reduce)\w*\b.{0,100}"
        r"\bcontext[ _-](length|window|size)",
        "the request exceeds the available context size",
        "llama.cpp, OpenAI Responses, 2026-11",
    ),
    _words(
        r"\bcontext[ _-](length|window|size)\b.{0,100}(exceed|overflow|too (small|long|large)|not enough|reached|full)",
        "Context size has been exceeded.",
        "LM Studio, public reports, 2026-11",
    ),
    _words(
        "context the overflows|greater than the context length|context overflow",
        "Trying to keep the first 5000 tokens when context the overflows.",
        "LM Studio, public reports, 2026-11",
    ),
    _words(
        r"input token count\b.{0,60}exceeds",
        "The input token count (2000000) exceeds the maximum number of tokens allowed",
        "Google, Troubleshooting, 2026-11",
    ),
    _words(
        r"too many (input )?tokens\b(?! per )",
        "too many tokens: the limit is 8192",
        "Cohere, Bedrock, public reports, 2026-11",
    ),
    _words(
        r"exceeds? the maximum (number of )?(input )?tokens",
        "The prompt exceeds the maximum number of tokens",
        "Fireworks, Google, public reports, 2026-11",
    ),
    _words(
        r"`?inputs`? (tokens \+|must have less than \d+ tokens)",
        "`inputs` must have less than 4096 tokens. Given: 5000",
        "TGI, router validation, 2026-11",
    ),
    _words(
        r"the input \(\d+ tokens\) is longer than the model's",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "SGLang, tokenizer manager, 2026-11",
    ),
    _words(
        "too large for model with .{0,20}maximum context",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "Mistral, public reports, 2026-11",
    ),
    _words(
        "input is too long for requested model",
        "Input is too long for requested model.",
        "Bedrock, public reports, 2026-11",
    ),
    _words(
        "reduce the length of the messages",
        "Please reduce the length of the messages or completion.",
        "Groq, Cerebras, public reports, 2026-11",
    ),
    _words(
        "range of input length should be",
        "Range of input length should be [1, 129024]",
        "Alibaba Model Studio, Error codes, 2026-11",
    ),
    _words(
        "exceeded model token limit",
        "Your request exceeded model token limit: 131072",
        "Moonshot, Error codes, 2026-11",
    ),
)
