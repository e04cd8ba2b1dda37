//! The responses of a provider as bytes of HTTP/1.1.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

const TEXT: &str = "The squirrel carries messages up and down the ash, from the eagle to the wyrm, and it does so all day \
                    long without rest, in rain and snow.";

#[derive(Clone, Copy)]
pub enum Shape {
    ChatCompletions,
    Messages,
}

static CHAT_COMPLETION: LazyLock<String> = LazyLock::new(|| {
    json(&format!(
        r#"{{"id":"chatcmpl-Cb1xYQ3n6s0wVfGkT2uR8mLpZa4Hd","object":"chat.completion","created":1764000000,"model":"m-2026-01-01","choices":[{{"index":0,"message":{{"role":"assistant","content":"{TEXT}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_3502f4eb73"}}"#
    ))
});

static MESSAGE: LazyLock<String> = LazyLock::new(|| {
    json(&format!(
        r#"{{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"m-2026-01-01","content":[{{"type":"text","text":"{TEXT}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":34,"service_tier":"standard"}}}}"#
    ))
});

fn json(body: &str) -> String {
    // As many headers as providers send.
    format!(
        "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 10:00:00 GMT\r\ncontent-type: application/json\r\n\
         x-request-id: req_0123456789abcdef\r\nx-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n\
         x-ratelimit-reset-requests: 6ms\r\nserver: bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn plain_text(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Shape {
    /// The response to a call without streaming.
    pub fn response(self) -> &'static str {
        match self {
            Self::ChatCompletions => &CHAT_COMPLETION,
            Self::Messages => &MESSAGE,
        }
    }

    /// The headers of a stream and the events before its first delta.
    pub fn begin(self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 10:00:00 GMT\r\ncontent-type: text/event-stream\r\n\
              cache-control: no-cache\r\nx-request-id: req_0123456789abcdef\r\nserver: bench\r\n\
              transfer-encoding: chunked\r\n\r\n",
        );
        match self {
            Self::ChatCompletions => chunk(out, &completion_chunk(r#"{"role":"assistant","content":""}"#, "null")),
            Self::Messages => {
                chunk(
                    out,
                    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\
                     \"type\":\"message\",\"role\":\"assistant\",\"model\":\"m-2026-01-01\",\"content\":[],\"stop_reason\":null,\
                     \"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n",
                );
                chunk(
                    out,
                    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                     \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
                );
            }
        }
    }

    /// One delta, whose text is the present time.
    pub fn delta(self, out: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        match self {
            Self::ChatCompletions => chunk(out, &completion_chunk(&format!(r#"{{"content":" {now:.6}"}}"#), "null")),
            Self::Messages => chunk(
                out,
                &format!(
                    "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
                     \"delta\":{{\"type\":\"text_delta\",\"text\":\" {now:.6}\"}}}}\n\n"
                ),
            ),
        }
    }

    /// The events after the last delta, and the end of the body.
    pub fn end(self, out: &mut Vec<u8>) {
        match self {
            Self::ChatCompletions => {
                chunk(out, &completion_chunk("{}", "\"stop\""));
                chunk(
                    out,
                    "data: {\"id\":\"chatcmpl-Cb1xYQ3n6s0wVfGkT2uR8mLpZa4Hd\",\"object\":\"chat.completion.chunk\",\
                     \"created\":1764000000,\"model\":\"m-2026-01-01\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\
                     \"completion_tokens\":34,\"total_tokens\":46}}\n\n",
                );
                chunk(out, "data: [DONE]\n\n");
            }
            Self::Messages => {
                chunk(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
                chunk(
                    out,
                    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\
                     \"stop_sequence\":null},\"usage\":{\"output_tokens\":34}}\n\n",
                );
                chunk(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
            }
        }
        out.extend_from_slice(b"0\r\n\r\n");
    }
}

fn completion_chunk(delta: &str, finish_reason: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-Cb1xYQ3n6s0wVfGkT2uR8mLpZa4Hd\",\"object\":\"chat.completion.chunk\",\
         \"created\":1764000000,\"model\":\"m-2026-01-01\",\"service_tier\":\"default\",\
         \"system_fingerprint\":\"fp_3502f4eb73\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
         \"finish_reason\":{finish_reason}}}],\"usage\":null,\"obfuscation\":\"aZ3kQ9\"}}\n\n"
    )
}

fn chunk(out: &mut Vec<u8>, data: &str) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{:x}\r\n{data}\r\n", data.len());
}
