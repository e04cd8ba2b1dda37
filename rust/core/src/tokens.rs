//! Texts to token ids: a Hugging Face tokenizer over batches of texts, into flat arrays.

mod batch;
mod merge;
mod openai;
mod pairs;
mod spans;
mod split;

pub use batch::{Padded, Tokens};
pub use openai::{ENCODINGS, Encoding};
pub use spans::Spans;

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use tokenizers::Token;

pub use self::pairs::PairTruncation;
use self::pairs::{PairTemplate, find_pair_template};

/// The id of a token that stands for a text in the templates of special tokens.
const PROBE: u32 = u32::MAX;

/// Why a tokenizer cannot be used, or a text cannot be tokenised.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokensError {
    /// The file is not JSON, or not a supported tokenizer.
    #[error("the tokenizer cannot be read: {0}")]
    Unreadable(String),
    /// The tokenizer failed on a text.
    #[error("text {index} cannot be tokenised: {reason}")]
    Failed {
        /// Which text.
        index: usize,
        /// The message of the tokenizer.
        reason: String,
    },
    /// A text has more bytes than offsets can count.
    #[error("text {index} has 4 GiB or more")]
    TooLong {
        /// Which text.
        index: usize,
    },
    /// The limit leaves no room for the text itself.
    #[error("a limit of {limit} tokens leaves no room for a text: {specials} of them are special tokens")]
    NoRoom {
        /// The limit that was given.
        limit: usize,
        /// The number of special tokens that are added to every text.
        specials: usize,
    },
    /// The tokenizer has no template for pairs.
    #[error("the tokenizer does not join two texts")]
    NoPairs,
    /// The second text of a pair leaves no room for the first.
    #[error("pair {index}: the hypothesis has {length} tokens, and at most {room} fit beside a premise")]
    SecondTooLong {
        /// Which pair.
        index: usize,
        /// The tokens of the second text.
        length: usize,
        /// The most tokens that it may have.
        room: usize,
    },
}

impl TokensError {
    /// The same error with `first` added to the index of the text.
    #[must_use]
    pub fn with_offset(self, first: usize) -> Self {
        match self {
            Self::Failed { index, reason } => Self::Failed { index: first + index, reason },
            Self::TooLong { index } => Self::TooLong { index: first + index },
            Self::SecondTooLong { index, length, room } => Self::SecondTooLong { index: first + index, length, room },
            other => other,
        }
    }
}

/// A tokenizer whose own truncation and padding are switched off: files contain settings for other batches.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    before: Vec<u32>,
    after: Vec<u32>,
    pair: Option<PairTemplate>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokensError::Unreadable`].
    pub fn from_json(json: &[u8]) -> Result<Self, TokensError> {
        // The crate indexes into what it read, so a broken file may panic in it.
        let read = catch_unwind(|| tokenizers::Tokenizer::from_bytes(json))
            .map_err(|_| TokensError::Unreadable("its parts are inconsistent".into()))?;
        let mut inner = read.map_err(|error| TokensError::Unreadable(error.to_string()))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| TokensError::Unreadable(error.to_string()))?;
        let (before, after) = find_special_tokens(&inner)?;
        let pair = find_pair_template(&inner);
        Ok(Self { inner, before, after, pair })
    }

    /// The largest id that any text can contain.
    #[must_use]
    pub fn largest_id(&self) -> u32 {
        let specials = self.before.iter().chain(&self.after).copied();
        self.inner.get_vocab(true).into_values().chain(specials).max().unwrap_or(0)
    }

    /// Tokenises texts, each truncated to `limit` tokens, special tokens included.
    ///
    /// # Errors
    /// [`TokensError::NoRoom`], [`TokensError::Failed`].
    pub fn encode(&self, texts: &[&str], limit: usize) -> Result<Tokens, TokensError> {
        let specials = self.before.len() + self.after.len();
        let room = limit.checked_sub(specials).filter(|room| *room > 0 || limit == 0);
        let room = room.ok_or(TokensError::NoRoom { limit, specials })?;
        let mut tokens = Tokens::default();
        for (index, text) in texts.iter().enumerate() {
            let encoding = guard(index, || self.inner.encode_fast(*text, false))?;
            let whole = encoding.get_ids();
            let kept = whole.get(..room).unwrap_or(whole);
            tokens.ids.extend_from_slice(&self.before);
            tokens.ids.extend_from_slice(kept);
            tokens.ids.extend_from_slice(&self.after);
            tokens.ends.push(tokens.ids.len());
            tokens.full_lengths.push(whole.len() + specials);
        }
        Ok(tokens)
    }

    /// The number of tokens of a text, without special tokens around it.
    ///
    /// # Errors
    /// [`TokensError::Failed`].
    pub fn count(&self, text: &str) -> Result<usize, TokensError> {
        guard(0, || self.inner.encode_fast(text, false)).map(|encoding| encoding.len())
    }

    /// The tokens of texts with their places, without special tokens around them.
    ///
    /// # Errors
    /// [`TokensError::Failed`], [`TokensError::TooLong`].
    pub fn spans(&self, texts: &[&str]) -> Result<Spans, TokensError> {
        let mut spans = Spans::default();
        for (index, text) in texts.iter().enumerate() {
            let encoding = guard(index, || self.inner.encode(*text, false))?;
            spans.add(text, |sink| {
                for (id, (start, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                    sink.push(*id, *start, *end);
                }
            })?;
        }
        Ok(spans)
    }

    /// The entry of the vocabulary for an id; `None` if there is none.
    #[must_use]
    pub fn piece(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of an entry of the vocabulary, special tokens included; `None` if there is none.
    #[must_use]
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }
}

/// Returns what the crate made of a text; a panic in it is a failure too.
fn guard<T>(index: usize, encode: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokensError> {
    catch_unwind(AssertUnwindSafe(encode))
        .map_err(|_| TokensError::Failed { index, reason: "the tokenizer panicked".into() })?
        .map_err(|error| TokensError::Failed { index, reason: error.to_string() })
}

/// Returns the special tokens that the post-processor adds before and after a text, by giving it a text of one token.
fn find_special_tokens(inner: &tokenizers::Tokenizer) -> Result<(Vec<u32>, Vec<u32>), TokensError> {
    let probe = tokenizers::Encoding::from_tokens(vec![Token::new(PROBE, "a".into(), (0, 1))], 0);
    let whole = catch_unwind(AssertUnwindSafe(|| inner.post_process(probe, None, true)))
        .map_err(|_| TokensError::Unreadable("its post-processor panicked".into()))?
        .map_err(|error| TokensError::Unreadable(error.to_string()))?;
    let ids = whole.get_ids();
    let place = ids.iter().position(|id| *id == PROBE);
    let place = place.ok_or_else(|| TokensError::Unreadable("its post-processor drops the text".into()))?;
    let (before, rest) = ids.split_at(place);
    Ok((before.to_vec(), rest.get(1..).unwrap_or_default().to_vec()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Tokenizer, Tokens, TokensError};

    pub(crate) const WORDS: &str = r#"{
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "[UNK]": 5},
                  "unk_token": "[UNK]"}
    }"#;

    pub(crate) fn encoded(texts: &[&str], limit: usize) -> Tokens {
        Tokenizer::from_json(WORDS.as_bytes())
            .unwrap_or_else(|e| unreachable!("{e}"))
            .encode(texts, limit)
            .unwrap_or_default()
    }

    #[test]
    fn truncation_and_padding_of_the_file_are_ignored() {
        let tokens = encoded(&["a b a b", "", "z"], 8);
        assert_eq!(
            (0..3).map(|text| tokens.ids(text).to_vec()).collect::<Vec<_>>(),
            [vec![1, 3, 4, 3, 4, 2], vec![1, 2], vec![1, 5, 2]]
        );
        assert_eq!(tokens.cut().count(), 0);
    }

    #[test]
    fn a_long_text_is_truncated_between_the_special_tokens_and_reported() {
        let tokens = encoded(&["a", "a b a b"], 4);
        assert_eq!(tokens.ids(1), [1, 3, 4, 2]);
        assert_eq!(tokens.cut().collect::<Vec<_>>(), [(1, 6)]);
        assert_eq!(tokens.total(), 7);
    }

    #[test]
    fn a_limit_without_room_is_an_error() {
        let tokenizer = Tokenizer::from_json(WORDS.as_bytes()).unwrap_or_else(|e| unreachable!("{e}"));
        assert_eq!(tokenizer.encode(&["a"], 2), Err(TokensError::NoRoom { limit: 2, specials: 2 }));
        assert_eq!(tokenizer.largest_id(), 5);
    }

    #[test]
    fn every_text_is_in_one_call_and_no_call_is_padded_beyond_the_budget() {
        let texts: Vec<String> = (0..97).map(|n| "a ".repeat(n * 37 % 41)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokens = encoded(&texts, 64);
        let calls = tokens.calls(60);
        let mut seen: Vec<usize> = calls.iter().flatten().copied().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..97).collect::<Vec<_>>());
        assert!(calls.iter().all(|call| tokens.pad(call, 0).ids.len() <= 60));
        let widths: Vec<usize> = calls.iter().map(|call| tokens.pad(call, 0).width).collect();
        assert!(widths.is_sorted_by(|longer, shorter| longer >= shorter), "{widths:?}");
        assert_eq!(tokens.calls(1).len(), 97, "a text over the budget is a call of its own");
    }

    #[test]
    fn rows_are_padded_with_zeros_and_masked() {
        let tokens = encoded(&["a b", "b"], 64);
        let padded = tokens.pad(&[1, 0], 0);
        assert_eq!(padded.ids, [1, 4, 2, 0, 1, 3, 4, 2]);
        assert_eq!(padded.mask, [1, 1, 1, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn concatenated_parts_equal_texts_tokenised_together() {
        let parts = [encoded(&["a", "a b a b"], 4), encoded(&[], 4), encoded(&["b"], 4)];
        assert_eq!(Tokens::concat(&parts), encoded(&["a", "a b a b", "b"], 4));
    }

    #[test]
    fn a_broken_tokenizer_is_an_error() {
        for json in ["", "{}", "[1]", &WORDS.replace("WordLevel", "Wordless"), &WORDS.replace("\"cls\"", "\"clz\"")] {
            assert!(matches!(Tokenizer::from_json(json.as_bytes()), Err(TokensError::Unreadable(_))), "{json}");
        }
    }
}
