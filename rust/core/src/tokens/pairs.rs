//! Pairs of texts: the special tokens around them, their segments, and how they are truncated.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{Encoding, Token};

use super::{PROBE, Tokenizer, Tokens, TokensError};

/// The special tokens around the two texts of a pair, and the segment (token type) of every token.
pub(super) struct PairTemplate {
    before: Vec<(u32, u8)>,
    between: Vec<(u32, u8)>,
    after: Vec<(u32, u8)>,
    segments: [u8; 2],
}

impl PairTemplate {
    const fn specials(&self) -> usize {
        self.before.len() + self.between.len() + self.after.len()
    }
}

/// Which text of a pair is cut if both together are too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairTruncation {
    /// The first alone, so that the second is whole.
    First,
    /// The longer one, until both are equally long.
    Longest,
}

impl PairTruncation {
    /// Returns the numbers of tokens of both texts that are kept where `room` tokens are left for them; `None` if the
    /// second does not fit beside the first, which may not be cut to nothing unless it is empty.
    fn keep(self, first: usize, second: usize, room: usize) -> Option<[usize; 2]> {
        if first + second <= room {
            return Some([first, second]);
        }
        match self {
            Self::First if second < room => Some([room - second, second]),
            Self::First => None,
            Self::Longest => {
                let (shorter, half) = (first.min(second), room / 2);
                let (small, large) = if shorter <= half { (shorter, room - shorter) } else { (half, room - half) };
                Some(if first <= second { [small, large] } else { [large, small] })
            }
        }
    }
}

impl Tokenizer {
    /// Joins texts that `encode` has tokenised to pairs, each truncated to `limit` tokens, special tokens included.
    ///
    /// `pairs` are the numbers of the first and of the second text of each.
    ///
    /// # Errors
    /// [`TokensError::NoPairs`], [`TokensError::NoRoom`], [`TokensError::SecondTooLong`].
    pub fn join(
        &self,
        texts: &Tokens,
        pairs: &[(usize, usize)],
        limit: usize,
        truncation: PairTruncation,
    ) -> Result<Tokens, TokensError> {
        let template = self.pair.as_ref().ok_or(TokensError::NoPairs)?;
        let specials = template.specials();
        let room = limit.checked_sub(specials).filter(|room| *room > 0);
        let room = room.ok_or(TokensError::NoRoom { limit, specials })?;
        let own = self.before.len() + self.after.len();
        let mut tokens = Tokens::default();
        for (index, (first, second)) in pairs.iter().enumerate() {
            let full = [first, second].map(|text| texts.full_lengths.get(*text).map_or(0, |length| length - own));
            let length = full[1];
            let too_long = TokensError::SecondTooLong { index, length, room: room - 1 };
            let kept = truncation.keep(full[0], full[1], room).ok_or(too_long)?;
            let contents = [(first, kept[0]), (second, kept[1])].map(|(text, kept)| self.content(texts, *text, kept));
            tokens.push_all(template.before.iter().copied());
            tokens.push_all(contents[0].iter().map(|id| (*id, template.segments[0])));
            tokens.push_all(template.between.iter().copied());
            tokens.push_all(contents[1].iter().map(|id| (*id, template.segments[1])));
            tokens.push_all(template.after.iter().copied());
            tokens.ends.push(tokens.ids.len());
            tokens.full_lengths.push(full[0] + full[1] + specials);
        }
        Ok(tokens)
    }

    /// The first `kept` ids of a text, without the special tokens around it.
    fn content<'a>(&self, texts: &'a Tokens, text: usize, kept: usize) -> &'a [u32] {
        let ids = texts.ids(text);
        let inside = ids.get(self.before.len()..ids.len().saturating_sub(self.after.len())).unwrap_or_default();
        inside.get(..kept).unwrap_or(inside)
    }
}

/// Returns the special tokens that the post-processor puts around a pair, by giving it two texts of one token; `None` if
/// it does not join pairs.
pub(super) fn find_pair_template(inner: &tokenizers::Tokenizer) -> Option<PairTemplate> {
    let probe = || Encoding::from_tokens(vec![Token::new(PROBE, "a".into(), (0, 1))], 0);
    let whole = catch_unwind(AssertUnwindSafe(|| inner.post_process(probe(), Some(probe()), true))).ok()?.ok()?;
    let tokens: Vec<(u32, u8)> = whole
        .get_ids()
        .iter()
        .zip(whole.get_type_ids())
        .map(|(id, segment)| Some((*id, u8::try_from(*segment).ok()?)))
        .collect::<Option<_>>()?;
    let mut parts = tokens.split(|(id, _)| *id == PROBE);
    let (before, between, after) = (parts.next()?.to_vec(), parts.next()?.to_vec(), parts.next()?.to_vec());
    let mut probes = tokens.iter().filter(|(id, _)| *id == PROBE).map(|(_, segment)| *segment);
    let segments = [probes.next()?, probes.next()?];
    parts.next().is_none().then_some(PairTemplate { before, between, after, segments })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{WORDS, encoded};
    use super::{PairTruncation, Tokenizer, Tokens, TokensError};

    fn joined(first: &str, second: &str, limit: usize, truncation: PairTruncation) -> Result<Tokens, TokensError> {
        let tokenizer = Tokenizer::from_json(WORDS.as_bytes()).unwrap_or_else(|e| unreachable!("{e}"));
        let texts = tokenizer.encode(&[first, second], 64)?;
        tokenizer.join(&texts, &[(0, 1)], limit, truncation)
    }

    #[test]
    fn a_pair_has_its_special_tokens_and_segments() {
        let tokens = joined("a b", "b", 64, PairTruncation::First).unwrap_or_default();
        assert_eq!(tokens.ids(0), [1, 3, 4, 2, 4, 2]);
        assert_eq!(tokens.segments(0), [0, 0, 0, 0, 1, 1]);
        assert_eq!(tokens.pad_segments(&[0]), Some(vec![0, 0, 0, 0, 1, 1]));
        assert_eq!(encoded(&["a"], 8).pad_segments(&[0]), None);
    }

    #[test]
    fn pairs_and_texts_are_concatenated_with_their_segments() {
        let pair = joined("a", "b", 64, PairTruncation::First).unwrap_or_default();
        let all = Tokens::concat([&encoded(&["a b"], 8), &pair, &encoded(&["b"], 8)]);
        assert_eq!((all.segments(0), all.segments(1)), (&[0, 0, 0, 0][..], &[0, 0, 0, 1, 1][..]));
        assert_eq!(all.pad_segments(&[2, 1]), Some(vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 1]));
    }

    #[test]
    fn a_long_pair_loses_tokens_of_the_first_text_alone_or_of_the_longer() {
        let first = joined("a a a a", "b b b", 8, PairTruncation::First).unwrap_or_default();
        assert_eq!(first.ids(0), [1, 3, 3, 2, 4, 4, 4, 2]);
        assert_eq!(first.cut().collect::<Vec<_>>(), [(0, 10)]);
        let kept = |first, second, room| PairTruncation::Longest.keep(first, second, room);
        for (first, second, room, expected) in [
            (2, 9, 8, [2, 6]),
            (9, 2, 8, [6, 2]),
            (9, 9, 7, [3, 4]),
            (9, 8, 7, [4, 3]),
            (4, 9, 8, [4, 4]),
            (1, 1, 2, [1, 1]),
        ] {
            assert_eq!(kept(first, second, room), Some(expected), "{first} {second} {room}");
        }
    }

    #[test]
    fn a_second_text_that_leaves_no_room_for_the_first_is_an_error() {
        let error = joined("a", "b b b b b", 8, PairTruncation::First);
        assert_eq!(error, Err(TokensError::SecondTooLong { index: 0, length: 5, room: 4 }));
        assert!(joined("", "b b b b b", 8, PairTruncation::First).is_ok(), "an empty text needs no room");
        assert_eq!(joined("a", "b", 3, PairTruncation::First), Err(TokensError::NoRoom { limit: 3, specials: 3 }));
    }
}
