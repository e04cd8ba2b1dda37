//! The fast depth check against the plainest one that can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ratatoskr_core::json::within_depth;

fn deepest(text: &[u8]) -> usize {
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
    let most = deepest(text);
    for limit in [0, 1, 2, 64, most] {
        assert_eq!(within_depth(text, limit), most <= limit);
    }
});
