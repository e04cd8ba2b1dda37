//! From the hidden states of a model to embeddings: pooling over the tokens of each text, and normalisation.

use thiserror::Error;

/// How the hidden states of the tokens of a text become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The state of the first token.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// Their sum over the square root of their number.
    MeanSqrtLen,
    /// The state of the last token.
    Last,
}

impl Pooling {
    /// Returns the pooling with this name in the files of models.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "cls" => Self::Cls,
            "max" => Self::Max,
            "mean_sqrt_len" => Self::MeanSqrtLen,
            "last" => Self::Last,
            _ => return None,
        })
    }
}

/// Why the output of a model cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The output is not rows × width × dims, or a text is longer than its row.
    #[error("the shape of the model's output does not match its input")]
    Shape,
    /// A vector holds NaN or infinity.
    #[error("the vector of row {row} is not finite")]
    NotFinite {
        /// Which row of the call.
        row: usize,
    },
}

/// Pools hidden states, laid out as texts × `width` × `dims`, into texts × `dims`.
///
/// `lengths` are the numbers of tokens of each text; the padding after them is not read, so a vector does not depend
/// on it.
///
/// # Errors
/// [`PoolError`].
pub fn pool(
    hidden: &[f32],
    width: usize,
    dims: usize,
    lengths: &[usize],
    pooling: Pooling,
    normalise: bool,
) -> Result<Vec<f32>, PoolError> {
    let row_size = width.checked_mul(dims).filter(|size| *size > 0).ok_or(PoolError::Shape)?;
    if hidden.len() != row_size * lengths.len() || lengths.iter().any(|length| !(1..=width).contains(length)) {
        return Err(PoolError::Shape);
    }
    let mut vectors = vec![0.0_f32; lengths.len() * dims];
    let texts = hidden.chunks_exact(row_size).zip(lengths);
    for (row, ((states, length), vector)) in texts.zip(vectors.chunks_exact_mut(dims)).enumerate() {
        pool_one(states.chunks_exact(dims).take(*length), pooling, vector);
        finish_vector(vector, normalise).ok_or(PoolError::NotFinite { row })?;
    }
    Ok(vectors)
}

fn pool_one<'a>(mut tokens: impl ExactSizeIterator<Item = &'a [f32]>, pooling: Pooling, vector: &mut [f32]) {
    let count = to_f32(tokens.len());
    let chosen = match pooling {
        Pooling::Cls => tokens.next(),
        Pooling::Last => tokens.last(),
        Pooling::Max => {
            vector.fill(f32::NEG_INFINITY);
            // `f32::max` returns the number of a number and NaN, but NaN must be kept.
            tokens.for_each(|token| {
                combine(vector, token, |most, value| {
                    if value > *most || value.is_nan() {
                        *most = value;
                    }
                });
            });
            None
        }
        Pooling::Mean | Pooling::MeanSqrtLen => {
            tokens.for_each(|token| combine(vector, token, |sum, value| *sum += value));
            let divisor = if pooling == Pooling::Mean { count } else { count.sqrt() };
            for sum in &mut *vector {
                *sum /= divisor;
            }
            None
        }
    };
    if let Some(token) = chosen {
        vector.copy_from_slice(token);
    }
}

fn combine(vector: &mut [f32], token: &[f32], step: impl Fn(&mut f32, f32)) {
    vector.iter_mut().zip(token).for_each(|(into, value)| step(into, *value));
}

/// Checks vectors that the model pooled itself, and normalises them if `normalise` is set.
///
/// # Errors
/// [`PoolError`].
pub fn finish_rows(vectors: &mut [f32], dims: usize, normalise: bool) -> Result<(), PoolError> {
    if dims == 0 || !vectors.len().is_multiple_of(dims) {
        return Err(PoolError::Shape);
    }
    for (row, vector) in vectors.chunks_exact_mut(dims).enumerate() {
        finish_vector(vector, normalise).ok_or(PoolError::NotFinite { row })?;
    }
    Ok(())
}

/// Normalises the vector if `normalise` is set; `None` if it is not finite.
fn finish_vector(vector: &mut [f32], normalise: bool) -> Option<()> {
    let square = sum_of_squares(vector);
    if !square.is_finite() && vector.iter().any(|value| !value.is_finite()) {
        return None;
    }
    if normalise {
        let norm = if square.is_finite() { square.sqrt() } else { norm_in_f64(vector) };
        let norm = norm.max(1e-12); // the eps of torch.nn.functional.normalize
        for value in vector {
            *value /= norm;
        }
    }
    Some(())
}

/// Sums the squares in eight lanes, which the compiler turns into vector code.
fn sum_of_squares(vector: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let blocks = vector.chunks_exact(8);
    let rest: f32 = blocks.remainder().iter().map(|value| value * value).sum();
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, value)| *lane += value * value);
    }
    lanes.iter().sum::<f32>() + rest
}

#[expect(clippy::cast_possible_truncation, reason = "the norm of a vector of f32 is an f32")]
fn norm_in_f64(vector: &[f32]) -> f32 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32
}

#[expect(clippy::cast_precision_loss, reason = "texts have less than 2^24 tokens")]
const fn to_f32(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{PoolError, Pooling, finish_rows, pool};

    /// Two texts of width 3 in 2 dimensions; the second has two tokens, followed by padding.
    const HIDDEN: [f32; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 3.0, 0.0, 5.0, 8.0, f32::NAN, 1e30];

    fn pooled(pooling: Pooling) -> Vec<f32> {
        pool(&HIDDEN, 3, 2, &[3, 2], pooling, false).unwrap_or_default()
    }

    #[test]
    fn each_pooling_ignores_padding() {
        assert_eq!(pooled(Pooling::Mean), [3.0, 4.0, 4.0, 4.0]);
        assert_eq!(pooled(Pooling::Cls), [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(pooled(Pooling::Max), [5.0, 6.0, 5.0, 8.0]);
        assert_eq!(pooled(Pooling::Last), [5.0, 6.0, 5.0, 8.0]);
        let sqrt = pooled(Pooling::MeanSqrtLen);
        assert!((sqrt[0] - 9.0 / 3.0_f32.sqrt()).abs() < 1e-6);
        assert!((sqrt[3] - 8.0 / 2.0_f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn normalised_vectors_have_norm_one_and_zero_stays_zero() {
        let vectors = pool(&[3.0, 4.0, 0.0, 0.0], 1, 2, &[1, 1], Pooling::Mean, true).unwrap_or_default();
        assert!((vectors[0] - 0.6).abs() < 1e-7 && (vectors[1] - 0.8).abs() < 1e-7);
        assert!(vectors[2..].iter().all(|value| value.to_bits() == 0));
        let mut long = vec![3e30_f32, 4e30];
        assert_eq!(finish_rows(&mut long, 2, true), Ok(()));
        assert!((long[0] - 0.6).abs() < 1e-6, "squares that overflow f32 do not become infinity: {long:?}");
    }

    #[test]
    fn a_vector_that_is_not_finite_is_an_error_with_its_row() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for pooling in [Pooling::Mean, Pooling::Max, Pooling::Last] {
                let hidden = [1.0, 1.0, 1.0, bad];
                let result = pool(&hidden, 1, 2, &[1, 1], pooling, true);
                assert_eq!(result, Err(PoolError::NotFinite { row: 1 }), "{bad} {pooling:?}");
            }
        }
    }

    #[test]
    fn a_shape_that_does_not_match_is_an_error() {
        for (width, dims, lengths) in
            [(3, 2, vec![3]), (3, 2, vec![3, 4]), (3, 2, vec![0, 1]), (0, 2, vec![]), (3, 0, vec![])]
        {
            assert_eq!(pool(&HIDDEN, width, dims, &lengths, Pooling::Mean, true), Err(PoolError::Shape));
        }
        assert_eq!(finish_rows(&mut [1.0; 3], 2, true), Err(PoolError::Shape));
    }

    #[test]
    fn an_unknown_name_is_not_a_pooling() {
        assert_eq!(Pooling::from_name("cls"), Some(Pooling::Cls));
        assert_eq!(Pooling::from_name("weightedmean"), None);
    }
}
