//! From the logits of a classifier to probabilities, over the rows of a whole batch.

use thiserror::Error;

/// Why logits cannot become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LogitsError {
    /// The logits are not rows of `columns`.
    #[error("the logits are not rows of {columns} columns")]
    Shape {
        /// The number of columns that was given.
        columns: usize,
    },
    /// A row holds NaN or infinity.
    #[error("the logits of row {row} are not finite")]
    NotFinite {
        /// Which row.
        row: usize,
    },
}

/// Returns the softmax of each row of `columns` logits, so that each row sums to one.
///
/// # Errors
/// [`LogitsError`].
pub fn softmax(logits: &[f32], columns: usize) -> Result<Vec<f64>, LogitsError> {
    let mut probabilities = check(logits, columns)?;
    for row in probabilities.chunks_exact_mut(columns) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for value in &mut *row {
            *value = (*value - largest).exp();
            sum += *value;
        }
        for value in row {
            *value /= sum;
        }
    }
    Ok(probabilities)
}

/// Returns the logistic function of each logit.
///
/// # Errors
/// [`LogitsError`].
pub fn sigmoid(logits: &[f32], columns: usize) -> Result<Vec<f64>, LogitsError> {
    let mut probabilities = check(logits, columns)?;
    for value in &mut probabilities {
        // exp of a negative number alone: it cannot overflow
        let small = (-value.abs()).exp();
        *value = if *value < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
    }
    Ok(probabilities)
}

/// Returns the logits in double precision, if all are finite.
fn check(logits: &[f32], columns: usize) -> Result<Vec<f64>, LogitsError> {
    if columns == 0 || !logits.len().is_multiple_of(columns) {
        return Err(LogitsError::Shape { columns });
    }
    match logits.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(LogitsError::NotFinite { row: place / columns }),
        None => Ok(logits.iter().copied().map(f64::from).collect()),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{LogitsError, sigmoid, softmax};

    #[test]
    fn each_row_of_a_softmax_sums_to_one_whatever_the_size_of_its_logits() {
        let logits = [1.0, 2.0, 3.0, 1e30, -1e30, 0.0, -3e38, -3e38, -3e38];
        let rows = softmax(&logits, 3).unwrap_or_default();
        for row in rows.chunks_exact(3) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
        }
        assert!((rows[2] - 0.665_240_955_774_821_9).abs() < 1e-12);
        assert!((rows[3] - 1.0).abs() < 1e-12);
        assert!((rows[8] - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_sigmoid_is_symmetric_and_does_not_overflow() {
        let values = sigmoid(&[0.0, 2.0, -2.0, 3e38, -3e38], 1).unwrap_or_default();
        assert!((values[0] - 0.5).abs() < 1e-12 && (values[1] + values[2] - 1.0).abs() < 1e-12);
        assert!((values[1] - 0.880_797_077_977_882_4).abs() < 1e-12);
        assert!((values[3] - 1.0).abs() < 1e-12 && values[4].abs() < 1e-12);
    }

    #[test]
    fn logits_that_are_not_finite_are_named_by_their_row() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(softmax(&[0.0, 1.0, 2.0, bad], 2), Err(LogitsError::NotFinite { row: 1 }));
            assert_eq!(sigmoid(&[0.0, 1.0, bad], 1), Err(LogitsError::NotFinite { row: 2 }));
        }
    }

    #[test]
    fn a_shape_that_does_not_match_is_an_error() {
        assert_eq!(softmax(&[0.0; 3], 2), Err(LogitsError::Shape { columns: 2 }));
        assert_eq!(sigmoid(&[0.0; 3], 0), Err(LogitsError::Shape { columns: 0 }));
        assert_eq!(softmax(&[], 3), Ok(vec![]));
    }
}
