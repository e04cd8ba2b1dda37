//! The streams that the benches parse, generated in the form that providers send.

/// A Chat Completions stream: unnamed events of about 290 bytes, the most common size.
#[must_use]
pub fn chat_completions(events: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for index in 0..events {
        stream.extend_from_slice(
            format!(
                "data: {{\"id\":\"chatcmpl-Cb1xYQ3n6s0wVfGkT2uR8mLpZa4Hd\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1764000000,\"model\":\"gpt-4.1-mini-2025-04-14\",\"service_tier\":\"default\",\
                 \"system_fingerprint\":\"fp_3502f4eb73\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\
                 \" word{index:05}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"obfuscation\":\"aZ3kQ9\"}}\n\n"
            )
            .as_bytes(),
        );
    }
    stream
}

/// An Anthropic stream: named events of about 140 bytes.
#[must_use]
pub fn messages(events: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for index in 0..events {
        stream.extend_from_slice(
            format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
                 \"delta\":{{\"type\":\"text_delta\",\"text\":\" word{index:05}\"}}}}\n\n"
            )
            .as_bytes(),
        );
    }
    stream
}

/// An event of `size` bytes of data in one line, like an image or a whole response.
#[must_use]
pub fn one_large(size: usize) -> Vec<u8> {
    [b"data: ", "A".repeat(size).as_bytes(), b"\n\n"].concat()
}
