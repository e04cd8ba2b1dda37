//! The scores of all rows and queries, by the vector instructions that the processor has.
//!
//! What computes with vectors is inlined and has no closures: a closure is a function of its own, which may not use the
//! instructions.
#![allow(clippy::inline_always, reason = "the instructions of a processor are generated for inlined code alone")]

use pulp::{Simd, WithSimd};

use super::best::Best;
use super::{Metric, Rows};

/// Rows are compared with all queries in tiles of about so many numbers, which stay in the cache meanwhile.
const TILE: usize = 64 * 1024;
/// Queries that are compared together.
const GROUP: usize = 4;
/// Sums of squares outside this range are computed again in f64.
const SAFE_SQUARES: std::ops::Range<f32> = 1e-24..1e36;

/// A comparison of rows with queries.
pub struct Scores<'a> {
    pub rows: Rows<'a>,
    pub first: u64,
    pub queries: &'a [f32],
    pub dims: usize,
    pub metric: Metric,
    pub best: &'a mut [Best],
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let size = (TILE / self.dims).max(1) * self.dims;
        let mut factors = Vec::new();
        match self.rows {
            Rows::F32(numbers) => {
                for tile in numbers.chunks(size) {
                    self.compare(simd, tile, &mut factors);
                }
            }
            Rows::F16(bits) => {
                let mut numbers = Vec::with_capacity(size.min(bits.len()));
                for tile in bits.chunks(size) {
                    numbers.resize(tile.len(), 0.0);
                    for (number, half) in numbers.iter_mut().zip(tile) {
                        *number = widen(*half);
                    }
                    self.compare(simd, &numbers, &mut factors);
                }
            }
        }
    }
}

impl Scores<'_> {
    /// Compares the rows of a tile with all queries: two rows with four at a time, then four rows with one.
    #[inline(always)]
    fn compare<S: Simd>(&mut self, simd: S, rows: &[f32], factors: &mut Vec<f32>) {
        let tile = Tile { rows, first: self.first, dims: self.dims, metric: self.metric };
        factors.clear();
        factors.resize(rows.len() / self.dims, 1.0);
        // The norms are computed beside the products of the first queries, while the rows arrive from memory.
        let mut needs_factors = self.metric == Metric::Cosine;
        let mut queries = self.queries;
        let whole = self.best.len() / GROUP * GROUP;
        let (groups, singles) = self.best.split_at_mut(whole);
        for best in groups.chunks_exact_mut(GROUP) {
            let (group, others) = queries.split_at(GROUP * self.dims);
            compare_group::<S, 2, GROUP>(simd, tile, group, best, factors, needs_factors);
            (queries, needs_factors) = (others, false);
        }
        for best in singles.chunks_exact_mut(1) {
            let (single, others) = queries.split_at(self.dims);
            compare_group::<S, 4, 1>(simd, tile, single, best, factors, needs_factors);
            (queries, needs_factors) = (others, false);
        }
        self.first += factors.len() as u64;
    }
}

#[derive(Clone, Copy)]
struct Tile<'a> {
    rows: &'a [f32],
    first: u64,
    dims: usize,
    metric: Metric,
}

#[inline(always)]
fn compare_group<S: Simd, const ROWS: usize, const QUERIES: usize>(
    simd: S,
    tile: Tile<'_>,
    queries: &[f32],
    best: &mut [Best],
    factors: &mut [f32],
    needs_factors: bool,
) {
    let queries = split::<QUERIES>(queries, tile.dims);
    if needs_factors {
        simd.vectorize(Group::<ROWS, QUERIES, true> { tile, queries, best, factors });
    } else {
        simd.vectorize(Group::<ROWS, QUERIES, false> { tile, queries, best, factors });
    }
}

/// A comparison of the rows of a tile, `ROWS` at a time, with some queries: a function of its own.
struct Group<'a, const ROWS: usize, const QUERIES: usize, const FACTORS: bool> {
    tile: Tile<'a>,
    queries: [&'a [f32]; QUERIES],
    best: &'a mut [Best],
    /// Of the rows: 1 over their norms for the cosine, 1 for the dot product.
    factors: &'a mut [f32],
}

impl<const ROWS: usize, const QUERIES: usize, const FACTORS: bool> WithSimd for Group<'_, ROWS, QUERIES, FACTORS> {
    type Output = ();

    /// The tile is divided into `ROWS` parts that are read side by side: each is a stream that the processor prefetches.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "the indices are below the number of rows")]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, queries, best, factors } = self;
        let height = factors.len() / ROWS;
        let row_at = |row: usize| &tile.rows[row * tile.dims..(row + 1) * tile.dims];
        for place in 0..height {
            let (mut rows, mut own_factors, mut numbers): ([&[f32]; ROWS], _, _) =
                ([&[]; ROWS], [1.0; ROWS], [0; ROWS]);
            for i in 0..ROWS {
                let row = i * height + place;
                (rows[i], own_factors[i], numbers[i]) = (row_at(row), factors[row], tile.first + row as u64);
            }
            let products = multiply::<S, ROWS, QUERIES, FACTORS>(simd, rows, queries, &mut own_factors);
            for i in 0..ROWS {
                factors[i * height + place] = own_factors[i];
            }
            offer(tile.metric, products, rows, queries, own_factors, best, numbers);
        }
        for row in height * ROWS..factors.len() {
            let products = multiply::<S, 1, QUERIES, FACTORS>(simd, [row_at(row)], queries, &mut factors[row..=row]);
            offer(tile.metric, products, [row_at(row)], queries, [factors[row]], best, [tile.first + row as u64]);
        }
    }
}

/// Offers the scores of a block to the best of each query.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the indices are below the sizes of the arrays")]
fn offer<const ROWS: usize, const QUERIES: usize>(
    metric: Metric,
    products: [[f32; QUERIES]; ROWS],
    rows: [&[f32]; ROWS],
    queries: [&[f32]; QUERIES],
    factors: [f32; ROWS],
    best: &mut [Best],
    numbers: [u64; ROWS],
) {
    let mut floors = [f32::NAN; QUERIES];
    for j in 0..QUERIES {
        floors[j] = best[j].floor();
    }
    let (mut scores, mut is_below) = (products, true);
    for i in 0..ROWS {
        for j in 0..QUERIES {
            scores[i][j] *= factors[i];
            // One that is not finite may be another in f64.
            is_below &= scores[i][j] < floors[j] && scores[i][j] > f32::NEG_INFINITY;
        }
    }
    if is_below {
        return;
    }
    for i in 0..ROWS {
        for j in 0..QUERIES {
            let score = scores[i][j];
            best[j]
                .offer(if score.is_finite() { score } else { score_in_f64(rows[i], queries[j], metric) }, numbers[i]);
        }
    }
}

/// Returns the rows of a block.
#[inline(always)]
fn split<const ROWS: usize>(block: &[f32], dims: usize) -> [&[f32]; ROWS] {
    let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
    for (row, numbers) in rows.iter_mut().zip(block.chunks_exact(dims)) {
        *row = numbers;
    }
    rows
}

/// Returns the products of rows and queries, and writes 1 over the norms of the rows if `FACTORS`.
///
/// Each product has sums of its own, so it does not depend on what else is in the block. The rows and queries have the
/// same length, and the loops over arrays count to the constants of their sizes, so that the sums stay in registers.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "all slices are of `dims` numbers")]
fn multiply<S: Simd, const ROWS: usize, const QUERIES: usize, const FACTORS: bool>(
    simd: S,
    rows: [&[f32]; ROWS],
    queries: [&[f32]; QUERIES],
    factors: &mut [f32],
) -> [[f32; QUERIES]; ROWS] {
    let zero = simd.splat_f32s(0.0);
    let (mut sums, mut own) = ([[zero; QUERIES]; ROWS], [zero; ROWS]);
    let (row_heads, row_tails) = vectors_of::<S, ROWS>(rows);
    let (query_heads, query_tails) = vectors_of::<S, QUERIES>(queries);
    for place in 0..row_heads[0].len() {
        let (mut row, mut query) = ([zero; ROWS], [zero; QUERIES]);
        for i in 0..ROWS {
            row[i] = row_heads[i][place];
        }
        for i in 0..QUERIES {
            query[i] = query_heads[i][place];
        }
        add_products::<S, ROWS, QUERIES, FACTORS>(simd, row, query, &mut sums, &mut own);
    }
    if !row_tails[0].is_empty() {
        let (mut row, mut query) = ([zero; ROWS], [zero; QUERIES]);
        for i in 0..ROWS {
            row[i] = simd.partial_load_f32s(row_tails[i]);
        }
        for i in 0..QUERIES {
            query[i] = simd.partial_load_f32s(query_tails[i]);
        }
        add_products::<S, ROWS, QUERIES, FACTORS>(simd, row, query, &mut sums, &mut own);
    }
    let mut products = [[0.0; QUERIES]; ROWS];
    for i in 0..ROWS {
        if FACTORS {
            factors[i] = factor_of(simd.reduce_sum_f32s(own[i]));
        }
        for j in 0..QUERIES {
            products[i][j] = simd.reduce_sum_f32s(sums[i][j]);
        }
    }
    products
}

/// Returns arrays of one length as vectors, and the numbers that are left at the end of each.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the length of the first is that of all")]
fn vectors_of<S: Simd, const COUNT: usize>(arrays: [&[f32]; COUNT]) -> ([&[S::f32s]; COUNT], [&[f32]; COUNT]) {
    let (mut heads, mut tails): ([&[S::f32s]; COUNT], [&[f32]; COUNT]) = ([&[]; COUNT], [&[]; COUNT]);
    let length = arrays[0].len();
    for i in 0..COUNT {
        (heads[i], tails[i]) = S::as_simd_f32s(&arrays[i][..length]);
    }
    (heads, tails)
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the indices are below the sizes of the arrays")]
fn add_products<S: Simd, const ROWS: usize, const QUERIES: usize, const FACTORS: bool>(
    simd: S,
    rows: [S::f32s; ROWS],
    queries: [S::f32s; QUERIES],
    sums: &mut [[S::f32s; QUERIES]; ROWS],
    own: &mut [S::f32s; ROWS],
) {
    for i in 0..ROWS {
        for j in 0..QUERIES {
            sums[i][j] = simd.mul_add_e_f32s(rows[i], queries[j], sums[i][j]);
        }
        if FACTORS {
            own[i] = simd.mul_add_e_f32s(rows[i], rows[i], own[i]);
        }
    }
}

/// Returns 1 over the root of a sum of squares; NaN if the sum may have lost precision, or overflowed.
#[inline(always)]
fn factor_of(squares: f32) -> f32 {
    if SAFE_SQUARES.contains(&squares) { 1.0 / squares.sqrt() } else { f32::NAN }
}

/// Returns the score of a row whose numbers are too large or too small for sums in f32.
#[cold]
fn score_in_f64(row: &[f32], query: &[f32], metric: Metric) -> f32 {
    let product = row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let score = match metric {
        Metric::Dot => product,
        Metric::Cosine => match norm(row) {
            0.0 => 0.0,
            norm => product / norm,
        },
    };
    narrow(score)
}

/// Divides a query by its norm; zero stays zero.
pub fn normalise(query: &mut [f32]) {
    let norm = norm(query);
    if norm > 0.0 {
        for number in query {
            *number = narrow(f64::from(*number) / norm);
        }
    }
}

fn norm(numbers: &[f32]) -> f64 {
    numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt()
}

#[expect(clippy::cast_possible_truncation, reason = "what exceeds f32 is infinite in it")]
const fn narrow(number: f64) -> f32 {
    number as f32
}

/// Returns the number with these bits of binary16.
///
/// Shifted into the place of an f32's exponent and mantissa, the bits are the number times 2^-112; that scale also
/// makes subnormal numbers normal.
#[inline(always)]
const fn widen(half: u16) -> f32 {
    let (sign, rest) = ((half as u32 & 0x8000) << 16, half as u32 & 0x7FFF);
    let size = if rest < 0x7C00 {
        (f32::from_bits(rest << 13) * f32::from_bits((127 + 112) << 23)).to_bits()
    } else {
        0x7F80_0000 | (rest & 0x3FF) << 13
    };
    f32::from_bits(sign | size)
}
