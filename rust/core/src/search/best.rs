//! The best rows of one query.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A score as an integer of the same order, below all others if it is NaN; then the row, the first of equal ones best.
type Candidate = (u32, Reverse<u64>);

/// At most `limit` rows with the highest scores.
#[derive(Debug, Clone)]
pub struct Best {
    limit: usize,
    /// The score of the worst once there are `limit` rows, NaN before.
    floor: f32,
    /// The worst is on top.
    heap: BinaryHeap<Reverse<Candidate>>,
}

impl Best {
    pub const fn new(limit: usize) -> Self {
        Self { limit, floor: f32::NAN, heap: BinaryHeap::new() }
    }

    /// Returns the score below which rows need not be offered; NaN if all must be.
    pub const fn floor(&self) -> f32 {
        self.floor
    }

    pub fn offer(&mut self, score: f32, row: u64) {
        self.keep((key_of(score), Reverse(row)));
    }

    pub fn merge(&mut self, other: &Self) {
        other.heap.iter().for_each(|Reverse(candidate)| self.keep(*candidate));
    }

    fn keep(&mut self, candidate: Candidate) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(candidate));
        } else if let Some(mut worst) = self.heap.peek_mut() {
            worst.0 = worst.0.max(candidate);
        }
        if self.heap.len() == self.limit {
            self.floor = self.heap.peek().map_or(f32::NAN, |Reverse((key, _))| score_of(*key));
        }
    }

    pub fn sorted(&self) -> Vec<(u64, f32)> {
        let sorted = self.heap.clone().into_sorted_vec();
        sorted.into_iter().map(|Reverse((key, Reverse(row)))| (row, score_of(key))).collect()
    }
}

const SIGN: u32 = 1 << 31;

const fn key_of(score: f32) -> u32 {
    if score.is_nan() {
        return 0;
    }
    let bits = if score == 0.0 { 0 } else { score.to_bits() }; // -0 equals 0
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

const fn score_of(key: u32) -> f32 {
    match key {
        0 => f32::NAN,
        _ if key & SIGN == 0 => f32::from_bits(!key),
        _ => f32::from_bits(key & !SIGN),
    }
}
