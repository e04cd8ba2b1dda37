//! The encodings of OpenAI's models, with their vocabularies.

use std::cell::RefCell;
use std::sync::LazyLock;

use super::TokensError;
use super::merge::Merger;
use super::spans::Spans;
use super::split::{Pattern, Splitter};

static CL100K: LazyLock<Encoding> =
    LazyLock::new(|| Encoding::new(Pattern::Cl100k, include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_base.ranks"))));
static O200K: LazyLock<Encoding> =
    LazyLock::new(|| Encoding::new(Pattern::O200k, include_bytes!(concat!(env!("OUT_DIR"), "/o200k_base.ranks"))));

/// The names of the encodings. Special tokens, in which alone `o200k_harmony` differs, are never read from a text.
pub const ENCODINGS: [&str; 3] = ["cl100k_base", "o200k_base", "o200k_harmony"];

const LONGEST: usize = 255; // bytes of a token that the file can hold
const SHORT: usize = 15; // bytes of a token that fit a key
const MIDDLE: usize = 30; // bytes of a piece that fit two keys and a count
const SLOTS: u32 = 19; // bits of an index into the table of short tokens
const LONG_SLOTS: u32 = 16; // the same for the others, which are few

/// An encoding of OpenAI: a regular expression that splits a text, and the tokens by rank.
pub struct Encoding {
    pattern: Pattern,
    tokens: Vec<&'static [u8]>,
    keys: Vec<u128>,
    ids: Vec<u32>,
    long: Vec<u32>,
    pairs: Vec<u32>,
}

impl Encoding {
    /// The encoding of a name; its tables are made on first use.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        match name {
            "cl100k_base" => Some(&CL100K),
            "o200k_base" | "o200k_harmony" => Some(&O200K),
            _ => None,
        }
    }

    fn new(pattern: Pattern, mut data: &'static [u8]) -> Self {
        let mut tokens = Vec::new();
        while let Some((size, rest)) = data.split_first() {
            let (token, rest) = rest.split_at_checked(usize::from(*size)).unwrap_or((rest, &[]));
            tokens.push(token);
            data = rest;
        }
        let slots = 1 << SLOTS;
        let (keys, ids) = (vec![0; slots], vec![0; slots]);
        let mut all = Self {
            pattern,
            tokens: Vec::new(),
            keys,
            ids,
            long: vec![u32::MAX; 1 << LONG_SLOTS],
            pairs: vec![u32::MAX; 1 << 16],
        };
        for (id, token) in (0..).zip(&tokens) {
            all.insert(token, id);
        }
        all.tokens = tokens;
        all
    }

    fn insert(&mut self, token: &'static [u8], id: u32) {
        if let [first, second] = *token
            && let Some(pair) = self.pairs.get_mut(usize::from(first) << 8 | usize::from(second))
        {
            *pair = id;
        }
        if token.len() > SHORT {
            let mut slot = long_slot_of(token);
            while let Some(other) = self.long.get_mut(slot) {
                if *other == u32::MAX {
                    *other = id;
                    return;
                }
                slot = (slot + 1) & ((1 << LONG_SLOTS) - 1);
            }
        }
        let key = key_of(token, 0, token.len());
        let mut slot = slot_of(key);
        while self.keys.get(slot).is_some_and(|other| *other != 0) {
            slot = (slot + 1) & ((1 << SLOTS) - 1);
        }
        if let (Some(place), Some(number)) = (self.keys.get_mut(slot), self.ids.get_mut(slot)) {
            (*place, *number) = (key, id);
        }
    }

    /// The id of the token of some bytes; `u32::MAX` if they are not one token.
    #[inline]
    fn id(&self, text: &[u8], start: usize, end: usize) -> u32 {
        if end - start > SHORT {
            let part = text.get(start..end).unwrap_or_default();
            return self.long_id(part);
        }
        let key = key_of(text, start, end);
        let mut slot = slot_of(key);
        loop {
            match self.keys.get(slot) {
                Some(found) if *found == key => return self.ids.get(slot).copied().unwrap_or(u32::MAX),
                Some(0) | None => return u32::MAX,
                Some(_) => slot = (slot + 1) & ((1 << SLOTS) - 1),
            }
        }
    }

    fn long_id(&self, part: &[u8]) -> u32 {
        if part.len() > LONGEST {
            return u32::MAX;
        }
        let mut slot = long_slot_of(part);
        loop {
            match self.long.get(slot) {
                Some(id) if *id != u32::MAX => {
                    if self.token(*id) == Some(part) {
                        return *id;
                    }
                    slot = (slot + 1) & ((1 << LONG_SLOTS) - 1);
                }
                _ => return u32::MAX,
            }
        }
    }

    /// Calls `found` with the id, the beginning and the end of each token of a text.
    #[inline]
    fn each(&self, text: &str, mut found: impl FnMut(u32, usize, usize)) {
        let splitter = Splitter::new(self.pattern, text);
        let bytes = text.as_bytes();
        let mut merger = Merger::default();
        let mut at = 0;
        while at < bytes.len() {
            let end = splitter.next(at);
            let id = self.id(bytes, at, end);
            if id == u32::MAX {
                let rank = |from: usize, to: usize| self.rank(bytes, at + from, at + to);
                merger.merge(end - at, rank, |from, to| found(self.id(bytes, at + from, at + to), at + from, at + to));
            } else {
                found(id, at, end);
            }
            at = end;
        }
    }

    /// The number of tokens of a text.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        match self.pattern {
            Pattern::Cl100k => KNOWN_CL100K.with_borrow_mut(|known| self.count_with(text, known)),
            Pattern::O200k => KNOWN_O200K.with_borrow_mut(|known| self.count_with(text, known)),
        }
    }

    fn count_with(&self, text: &str, known: &mut KnownCounts) -> usize {
        let splitter = Splitter::new(self.pattern, text);
        let bytes = text.as_bytes();
        let mut merger = Merger::default();
        let (mut tokens, mut at) = (0, 0);
        while at < bytes.len() {
            let end = splitter.next(at);
            let mut count = || self.count_piece(bytes, at, end, &mut merger);
            tokens += if end - at <= SHORT {
                known.short(key_of(bytes, at, end), count)
            } else if end - at <= MIDDLE {
                known.middle(octets(bytes, at), key_of(bytes, at + 16, end), count)
            } else {
                count()
            };
            at = end;
        }
        tokens
    }

    fn count_piece(&self, bytes: &[u8], at: usize, end: usize, merger: &mut Merger) -> usize {
        if self.id(bytes, at, end) != u32::MAX {
            return 1;
        }
        let mut tokens = 0;
        merger.merge(end - at, |from, to| self.rank(bytes, at + from, at + to), |_, _| tokens += 1);
        tokens
    }

    /// The id of the token of two bytes or more within a piece.
    #[inline]
    fn rank(&self, bytes: &[u8], start: usize, end: usize) -> u32 {
        match (end - start, bytes.get(start..end)) {
            (2, Some([first, second])) => {
                let pair = usize::from(*first) << 8 | usize::from(*second);
                self.pairs.get(pair).copied().unwrap_or(u32::MAX)
            }
            _ => self.id(bytes, start, end),
        }
    }

    /// The tokens of texts with their places.
    ///
    /// # Errors
    /// [`TokensError::TooLong`].
    pub fn spans(&self, texts: &[&str]) -> Result<Spans, TokensError> {
        let mut spans = Spans::default();
        for text in texts {
            spans.add(text, |sink| self.each(text, |id, start, end| sink.push(id, start, end)))?;
        }
        Ok(spans)
    }

    /// The bytes of a token; `None` if there is none of this id.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<&'static [u8]> {
        self.tokens.get(id as usize).copied()
    }
}

/// The counts of tokens of short pieces that were met last: words come again, and the table of all tokens is far larger
/// than the caches of a processor.
struct KnownCounts {
    short: Vec<u128>,
    middle: Vec<(u128, u128)>,
}

impl KnownCounts {
    const SHORT_SLOTS: u32 = 14; // bits of an index: 256 KB
    const SHORT_COUNT: u32 = 124; // where in a slot the count is, above the key, whose highest four bits are 0
    const MIDDLE_SLOTS: u32 = 12; // bits of an index: 128 KB
    const MIDDLE_COUNT: u32 = 112; // where the count is in the second part of a slot, whose key has at most 14 bytes

    fn new() -> Self {
        Self { short: vec![0; 1 << Self::SHORT_SLOTS], middle: vec![(0, 0); 1 << Self::MIDDLE_SLOTS] }
    }

    /// The count of a piece of up to `SHORT` bytes; `count` gives it where it is not known.
    #[inline]
    fn short(&mut self, key: u128, count: impl FnOnce() -> usize) -> usize {
        let Some(slot) = self.short.get_mut(slot_of(key) >> (SLOTS - Self::SHORT_SLOTS)) else { return count() };
        if *slot & ((1 << Self::SHORT_COUNT) - 1) != key {
            *slot = key | (count() as u128) << Self::SHORT_COUNT;
        }
        (*slot >> Self::SHORT_COUNT) as usize
    }

    /// The count of a longer piece of up to `MIDDLE` bytes: its first 16, and the key of the others.
    #[inline]
    fn middle(&mut self, first: u128, rest: u128, mut count: impl FnMut() -> usize) -> usize {
        let place = slot_of(first.rotate_left(29) ^ rest) >> (SLOTS - Self::MIDDLE_SLOTS);
        let Some(slot) = self.middle.get_mut(place) else { return count() };
        let of_count = 0xFF << Self::MIDDLE_COUNT;
        if slot.0 != first || slot.1 & !of_count != rest {
            *slot = (first, rest | (count() as u128) << Self::MIDDLE_COUNT);
        }
        ((slot.1 & of_count) >> Self::MIDDLE_COUNT) as usize
    }
}

thread_local! {
    static KNOWN_CL100K: RefCell<KnownCounts> = RefCell::new(KnownCounts::new());
    static KNOWN_O200K: RefCell<KnownCounts> = RefCell::new(KnownCounts::new());
}

/// The place of a token of more than `SHORT` bytes: it depends on its length, its beginning and its end.
fn long_slot_of(token: &[u8]) -> usize {
    let size = token.len();
    let key = key_of(token, 0, SHORT).rotate_left(29) ^ key_of(token, size - SHORT, size) ^ size as u128;
    slot_of(key) >> (SLOTS - LONG_SLOTS)
}

/// The bytes of a token as a number, with their count in the highest byte.
#[inline]
fn key_of(text: &[u8], start: usize, end: usize) -> u128 {
    let size = end - start;
    let mask = (1_u128 << (size * 8)) - 1;
    octets(text, start) & mask | (size as u128) << 120
}

/// The 16 bytes at a place as a number; zeros follow the end of the text.
#[inline]
fn octets(text: &[u8], start: usize) -> u128 {
    let whole = text.get(start..start + 16).and_then(|chunk| <[u8; 16]>::try_from(chunk).ok());
    u128::from_le_bytes(whole.unwrap_or_else(|| {
        let mut chunk = [0; 16];
        chunk.iter_mut().zip(text.get(start..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
        chunk
    }))
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "halves of a product")]
fn slot_of(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xD1B5_4A32_D192_ED03);
    ((product as u64 ^ (product >> 64) as u64) >> (64 - SLOTS)) as usize
}

#[cfg(test)]
mod tests {
    use super::{ENCODINGS, Encoding};

    fn pieces(name: &str, text: &str) -> Vec<String> {
        let encoding = Encoding::named(name).unwrap_or_else(|| unreachable!("{name}"));
        let spans = encoding.spans(&[text]).unwrap_or_default();
        let token = |id: &u32| String::from_utf8_lossy(encoding.token(*id).unwrap_or_default()).into_owned();
        spans.ids().iter().map(token).collect()
    }

    #[test]
    fn texts_become_the_known_tokens() {
        assert_eq!(pieces("cl100k_base", "hello world"), ["hello", " world"]);
        assert_eq!(
            pieces("o200k_base", "I can't, CAN'T 1234\n\n  x"),
            ["I", " can't", ",", " CAN", "'T", " ", "123", "4", "\n\n", " ", " x"]
        );
        assert_eq!(
            Encoding::named("cl100k_base").map(|e| e.spans(&["hello world"]).unwrap_or_default().ids().to_vec()),
            Some(vec![15339, 1917])
        );
    }

    #[test]
    fn every_name_has_an_encoding_and_counts_what_it_encodes() {
        for name in ENCODINGS {
            let encoding = Encoding::named(name).unwrap_or_else(|| unreachable!("{name}"));
            for text in ["", "a", "naïve 🙂🙂 \r\n\tx", &"ab".repeat(500), &" ".repeat(300)] {
                let spans = encoding.spans(&[text]).unwrap_or_default();
                assert_eq!(encoding.count(text), spans.ids().len(), "{name} {text:?}");
            }
        }
        assert!(Encoding::named("gpt2").is_none());
    }
}
