//! Compares the fast depth check with a simple one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ratatoskr_core::json::is_within_depth;

fn max_depth(text: &[u8]) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fuzz_target!(|text: &[u8]| {
    let most = max_depth(text);
    for limit in [0, 1, 2, 64, most] {
        assert_eq!(is_within_depth(text, limit), most <= limit);
    }
});
