//! Vectors as OpenAI's API sends them: base64 of float32 within JSON, decoded into the rows of one matrix.

use std::fmt::Formatter;

use base64::Engine;
use base64::engine::general_purpose::PAD;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The largest count that every reader of JSON agrees on.
const MAX_COUNT: u64 = 1 << 53;

/// The answer to a request for vectors.
#[derive(Debug, PartialEq)]
pub struct EncodedVectors {
    /// The numbers of all rows, in the order of the texts.
    pub values: Vec<f32>,
    /// The numbers of one row; at least 1.
    pub size: usize,
    /// The model's name.
    pub model: Option<String>,
    /// The tokens of the texts, or of everything if the answer has no others.
    pub tokens: Option<u64>,
}

/// A member of the answer.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Data,
    Model,
    Usage,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Row<'a> {
    embedding: &'a [u8],
    index: Option<usize>,
}

#[derive(Default, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

/// Returns the vectors of a plain answer with `count` rows; `None` for any other, which another reader must examine.
///
/// Plain is an answer whose rows are base64 without escapes, of one size, finite, and each in a place of its own.
#[must_use]
pub fn decode(body: &[u8], count: usize) -> Option<EncodedVectors> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    // The numbers of all rows take less than the body.
    let answer = reader.deserialize_map(Answer { count, most: body.len() / size_of::<f32>() }).ok()?;
    reader.end().ok()?;
    let (rows, model, usage) = answer;
    let rows = rows.filter(|rows| rows.count == count && count > 0)?;
    let usage = usage.unwrap_or_default();
    if usage.prompt_tokens.max(usage.total_tokens) > Some(MAX_COUNT) {
        return None;
    }
    let (size, places) = (rows.size, rows.places);
    let is_sorted = places.is_empty() || places.iter().copied().eq(0..count);
    let values = if is_sorted { rows.values } else { in_order(&rows.values, size, &places, count)? };
    Some(EncodedVectors { values, size, model, tokens: usage.prompt_tokens.or(usage.total_tokens) })
}

/// Reads the members of an answer with this number of rows.
struct Answer {
    count: usize,
    most: usize,
}

impl<'de> Visitor<'de> for Answer {
    type Value = (Option<Rows>, Option<String>, Option<Usage>);

    fn expecting(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut rows, mut model, mut usage) = (None, None, None);
        while let Some(member) = members.next_key()? {
            match member {
                Member::Data if rows.is_none() => {
                    rows = Some(members.next_value_seed(Rows::new(self.count, self.most))?);
                }
                Member::Model if model.is_none() => model = members.next_value()?,
                Member::Usage if usage.is_none() => usage = members.next_value()?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
                _ => return Err(A::Error::custom("a member is given twice")),
            }
        }
        Ok((rows, model, usage))
    }
}

/// Returns rows in the order of their places; `None` unless each has one of its own.
fn in_order(values: &[f32], size: usize, places: &[usize], count: usize) -> Option<Vec<f32>> {
    let (mut ordered, mut seen) = (vec![0.0; values.len()], vec![false; count]);
    if places.len() != count {
        return None;
    }
    for (row, place) in values.chunks_exact(size).zip(places) {
        if std::mem::replace(seen.get_mut(*place)?, true) {
            return None;
        }
        ordered.get_mut(place * size..(place + 1) * size)?.copy_from_slice(row);
    }
    Some(ordered)
}

/// The rows of an answer as they come, each decoded while it is in the processor's cache.
struct Rows {
    values: Vec<f32>,
    size: usize,
    count: usize,
    places: Vec<usize>,
    expected: usize,
    most: usize,
}

impl Rows {
    /// No rows yet, of as many as are expected with `most` numbers in all.
    fn new(expected: usize, most: usize) -> Self {
        Self { values: Vec::new(), size: 0, count: 0, places: Vec::new(), expected, most }
    }

    /// Adds a row; `None` if it is not plain.
    fn add(&mut self, base64: &impl Engine, row: &Row<'_>) -> Option<()> {
        let bytes = decoded_len(row.embedding);
        if self.count == 0 {
            self.size = bytes / size_of::<f32>();
            self.values.reserve_exact(self.most.min(self.expected.saturating_mul(self.size)));
        }
        if bytes == 0 || bytes != self.size * size_of::<f32>() {
            return None;
        }
        let first = self.values.len();
        self.values.resize(first + self.size, 0.0);
        let into = self.values.get_mut(first..)?;
        if base64.decode_slice(row.embedding, bytemuck::cast_slice_mut(into)).ok()? != bytes {
            return None;
        }
        if cfg!(target_endian = "big") {
            for value in &mut *into {
                *value = f32::from_bits(value.to_bits().swap_bytes());
            }
        }
        if !into.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return None;
        }
        self.count += 1;
        self.places.extend(row.index);
        Some(())
    }
}

impl<'de> DeserializeSeed<'de> for Rows {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = Self;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("vectors in base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Self, A::Error> {
        let base64 = engine();
        while let Some(row) = items.next_element::<Row<'de>>()? {
            self.add(&base64, &row).ok_or_else(|| A::Error::custom("a row is not plain"))?;
        }
        Ok(self)
    }
}

/// The fastest reader of base64 that this processor has.
fn engine() -> impl Engine {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return base64::engine::Simd::standard(PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, PAD);
}

/// The number of bytes that a padded base64 text holds, if it is one.
fn decoded_len(text: &[u8]) -> usize {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{EncodedVectors, decode};

    /// 1.0, 2.0 and 3.0, 4.0.
    const ROWS: [&str; 2] = ["AACAPwAAAEA=", "AABAQAAAgEA="];

    fn row(index: &str, vector: &str) -> String {
        format!(r#"{{"object":"embedding",{index}"embedding":"{vector}"}}"#)
    }

    fn answer(rows: &[String], rest: &str) -> Vec<u8> {
        format!(r#"{{"object":"list","data":[{}]{rest}}}"#, rows.join(",")).into_bytes()
    }

    #[test]
    fn rows_are_put_in_their_places() {
        let plain = [row("", ROWS[0]), row("", ROWS[1])];
        let swapped = [row(r#""index":1,"#, ROWS[1]), row(r#""index": 0 ,"#, ROWS[0])];
        let rest = r#","model":"m","usage":{"prompt_tokens":3,"total_tokens":4,"more":[{}]}"#;
        for rows in [plain, swapped] {
            let found = decode(&answer(&rows, rest), 2).unwrap();
            let values = vec![1.0, 2.0, 3.0, 4.0];
            assert_eq!(found, EncodedVectors { values, size: 2, model: Some("m".to_owned()), tokens: Some(3) });
        }
        let found = decode(&answer(&[row(r#""index":null,"#, ROWS[1])], r#","usage":{"total_tokens":4}"#), 1).unwrap();
        assert_eq!((found.values, found.tokens, found.model), (vec![3.0, 4.0], Some(4), None));
    }

    #[test]
    fn whatever_is_not_plain_is_left_to_another_reader() {
        let one = row("", ROWS[0]);
        let pair = |first: &str, second: &str| answer(&[row(first, ROWS[0]), row(second, ROWS[1])], "");
        let odd: Vec<(Vec<u8>, usize)> = vec![
            (answer(&[], ""), 0),
            (answer(std::slice::from_ref(&one), ""), 2),
            (answer(&[one.clone(), row("", "AACAPw==")], ""), 2),
            (answer(&[row("", "")], ""), 1),
            (answer(&[row("", "AAAA")], ""), 1),
            (answer(&[row("", "AACAPwAAAEA")], ""), 1),
            (answer(&[row("", "AACAPwAAAE-=")], ""), 1),
            (answer(&[row("", r"AACAPwAAAEA\u003d")], ""), 1),
            (answer(&[row("", "AACAfwAAAEA=")], ""), 1), // infinity
            (answer(&[row("", "AADAfwAAAEA=")], ""), 1), // NaN
            (pair(r#""index":0,"#, ""), 2),
            (pair("", r#""index":1,"#), 2),
            (pair(r#""index":0,"#, r#""index":0,"#), 2),
            (pair(r#""index":0,"#, r#""index":2,"#), 2),
            (pair(r#""index":0,"#, r#""index":-1,"#), 2),
            (pair(r#""index":0,"#, r#""index":1.0,"#), 2),
            (br#"{"data":[{"embedding":[1.0,2.0]}]}"#.to_vec(), 1),
            (answer(std::slice::from_ref(&one), r#","model":7"#), 1),
            (answer(std::slice::from_ref(&one), r#","usage":{"prompt_tokens":-1}"#), 1),
            (answer(std::slice::from_ref(&one), r#","usage":{"total_tokens":9007199254740993}"#), 1),
            (answer(std::slice::from_ref(&one), r#","data":[]"#), 1),
            (answer(std::slice::from_ref(&one), r#","model":"a","model":"b""#), 1),
            (answer(std::slice::from_ref(&one), "} {"), 1),
            (br#"{"model":"m"}"#.to_vec(), 1),
            (b"{".to_vec(), 1),
            (b"".to_vec(), 0),
        ];
        for (body, count) in odd {
            assert_eq!(decode(&body, count), None, "{}", String::from_utf8_lossy(&body));
        }
        assert!(decode(&answer(&[one], ""), 1).is_some());
    }
}
