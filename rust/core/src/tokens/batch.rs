//! Batches of token ids: many texts in flat arrays, cut into calls and padded.

use std::ops::Range;

/// The token ids of many texts, concatenated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    pub(super) ids: Vec<u32>,
    /// The segment of each token; empty if all are in the first.
    pub(super) segments: Vec<u8>,
    pub(super) ends: Vec<usize>,
    pub(super) full_lengths: Vec<usize>,
}

impl Tokens {
    /// Concatenates the texts of several parts.
    #[must_use]
    pub fn concat<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            let start = all.ids.len();
            if !part.segments.is_empty() {
                all.segments.resize(start, 0);
                all.segments.extend_from_slice(&part.segments);
            }
            all.ids.extend_from_slice(&part.ids);
            all.ends.extend(part.ends.iter().map(|end| start + end));
            all.full_lengths.extend_from_slice(&part.full_lengths);
        }
        if !all.segments.is_empty() {
            all.segments.resize(all.ids.len(), 0);
        }
        all
    }

    pub(super) fn push_all(&mut self, tokens: impl Iterator<Item = (u32, u8)>) {
        for (id, segment) in tokens {
            self.ids.push(id);
            self.segments.push(segment);
        }
    }

    /// The number of texts.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of tokens of all texts together, after truncation.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.ids.len()
    }

    /// The ids of one text; empty if there is no such text.
    #[must_use]
    pub fn ids(&self, text: usize) -> &[u32] {
        self.ids.get(self.range(text)).unwrap_or_default()
    }

    /// The segment (token type) of each token of one text; empty if all tokens are in the first segment.
    #[must_use]
    pub fn segments(&self, text: usize) -> &[u8] {
        self.segments.get(self.range(text)).unwrap_or_default()
    }

    fn range(&self, text: usize) -> Range<usize> {
        let end = self.ends.get(text).copied().unwrap_or(0);
        let start = text.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        start..end
    }

    /// The texts that were truncated, each with its full number of tokens.
    pub fn cut(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.full_lengths
            .iter()
            .enumerate()
            .filter(|(text, whole)| self.ids(*text).len() < **whole)
            .map(|(text, whole)| (text, *whole))
    }

    /// Groups the texts into calls, longest first, each of texts of similar length and padded to at most `budget` tokens
    /// unless a single text is longer.
    #[must_use]
    pub fn calls(&self, budget: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|text| std::cmp::Reverse(self.ids(*text).len()));
        let mut calls: Vec<Vec<usize>> = Vec::new();
        let mut width = 0;
        for text in order {
            match calls.last_mut() {
                Some(call) if (call.len() + 1) * width <= budget => call.push(text),
                _ => {
                    width = self.ids(text).len().max(1);
                    calls.push(vec![text]);
                }
            }
        }
        calls
    }

    /// Returns the segments of texts as rows of one width, padded with zeros; `None` if all are the first.
    #[must_use]
    pub fn pad_segments(&self, texts: &[usize]) -> Option<Vec<i64>> {
        if self.segments.is_empty() {
            return None;
        }
        let width = texts.iter().map(|text| self.ids(*text).len()).max().unwrap_or(0);
        let mut segments = Vec::with_capacity(width * texts.len());
        for text in texts {
            let end = segments.len() + width;
            segments.extend(self.segments(*text).iter().map(|segment| i64::from(*segment)));
            segments.resize(end, 0);
        }
        Some(segments)
    }

    /// Returns texts as rows of one width: ids padded with the id `pad`, and the attention mask.
    #[must_use]
    pub fn pad(&self, texts: &[usize], pad: i64) -> Padded {
        let width = texts.iter().map(|text| self.ids(*text).len()).max().unwrap_or(0);
        let size = width * texts.len();
        let (mut ids, mut mask) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for text in texts {
            let row = self.ids(*text);
            let end = ids.len() + width;
            ids.extend(row.iter().map(|id| i64::from(*id)));
            mask.resize(ids.len(), 1);
            ids.resize(end, pad);
            mask.resize(end, 0);
        }
        Padded { ids, mask, width }
    }
}

/// The input of a model: rows of `width`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Padded {
    /// Token ids, and the id of padding.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub mask: Vec<i64>,
    /// The number of columns.
    pub width: usize,
}
