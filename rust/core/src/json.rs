//! The nesting depth and the end of a JSON text, without decoding it.

use memchr::memchr2;

/// The deepest nesting of bodies and tool arguments; every JSON library in use here can parse and dump it.
pub const MAX_DEPTH: usize = 64;

/// Returns whether arrays and objects nest at most `limit` deep.
///
/// Brackets inside strings do not count. The text need not be valid JSON: up to the first error the depth is what a
/// decoder would see there, and what follows an error does not matter, because the decoder refuses the text.
#[must_use]
pub fn is_within_depth(text: &[u8], limit: usize) -> bool {
    count_opening_brackets(text) <= limit || scan(text, limit)
}

/// Returns whether the text is one array or object that its last byte closes, apart from white space around it.
///
/// No beginning of such a text is one itself. The text need not be valid JSON; `[DONE]` is closed, too.
#[must_use]
pub fn is_closed(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    if !text.starts_with(b"{") && !text.starts_with(b"[") {
        return false;
    }
    let mut rest = text;
    let mut depth = 0_usize;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return rest.is_empty();
                }
            }
            b'"' => rest = skip_string(after),
            _ => {}
        }
    }
    false
}

/// Counts all `[` and `{`, an upper bound of the depth; the compiler turns this into vector code.
fn count_opening_brackets(text: &[u8]) -> usize {
    // `[` is 0x5B and `{` is 0x7B. One u8 counter per block keeps the sum in byte lanes.
    text.chunks(255)
        .map(|block| {
            let count: u8 = block.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum();
            usize::from(count)
        })
        .sum()
}

fn scan(mut text: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    while let Some((byte, rest)) = text.split_first() {
        text = rest;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => text = skip_string(rest),
            _ => {}
        }
    }
    true
}

/// Returns the text after the closing quote; an unterminated string extends to the end.
fn skip_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        let (_, found) = text.split_at(at);
        let Some((byte, rest)) = found.split_first() else { break };
        if *byte == b'"' {
            return rest;
        }
        text = rest.get(1..).unwrap_or_default();
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::{is_closed, is_within_depth};

    fn nested(levels: usize) -> Vec<u8> {
        [b"[".repeat(levels), b"]".repeat(levels)].concat()
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        for levels in [0, 1, 63, 64] {
            assert!(is_within_depth(&nested(levels), 64), "{levels}");
        }
        for levels in [65, 66, 1_000_000] {
            assert!(!is_within_depth(&nested(levels), 64), "{levels}");
        }
    }

    #[test]
    fn many_shallow_brackets_are_not_deep() {
        let wide = b"[{},[]],".repeat(10_000);
        assert!(is_within_depth(&wide, 2));
        assert!(!is_within_depth(&wide, 1));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = [b"[\"", b"[{".repeat(500).as_slice(), b"\\\"[\\\\\", [[]]]"].concat();
        assert!(is_within_depth(&text, 3));
        assert!(!is_within_depth(&text, 2));
    }

    #[test]
    fn invalid_texts_have_a_result_too() {
        let broken = [b"]]]]".to_vec(), b"[".repeat(70), b"\"\\".to_vec(), b"[[\"abc\\".to_vec()];
        assert_eq!(broken.map(|text| is_within_depth(&text, 64)), [true, false, true, true]);
    }

    #[test]
    fn a_text_is_closed_by_its_last_byte_only() {
        for text in [r#"{"a":["}",{"b":"\"]"}]}"#, "[DONE]", " {} ", "[[],[{}]]"] {
            assert!(is_closed(text.as_bytes()), "{text}");
            let text = text.trim();
            for end in 0..text.len() {
                assert!(!is_closed(text.get(..end).unwrap_or_default().as_bytes()), "{text} cut at {end}");
            }
        }
        for text in ["", "ping", "12", "\"a\"", "{} {}", "{}x", "]", "}{"] {
            assert!(!is_closed(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_count_of_a_long_block_does_not_overflow() {
        assert!(!is_within_depth(&b"{".repeat(256), 255));
        assert!(is_within_depth(&b"{".repeat(255), 255));
    }
}
