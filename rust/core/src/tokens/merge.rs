//! Byte pair encoding of one piece: the pair of the lowest rank is merged first, of equal ones the leftmost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

const LONG: usize = 96; // bytes from which on the pairs are kept by their ranks
const NONE: u32 = u32::MAX;

/// The memory of merging, used again for every piece.
#[derive(Default)]
pub(super) struct Merger {
    starts: Vec<usize>,
    ranks: Vec<u32>,
}

impl Merger {
    /// Calls `found` with the beginning and end of each token of a piece, in order.
    ///
    /// # Arguments
    /// `rank` returns the id of the token of the bytes between two places, `u32::MAX` if there is none.
    pub(super) fn merge(&mut self, size: usize, rank: impl Fn(usize, usize) -> u32, found: impl FnMut(usize, usize)) {
        if size < LONG { self.merge_short(size, rank, found) } else { merge_long(size, rank, found) }
    }

    fn merge_short(&mut self, size: usize, rank: impl Fn(usize, usize) -> u32, mut found: impl FnMut(usize, usize)) {
        let (starts, ranks) = (&mut self.starts, &mut self.ranks);
        starts.clear();
        starts.extend(0..=size);
        ranks.clear();
        ranks.extend((1..size).map(|middle| rank(middle - 1, middle + 1)));
        while let Some((at, _)) = ranks.iter().enumerate().filter(|(_, r)| **r != NONE).min_by_key(|(_, r)| **r) {
            starts.remove(at + 1);
            ranks.remove(at);
            let place = |index: usize| starts.get(index).copied();
            let between = |first: usize, last: usize| match (place(first), place(last)) {
                (Some(start), Some(end)) => rank(start, end),
                _ => NONE,
            };
            if let Some(one) = ranks.get_mut(at) {
                *one = between(at, at + 2);
            }
            if let Some(before) = at.checked_sub(1)
                && let Some(one) = ranks.get_mut(before)
            {
                *one = between(before, before + 2);
            }
        }
        for pair in starts.windows(2) {
            if let [start, end] = *pair {
                found(start, end);
            }
        }
    }
}

/// A list of parts by their first byte: each has the first byte of the next one and of the one before.
struct Parts {
    next: Vec<u32>,
    before: Vec<u32>,
}

impl Parts {
    fn next(&self, at: u32) -> u32 {
        self.next.get(at as usize).copied().unwrap_or(NONE)
    }

    /// Joins the part at `at` with the next one, which ends at `after`.
    fn join(&mut self, at: u32, after: u32) {
        let middle = self.next(at);
        set(&mut self.next, at, after);
        set(&mut self.next, middle, NONE);
        set(&mut self.before, after, at);
    }
}

fn set(places: &mut [u32], at: u32, value: u32) {
    if let Some(place) = places.get_mut(at as usize) {
        *place = value;
    }
}

/// Two neighbouring parts of one rank: where the first begins, and where the second ends.
type Pair = (u32, u32);

/// The pairs of one rank, from left to right.
#[derive(Default)]
struct Bucket {
    sorted: Vec<Pair>,
    taken: usize,
    is_sorted: bool,
    late: BinaryHeap<Reverse<Pair>>,
}

impl Bucket {
    fn push(&mut self, pair: Pair) {
        if self.is_sorted { self.late.push(Reverse(pair)) } else { self.sorted.push(pair) }
    }

    fn pop(&mut self) -> Option<Pair> {
        if !self.is_sorted {
            self.sorted.sort_unstable();
            self.is_sorted = true;
        }
        match (self.sorted.get(self.taken), self.late.peek()) {
            (Some(first), Some(late)) if late.0 < *first => self.late.pop().map(|late| late.0),
            (Some(first), _) => {
                self.taken += 1;
                Some(*first)
            }
            (None, _) => self.late.pop().map(|late| late.0),
        }
    }
}

/// Merges a long piece in time that grows as its length: the pairs of one rank are kept together, in their order.
fn merge_long(size: usize, rank: impl Fn(usize, usize) -> u32, mut found: impl FnMut(usize, usize)) {
    let end = u32::try_from(size).unwrap_or(NONE);
    let mut parts = Parts { next: (1..=end).collect(), before: (0..end).map(|at| at.wrapping_sub(1)).collect() };
    let mut buckets: HashMap<u32, Bucket> = HashMap::new();
    let mut ranks: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
    let add = |buckets: &mut HashMap<u32, Bucket>, ranks: &mut BinaryHeap<Reverse<u32>>, start: u32, after: u32| {
        let id = if start == NONE || after == NONE { NONE } else { rank(start as usize, after as usize) };
        if id != NONE {
            let bucket = buckets.entry(id).or_insert_with(|| {
                ranks.push(Reverse(id));
                Bucket::default()
            });
            bucket.push((start, after));
        }
        id
    };
    for at in 2..=end {
        add(&mut buckets, &mut ranks, at - 2, at);
    }
    while let Some(Reverse(lowest)) = ranks.pop() {
        let mut bucket = buckets.remove(&lowest).unwrap_or_default();
        while let Some((at, after)) = bucket.pop() {
            let middle = parts.next(at);
            if middle == NONE || middle == after || parts.next(middle) != after {
                continue; // one of the two has been merged with another
            }
            parts.join(at, after);
            let before = parts.before.get(at as usize).copied().unwrap_or(NONE);
            let following = add(&mut buckets, &mut ranks, at, parts.next(after));
            if following.min(add(&mut buckets, &mut ranks, before, after)) < lowest {
                buckets.insert(lowest, bucket);
                ranks.push(Reverse(lowest));
                break;
            }
        }
    }
    let mut at = 0;
    while at < end {
        let after = parts.next(at);
        found(at as usize, after as usize);
        at = after;
    }
}

#[cfg(test)]
mod tests {
    use super::{LONG, Merger, merge_long};

    /// Ranks of a vocabulary of runs: shorter runs of the same byte have the lower rank.
    fn rank(text: &[u8]) -> impl Fn(usize, usize) -> u32 {
        move |start, end| {
            let part = text.get(start..end).unwrap_or_default();
            let same = part.windows(2).all(|pair| pair.first() == pair.last());
            if same && part.len() <= 6 { u32::try_from(part.len()).unwrap_or(0) } else { u32::MAX }
        }
    }

    #[test]
    fn both_ways_merge_the_same() {
        for size in 1..LONG {
            let text: Vec<u8> = (0..size).map(|n| u8::from(n % 7 == 0 || n % 5 == 1)).collect();
            let (mut short, mut long) = (Vec::new(), Vec::new());
            Merger::default().merge(size, rank(&text), |start, end| short.push((start, end)));
            merge_long(size, rank(&text), |start, end| long.push((start, end)));
            assert_eq!(short, long, "{size}");
        }
    }
}
