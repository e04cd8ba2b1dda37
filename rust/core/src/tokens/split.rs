//! Where the regular expressions of the OpenAI encodings split a text, as a scanner over classes of characters.
//!
//! The expressions are those of tiktoken 0.14 (`tiktoken_ext/openai_public.py`), each rule below names its alternative.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

const UPPER: u8 = 1; // Lu, Lt
const LOWER: u8 = 2; // Ll
const CASELESS: u8 = 4; // Lm, Lo
const MARK: u8 = 8; // M
const NUMBER: u8 = 16; // N
const SPACE: u8 = 32; // \s
const NEWLINE: u8 = 64; // \r and \n, beside SPACE
const OTHER: u8 = 128;

const LETTER: u8 = UPPER | LOWER | CASELESS;
const SYMBOL: u8 = MARK | OTHER;
const UPPER_PART: u8 = UPPER | CASELESS | MARK;
const LOWER_PART: u8 = LOWER | CASELESS | MARK;

const CATEGORIES: [(&str, u8); 5] = [
    (r"[\p{Lu}\p{Lt}]", UPPER),
    (r"\p{Ll}", LOWER),
    (r"[\p{Lm}\p{Lo}]", CASELESS),
    (r"\p{M}", MARK),
    (r"\p{N}", NUMBER),
];

static CLASSES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut classes = vec![OTHER; 0x11_0000].into_boxed_slice();
    for (pattern, class) in CATEGORIES {
        let Ok(parsed) = regex_syntax::parse(pattern) else { continue };
        if let HirKind::Class(Class::Unicode(ranges)) = parsed.kind() {
            for range in ranges.iter() {
                if let Some(part) = classes.get_mut(range.start() as usize..=range.end() as usize) {
                    part.fill(class);
                }
            }
        }
    }
    for space in (0..0x3001_u32).filter_map(char::from_u32).filter(|c| c.is_whitespace()) {
        if let Some(class) = classes.get_mut(space as usize) {
            *class = if matches!(space, '\r' | '\n') { SPACE | NEWLINE } else { SPACE };
        }
    }
    classes
});

/// The regular expression of an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// That of `cl100k_base`.
    Cl100k,
    /// That of `o200k_base` and `o200k_harmony`.
    O200k,
}

/// A one in each octet.
const OCTETS: u128 = u128::MAX / 255;

/// The highest bit of each octet that is between two others, all below 128.
#[inline]
fn octets_between(text: u128, first: u8, last: u8) -> u128 {
    let (high, low) = (OCTETS << 7, text & !(OCTETS << 7));
    let from_first = low + OCTETS * u128::from(0x80 - first);
    let after_last = low + OCTETS * u128::from(0x7F - last);
    from_first & !after_last & !text & high
}

/// Finds the pieces of one text.
pub(super) struct Splitter<'a> {
    text: &'a [u8],
    classes: &'static [u8],
    ascii: [u8; 128],
    pattern: Pattern,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(pattern: Pattern, text: &'a str) -> Self {
        let classes: &'static [u8] = &CLASSES;
        let mut ascii = [0; 128];
        ascii.copy_from_slice(classes.get(..128).unwrap_or(&[0; 128]));
        Self { text: text.as_bytes(), classes, ascii, pattern }
    }

    /// The end of the piece that begins at `at`, which is before the end of the text.
    #[inline]
    pub(super) fn next(&self, at: usize) -> usize {
        if let Some(end) = self.plain_word(at) {
            return end;
        }
        match self.pattern {
            Pattern::Cl100k => self.next_cl100k(at),
            Pattern::O200k => self.next_o200k(at),
        }
    }

    /// The end of a piece that both expressions make alike: a space or none, a capital letter or none, small letters,
    /// and then neither a letter nor what may belong to the word. All is ASCII, and within 16 bytes.
    #[inline]
    fn plain_word(&self, at: usize) -> Option<usize> {
        let chunk = self.text.get(at..at + 16).and_then(|chunk| <[u8; 16]>::try_from(chunk).ok())?;
        let text = u128::from_le_bytes(chunk);
        let small = octets_between(text, b'a', b'z');
        let first = usize::from(self.text.get(at) == Some(&b' '));
        // A capital letter differs from a small one by one bit.
        let lead = octets_between(text | 0x20 << (8 * first), b'a', b'z') & 0x80 << (8 * first);
        let word = (small | lead) >> (8 * first);
        let end = first + (!word & OCTETS << 7).trailing_zeros() as usize / 8;
        let next = *chunk.get(end)?;
        let is_word = small >> (8 * end.checked_sub(1)?) & 0x80 != 0;
        (is_word && next < 0x80 && next != b'\'' && !next.is_ascii_uppercase()).then_some(at + end)
    }

    /// The class of the character at a place and the place after it; no class at the end of the text.
    #[inline]
    fn class(&self, at: usize) -> (u8, usize) {
        match self.text.get(at) {
            None => (0, at),
            Some(octet) => match self.ascii.get(usize::from(*octet)) {
                Some(class) => (*class, at + 1),
                None => self.wide_class(*octet, at),
            },
        }
    }

    #[inline]
    fn wide_class(&self, lead: u8, at: usize) -> (u8, usize) {
        let rest = |n: usize| self.text.get(at + n).map_or(0, |octet| usize::from(octet & 0x3F));
        let lead = usize::from(lead);
        let (code, size) = match lead {
            ..0xE0 => ((lead & 0x1F) << 6 | rest(1), 2),
            0xE0..0xF0 => ((lead & 0x0F) << 12 | rest(1) << 6 | rest(2), 3),
            _ => ((lead & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4),
        };
        (self.classes.get(code).copied().unwrap_or(OTHER), at + size)
    }

    /// The end of the run of characters of these classes.
    #[inline]
    fn run(&self, mut at: usize, classes: u8) -> usize {
        loop {
            let (class, after) = self.class(at);
            if class & classes == 0 {
                return at;
            }
            at = after;
        }
    }

    fn next_cl100k(&self, at: usize) -> usize {
        let (class, after) = self.class(at);
        let octet = self.text.get(at).copied().unwrap_or(0);
        if octet == b'\'' {
            // '(?i:[sdmt]|ll|ve|re)
            let end = self.contraction(at);
            if end > at {
                return end;
            }
        }
        // [^\r\n\p{L}\p{N}]?+\p{L}++
        if class & LETTER != 0 {
            return self.run(after, LETTER);
        }
        if class & NUMBER != 0 {
            return self.number(after);
        }
        let (following, _) = self.class(after);
        if class & NEWLINE == 0 && following & LETTER != 0 {
            return self.run(after, LETTER);
        }
        //  ?[^\s\p{L}\p{N}]++[\r\n]*+
        if class & SYMBOL != 0 || (octet == b' ' && following & SYMBOL != 0) {
            return self.run(self.run(after, SYMBOL), NEWLINE);
        }
        let (end, last, line) = self.spaces(at);
        // \s++$|\s*[\r\n]|\s+(?!\S)|\s
        if end == self.text.len() {
            return end;
        }
        line.unwrap_or(if last > at { last } else { end })
    }

    fn next_o200k(&self, at: usize) -> usize {
        let (class, after) = self.class(at);
        // [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
        // [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
        let begins_word = class & (LETTER | MARK) != 0;
        let prefix = class & (LETTER | NUMBER | NEWLINE) == 0;
        let with_prefix = if prefix { Some(self.word(after)) } else { None };
        let alone = || if begins_word { Some(self.word(at)) } else { None };
        let word = with_prefix
            .and_then(|(lower, _)| lower)
            .or_else(|| alone().and_then(|(lower, _)| lower))
            .or_else(|| with_prefix.and_then(|(_, upper)| upper))
            .or_else(|| alone().and_then(|(_, upper)| upper));
        if let Some(end) = word {
            return self.contraction(end);
        }
        if class & NUMBER != 0 {
            return self.number(after);
        }
        //  ?[^\s\p{L}\p{N}]+[\r\n/]*
        let symbols = class & SYMBOL != 0 || (self.text.get(at) == Some(&b' ') && self.class(after).0 & SYMBOL != 0);
        if symbols {
            let mut end = self.run(after, SYMBOL);
            while matches!(self.text.get(end), Some(b'\r' | b'\n' | b'/')) {
                end += 1;
            }
            return end;
        }
        // \s*[\r\n]+|\s+(?!\S)|\s+
        let (end, last, line) = self.spaces(at);
        line.unwrap_or(if end < self.text.len() && last > at { last } else { end })
    }

    /// The ends of a word by the two alternatives: one with a lower part, and one of an upper part alone.
    #[inline]
    fn word(&self, at: usize) -> (Option<usize>, Option<usize>) {
        let mut end = at;
        let mut last_shared = None;
        loop {
            let (class, after) = self.class(end);
            if class & LOWER != 0 {
                return (Some(self.run(after, LOWER_PART)), None);
            }
            if class & UPPER_PART == 0 {
                break;
            }
            if class & UPPER == 0 {
                last_shared = Some(after);
            }
            end = after;
        }
        (last_shared, (end > at).then_some(end))
    }

    /// \p{N}{1,3}, the first of which ends at `at`.
    fn number(&self, mut at: usize) -> usize {
        for _ in 0..2 {
            let (class, after) = self.class(at);
            if class & NUMBER == 0 {
                break;
            }
            at = after;
        }
        at
    }

    /// The end of a run of spaces, the beginning of its last character, and the end of its last line break.
    fn spaces(&self, at: usize) -> (usize, usize, Option<usize>) {
        let (mut end, mut last, mut line) = (at, at, None);
        loop {
            let (class, after) = self.class(end);
            if class & SPACE == 0 {
                return (end, last, line);
            }
            if class & NEWLINE != 0 {
                line = Some(after);
            }
            last = end;
            end = after;
        }
    }

    /// The end of a contraction such as `'ll` at a place; the place itself if there is none.
    #[inline]
    fn contraction(&self, at: usize) -> usize {
        if self.text.get(at) != Some(&b'\'') {
            return at;
        }
        let letter = |n: usize| self.text.get(at + n).map_or(0, u8::to_ascii_lowercase);
        match (letter(1), letter(2)) {
            (b's' | b'd' | b'm' | b't', _) => at + 2,
            (b'l', b'l') | (b'v' | b'r', b'e') | (0xC5, 0xBF) => at + 3, // the last is the long s
            _ => at,
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{Pattern, Splitter};

    #[test]
    fn a_plain_word_ends_where_the_expressions_end_it() {
        let pieces =
            ["a", "A", "z", "Z", " ", "'", "s", "the", "THE", "é", "\u{301}", "1", "\n", "_", "[", "@", "{", "`"];
        let mut seed = 1_usize;
        let mut quick = 0;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(seed >> 33) % pieces.len()]);
            }
            for pattern in [Pattern::Cl100k, Pattern::O200k] {
                let splitter = Splitter::new(pattern, &text);
                let mut at = 0;
                while at < text.len() {
                    let end = match pattern {
                        Pattern::Cl100k => splitter.next_cl100k(at),
                        Pattern::O200k => splitter.next_o200k(at),
                    };
                    let found = splitter.plain_word(at);
                    assert!(found.is_none_or(|found| found == end), "{pattern:?} {text:?} {at} {found:?} {end}");
                    quick += usize::from(found.is_some());
                    at = end;
                }
            }
        }
        assert!(quick > 3_000, "{quick}");
    }
}
