"""The streams that the benches parse, generated in the form that providers send; the same as in `streams.rs`."""

from __future__ import annotations


def chat_completions(events: int) -> list[bytes]:
    """Return a Chat Completions stream, one chunk per event of about 290 bytes, the most common size."""
    return [
        b'data: {"id":"chatcmpl-Cb1xYQ3n6s0wVfGkT2uR8mLpZa4Hd","object":"chat.completion.chunk","created":1764000000,'
        b'"model":"gpt-4.1-mini-2025-04-14","service_tier":"default","system_fingerprint":"fp_3502f4eb73","choices":['
        b'{"index":0,"delta":{"content":" word%05d"},"logprobs":null,"finish_reason":null}],"obfuscation":"aZ3kQ9"}\n\n'
        % index
        for index in range(events)
    ]


def messages(events: int) -> list[bytes]:
    """Return an Anthropic stream, one chunk per named event of about 140 bytes."""
    return [
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word%05d"}}\n\n' % index
        for index in range(events)
    ]


def cut(chunks: list[bytes], size: int) -> list[bytes]:
    """Return the same bytes in chunks of `size`."""
    stream = b"".join(chunks)
    return [stream[at : at + size] for at in range(0, len(stream), size)]
