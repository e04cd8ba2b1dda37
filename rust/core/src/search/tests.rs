use super::{Metric, Rows, Search, SearchError};

/// Numbers of few values, so that sums are exact and many scores are equal.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(i8::try_from((state >> 33) % 7).unwrap_or_default() - 3)
    };
    (0..count).map(|_| next()).collect()
}

fn search(rows: &[f32], queries: &[f32], dims: usize, top: usize, metric: Metric) -> Vec<Vec<(u64, f32)>> {
    let mut search = Search::new(queries, dims, top, metric).unwrap();
    search.add(Rows::F32(rows), 0).unwrap();
    search.best()
}

fn sorted(rows: &[f32], query: &[f32], dims: usize, score: impl Fn(&[f32], &[f32]) -> f32) -> Vec<(u64, f32)> {
    let mut all: Vec<(u64, f32)> = (0..).zip(rows.chunks_exact(dims).map(|row| score(row, query))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

fn dot(row: &[f32], query: &[f32]) -> f32 {
    row.iter().zip(query).map(|(a, b)| a * b).sum::<f32>() + 0.0
}

#[test]
fn dot_products_are_those_of_a_plain_loop_for_every_width_and_number_of_queries() {
    for dims in [1, 3, 7, 8, 9, 16, 31, 64, 100, 384] {
        for (count, queries) in [(0, 1), (1, 1), (5, 2), (97, 4), (130, 5), (64, 8), (33, 11)] {
            let (rows, queries) = (numbers(count * dims, 7), numbers(queries * dims, 99));
            for top in [0, 1, 10, 200] {
                let found = search(&rows, &queries, dims, top, Metric::Dot);
                for (best, query) in found.iter().zip(queries.chunks_exact(dims)) {
                    let mut expected = sorted(&rows, query, dims, dot);
                    expected.truncate(top);
                    assert_eq!(*best, expected, "{dims} dimensions, {count} rows, top {top}");
                }
            }
        }
    }
}

#[test]
fn cosines_ignore_length_and_zero_has_none() {
    let rows = [3.0, 4.0, 0.3, 0.4, 0.0, 0.0, -6.0, -8.0, 4.0, 3.0];
    let best = &search(&rows, &[30.0, 40.0], 2, 5, Metric::Cosine)[0];
    let order: Vec<u64> = best.iter().map(|(row, _)| *row).collect();
    assert!(order == [0, 1, 4, 2, 3] || order == [1, 0, 4, 2, 3], "{best:?}");
    for ((_, score), expected) in best.iter().zip([1.0, 1.0, 0.96, 0.0, -1.0]) {
        assert!((score - expected).abs() < 1e-6, "{best:?}");
    }
    assert_eq!(search(&rows, &[0.0, 0.0], 2, 2, Metric::Cosine)[0], [(0, 0.0), (1, 0.0)]);
}

#[test]
fn sizes_whose_squares_leave_f32_have_their_cosines() {
    for size in [1e-38_f32, 1e-25, 1e-13, 1e18, 1e30, 3e37] {
        let best = &search(&[3.0 * size, 4.0 * size], &[3.0, 4.0], 2, 1, Metric::Cosine)[0];
        assert!((best[0].1 - 1.0).abs() < 1e-6, "{size}: {best:?}");
    }
    let huge = search(&[3e38, 3e38, -3e38, 1.0], &[1.0, 1.0, 1.0, 1.0], 4, 1, Metric::Dot);
    assert_eq!(huge[0], [(0, 3e38)], "an intermediate sum overflows, and the whole does not");
}

#[test]
fn infinity_is_first_and_nan_is_last() {
    let rows = [1.0, f32::NAN, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, 0.0];
    let best = &search(&rows, &[1.0], 1, 8, Metric::Dot)[0];
    let order: Vec<u64> = best.iter().map(|(row, _)| *row).collect();
    assert_eq!(order, [3, 2, 0, 6, 7, 4, 1, 5]);
    assert!(best[6].1.is_nan() && best[7].1.is_nan());
    let infinite = search(&[f32::INFINITY, 1.0], &[1.0, 1.0], 2, 1, Metric::Cosine);
    assert!(infinite[0][0].1.is_nan(), "it has no direction");
}

#[test]
fn parts_in_any_order_give_what_the_whole_gives() {
    let (rows, queries) = (numbers(1000 * 12, 3), numbers(5 * 12, 4));
    for metric in [Metric::Cosine, Metric::Dot] {
        let whole = search(&rows, &queries, 12, 20, metric);
        let mut searches = vec![Search::new(&queries, 12, 20, metric).unwrap(); 3];
        for (part, chunk) in rows.chunks(77 * 12).enumerate().collect::<Vec<_>>().into_iter().rev() {
            searches[part % 3].add(Rows::F32(chunk), part as u64 * 77).unwrap();
        }
        let mut first = searches.remove(0);
        for other in &searches {
            first.merge(other).unwrap();
        }
        assert_eq!(first.best(), whole);
    }
}

#[test]
fn every_number_of_16_bits_is_read() {
    let widened = |half: u16| {
        let mut search = Search::new(&[1.0], 1, 1, Metric::Dot).unwrap();
        search.add(Rows::F16(&[half]), 0).unwrap();
        search.best()[0][0].1
    };
    for half in 0..=u16::MAX {
        let (exponent, mantissa) = (i32::from(half >> 10 & 31), f32::from(half & 1023));
        let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
        let expected = match exponent {
            0 => sign * mantissa * 2.0_f32.powi(-24),
            31 if mantissa > 0.0 => f32::NAN,
            31 => sign * f32::INFINITY,
            _ => sign * (1024.0 + mantissa) * 2.0_f32.powi(exponent - 25),
        };
        let found = widened(half);
        assert!(found == expected || found.is_nan() && expected.is_nan(), "{half:#06x}: {found}, not {expected}");
    }
}

#[test]
fn numbers_that_are_no_whole_rows_are_an_error() {
    assert_eq!(Search::new(&[1.0; 3], 2, 1, Metric::Dot).err(), Some(SearchError::Shape { dims: 2 }));
    assert_eq!(Search::new(&[], 0, 1, Metric::Dot).err(), Some(SearchError::Shape { dims: 0 }));
    let mut search = Search::new(&[1.0; 2], 2, 1, Metric::Dot).unwrap();
    assert_eq!(search.add(Rows::F32(&[1.0; 3]), 0), Err(SearchError::Shape { dims: 2 }));
    let other = Search::new(&[2.0; 2], 2, 1, Metric::Dot).unwrap();
    assert_eq!(search.merge(&other), Err(SearchError::Merge));
}
