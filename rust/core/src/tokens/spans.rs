//! The tokens of many texts with their places: ids and offsets in flat arrays.

use super::TokensError;

/// The tokens of many texts, concatenated: one id, two byte offsets and two character offsets a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    ids: Vec<u32>,
    bytes: Vec<u32>,
    chars: Vec<u32>,
    ends: Vec<usize>,
}

impl Spans {
    /// Adds the tokens of one text.
    ///
    /// # Errors
    /// [`TokensError::TooLong`].
    pub(super) fn add(&mut self, text: &str, fill: impl FnOnce(&mut SpanSink<'_>)) -> Result<(), TokensError> {
        if u32::try_from(text.len()).is_err() {
            return Err(TokensError::TooLong { index: self.ends.len() });
        }
        let first = self.bytes.len();
        fill(&mut SpanSink { ids: &mut self.ids, bytes: &mut self.bytes });
        let added = self.bytes.get(first..).unwrap_or_default();
        if text.is_ascii() {
            self.chars.extend_from_slice(added);
        } else {
            let mut cursor = Cursor { text: text.as_bytes(), byte: 0, chars: 0 };
            for pair in added.chunks_exact(2) {
                if let [start, end] = *pair {
                    let begin = cursor.character_of(start as usize);
                    self.chars.extend([begin, cursor.count_before(end as usize)]);
                }
            }
        }
        self.ends.push(self.ids.len());
        Ok(())
    }

    /// Concatenates the texts of several parts.
    #[must_use]
    pub fn concat<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            let start = all.ids.len();
            all.ids.extend_from_slice(&part.ids);
            all.bytes.extend_from_slice(&part.bytes);
            all.chars.extend_from_slice(&part.chars);
            all.ends.extend(part.ends.iter().map(|end| start + end));
        }
        all
    }

    /// The ids of all tokens.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The first byte of each token and the one after its last, alternately.
    #[must_use]
    pub fn bytes(&self) -> &[u32] {
        &self.bytes
    }

    /// The first character of each token and the one after its last, alternately.
    #[must_use]
    pub fn chars(&self) -> &[u32] {
        &self.chars
    }

    /// The number of tokens up to the end of each text.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }
}

/// Takes the tokens of one text.
pub(super) struct SpanSink<'a> {
    ids: &'a mut Vec<u32>,
    bytes: &'a mut Vec<u32>,
}

impl SpanSink<'_> {
    /// Adds a token; the offsets of a text fit, because its length does.
    pub(super) fn push(&mut self, id: u32, start: usize, end: usize) {
        self.ids.push(id);
        self.bytes.extend([u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX)]);
    }
}

/// Counts the characters that begin before a byte; places that rise are counted once.
struct Cursor<'a> {
    text: &'a [u8],
    byte: usize,
    chars: u32,
}

impl Cursor<'_> {
    /// The number of characters that begin before `byte`.
    fn count_before(&mut self, byte: usize) -> u32 {
        if byte < self.byte {
            let back = self.text.get(byte..self.byte).unwrap_or_default();
            self.chars -= count_starts(back);
        } else {
            let ahead = self.text.get(self.byte..byte).unwrap_or_default();
            self.chars += count_starts(ahead);
        }
        self.byte = byte;
        self.chars
    }

    /// The number of the character that holds `byte`.
    fn character_of(&mut self, byte: usize) -> u32 {
        let inside = self.text.get(byte).is_some_and(|octet| !is_start(*octet));
        self.count_before(byte) - u32::from(inside)
    }
}

const fn is_start(octet: u8) -> bool {
    octet & 0xC0 != 0x80
}

fn count_starts(bytes: &[u8]) -> u32 {
    bytes.iter().map(|octet| u32::from(is_start(*octet))).sum()
}

#[cfg(test)]
mod tests {
    use super::Spans;

    #[test]
    fn a_token_of_a_part_of_a_character_holds_the_whole_character() {
        let mut spans = Spans::default();
        let fill = |sink: &mut super::SpanSink<'_>| {
            for (start, end) in [(0, 1), (1, 3), (3, 5), (5, 6)] {
                sink.push(7, start, end);
            }
        };
        assert_eq!(spans.add("a🙂b", fill), Ok(()));
        assert_eq!(spans.chars(), [0, 1, 1, 2, 1, 2, 2, 3]);
        assert_eq!(Spans::concat([&spans, &spans]).ends(), [4, 8]);
    }

    #[test]
    fn offsets_that_go_back_are_counted_too() {
        let mut spans = Spans::default();
        let fill = |sink: &mut super::SpanSink<'_>| {
            sink.push(1, 4, 6);
            sink.push(2, 0, 2);
        };
        assert_eq!(spans.add("ääx", |_| ()), Ok(()));
        assert_eq!(spans.add("äää", fill), Ok(()));
        assert_eq!(spans.chars(), [2, 3, 0, 1]);
        assert_eq!(spans.ends(), [0, 2]);
    }
}
